// What rtnetlink tells about an interface, as far as it matters before attaching to it.
#ifndef CLATD_LINK_H
#define CLATD_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link {
  int32_t index;
  char name[IFNAMSIZ];  // the name proper, where an alternative name was asked for
  bool is_tun;          // of kind "tun" (which a TAP is, too)
  bool is_tap;
  bool has_details;     // the kernel (4.18 and later) told the following
  bool packet_info;
  bool vnet_header;
  bool multi_queue;
  bool persistent;
  int32_t queues;       // attached and detached ones: held by a program
};

// Returns 1 found, 0 no such interface, or -errno.
int query_link(const char *name, struct link *link);

#endif
