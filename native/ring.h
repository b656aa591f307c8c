// The packet path with io_uring (ring.c).
#ifndef CLATD_RING_H
#define CLATD_RING_H

#include "queue.h"

// NULL: the kernel has no io_uring, or does not let us.
struct ring *ring_open(void);
void ring_close(struct ring *ring);
// As exchange in queue.c, for a queue that has a ring; the ring may be gone afterwards.
int32_t ring_exchange(struct queue *queue, int32_t count);

#endif
