// Small services of the operating system that Node lacks: sd_notify datagrams, thread names, CPU affinity, namespaces.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define THREAD_NAME_BYTES 16
#define MESSAGE_BYTES 4096

// sdNotify(path, message) → 0 or -errno. path: $NOTIFY_SOCKET, "@name" for an abstract one (sd_notify(3)).
static napi_value sd_notify(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char message[MESSAGE_BYTES];
  size_t path_length, length;
  if (!get_args(env, info, 2, args) ||
      !get_string(env, args[0], address.sun_path, sizeof address.sun_path, &path_length) ||
      !get_string(env, args[1], message, sizeof message, &length)) {
    return NULL;
  }
  if (path_length < 2) return make_int(env, -EINVAL);
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return make_int(env, -errno);
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);
  const ssize_t n = sendto(fd, message, length, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
  const int result = n < 0 ? -errno : 0;
  close(fd);
  return make_int(env, result);
}

// threadName(name): of the calling thread, as `top -H` shows it; cut to 15 bytes. → 0 or -errno
static napi_value thread_name(napi_env env, napi_callback_info info) {
  napi_value args[1];
  char name[256];
  size_t length;
  if (!get_args(env, info, 1, args) || !get_string(env, args[0], name, sizeof name, &length)) return NULL;
  name[THREAD_NAME_BYTES - 1] = 0;
  return make_int(env, prctl(PR_SET_NAME, name) < 0 ? -errno : 0);
}

// pinThread(cpu): the calling thread runs on this CPU only. → 0 or -errno
static napi_value pin_thread(napi_env env, napi_callback_info info) {
  int32_t cpu;
  if (!get_int_args(env, info, 1, &cpu)) return NULL;
  if (cpu < 0 || cpu >= CPU_SETSIZE) return make_int(env, -EINVAL);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)cpu, &set);
  return make_int(env, sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0);
}

// enterNetwork(path): the calling thread moves to a network namespace (/run/netns/NAME); what it opens, and the threads
// and processes it starts from then on, are there too. The tests use it. → 0 or -errno
static napi_value enter_network(napi_env env, napi_callback_info info) {
  napi_value args[1];
  char path[4096];
  size_t length;
  if (!get_args(env, info, 1, args) || !get_string(env, args[0], path, sizeof path, &length)) return NULL;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return make_int(env, -errno);
  const int result = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
  close(fd);
  return make_int(env, result);
}

// oneArena() → 0. From here on threads share glibc's first arena: each arena of their own keeps what it once used, and a
// daemon that compiles in a dozen threads and then only translates would hold 20 MB for nothing (98 MB against 76 after
// load; Node 20.20, 2026-11). Elsewhere (musl) there is nothing to do.
static napi_value one_arena(napi_env env, napi_callback_info info) {
  (void)info;
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 1);
#endif
  return make_int(env, 0);
}

struct range {
  uintptr_t start, end;
};

struct segments {
  struct range list[16];
  int count;
};

// The whole pages of the program's segments that were never writable. (Others, though read-only by now, hold what the dynamic
// linker wrote into them, which is nowhere else.)
static int find_segments(struct dl_phdr_info *object, size_t size, void *found) {
  (void)size;
  struct segments *segments = found;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < object->dlpi_phnum && segments->count < 16; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
    const uintptr_t start = object->dlpi_addr + segment->p_vaddr;
    segments->list[segments->count++] =
        (struct range){(start + page - 1) & ~(page - 1), (start + segment->p_filesz) & ~(page - 1)};
  }
  return 1;  // the first object is the program; libraries are small
}

// Takes the code and the constants of the program (Node: 40 MB, most of it used in starting only) out of the process; what
// is used comes back by itself, out of the kernel's page cache. Only what the kernel says is the file: with --use-largepages
// Node's code is a copy in anonymous memory, and would be lost.
static void forget_code(void) {
  struct segments segments = {.count = 0};
  dl_iterate_phdr(find_segments, &segments);
  char program[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  FILE *maps = length > 0 ? fopen("/proc/self/maps", "re") : NULL;
  if (maps == NULL) return;
  program[length] = 0;
  char line[PATH_MAX + 128];
  while (fgets(line, sizeof line, maps) != NULL) {
    struct range mapped;
    int path = 0;
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &mapped.start, &mapped.end, &path) != 2 ||
        path == 0 || strcmp(line + path, program) != 0) {
      continue;
    }
    for (int i = 0; i < segments.count; i++) {
      const struct range one = segments.list[i];
      const uintptr_t start = one.start > mapped.start ? one.start : mapped.start;
      const uintptr_t end = one.end < mapped.end ? one.end : mapped.end;
      if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
    }
  }
  fclose(maps);
}

// trimMemory() → 0. Gives free memory back to the kernel, and the pages of code that only starting needed.
static napi_value trim_memory(napi_env env, napi_callback_info info) {
  (void)info;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  forget_code();
  return make_int(env, 0);
}

// clockOpen() → fd or -errno. Readable when the wall clock was set, which waking from sleep does too; a read then fails
// with ECANCELED, and the next jump is told again (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET).
static napi_value clock_open(napi_env env, napi_callback_info info) {
  (void)info;
  const int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return make_int(env, -errno);
  // A time that does not come: 2^62 s would overflow the kernel's nanoseconds, 2^32 s is the year 2106.
  const struct itimerspec never = {.it_value = {.tv_sec = (time_t)UINT32_MAX}};
  if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0) {
    const int error = -errno;
    close(fd);
    return make_int(env, error);
  }
  return make_int(env, fd);
}

void export_host(napi_env env, napi_value exports) {
  const napi_property_descriptor table[] = {
      FUNCTION("oneArena", one_arena),
      FUNCTION("clockOpen", clock_open),
      FUNCTION("sdNotify", sd_notify),
      FUNCTION("threadName", thread_name),
      FUNCTION("trimMemory", trim_memory),
      FUNCTION("pinThread", pin_thread),
      FUNCTION("enterNetwork", enter_network),
  };
  export_functions(env, exports, table, sizeof table / sizeof *table);
}
