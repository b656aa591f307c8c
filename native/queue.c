// The packet path: read a batch, write a batch, wait. Each call takes integers only and returns a count or -errno.
#include "queue.h"
#include "ring.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

// How long one write may wait for room in the send buffer. Only reached with a small TUNSETSNDBUF.
#define WRITE_PATIENCE_MS 20
// How often to look again at a device that reports an error without being gone.
#define ERROR_PAUSE_MS 200

int32_t add_queue(struct instance *instance, struct queue *queue) {
  for (int32_t i = 0; i < MAX_QUEUES; i++) {
    if (instance->queues[i] == NULL) {
      instance->queues[i] = queue;
      return i;
    }
  }
  return -EMFILE;
}

static struct queue *queue_of(struct instance *instance, int32_t handle) {
  return handle >= 0 && handle < MAX_QUEUES ? instance->queues[handle] : NULL;
}

struct queue *find_queue(napi_env env, int32_t handle) {
  return queue_of(get_instance(env), handle);
}

static void close_queue(napi_env env, struct queue *queue) {
  ring_close(queue->ring);
  close(queue->fd);
  if (queue->owns_wake_fd) close(queue->wake_fd);
  for (int i = 0; i < 5; i++) {
    if (queue->memory[i] != NULL) napi_delete_reference(env, queue->memory[i]);
  }
  free(queue);
}

void close_all_queues(napi_env env, struct instance *instance) {
  for (int i = 0; i < MAX_QUEUES; i++) {
    if (instance->queues[i] != NULL) close_queue(env, instance->queues[i]);
    instance->queues[i] = NULL;
  }
}

// bind(queue, slab, slotBytes, slots, headroom, lengths, writes, results, state): once, before the first read.
static napi_value bind_memory(napi_env env, napi_callback_info info) {
  napi_value args[9];
  int32_t handle, slot_bytes, slots, headroom;
  void *slab, *lengths, *writes, *results, *state;
  size_t slab_bytes, length_count, write_count, result_count, state_count;
  if (!get_args(env, info, 9, args) || !get_int(env, args[0], &handle) ||
      !get_array(env, args[1], napi_uint8_array, &slab, &slab_bytes) || !get_int(env, args[2], &slot_bytes) ||
      !get_int(env, args[3], &slots) || !get_int(env, args[4], &headroom) ||
      !get_array(env, args[5], napi_int32_array, &lengths, &length_count) ||
      !get_array(env, args[6], napi_int32_array, &writes, &write_count) ||
      !get_array(env, args[7], napi_int32_array, &results, &result_count) ||
      !get_array(env, args[8], napi_int32_array, &state, &state_count)) {
    return NULL;
  }
  struct queue *queue = find_queue(env, handle);
  if (queue == NULL) return make_int(env, -EBADF);
  if (queue->slab != NULL) {
    throw_type(env, "the queue is bound already");
    return NULL;
  }
  if (slots < 1 || headroom < queue->vnet_bytes || slot_bytes <= headroom ||
      (int64_t)slots * slot_bytes > (int64_t)slab_bytes || length_count < (size_t)slots || result_count == 0 ||
      write_count / WRITE_STRIDE < 1 || state_count < STATE_VALUES || result_count > INT32_MAX || slab_bytes > INT32_MAX) {
    throw_type(env, "the slab or an array does not fit the slots");
    return NULL;
  }
  const napi_value kept[5] = {args[1], args[5], args[6], args[7], args[8]};
  for (int i = 0; i < 5; i++) {
    if (napi_create_reference(env, kept[i], 1, &queue->memory[i]) != napi_ok) {
      throw_type(env, "cannot keep the memory");
      return NULL;
    }
  }
  const size_t max_writes = write_count / WRITE_STRIDE < result_count ? write_count / WRITE_STRIDE : result_count;
  queue->slab_bytes = (int64_t)slab_bytes;
  queue->slot_bytes = slot_bytes;
  queue->slots = slots;
  queue->headroom = headroom;
  queue->lengths = lengths;
  queue->writes = writes;
  queue->results = results;
  queue->state = state;
  queue->max_writes = (int32_t)max_writes;
  queue->slab = slab;
  return make_int(env, 0);
}

int32_t gone_or(int error) {
  return error == EBADFD ? -ENODEV : -error;
}

static int32_t read_batch(struct queue *queue) {
  if (queue->slab == NULL) return -EBADF;
  if (queue->detached) return 0;
  const int32_t start = queue->headroom - queue->vnet_bytes;
  const size_t room = (size_t)(queue->slot_bytes - start);
  int32_t count = 0;
  // A batch of super-packets should fit the processor's cache: stop after so many bytes.
  ssize_t bytes = 0;
  while (count < queue->slots && bytes < READ_BUDGET) {
    const ssize_t n = read(queue->fd, queue->slab + count * queue->slot_bytes + start, room);
    if (n >= 0) {
      bytes += n;
      queue->lengths[count++] = n > queue->vnet_bytes ? (int32_t)n - queue->vnet_bytes : 0;
      continue;
    }
    if (errno == EINTR) continue;
    // Packets already read come first; an error that lasts is met again by the next call.
    if (count > 0 || errno == EAGAIN) break;
    return gone_or(errno);
  }
  return count;
}

// readBatch(queue) → packets read (0: none waiting) or -errno; -ENODEV: the interface is gone.
static napi_value js_read_batch(napi_env env, napi_callback_info info) {
  int32_t handle;
  if (!get_int_args(env, info, 1, &handle)) return NULL;
  struct queue *queue = find_queue(env, handle);
  return make_int(env, queue == NULL ? -EBADF : read_batch(queue));
}

static bool inside(const struct queue *queue, int32_t offset, int32_t length) {
  return offset >= 0 && length >= 0 && (int64_t)offset + length <= queue->slab_bytes;
}

// One packet is gathered from a head, a body, and the bodies of the entries that continue it (at most MAX_PARTS - 1
// entries in all): those whose head is empty.
int32_t gather(const struct queue *queue, const int32_t *list, int32_t count, struct iovec *parts, int *used) {
  int32_t entries = 0;
  int n = 0;
  while (entries < count && n < MAX_PARTS) {
    // A copy: the list is in shared memory, and what was checked must be what is used.
    const volatile int32_t *shared = list + (int64_t)entries * WRITE_STRIDE;
    const int32_t entry[WRITE_STRIDE] = {shared[0], shared[1], shared[2], shared[3]};
    if (entries > 0 && entry[1] != 0) break;
    if (!inside(queue, entry[0], entry[1]) || !inside(queue, entry[2], entry[3]) || (entries == 0 && entry[1] < 1)) {
      *used = 0;
      return entries + 1;
    }
    if (entry[1] > 0) parts[n++] = (struct iovec){queue->slab + entry[0], (size_t)entry[1]};
    if (entry[3] > 0) parts[n++] = (struct iovec){queue->slab + entry[2], (size_t)entry[3]};
    entries++;
  }
  *used = n;
  return entries;
}

int32_t write_parts(const struct queue *queue, const struct iovec *parts, int used) {
  if (used == 0) return -EFAULT;
  for (bool waited = false;;) {
    const ssize_t n =
        used == 1 ? write(queue->fd, parts[0].iov_base, parts[0].iov_len) : writev(queue->fd, parts, used);
    if (n >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || waited) return gone_or(errno);
    struct pollfd room = {queue->fd, POLLOUT, 0};
    poll(&room, 1, WRITE_PATIENCE_MS);
    waited = true;
  }
}

// Writes entries start .. start+count-1 one by one. Returns how many were taken; results[i] tells each.
static int32_t write_batch(struct queue *queue, int32_t start, int32_t count) {
  int32_t taken = 0;
  for (int32_t i = start; i < start + count;) {
    struct iovec parts[MAX_PARTS];
    int used;
    const int32_t entries =
        gather(queue, queue->writes + (int64_t)i * WRITE_STRIDE, start + count - i, parts, &used);
    const int32_t result = write_parts(queue, parts, used);
    for (int32_t end = i + entries; i < end; i++) queue->results[i] = result;
    if (result == 0) taken += entries;
  }
  return taken;
}

static bool listed(napi_env env, const struct queue *queue, int32_t start, int32_t count) {
  if (start >= 0 && count >= 0 && (int64_t)start + count <= queue->max_writes) return true;
  throw_type(env, "more packets than the write list holds");
  return false;
}

// writeBatch(queue, start, count) → how many of entries start .. start+count-1 were taken; results[i] tells each.
static napi_value js_write_batch(napi_env env, napi_callback_info info) {
  int32_t values[3];
  if (!get_int_args(env, info, 3, values)) return NULL;
  struct queue *queue = find_queue(env, values[0]);
  if (queue == NULL || queue->slab == NULL) return make_int(env, -EBADF);
  if (!listed(env, queue, values[1], values[2])) return NULL;
  return make_int(env, write_batch(queue, values[1], values[2]));
}

// exchange(queue, count) → writes the first `count` entries, then reads a batch: slots read or -errno, as readBatch.
// state[STATE_REFUSED] tells how many entries were refused, state[STATE_FIRST] the first slot of the batch. lengths[i] is
// -1 where a slot within the batch stayed empty. What was written may be looked at until the next exchange: with a ring,
// batches are read into the two halves of the slots in turn; without, nothing is read after a refusal.
static napi_value js_exchange(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!get_int_args(env, info, 2, values)) return NULL;
  struct queue *queue = find_queue(env, values[0]);
  if (queue == NULL || queue->slab == NULL) return make_int(env, -EBADF);
  const int32_t count = values[1];
  if (!listed(env, queue, 0, count)) return NULL;
  if (queue->ring != NULL) return make_int(env, ring_exchange(queue, count));
  const int32_t refused = count - write_batch(queue, 0, count);
  queue->state[STATE_REFUSED] = refused;
  queue->state[STATE_FIRST] = 0;
  return make_int(env, refused > 0 ? 0 : read_batch(queue));
}

// useRing(queue) → 0, or -ENOSYS where the kernel has no io_uring for us: then exchange does without. After bind, in the
// thread that will call exchange.
static napi_value js_use_ring(napi_env env, napi_callback_info info) {
  int32_t handle;
  if (!get_int_args(env, info, 1, &handle)) return NULL;
  struct queue *queue = find_queue(env, handle);
  if (queue == NULL || queue->slab == NULL || queue->slots < 2) return make_int(env, -EBADF);
  if (queue->ring == NULL) queue->ring = ring_open();
  return make_int(env, queue->ring == NULL ? -ENOSYS : 0);
}

// Sleeps until woken, at most `timeout` ms (-1: for ever).
static int32_t sleep_until_woken(struct queue *queue, int32_t timeout) {
  struct pollfd wake = {queue->wake_fd, POLLIN, 0};
  if (poll(&wake, 1, timeout) < 0) return errno == EINTR ? 0 : -errno;
  uint64_t wakes;
  if ((wake.revents & POLLIN) != 0 && read(queue->wake_fd, &wakes, sizeof wakes) < 0 && errno != EAGAIN) return -errno;
  return 0;
}

static int32_t wait_for(struct queue *queue, int32_t timeout) {
  if (queue->detached) return sleep_until_woken(queue, timeout);
  struct pollfd both[2] = {{queue->fd, POLLIN, 0}, {queue->wake_fd, POLLIN, 0}};
  if (poll(both, 2, timeout) < 0) return errno == EINTR ? 0 : -errno;
  uint64_t wakes;
  if ((both[1].revents & POLLIN) != 0 && read(queue->wake_fd, &wakes, sizeof wakes) < 0 && errno != EAGAIN) return -errno;
  if ((both[0].revents & POLLNVAL) != 0) return -EBADF;
  if ((both[0].revents & (POLLERR | POLLHUP)) != 0) {
    struct ifreq request = {0};
    if (ioctl(queue->fd, TUNGETIFF, &request) < 0) return gone_or(errno);
    // An error without a reason: poll would return at once for ever, so pause rather than spin.
    if ((both[0].revents & POLLIN) == 0) {
      return sleep_until_woken(queue, timeout < 0 || timeout > ERROR_PAUSE_MS ? ERROR_PAUSE_MS : timeout);
    }
  }
  return (both[0].revents & POLLIN) != 0 ? 1 : 0;
}

// wait(queue, timeoutMs) → 1 readable, 0 woken or timed out, or -errno; -ENODEV: the interface is gone.
static napi_value js_wait(napi_env env, napi_callback_info info) {
  int32_t values[2];
  if (!get_int_args(env, info, 2, values)) return NULL;
  struct queue *queue = find_queue(env, values[0]);
  return make_int(env, queue == NULL ? -EBADF : wait_for(queue, values[1]));
}

// closeQueue(queue) → 0 or -errno
static napi_value js_close(napi_env env, napi_callback_info info) {
  int32_t handle;
  if (!get_int_args(env, info, 1, &handle)) return NULL;
  struct instance *instance = get_instance(env);
  struct queue *queue = queue_of(instance, handle);
  if (queue == NULL) return make_int(env, -EBADF);
  instance->queues[handle] = NULL;
  close_queue(env, queue);
  return make_int(env, 0);
}

// wakeOpen() → an eventfd. The one who opens it closes it, after the last use in any thread.
static napi_value js_wake_open(napi_env env, napi_callback_info info) {
  (void)info;
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return make_int(env, fd < 0 ? -errno : fd);
}

// wake(wakeFd) → 0 or -errno; from any thread.
static napi_value js_wake(napi_env env, napi_callback_info info) {
  int32_t fd;
  if (!get_int_args(env, info, 1, &fd)) return NULL;
  const uint64_t one = 1;
  // EAGAIN: the counter is full, so the waiter will wake anyway.
  const ssize_t n = write(fd, &one, sizeof one);
  return make_int(env, n < 0 && errno != EAGAIN ? -errno : 0);
}

void export_queue(napi_env env, napi_value exports) {
  const napi_property_descriptor table[] = {
      FUNCTION("bind", bind_memory),         FUNCTION("readBatch", js_read_batch),
      FUNCTION("writeBatch", js_write_batch), FUNCTION("wait", js_wait),
      FUNCTION("exchange", js_exchange),     FUNCTION("useRing", js_use_ring),
      FUNCTION("closeQueue", js_close),      FUNCTION("wakeOpen", js_wake_open),
      FUNCTION("wake", js_wake),
  };
  export_functions(env, exports, table, sizeof table / sizeof *table);
}
