// One TUN queue: a file descriptor, an eventfd to wake its reader, and the memory it was bound to.
#ifndef CLATD_QUEUE_H
#define CLATD_QUEUE_H

#include "addon.h"

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
  int32_t max_writes;
  napi_ref memory[4];   // keeps the four arrays alive
};

// Puts a queue into the table. Returns its handle, or -EMFILE.
int32_t add_queue(struct instance *instance, struct queue *queue);
// The queue of a handle; NULL when there is none (closed, or never opened).
struct queue *find_queue(napi_env env, int32_t handle);

#endif
