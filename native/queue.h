// One TUN queue: a file descriptor, an eventfd to wake its reader, and the memory it was bound to.
#ifndef CLATD_QUEUE_H
#define CLATD_QUEUE_H

#include "addon.h"

#include <sys/uio.h>

// Int32 values a packet in a write list: head offset, head length, body offset, body length.
#define WRITE_STRIDE 4
// A head and 64 bodies (UDP_MAX_SEGMENTS of older kernels), and the head's own body.
#define MAX_PARTS 66
// Bytes after which a read batch ends: four super-packets.
#define READ_BUDGET (256 * 1024)

// Int32 values of `state`: what an exchange has to say besides its result.
enum { STATE_FIRST, STATE_REFUSED, STATE_VALUES };

struct ring;

struct queue {
  int fd;
  int wake_fd;
  bool owns_wake_fd;
  bool detached;        // by TUNSETQUEUE: no packets until attached again
  int32_t vnet_bytes;   // virtio_net header before every packet: 0, 10 or 12
  // Set by bind.
  uint8_t *slab;
  int64_t slab_bytes;
  int64_t slot_bytes;
  int32_t slots;
  int32_t headroom;
  int32_t *lengths;
  const int32_t *writes;
  int32_t *results;
  int32_t *state;       // STATE_VALUES
  int32_t max_writes;
  napi_ref memory[5];   // keeps the five arrays alive
  struct ring *ring;    // NULL: without io_uring
};

// Puts a queue into the table. Returns its handle, or -EMFILE.
int32_t add_queue(struct instance *instance, struct queue *queue);
// The queue of a handle; NULL when there is none (closed, or never opened).
struct queue *find_queue(napi_env env, int32_t handle);

// The kernel says EBADFD once the interface is gone: -ENODEV; otherwise -error.
int32_t gone_or(int error);
// The parts of the packet that begins at `list`, one of `count` entries. Returns how many entries it takes; *used is 0
// where one of them is wrong.
int32_t gather(const struct queue *queue, const int32_t *list, int32_t count, struct iovec *parts, int *used);
// Writes one packet, waiting a little for room in the send buffer. 0 or -errno.
int32_t write_parts(const struct queue *queue, const struct iovec *parts, int used);

#endif
