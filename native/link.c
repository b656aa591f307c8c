// RTM_GETLINK for one interface. Needs no privilege and no /sys, which may show another network namespace.
#include "link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 32768

static uint32_t small_value(const struct rtattr *attribute) {
  if (RTA_PAYLOAD(attribute) >= 4) return *(const uint32_t *)RTA_DATA(attribute);
  return RTA_PAYLOAD(attribute) >= 1 ? *(const uint8_t *)RTA_DATA(attribute) : 0;
}

static void read_tun(const struct rtattr *data, struct link *link) {
  link->has_details = true;
  int left = (int)RTA_PAYLOAD(data);
  for (const struct rtattr *a = RTA_DATA(data); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    const uint32_t value = small_value(a);
    switch (a->rta_type) {
      case IFLA_TUN_TYPE: link->is_tap = value == IFF_TAP; break;
      case IFLA_TUN_PI: link->packet_info = value != 0; break;
      case IFLA_TUN_VNET_HDR: link->vnet_header = value != 0; break;
      case IFLA_TUN_MULTI_QUEUE: link->multi_queue = value != 0; break;
      case IFLA_TUN_PERSIST: link->persistent = value != 0; break;
      case IFLA_TUN_NUM_QUEUES:
      case IFLA_TUN_NUM_DISABLED_QUEUES: link->queues += (int32_t)value; break;
      default: break;
    }
  }
}

static void read_link(const struct nlmsghdr *message, struct link *link) {
  const struct ifinfomsg *header = NLMSG_DATA(message);
  link->index = header->ifi_index;
  int left = (int)IFLA_PAYLOAD(message);
  for (const struct rtattr *a = IFLA_RTA(header); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == IFLA_IFNAME) strncpy(link->name, RTA_DATA(a), IFNAMSIZ - 1);
    if ((a->rta_type & NLA_TYPE_MASK) != IFLA_LINKINFO) continue;
    const struct rtattr *data = NULL;
    int inner = (int)RTA_PAYLOAD(a);
    for (const struct rtattr *b = RTA_DATA(a); RTA_OK(b, inner); b = RTA_NEXT(b, inner)) {
      if (b->rta_type == IFLA_INFO_KIND) {
        link->is_tun = RTA_PAYLOAD(b) >= 4 && memcmp(RTA_DATA(b), "tun", 4) == 0;
      }
      if ((b->rta_type & NLA_TYPE_MASK) == IFLA_INFO_DATA) data = b;
    }
    // The same attribute numbers mean other things for other kinds.
    if (link->is_tun && data != NULL) read_tun(data, link);
  }
}

static int exchange(int fd, const char *name, struct link *link) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg info;
    struct rtattr attribute;
    char name[IFNAMSIZ];
  } request = {0};
  const size_t length = strlen(name) + 1;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = 1;
  request.attribute.rta_type = IFLA_IFNAME;
  request.attribute.rta_len = (unsigned short)RTA_LENGTH(length);
  memcpy(request.name, name, length);
  request.header.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof request.info) + RTA_SPACE(length));
  const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(fd, &request, request.header.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0) {
    return -errno;
  }
  _Alignas(NLMSG_ALIGNTO) char answer[ANSWER_BYTES];
  ssize_t n;
  do {
    n = recv(fd, answer, sizeof answer, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
  if (!NLMSG_OK(message, (size_t)n)) return -EPROTO;
  if (message->nlmsg_type == NLMSG_ERROR) {
    const int error = ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
    return error == -ENODEV ? 0 : error;
  }
  if (message->nlmsg_type != RTM_NEWLINK) return -EPROTO;
  read_link(message, link);
  return 1;
}

int query_link(const char *name, struct link *link) {
  memset(link, 0, sizeof *link);
  if (strlen(name) >= IFNAMSIZ) return -ENAMETOOLONG;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -errno;
  const int result = exchange(fd, name, link);
  close(fd);
  return result;
}
