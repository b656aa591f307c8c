// A JavaScript callback whenever a descriptor is readable, from the event loop of the thread that asked.
#include "addon.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

// The part of libuv's stable interface used here, declared by hand: node-api-headers comes without uv.h.
typedef struct uv_loop_s uv_loop_t;
typedef struct uv_poll_s uv_poll_t;
typedef struct uv_handle_s uv_handle_t;
extern size_t uv_handle_size(int type);
extern void uv_handle_set_data(uv_handle_t *handle, void *data);
extern void *uv_handle_get_data(const uv_handle_t *handle);
extern int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
extern int uv_poll_start(uv_poll_t *handle, int events, void (*callback)(uv_poll_t *, int, int));
extern void uv_close(uv_handle_t *handle, void (*callback)(uv_handle_t *));
#define UV_POLL 8
#define UV_READABLE 1

struct watch {
  napi_env env;
  uv_poll_t *poll;
  napi_ref callback;
  napi_async_cleanup_hook_handle hook;
  int fd;
  int32_t handle;
  bool closing;
  struct watch *next;
};

static void on_closed(uv_handle_t *handle) {
  struct watch *watch = uv_handle_get_data(handle);
  napi_remove_async_cleanup_hook(watch->hook);
  free(watch->poll);
  free(watch);
}

static void close_watch(struct watch *watch) {
  if (watch->closing) return;
  watch->closing = true;
  napi_delete_reference(watch->env, watch->callback);
  uv_close((uv_handle_t *)watch->poll, on_closed);
}

// The environment ends: libuv must have let go of the handle before its memory does.
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  close_watch(data);
}

static void call_back(struct watch *watch, int32_t status) {
  napi_env env = watch->env;
  napi_handle_scope scope;
  napi_value callback, receiver;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_get_reference_value(env, watch->callback, &callback);
  napi_get_global(env, &receiver);
  napi_value argument = make_int(env, status);
  if (napi_make_callback(env, NULL, receiver, callback, 1, &argument, NULL) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

// The error a socket has to tell; it tells each once. 0: none.
static int take_socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? 0 : error;
}

// What the kernel reported an error for: an error of the socket (netlink: ENOBUFS, messages were lost); 0: nobody knows,
// and it is over; EBADF: it lasts, and to poll on would be to call back for ever.
static int take_error(int fd) {
  const int error = take_socket_error(fd);
  if (error != 0) return error;
  struct pollfd state = {.fd = fd};
  if (poll(&state, 1, 0) < 1 || (state.revents & (POLLERR | POLLNVAL)) == 0) return 0;
  // A new one since the first look is no lasting one.
  const int again = take_socket_error(fd);
  return again != 0 ? again : EBADF;
}

static void on_event(uv_poll_t *poll, int status, int events) {
  (void)events;
  // The memory stays until the loop comes round to on_closed, also where the callback closes the watch.
  struct watch *watch = uv_handle_get_data((uv_handle_t *)poll);
  if (status >= 0) {
    call_back(watch, 0);
    return;
  }
  // libuv tells an error once and polls no more.
  const int error = take_error(watch->fd);
  call_back(watch, -error);
  if (watch->closing || error == EBADF) return;
  const int result = uv_poll_start(poll, UV_READABLE, on_event);
  if (result < 0) call_back(watch, -EBADF);
}

static int start_watch(napi_env env, struct watch *watch, int fd) {
  uv_loop_t *loop = NULL;
  if (napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop) != napi_ok) return -ENOSYS;
  const int result = uv_poll_init(loop, watch->poll, fd);
  if (result < 0) return result;
  uv_handle_set_data((uv_handle_t *)watch->poll, watch);
  napi_add_async_cleanup_hook(env, on_environment_end, watch, &watch->hook);
  return uv_poll_start(watch->poll, UV_READABLE, on_event);
}

// watch(fd, callback) → handle or -errno. callback(0): readable; callback(-errno): an error that the socket told, and tells
// only once (-ENOBUFS: netlink messages were lost); callback(-EBADF): the descriptor is of no use any more, nothing else
// will come. Keeps the event loop alive until unwatch.
static napi_value js_watch(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  napi_valuetype type = napi_undefined;
  if (!get_args(env, info, 2, args) || !get_int(env, args[0], &fd)) return NULL;
  napi_typeof(env, args[1], &type);
  if (type != napi_function) {
    throw_type(env, "a function was expected");
    return NULL;
  }
  struct watch *watch = calloc(1, sizeof *watch);
  uv_poll_t *poll = calloc(1, uv_handle_size(UV_POLL));
  if (watch == NULL || poll == NULL) {
    free(watch);
    free(poll);
    return make_int(env, -ENOMEM);
  }
  watch->env = env;
  watch->poll = poll;
  watch->fd = fd;
  napi_create_reference(env, args[1], 1, &watch->callback);
  const int result = start_watch(env, watch, fd);
  if (result < 0 && watch->hook != NULL) {
    close_watch(watch);
    return make_int(env, result);
  }
  if (result < 0) {
    napi_delete_reference(env, watch->callback);
    free(poll);
    free(watch);
    return make_int(env, result);
  }
  struct instance *instance = get_instance(env);
  watch->handle = ++instance->last_watch;
  watch->next = instance->watches;
  instance->watches = watch;
  return make_int(env, watch->handle);
}

// unwatch(handle) → 0 or -errno. Before the descriptor is closed.
static napi_value js_unwatch(napi_env env, napi_callback_info info) {
  int32_t handle;
  if (!get_int_args(env, info, 1, &handle)) return NULL;
  struct instance *instance = get_instance(env);
  for (struct watch **at = &instance->watches; *at != NULL; at = &(*at)->next) {
    if ((*at)->handle != handle) continue;
    struct watch *watch = *at;
    *at = watch->next;
    close_watch(watch);
    return make_int(env, 0);
  }
  return make_int(env, -ENOENT);
}

void export_watch(napi_env env, napi_value exports) {
  const napi_property_descriptor table[] = {
      FUNCTION("watch", js_watch),
      FUNCTION("unwatch", js_unwatch),
  };
  export_functions(env, exports, table, sizeof table / sizeof *table);
}
