/** Finding the IP packet inside a captured frame, by link type (the LINKTYPE_ registry of tcpdump.org). */

export const LinkType = {
  null: 0,
  ethernet: 1,
  raw12: 12,
  raw14: 14,
  raw: 101,
  loop: 108,
  sll: 113,
  ipv4: 228,
  ipv6: 229,
  sll2: 276,
} as const;

const SUPPORTED: ReadonlySet<number> = new Set(Object.values(LinkType));

export const isSupported = (linkType: number): boolean => SUPPORTED.has(linkType);

/** Names for messages. */
export const SUPPORTED_NAMES = 'RAW, IPV4, IPV6, Ethernet, Linux SLL and SLL2, NULL and LOOP';

const ETHERTYPE_IP4 = 0x0800;
const ETHERTYPE_IP6 = 0x86dd;
/** 802.1Q, 802.1ad and the older double tag. */
const VLAN: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
/** AF_INET and the AF_INET6 of Linux, NetBSD, FreeBSD and macOS. */
const FAMILIES: ReadonlySet<number> = new Set([2, 10, 24, 28, 30]);

/** Offset of the IP header in `frame`, or -1: not IP. */
export function ipOffset(frame: Uint8Array, linkType: number): number {
  switch (linkType) {
    case LinkType.raw12:
    case LinkType.raw14:
    case LinkType.raw:
    case LinkType.ipv4:
    case LinkType.ipv6:
      return 0;
    case LinkType.ethernet:
      return afterEthertype(frame, 12);
    case LinkType.sll:
      return afterEthertype(frame, 14);
    case LinkType.sll2: {
      if (frame.length < 20) return -1;
      const type = word16(frame, 0);
      return VLAN.has(type) ? afterEthertype(frame, 22) : isIp(type) ? 20 : -1;
    }
    case LinkType.null:
    case LinkType.loop: {
      if (frame.length < 4) return -1;
      // NULL is in the capturing host's byte order, LOOP in network order: a family is small, so either tells itself.
      const big = (word16(frame, 0) << 16) | word16(frame, 2);
      const little = (frame[3]! << 24) | (frame[2]! << 16) | (frame[1]! << 8) | frame[0]!;
      return FAMILIES.has(big) || FAMILIES.has(little) ? 4 : -1;
    }
    default:
      return -1;
  }
}

const word16 = (frame: Uint8Array, at: number): number => (frame[at]! << 8) | frame[at + 1]!;
const isIp = (type: number): boolean => type === ETHERTYPE_IP4 || type === ETHERTYPE_IP6;

/** Skips VLAN tags from the ethertype at `at` on. */
function afterEthertype(frame: Uint8Array, at: number): number {
  while (at + 2 <= frame.length) {
    const type = word16(frame, at);
    if (isIp(type)) return at + 2;
    if (!VLAN.has(type)) return -1;
    at += 4;
  }
  return -1;
}
