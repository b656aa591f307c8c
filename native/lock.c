// A lock on a file for as long as the process lives: flock(2), which Node lacks. The kernel gives it back however the
// process ends.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// True while the path still names the file that was locked: its owner removes it before letting go.
static bool is_named(int fd, const char *path) {
  struct stat locked, named;
  return fstat(fd, &locked) == 0 && stat(path, &named) == 0 && locked.st_dev == named.st_dev &&
         locked.st_ino == named.st_ino;
}

// lockFile(path) → fd, which holds the lock until it is closed, or -errno; -EWOULDBLOCK: somebody else has it.
// Only root may open the file: whoever can open it can lock it.
static napi_value lock_file(napi_env env, napi_callback_info info) {
  napi_value args[1];
  char path[PATH_MAX];
  size_t length;
  if (!get_args(env, info, 1, args) || !get_string(env, args[0], path, sizeof path, &length)) return NULL;
  for (;;) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) return make_int(env, -errno);
    const int error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    if (error == 0 && is_named(fd, path)) return make_int(env, fd);
    close(fd);
    if (error != 0) return make_int(env, error);
  }
}

void export_lock(napi_env env, napi_value exports) {
  const napi_property_descriptor table[] = {
      FUNCTION("lockFile", lock_file),
  };
  export_functions(env, exports, table, sizeof table / sizeof *table);
}
