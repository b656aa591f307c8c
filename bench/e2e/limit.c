// The limit of the way through a TUN device: the least a userspace translator can do, in C.
//
//   limit TUN CLAT4 CLAT6 POOL6     (POOL6: the /96's address)
//
// One mapping, TCP and UDP without options or fragments; no check, no ICMP, no table. Super-packets pass whole, as in
// clatd: one read and one write each, nothing copied in between. What this program lacks to plain IPv6 is what the device,
// and a read and a write a packet, cost. What clatd lacks to this program is what correctness and JavaScript cost, less what
// io_uring and joined packets win.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Headers before Linux 6.2 lack these.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define HEAD 64
#define LARGEST (65536 + 64)
#define VNET ((int)sizeof(struct virtio_net_hdr))
#define GROWS 20

static uint8_t memory[HEAD + LARGEST];
static struct in_addr clat4;
static struct in6_addr clat6, pool6;
static uint32_t delta;  // what the IPv6 addresses sum to beyond the IPv4 ones

static uint32_t sum(const void *data, int bytes, uint32_t s) {
  const uint8_t *p = data;
  for (int i = 0; i < bytes; i += 2) s += (uint32_t)(p[i] << 8 | p[i + 1]);
  return s;
}

static uint16_t fold(uint32_t s) {
  while (s >> 16) s = (s & 0xffff) + (s >> 16);
  return (uint16_t)s;
}

// `difference` is added to what the checksum covers. A partial checksum is the sum itself, a whole one its complement.
static void adjust(uint8_t *field, int partial, uint32_t difference) {
  const uint16_t old = (uint16_t)(field[0] << 8 | field[1]);
  const uint16_t now = partial ? fold(old + difference) : (uint16_t)~fold((uint16_t)~old + difference);
  field[0] = (uint8_t)(now >> 8);
  field[1] = (uint8_t)now;
}

static void fix_vnet(struct virtio_net_hdr *v, int by, int from, int to) {
  if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) v->csum_start = (uint16_t)(v->csum_start + by);
  if (v->gso_type == VIRTIO_NET_HDR_GSO_NONE) return;
  v->hdr_len = (uint16_t)(v->hdr_len + by);
  if ((v->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == from) {
    v->gso_type = (uint8_t)(to | (v->gso_type & VIRTIO_NET_HDR_GSO_ECN));
  }
}

// Returns the new start of the vnet header, or NULL for what this program does not do.
static uint8_t *translate46(uint8_t *start, int *length) {
  struct virtio_net_hdr v;
  struct iphdr ip;
  memcpy(&v, start, sizeof v);
  memcpy(&ip, start + VNET, sizeof ip);
  const int at = ip.protocol == IPPROTO_TCP ? 16 : ip.protocol == IPPROTO_UDP ? 6 : -1;
  if (ip.ihl != 5 || (ip.frag_off & htons(0x3fff)) != 0 || at < 0) return NULL;
  adjust(start + VNET + 20 + at, v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, delta);
  fix_vnet(&v, GROWS, VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6);
  struct ip6_hdr six = {0};
  six.ip6_flow = htonl(6u << 28 | (uint32_t)ip.tos << 20);
  six.ip6_plen = htons((uint16_t)(ntohs(ip.tot_len) - 20));
  six.ip6_nxt = ip.protocol;
  six.ip6_hlim = (uint8_t)(ip.ttl - 1);
  six.ip6_src = clat6;
  six.ip6_dst = pool6;
  memcpy(&six.ip6_dst.s6_addr[12], &ip.daddr, 4);
  start -= GROWS;
  memcpy(start, &v, sizeof v);
  memcpy(start + VNET, &six, sizeof six);
  *length += GROWS;
  return start;
}

static uint8_t *translate64(uint8_t *start, int *length) {
  struct virtio_net_hdr v;
  struct ip6_hdr six;
  memcpy(&v, start, sizeof v);
  memcpy(&six, start + VNET, sizeof six);
  const int at = six.ip6_nxt == IPPROTO_TCP ? 16 : six.ip6_nxt == IPPROTO_UDP ? 6 : -1;
  if (at < 0 || memcmp(&six.ip6_src, &pool6, 12) != 0) return NULL;
  adjust(start + VNET + 40 + at, v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, (uint16_t)~delta);
  fix_vnet(&v, -GROWS, VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV4);
  struct iphdr ip = {.version = 4, .ihl = 5, .ttl = (uint8_t)(six.ip6_hlim - 1), .protocol = six.ip6_nxt};
  ip.tos = (uint8_t)(ntohl(six.ip6_flow) >> 20);
  ip.tot_len = htons((uint16_t)(ntohs(six.ip6_plen) + 20));
  ip.frag_off = htons(IP_DF);
  memcpy(&ip.saddr, &six.ip6_src.s6_addr[12], 4);
  ip.daddr = clat4.s_addr;
  ip.check = htons((uint16_t)~fold(sum(&ip, sizeof ip, 0)));
  start += GROWS;
  memcpy(start, &v, sizeof v);
  memcpy(start + VNET, &ip, sizeof ip);
  *length -= GROWS;
  return start;
}

int main(int argc, char **argv) {
  if (argc != 5 || inet_pton(AF_INET, argv[2], &clat4) != 1 || inet_pton(AF_INET6, argv[3], &clat6) != 1 ||
      inet_pton(AF_INET6, argv[4], &pool6) != 1) {
    fprintf(stderr, "usage: limit TUN CLAT4 CLAT6 POOL6\n");
    return 2;
  }
  delta = fold(sum(&clat6, 16, sum(&pool6, 12, 0)) + (uint16_t)~fold(sum(&clat4, 4, 0)));
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
      ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6) < 0) {
    perror("limit");
    return 1;
  }
  for (;;) {
    int length = (int)read(fd, memory + HEAD, LARGEST);
    if (length < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != EIO) return 1;
      struct pollfd readable = {fd, POLLIN, 0};
      poll(&readable, 1, -1);
      continue;
    }
    uint8_t *start = memory + HEAD;
    const int version = length > VNET + 20 ? start[VNET] >> 4 : 0;
    if (version == 4) start = translate46(start, &length);
    else if (version == 6 && length > VNET + 48) start = translate64(start, &length);
    else start = NULL;
    if (start != NULL && write(fd, start, (size_t)length) < 0 && errno == EBADFD) return 1;
  }
}
