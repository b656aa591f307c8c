// Traffic for the end-to-end benchmark: UDP floods, sinks, echoes and pings, in batches and without allocation, because
// iperf3 sends one small datagram a system call and measures no latency.
//
//   udp sink PORT                    counts datagrams. SIGTERM tells it that the flood has ended: it goes on until nothing
//                                    has come for 300 ms, then tells its result. Silence before that (a translator
//                                    that stalls) does not end it
//   udp flood DEST PORT BYTES SECONDS [RATE [DESTS [SOURCE SOURCES [SEED]]]]
//                                    sends; RATE in datagrams/s, 0: as many as possible. DESTS > 1: at random to
//                                    so many addresses counted up from DEST. SOURCES: at random from so many as well
//   udp echo ADDRESS PORT            answers until ended
//   udp ping DEST PORT BYTES SECONDS one datagram at a time: latency
//   udp first DEST PORT SECONDS      asks every millisecond until the first answer
//
// Everything ends by itself: no run takes longer than LONGEST seconds, a sink DRAIN seconds longer than the longest flood,
// an echo without traffic ends after IDLE seconds.
// Results are one line of JSON on standard output; "ready" or "asking" comes before it where somebody has to wait for it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define LARGEST 65536
#define LONGEST 60
#define DRAIN 5
#define IDLE 600
#define SILENCE_MS 300
#define ANSWER_MS 200
#define MOST_PINGS 2000000

typedef struct {
  struct sockaddr_storage address;
  socklen_t length;
} peer;

static void fail(const char *what) {
  fprintf(stderr, "udp: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint32_t random_state = 2463534242u;
static uint32_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  return random_state ^= random_state << 5;
}

static peer parse(const char *text, int port) {
  peer p = {0};
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&p.address;
  struct sockaddr_in *v4 = (struct sockaddr_in *)&p.address;
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    p.length = sizeof *v6;
  } else if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    p.length = sizeof *v4;
  } else {
    fprintf(stderr, "udp: %s is not an address\n", text);
    exit(2);
  }
  return p;
}

// The address `offset` after this one, counted in its last 32 bits.
static peer plus(peer p, uint32_t offset) {
  uint8_t *last = p.address.ss_family == AF_INET6 ? &((struct sockaddr_in6 *)&p.address)->sin6_addr.s6_addr[12]
                                                  : (uint8_t *)&((struct sockaddr_in *)&p.address)->sin_addr;
  uint32_t word;
  memcpy(&word, last, 4);
  word = htonl(ntohl(word) + offset);
  memcpy(last, &word, 4);
  return p;
}

static int open_socket(int family) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int bytes = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  // The far end answers for whole prefixes, whose addresses no interface has.
  const int yes = 1;
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof yes);
  return fd;
}

static void bind_to(int fd, const peer *p) {
  if (bind(fd, (const struct sockaddr *)&p->address, p->length) < 0) fail("bind");
}

static void say(const char *word) {
  puts(word);
  fflush(stdout);
}

static volatile sig_atomic_t flood_ended = 0;
static void on_flood_end(int signal) {
  (void)signal;
  flood_ended = 1;
}

// An IPv6 socket without V6ONLY takes both families.
static int sink(int port) {
  const struct sigaction action = {.sa_handler = on_flood_end};
  if (sigaction(SIGTERM, &action, NULL) < 0) fail("sigaction");
  const int fd = open_socket(AF_INET6);
  const peer any = parse("::", port);
  bind_to(fd, &any);
  static char data[BATCH][LARGEST];
  struct mmsghdr messages[BATCH] = {0};
  struct iovec parts[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){data[i], LARGEST};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  say("ready");
  uint64_t packets = 0, bytes = 0;
  int64_t first = 0, last = 0;
  const int64_t end = now_ns() + (LONGEST + DRAIN) * 1000000000LL;
  while (now_ns() < end) {
    // Known before the wait begins: silence counts from then on only.
    const bool ending = flood_ended != 0;
    const int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (n > 0) {
      last = now_ns();
      if (first == 0) first = last;
      for (int i = 0; i < n; i++) bytes += messages[i].msg_len;
      packets += (uint64_t)n;
      continue;
    }
    struct pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, SILENCE_MS) == 0 && ending) break;
  }
  printf("{\"packets\":%llu,\"bytes\":%llu,\"firstNs\":%lld,\"lastNs\":%lld}\n", (unsigned long long)packets,
         (unsigned long long)bytes, (long long)first, (long long)last);
  return 0;
}

// Room for one packet's source address as ancillary data.
typedef union {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
} control;

static void set_source(struct msghdr *message, control *c, const peer *source) {
  message->msg_control = c->bytes;
  if (source->address.ss_family == AF_INET6) {
    message->msg_controllen = CMSG_SPACE(sizeof(struct in6_pktinfo));
    struct cmsghdr *h = CMSG_FIRSTHDR(message);
    *h = (struct cmsghdr){CMSG_LEN(sizeof(struct in6_pktinfo)), IPPROTO_IPV6, IPV6_PKTINFO};
    const struct in6_pktinfo info = {((const struct sockaddr_in6 *)&source->address)->sin6_addr, 0};
    memcpy(CMSG_DATA(h), &info, sizeof info);
  } else {
    message->msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
    struct cmsghdr *h = CMSG_FIRSTHDR(message);
    *h = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
    const struct in_pktinfo info = {0, ((const struct sockaddr_in *)&source->address)->sin_addr, {0}};
    memcpy(CMSG_DATA(h), &info, sizeof info);
  }
}

static int flood(const peer *dest, size_t length, double seconds, double rate, uint32_t dests, const peer *source,
                 uint32_t sources) {
  const int fd = open_socket(dest->address.ss_family);
  if (sources == 1) bind_to(fd, source);
  // Whatever stays the same is told to the kernel once.
  if (dests == 1 && sources < 2 && connect(fd, (const struct sockaddr *)&dest->address, dest->length) < 0) {
    fail("connect");
  }
  static char data[LARGEST];
  struct mmsghdr messages[BATCH] = {0};
  struct iovec part = {data, length};
  peer to[BATCH];
  control controls[BATCH];
  for (int i = 0; i < BATCH; i++) {
    messages[i].msg_hdr.msg_iov = &part;
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  uint64_t sent = 0, refused = 0;
  const int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9);
  for (int64_t now = start; now < end; now = now_ns()) {
    int64_t count = BATCH;
    if (rate > 0) {
      count = (int64_t)((double)(now - start) * rate / 1e9) - (int64_t)(sent + refused);
      if (count <= 0) {
        const struct timespec pause = {0, 50000};
        nanosleep(&pause, NULL);
        continue;
      }
      if (count > BATCH) count = BATCH;
    }
    for (int i = 0; i < count && (dests > 1 || sources > 1); i++) {
      to[i] = plus(*dest, next_random() % dests);
      messages[i].msg_hdr.msg_name = &to[i].address;
      messages[i].msg_hdr.msg_namelen = to[i].length;
      if (sources < 2) continue;
      const peer from = plus(*source, next_random() % sources);
      set_source(&messages[i].msg_hdr, &controls[i], &from);
    }
    const int n = sendmmsg(fd, messages, (unsigned)count, 0);
    // A full queue or a port not open yet is told by ICMP or ENOBUFS; the flood goes on.
    if (n > 0) sent += (uint64_t)n;
    else refused += (uint64_t)count;
  }
  printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.6f}\n", (unsigned long long)sent, (unsigned long long)refused,
         (double)(now_ns() - start) / 1e9);
  return 0;
}

static int echo(const peer *address) {
  const int fd = open_socket(address->address.ss_family);
  bind_to(fd, address);
  const struct timeval patience = {IDLE, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  say("ready");
  static char data[LARGEST];
  for (;;) {
    peer from = {.length = sizeof from.address};
    const ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from.address, &from.length);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    if (n >= 0) sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from.address, from.length);
  }
}

static int ascending(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static int ping(const peer *dest, size_t length, double seconds) {
  const int fd = open_socket(dest->address.ss_family);
  if (connect(fd, (const struct sockaddr *)&dest->address, dest->length) < 0) fail("connect");
  const struct timeval patience = {0, ANSWER_MS * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  static char data[LARGEST];
  uint32_t *const times = malloc(MOST_PINGS * sizeof *times);
  if (times == NULL) fail("malloc");
  uint32_t count = 0, lost = 0, number = 0;
  const int64_t end = now_ns() + (int64_t)(seconds * 1e9);
  for (int64_t begin = now_ns(); begin < end && count < MOST_PINGS; begin = now_ns()) {
    number++;
    memcpy(data, &number, sizeof number);
    send(fd, data, length, 0);
    uint32_t answered = 0;
    ssize_t n;
    // Late answers to earlier questions are not this one's.
    do {
      n = recv(fd, data, sizeof data, 0);
      if (n >= (ssize_t)sizeof answered) memcpy(&answered, data, sizeof answered);
    } while (n >= 0 && answered != number);
    if (n < 0) lost++;
    else times[count++] = (uint32_t)(now_ns() - begin);
  }
  qsort(times, count, sizeof *times, ascending);
  const double share[] = {0.5, 0.99, 0.999};
  double at[3] = {0};
  for (int i = 0; i < 3 && count > 0; i++) at[i] = times[(uint32_t)(share[i] * (count - 1))] / 1000.0;
  printf("{\"count\":%u,\"lost\":%u,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n", count, lost, at[0], at[1], at[2]);
  return 0;
}

static int first(const peer *dest, double seconds) {
  const int fd = open_socket(dest->address.ss_family);
  char byte = 0;
  say("asking");
  const int64_t end = now_ns() + (int64_t)(seconds * 1e9);
  while (now_ns() < end) {
    // Fails as long as there is no route.
    sendto(fd, &byte, 1, 0, (const struct sockaddr *)&dest->address, dest->length);
    struct pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, 1) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) {
      printf("{\"answeredNs\":%lld}\n", (long long)now_ns());
      return 0;
    }
    // An ICMP error makes the socket readable as well: no faster than every millisecond.
    if (readable.revents != 0) usleep(1000);
  }
  fprintf(stderr, "udp: no answer in %.1f s\n", seconds);
  return 1;
}

static double number(int argc, char **argv, int i, double otherwise) {
  return i < argc ? atof(argv[i]) : otherwise;
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  if (strcmp(command, "sink") == 0 && argc == 3) return sink(atoi(argv[2]));
  if (argc < 4) {
    fprintf(stderr, "usage: see the head of udp.c\n");
    return 2;
  }
  const peer address = parse(argv[2], atoi(argv[3]));
  if (strcmp(command, "echo") == 0) return echo(&address);
  if (strcmp(command, "first") == 0) return first(&address, number(argc, argv, 4, 10));
  size_t length = (size_t)number(argc, argv, 4, 64);
  if (length < 4) length = 4;
  if (length > LARGEST) length = LARGEST;
  double seconds = number(argc, argv, 5, 1);
  if (seconds > LONGEST) seconds = LONGEST;
  if (strcmp(command, "ping") == 0) return ping(&address, length, seconds);
  if (strcmp(command, "flood") == 0) {
    const uint32_t dests = (uint32_t)number(argc, argv, 7, 1), sources = (uint32_t)number(argc, argv, 9, 0);
    const peer source = sources > 0 ? parse(argv[8], 0) : address;
    random_state += (uint32_t)number(argc, argv, 10, 0);
    return flood(&address, length, seconds, number(argc, argv, 6, 0), dests < 1 ? 1 : dests, &source, sources);
  }
  fprintf(stderr, "usage: see the head of udp.c\n");
  return 2;
}
