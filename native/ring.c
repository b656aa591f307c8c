// The packet path with io_uring: one system call hands in the writes of a batch and the reads of the next.
//
// Nothing is left to the kernel to do later. Every request carries RWF_NOWAIT, so it is done, or answered with -EAGAIN, by
// the time io_uring_enter returns; waiting for packets stays a poll of the queue and its eventfd. Where the kernel has no
// io_uring, or a TUN device that cannot do without waiting, the system calls of queue.c do the same one by one.
#include "ring.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Headers before Linux 6.1 lack these.
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1u << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1u << 13)
#endif

// Requests that may be handed in at once; room is kept for a batch of reads.
#define ENTRIES 256
#define MOST_READS 128
#define PARTS 1024
// Marks the completion of a read; what remains is the slot within the half. Others are the entry of a write.
#define READ_MARK (1ull << 32)

struct ring {
  int fd;
  uint8_t *rings;
  size_t ring_bytes;
  struct io_uring_sqe *requests;
  size_t request_bytes;
  uint32_t *request_tail, request_mask;
  uint32_t *done_head, *done_tail, done_mask;
  const struct io_uring_cqe *done;
  uint32_t queued;       // written, not handed in yet
  uint32_t outstanding;  // queued or handed in, and not known to be done
  int32_t half;          // the half of the slots that the last batch was read into
  int32_t want;          // reads to try next
  int32_t read_results[MOST_READS];
  struct iovec parts[PARTS];
  int used;
};

static int enter(int fd, uint32_t submit, uint32_t complete) {
  return (int)syscall(SYS_io_uring_enter, fd, submit, complete, IORING_ENTER_GETEVENTS, NULL, 0);
}

static int setup(struct io_uring_params *params) {
  // One thread uses the ring, and only it runs what is left to run: spares interrupts between its processors (Linux 6.1).
  const uint32_t flags[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0};
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    memset(params, 0, sizeof *params);
    params->flags = flags[i];
    const int fd = (int)syscall(SYS_io_uring_setup, ENTRIES, params);
    if (fd >= 0 || errno != EINVAL) return fd;
  }
  return -1;
}

struct ring *ring_open(void) {
  struct io_uring_params params;
  const int fd = setup(&params);
  if (fd < 0) return NULL;
  struct ring *ring = calloc(1, sizeof *ring);
  if (ring == NULL || (params.features & IORING_FEAT_SINGLE_MMAP) == 0) {
    close(fd);
    free(ring);
    return NULL;
  }
  const size_t request_ring = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  const size_t done_ring = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  ring->fd = fd;
  ring->ring_bytes = request_ring > done_ring ? request_ring : done_ring;
  ring->request_bytes = params.sq_entries * sizeof *ring->requests;
  const int access = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_POPULATE;
  ring->rings = mmap(NULL, ring->ring_bytes, access, kind, fd, IORING_OFF_SQ_RING);
  ring->requests = mmap(NULL, ring->request_bytes, access, kind, fd, IORING_OFF_SQES);
  if (ring->rings == MAP_FAILED || ring->requests == MAP_FAILED) {
    ring_close(ring);
    return NULL;
  }
  ring->request_tail = (uint32_t *)(ring->rings + params.sq_off.tail);
  ring->request_mask = *(uint32_t *)(ring->rings + params.sq_off.ring_mask);
  ring->done_head = (uint32_t *)(ring->rings + params.cq_off.head);
  ring->done_tail = (uint32_t *)(ring->rings + params.cq_off.tail);
  ring->done_mask = *(uint32_t *)(ring->rings + params.cq_off.ring_mask);
  ring->done = (const struct io_uring_cqe *)(ring->rings + params.cq_off.cqes);
  uint32_t *order = (uint32_t *)(ring->rings + params.sq_off.array);
  for (uint32_t i = 0; i < params.sq_entries; i++) order[i] = i;
  ring->want = 1;
  return ring;
}

void ring_close(struct ring *ring) {
  if (ring == NULL) return;
  if (ring->requests != NULL && ring->requests != MAP_FAILED) munmap(ring->requests, ring->request_bytes);
  if (ring->rings != NULL && ring->rings != MAP_FAILED) munmap(ring->rings, ring->ring_bytes);
  close(ring->fd);
  free(ring);
}

static void request(struct ring *ring, int opcode, int fd, const void *data, uint32_t length, uint64_t mark) {
  const uint32_t tail = *ring->request_tail;
  struct io_uring_sqe *entry = &ring->requests[tail & ring->request_mask];
  memset(entry, 0, sizeof *entry);
  entry->opcode = (uint8_t)opcode;
  entry->fd = fd;
  entry->addr = (uintptr_t)data;
  entry->len = length;
  entry->off = (uint64_t)-1;
  entry->rw_flags = RWF_NOWAIT;
  entry->user_data = mark;
  __atomic_store_n(ring->request_tail, tail + 1, __ATOMIC_RELEASE);
  ring->queued++;
  ring->outstanding++;
}

// Hands in what is queued and notes every result. 0 or -errno.
static int32_t finish(struct ring *ring, struct queue *queue) {
  while (ring->outstanding > 0) {
    const int handed = enter(ring->fd, ring->queued, ring->outstanding);
    if (handed < 0 && errno != EINTR) return -errno;
    if (handed > 0) ring->queued -= (uint32_t)handed;
    uint32_t head = *ring->done_head;
    const uint32_t tail = __atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++, ring->outstanding--) {
      const struct io_uring_cqe *one = &ring->done[head & ring->done_mask];
      if ((one->user_data & READ_MARK) != 0) ring->read_results[one->user_data & ~READ_MARK] = one->res;
      else queue->results[one->user_data] = one->res < 0 ? gone_or(-one->res) : 0;
    }
    __atomic_store_n(ring->done_head, head, __ATOMIC_RELEASE);
  }
  ring->used = 0;
  return 0;
}

// A result that says nothing of the packet: it has to be written again, and waited for.
static bool undecided(int32_t result) {
  return result == -EAGAIN || result == -EOPNOTSUPP;
}

static void give_up(struct queue *queue) {
  ring_close(queue->ring);
  queue->ring = NULL;
}

// Queues the writes, handing in whenever the ring is full. 0 or -errno; then what was not queued is undecided as well.
static int32_t queue_writes(struct ring *ring, struct queue *queue, int32_t count) {
  int32_t error = 0;
  for (int32_t i = 0, entries; i < count; i += entries) {
    if (error == 0 && (ring->queued >= ENTRIES - MOST_READS || ring->used + MAX_PARTS > PARTS)) {
      error = finish(ring, queue);
    }
    struct iovec unused[MAX_PARTS];
    struct iovec *parts = error == 0 ? ring->parts + ring->used : unused;
    int used;
    entries = gather(queue, queue->writes + (int64_t)i * WRITE_STRIDE, count - i, parts, &used);
    queue->results[i] = used == 0 ? -EFAULT : -EAGAIN;
    // A continuation is told apart from its packet when the results are looked through.
    for (int32_t next = i + 1; next < i + entries; next++) queue->results[next] = 1;
    if (error != 0) continue;
    if (used == 1) request(ring, IORING_OP_WRITE, queue->fd, parts->iov_base, (uint32_t)parts->iov_len, (uint32_t)i);
    else if (used > 1) request(ring, IORING_OP_WRITEV, queue->fd, parts, (uint32_t)used, (uint32_t)i);
    ring->used += used;
  }
  return error;
}

// Writes again what is undecided, and gives continuations the result of their packet. Returns the entries refused.
static int32_t settle_writes(struct queue *queue, int32_t count) {
  int32_t refused = 0;
  for (int32_t i = 0, end; i < count; i = end) {
    if (undecided(queue->results[i])) {
      struct iovec parts[MAX_PARTS];
      int used;
      gather(queue, queue->writes + (int64_t)i * WRITE_STRIDE, count - i, parts, &used);
      queue->results[i] = write_parts(queue, parts, used);
    }
    for (end = i + 1; end < count && queue->results[end] == 1; end++) queue->results[end] = queue->results[i];
    if (queue->results[i] != 0) refused += end - i;
  }
  return refused;
}

// Notes the lengths of what was read. Returns the slots used, or -errno.
static int32_t take_reads(struct ring *ring, struct queue *queue, int32_t first, int32_t tried, int32_t most) {
  int32_t count = 0, packets = 0, error = 0;
  int64_t bytes = 0;
  for (int32_t i = 0; i < tried; i++) {
    const int32_t n = ring->read_results[i];
    // A packet may come between two reads: the slot of the first stays empty.
    queue->lengths[first + i] = n < 0 ? -1 : n > queue->vnet_bytes ? n - queue->vnet_bytes : 0;
    if (n >= 0) {
      count = i + 1;
      packets++;
      bytes += n;
    } else if (error == 0 && n != -EAGAIN) {
      error = n;
    }
  }
  // As many as came, and one more to see whether there are more; twice as many where all that were tried came.
  int64_t want = packets == tried && tried > 0 ? (int64_t)tried * 2 : packets + 1;
  if (packets > 0 && want * bytes > (int64_t)READ_BUDGET * packets) want = READ_BUDGET * (int64_t)packets / bytes;
  ring->want = want < 1 ? 1 : want > most ? most : (int32_t)want;
  return count > 0 || error == 0 ? count : gone_or(-error);
}

int32_t ring_exchange(struct queue *queue, int32_t count) {
  struct ring *ring = queue->ring;
  const int32_t half_slots = queue->slots / 2, most = half_slots < MOST_READS ? half_slots : MOST_READS;
  const int32_t first = ring->half == 0 ? half_slots : 0;
  int32_t error = queue_writes(ring, queue, count);
  const int32_t tried = queue->detached || error != 0 ? 0 : ring->want < most ? ring->want : most;
  const int32_t start = queue->headroom - queue->vnet_bytes;
  for (int32_t i = 0; i < tried; i++) {
    uint8_t *slot = queue->slab + (int64_t)(first + i) * queue->slot_bytes + start;
    ring->read_results[i] = -EAGAIN;
    request(ring, IORING_OP_READ, queue->fd, slot, (uint32_t)(queue->slot_bytes - start), READ_MARK | (uint32_t)i);
  }
  if (error == 0) error = finish(ring, queue);
  queue->state[STATE_REFUSED] = settle_writes(queue, count);
  queue->state[STATE_FIRST] = first;
  ring->half ^= 1;
  const int32_t read = take_reads(ring, queue, first, tried, most);
  // The kernel refused the ring itself, or has no reads that do not wait: from now on without.
  if (error != 0 || read == -EOPNOTSUPP || read == -EINVAL) give_up(queue);
  return read == -EOPNOTSUPP || read == -EINVAL ? 0 : read;
}
