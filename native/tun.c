// Creating a TUN device, or attaching to one, and its settings.
//
// An interface that exists already is taken as its owner made it: single or multi queue, with or without virtio_net
// header, whatever it is. TUNSETIFF would let every program that attaches change the header flags, and they stay changed
// when the program is gone; so they are looked up first and asked for exactly as they are.
#include "queue.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Since Linux 6.2; older headers lack them.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

// struct virtio_net_hdr; the 12-byte form only adds a field that TUN ignores.
#define VNET_BYTES 10
#define VNET_BYTES_MERGED 12

static const unsigned OFFLOADS[] = {
    0,
    TUN_F_CSUM,
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
};
#define HIGHEST_OFFLOAD 3

struct opening {
  const char *name;
  int flags;            // IFF_MULTI_QUEUE and IFF_VNET_HDR as wanted
  int offload;
  bool join;            // a further queue of a device that this program holds already
  int wake_fd;          // -1: make one
  const char *step;     // where it failed
  bool created;
  struct link before;   // the device as it was, unless created
  struct ifreq now;     // its name and flags as it is
  int vnet_bytes;
};

static int fail(struct opening *opening, const char *step, int result) {
  opening->step = step;
  return result;
}

static int set_interface(int fd, struct opening *opening, int flags) {
  struct ifreq *request = &opening->now;
  memset(request, 0, sizeof *request);
  strncpy(request->ifr_name, opening->name, IFNAMSIZ - 1);
  request->ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags);
  return ioctl(fd, TUNSETIFF, request) < 0 ? -errno : 0;
}

static int attach(int fd, struct opening *opening) {
  const struct link *before = &opening->before;
  if (!before->is_tun || before->is_tap) return fail(opening, "kind", -EINVAL);
  // A queue more on a device somebody else reads would take a part of his packets.
  if (before->queues > 0 && !opening->join) return fail(opening, "attach", -EBUSY);
  int flags = opening->flags;
  if (before->has_details) {
    flags = (before->multi_queue ? IFF_MULTI_QUEUE : 0) | (before->vnet_header ? IFF_VNET_HDR : 0);
  }
  int result = set_interface(fd, opening, flags);
  // A kernel that does not tell: EINVAL means that the other kind of queue is wanted.
  if (result == -EINVAL && !before->has_details) result = set_interface(fd, opening, flags ^ IFF_MULTI_QUEUE);
  return result < 0 ? fail(opening, "attach", result) : 0;
}

// Creates the device, or attaches to it where it exists.
static int create_or_attach(int fd, struct opening *opening) {
  for (int attempt = 0;; attempt++) {
    const int found = query_link(opening->name, &opening->before);
    if (found < 0) return fail(opening, "query", found);
    if (found == 1) return attach(fd, opening);
    if (opening->join) return fail(opening, "attach", -ENODEV);
    unsigned features = IFF_TUN | IFF_NO_PI;
    ioctl(fd, TUNGETFEATURES, &features);
    // Exclusively: between the question and now someone may have made it with flags of his own.
    const int result = set_interface(fd, opening, (opening->flags & (int)features) | IFF_TUN_EXCL);
    if (result == 0) opening->created = true;
    if (result != -EBUSY || attempt == 3) return result < 0 ? fail(opening, "create", result) : 0;
  }
}

static int settle_vnet_header(int fd, struct opening *opening) {
  if (ioctl(fd, TUNGETIFF, &opening->now) < 0) return -errno;
  if ((opening->now.ifr_flags & IFF_VNET_HDR) == 0) return 0;
  int size = VNET_BYTES;
  // The size belongs to the device: queues that are open already count on it.
  if (!opening->join) ioctl(fd, TUNSETVNETHDRSZ, &size);
  if (ioctl(fd, TUNGETVNETHDRSZ, &size) < 0) return -errno;
  return size == VNET_BYTES || size == VNET_BYTES_MERGED ? size : -EPROTONOSUPPORT;
}

// Sets the highest level up to `wanted` that the kernel takes. Returns it, or -errno.
static int settle_offload(int fd, int wanted) {
  for (int level = wanted > HIGHEST_OFFLOAD ? HIGHEST_OFFLOAD : wanted; level > 0; level--) {
    if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)OFFLOADS[level]) == 0) return level;
  }
  return ioctl(fd, TUNSETOFFLOAD, 0ul) < 0 ? -errno : 0;
}

// Returns a descriptor or -errno with opening->step telling where.
static int open_queue(struct opening *opening) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail(opening, "open", -errno);
  int result = create_or_attach(fd, opening);
  if (result == 0) {
    result = settle_vnet_header(fd, opening);
    opening->vnet_bytes = result;
    if (result < 0) fail(opening, "header", result);
  }
  if (result >= 0) {
    // Also without header and also level 0: a program killed earlier may have left the device with offloads on.
    result = settle_offload(fd, opening->vnet_bytes == 0 ? 0 : opening->offload);
    opening->offload = result;
    if (result < 0) fail(opening, "offload", result);
  }
  if (result < 0) {
    close(fd);
    return result;
  }
  return fd;
}

static napi_value failure(napi_env env, const char *step, int error) {
  napi_value object;
  napi_create_object(env, &object);
  set_int(env, object, "error", error);
  set_string(env, object, "step", step);
  return object;
}

static napi_value success(napi_env env, const struct opening *opening, const struct queue *queue, int handle) {
  napi_value object;
  napi_create_object(env, &object);
  set_int(env, object, "queue", handle);
  set_int(env, object, "fd", queue->fd);
  set_int(env, object, "wakeFd", queue->wake_fd);
  set_string(env, object, "name", opening->now.ifr_name);
  set_int(env, object, "flags", (uint16_t)opening->now.ifr_flags);
  set_int(env, object, "vnetBytes", queue->vnet_bytes);
  set_int(env, object, "offload", opening->offload);
  set_int(env, object, "created", opening->created);
  set_int(env, object, "packetInfoBefore", opening->before.packet_info);
  return object;
}

// The queue behind a descriptor that is open already, which stays its owner's.
static int adopt_queue(struct opening *opening, int original) {
  const int fd = fcntl(original, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return fail(opening, "attach", -errno);
  opening->join = true;
  int result = opening->vnet_bytes = settle_vnet_header(fd, opening);
  if (result < 0) fail(opening, "header", result);
  if (result >= 0) {
    result = opening->offload = settle_offload(fd, opening->vnet_bytes == 0 ? 0 : opening->offload);
    if (result < 0) fail(opening, "offload", result);
  }
  if (result >= 0) return fd;
  close(fd);
  return result;
}

static napi_value finish_opening(napi_env env, struct opening *opening, int fd, int wake_fd) {
  struct queue *queue = fd < 0 ? NULL : calloc(1, sizeof *queue);
  if (queue == NULL) {
    if (fd < 0) return failure(env, opening->step, fd);
    close(fd);
    return failure(env, "open", -ENOMEM);
  }
  queue->fd = fd;
  queue->vnet_bytes = opening->vnet_bytes;
  queue->owns_wake_fd = wake_fd < 0;
  queue->wake_fd = wake_fd < 0 ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : wake_fd;
  const int handle = queue->wake_fd < 0 ? -errno : add_queue(get_instance(env), queue);
  if (handle < 0) {
    close(queue->fd);
    if (queue->owns_wake_fd && queue->wake_fd >= 0) close(queue->wake_fd);
    free(queue);
    return failure(env, "open", handle);
  }
  return success(env, opening, queue, handle);
}

// tunOpen(name, flags, offload, join, wakeFd) → { queue, fd, … } or { error, step }
static napi_value tun_open(napi_env env, napi_callback_info info) {
  napi_value args[5];
  char name[IFNAMSIZ];
  size_t length;
  int32_t flags, offload, join, wake_fd;
  if (!get_args(env, info, 5, args) || !get_string(env, args[0], name, sizeof name, &length) ||
      !get_int(env, args[1], &flags) || !get_int(env, args[2], &offload) || !get_int(env, args[3], &join) ||
      !get_int(env, args[4], &wake_fd)) {
    return NULL;
  }
  struct opening opening = {
      .name = name,
      .flags = flags & (IFF_MULTI_QUEUE | IFF_VNET_HDR),
      .offload = offload,
      .join = join != 0,
  };
  const int fd = open_queue(&opening);
  return finish_opening(env, &opening, fd, wake_fd);
}

// tunAdopt(fd, offload, wakeFd) → as tunOpen: the queue of a descriptor of this process, with a descriptor of its own. What
// waits in the queue stays there while nobody reads it.
static napi_value tun_adopt(napi_env env, napi_callback_info info) {
  int32_t values[3];
  if (!get_int_args(env, info, 3, values)) return NULL;
  struct opening opening = {.offload = values[1]};
  const int fd = adopt_queue(&opening, values[0]);
  return finish_opening(env, &opening, fd, values[2]);
}

// tunKeep(queue) → another descriptor of the queue, or -errno. The queue lives until both are closed.
static napi_value tun_keep(napi_env env, napi_callback_info info) {
  int32_t value;
  if (!get_int_args(env, info, 1, &value)) return NULL;
  const struct queue *queue = find_queue(env, value);
  if (queue == NULL) return make_int(env, -EBADF);
  const int fd = fcntl(queue->fd, F_DUPFD_CLOEXEC, 3);
  return make_int(env, fd < 0 ? -errno : fd);
}

// tunSetOffload(queue, level) → the level in force (level or lower), or -errno
static napi_value tun_set_offload(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!get_int_args(env, info, 2, values)) return NULL;
  const struct queue *queue = find_queue(env, values[0]);
  return make_int(env, queue == NULL ? -EBADF : settle_offload(queue->fd, queue->vnet_bytes == 0 ? 0 : values[1]));
}

// tunSetQueue(queue, attached) → 0 or -errno. A detached queue gets no packets; its flows go to the other queues.
static napi_value tun_set_queue(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!get_int_args(env, info, 2, values)) return NULL;
  struct queue *queue = find_queue(env, values[0]);
  if (queue == NULL) return make_int(env, -EBADF);
  struct ifreq request = {.ifr_flags = values[1] != 0 ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
  if (ioctl(queue->fd, TUNSETQUEUE, &request) < 0) return make_int(env, -errno);
  queue->detached = values[1] == 0;
  return make_int(env, 0);
}

// tunSetPersist(queue, persistent) → 0 or -errno
static napi_value tun_set_persist(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!get_int_args(env, info, 2, values)) return NULL;
  const struct queue *queue = find_queue(env, values[0]);
  if (queue == NULL) return make_int(env, -EBADF);
  return make_int(env, ioctl(queue->fd, TUNSETPERSIST, (unsigned long)(values[1] != 0)) < 0 ? -errno : 0);
}

// tunSetSendBuffer(queue, bytes) → 0 or -errno
static napi_value tun_set_send_buffer(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!get_int_args(env, info, 2, values)) return NULL;
  const struct queue *queue = find_queue(env, values[0]);
  if (queue == NULL) return make_int(env, -EBADF);
  int bytes = values[1];
  return make_int(env, ioctl(queue->fd, TUNSETSNDBUF, &bytes) < 0 ? -errno : 0);
}

// tunRestore(name, flags): sets the flags (IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE) of a device that nobody is attached
// to any more. They can only be set by attaching. → 0 or -errno
static napi_value tun_restore(napi_env env, napi_callback_info info) {
  napi_value args[2];
  struct ifreq request = {0};
  size_t length;
  int32_t flags;
  if (!get_args(env, info, 2, args) ||
      !get_string(env, args[0], request.ifr_name, sizeof request.ifr_name, &length) ||
      !get_int(env, args[1], &flags)) {
    return NULL;
  }
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return make_int(env, -errno);
  request.ifr_flags = (short)(IFF_TUN | flags);
  const int result = ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
  close(fd);
  return make_int(env, result);
}

void export_tun(napi_env env, napi_value exports) {
  const napi_property_descriptor table[] = {
      FUNCTION("tunOpen", tun_open),
      FUNCTION("tunAdopt", tun_adopt),
      FUNCTION("tunKeep", tun_keep),
      FUNCTION("tunSetOffload", tun_set_offload),
      FUNCTION("tunSetQueue", tun_set_queue),
      FUNCTION("tunSetPersist", tun_set_persist),
      FUNCTION("tunSetSendBuffer", tun_set_send_buffer),
      FUNCTION("tunRestore", tun_restore),
  };
  export_functions(env, exports, table, sizeof table / sizeof *table);
}
