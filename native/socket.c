// Sockets that Node has no module for: rtnetlink events, raw ICMPv6, whole IPv6 packets.
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ICMP_FILTER 1
#define NEIGHBOUR_HOP_LIMIT 255  // RFC 4861: proof that a message comes from this link
#define EVENT_BUFFER (4 * 1024 * 1024)  // bytes; a thousand addresses at once are a megabyte as the kernel counts

static int close_with(int fd, int result) {
  close(fd);
  return result;
}

// As much as the kernel gives: with less, more events are lost at once, and told to be.
static void enlarge(int fd) {
  const int bytes = EVENT_BUFFER;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) {
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
}

static int open_netlink(int protocol, const int32_t *groups, size_t count) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  enlarge(fd);
  const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) return close_with(fd, -errno);
  for (size_t i = 0; i < count; i++) {
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) < 0) {
      return close_with(fd, -errno);
    }
  }
  return fd;
}

static napi_value netlink_of(int protocol, napi_env env, napi_callback_info info) {
  napi_value args[1];
  void *groups;
  size_t count;
  if (!get_args(env, info, 1, args) || !get_array(env, args[0], napi_int32_array, &groups, &count)) return NULL;
  return make_int(env, open_netlink(protocol, groups, count));
}

// netlinkOpen(groups) → fd or -errno: links, addresses, routes
static napi_value netlink_open(napi_env env, napi_callback_info info) {
  return netlink_of(NETLINK_ROUTE, env, info);
}

// netfilterOpen(groups) → fd or -errno: firewalls
static napi_value netfilter_open(napi_env env, napi_callback_info info) {
  return netlink_of(NETLINK_NETFILTER, env, info);
}

static int bind_to_interface(int fd, int32_t ifindex) {
  char name[IFNAMSIZ] = {0};
  if (if_indextoname((unsigned)ifindex, name) == NULL) return -errno;
  return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, sizeof name) < 0 ? -errno : 0;
}

static int set_ipv6(int fd, int option, int value) {
  return setsockopt(fd, IPPROTO_IPV6, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int open_icmp6(int32_t ifindex, const int32_t *types, size_t count) {
  const int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
  if (fd < 0) return -errno;
  struct icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  for (size_t i = 0; i < count; i++) ICMP6_FILTER_SETPASS(types[i] & 0xff, &filter);
  int result = bind_to_interface(fd, ifindex);
  if (result == 0 && setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) < 0) result = -errno;
  if (result == 0) result = set_ipv6(fd, IPV6_RECVHOPLIMIT, 1);
  if (result == 0) result = set_ipv6(fd, IPV6_RECVPKTINFO, 1);
  if (result == 0) result = set_ipv6(fd, IPV6_UNICAST_HOPS, NEIGHBOUR_HOP_LIMIT);
  if (result == 0) result = set_ipv6(fd, IPV6_MULTICAST_HOPS, NEIGHBOUR_HOP_LIMIT);
  if (result == 0) result = set_ipv6(fd, IPV6_MULTICAST_IF, ifindex);
  if (result == 0) result = set_ipv6(fd, IPV6_MULTICAST_LOOP, 0);
  if (result < 0) return close_with(fd, result);
  // What arrived between socket() and the filter came from any interface.
  char unwanted[1];
  while (recv(fd, unwanted, sizeof unwanted, 0) >= 0) continue;
  return fd;
}

// icmp6Open(ifindex, types) → fd or -errno. Receives ICMPv6 messages from their type octet on; the kernel has checked
// the checksum, and computes it for what is sent.
static napi_value icmp6_open(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t ifindex;
  void *types;
  size_t count;
  if (!get_args(env, info, 2, args) || !get_int(env, args[0], &ifindex) ||
      !get_array(env, args[1], napi_int32_array, &types, &count)) {
    return NULL;
  }
  return make_int(env, open_icmp6(ifindex, types, count));
}

// ipv6Open(ifindex) → fd or -errno. Sends packets with a header of the caller's making (a probe for a duplicate
// address has the unspecified source, which no other socket can send).
static napi_value ipv6_open(napi_env env, napi_callback_info info) {
  int32_t ifindex;
  if (!get_int_args(env, info, 1, &ifindex)) return NULL;
  const int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
  if (fd < 0) return make_int(env, -errno);
  int result = bind_to_interface(fd, ifindex);
  if (result == 0) result = set_ipv6(fd, IPV6_MULTICAST_IF, ifindex);
  if (result == 0) result = set_ipv6(fd, IPV6_MULTICAST_LOOP, 0);
  return make_int(env, result < 0 ? close_with(fd, result) : fd);
}

static int open_ipv4(int32_t ifindex, int type, int protocol) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  const int result = bind_to_interface(fd, ifindex);
  return result < 0 ? close_with(fd, result) : fd;
}

// tcp4Open(ifindex) → fd or -errno. Not connected yet; what it connects to is reached through that interface.
static napi_value tcp4_open(napi_env env, napi_callback_info info) {
  int32_t ifindex;
  if (!get_int_args(env, info, 1, &ifindex)) return NULL;
  return make_int(env, open_ipv4(ifindex, SOCK_STREAM, 0));
}

static int connect_icmp4(int fd, int32_t address) {
  // Bits of the types that do not come in (linux/icmp.h; glibc has no header for it).
  const uint32_t blocked = ~(1u << ICMP_ECHOREPLY);
  if (setsockopt(fd, SOL_RAW, ICMP_FILTER, &blocked, sizeof blocked) < 0) return -errno;
  const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl((uint32_t)address)};
  return connect(fd, (const struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}

// icmp4Open(ifindex, address) → fd or -errno. Sends ICMP messages to the address and receives its echo replies, each with
// the IPv4 header before it. The checksum is the caller's.
static napi_value icmp4_open(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t ifindex, address;
  if (!get_args(env, info, 2, args) || !get_int(env, args[0], &ifindex) || !get_int(env, args[1], &address)) {
    return NULL;
  }
  const int fd = open_ipv4(ifindex, SOCK_RAW, IPPROTO_ICMP);
  if (fd < 0) return make_int(env, fd);
  const int result = connect_icmp4(fd, address);
  return make_int(env, result < 0 ? close_with(fd, result) : fd);
}

struct received {
  ssize_t length;
  bool truncated;
  int32_t hop_limit;
  int32_t ifindex;
  struct sockaddr_storage from;
};

static int receive(int fd, void *buffer, size_t size, struct received *received) {
  struct iovec part = {buffer, size};
  _Alignas(struct cmsghdr) char control[256];
  struct msghdr message;
  do {
    message = (struct msghdr){
        .msg_name = &received->from,
        .msg_namelen = sizeof received->from,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control,
    };
    received->length = recvmsg(fd, &message, 0);
    if (received->length < 0 && errno != EINTR) return -errno;
    // Netlink messages of other programs are not the kernel's word.
  } while (received->length < 0 || (received->from.ss_family == AF_NETLINK &&
                                    ((const struct sockaddr_nl *)&received->from)->nl_pid != 0));
  received->truncated = (message.msg_flags & MSG_TRUNC) != 0;
  for (const struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, (struct cmsghdr *)c)) {
    if (c->cmsg_level != IPPROTO_IPV6) continue;
    if (c->cmsg_type == IPV6_HOPLIMIT) memcpy(&received->hop_limit, CMSG_DATA(c), sizeof received->hop_limit);
    if (c->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo packet;
      memcpy(&packet, CMSG_DATA(c), sizeof packet);
      received->ifindex = (int32_t)packet.ipi6_ifindex;
    }
  }
  return 0;
}

// recvMsg(fd, buffer) → { length, truncated, hopLimit, ifindex, source } or -errno (-EAGAIN: nothing there; -ENOBUFS:
// netlink messages were lost, so everything must be read anew).
static napi_value recv_msg(napi_env env, napi_callback_info info) {
  napi_value args[2];
  int32_t fd;
  void *buffer;
  size_t size;
  if (!get_args(env, info, 2, args) || !get_int(env, args[0], &fd) ||
      !get_array(env, args[1], napi_uint8_array, &buffer, &size)) {
    return NULL;
  }
  struct received received = {.hop_limit = -1};
  const int result = receive(fd, buffer, size, &received);
  if (result < 0) return make_int(env, result);
  napi_value object, source;
  napi_create_object(env, &object);
  set_int(env, object, "length", (int32_t)received.length);
  set_int(env, object, "truncated", received.truncated);
  set_int(env, object, "hopLimit", received.hop_limit);
  set_int(env, object, "ifindex", received.ifindex);
  napi_get_null(env, &source);
  if (received.from.ss_family == AF_INET6) {
    void *bytes;
    napi_value array_buffer;
    napi_create_arraybuffer(env, 16, &bytes, &array_buffer);
    memcpy(bytes, &((const struct sockaddr_in6 *)&received.from)->sin6_addr, 16);
    napi_create_typedarray(env, napi_uint8_array, 16, array_buffer, 0, &source);
  }
  napi_set_named_property(env, object, "source", source);
  return object;
}

// sendTo(fd, buffer, address, ifindex) → bytes sent or -errno
static napi_value send_to(napi_env env, napi_callback_info info) {
  napi_value args[4];
  int32_t fd, ifindex;
  void *buffer, *address;
  size_t size, address_size;
  if (!get_args(env, info, 4, args) || !get_int(env, args[0], &fd) ||
      !get_array(env, args[1], napi_uint8_array, &buffer, &size) ||
      !get_array(env, args[2], napi_uint8_array, &address, &address_size) || !get_int(env, args[3], &ifindex)) {
    return NULL;
  }
  if (address_size != 16) {
    throw_type(env, "an IPv6 address has 16 bytes");
    return NULL;
  }
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)ifindex};
  memcpy(&to.sin6_addr, address, 16);
  ssize_t n;
  do {
    n = sendto(fd, buffer, size, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to);
  } while (n < 0 && errno == EINTR);
  return make_int(env, n < 0 ? -errno : (int32_t)n);
}

// closeFd(fd) → 0 or -errno
static napi_value close_fd(napi_env env, napi_callback_info info) {
  int32_t fd;
  if (!get_int_args(env, info, 1, &fd)) return NULL;
  if (fd <= STDERR_FILENO) return make_int(env, -EBADF);
  return make_int(env, close(fd) < 0 ? -errno : 0);
}

// ifIndex(name) → index or -errno
static napi_value if_index(napi_env env, napi_callback_info info) {
  napi_value args[1];
  char name[IFNAMSIZ];
  size_t length;
  if (!get_args(env, info, 1, args) || !get_string(env, args[0], name, sizeof name, &length)) return NULL;
  const unsigned index = if_nametoindex(name);
  return make_int(env, index == 0 ? -errno : (int32_t)index);
}

void export_socket(napi_env env, napi_value exports) {
  const napi_property_descriptor table[] = {
      FUNCTION("netlinkOpen", netlink_open), FUNCTION("netfilterOpen", netfilter_open),
      FUNCTION("icmp6Open", icmp6_open), FUNCTION("ipv6Open", ipv6_open),
      FUNCTION("tcp4Open", tcp4_open),       FUNCTION("icmp4Open", icmp4_open),
      FUNCTION("recvMsg", recv_msg),         FUNCTION("sendTo", send_to),       FUNCTION("closeFd", close_fd),
      FUNCTION("ifIndex", if_index),
  };
  export_functions(env, exports, table, sizeof table / sizeof *table);
}
