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

/** Of those that are not supported, the ones people meet. */
const OTHER_NAMES: Readonly<Record<number, string>> = {
  9: 'PPP',
  50: 'PPP_HDLC',
  51: 'PPPoE',
  104: 'Cisco HDLC',
  105: '802.11',
  117: 'PFLOG',
  127: '802.11 with radiotap header',
  147: 'USER0',
  187: 'Bluetooth HCI',
  189: 'Linux USB',
  192: 'PPI',
  195: '802.15.4',
  201: 'Bluetooth HCI with direction',
  220: 'Linux USB, memory-mapped',
  227: 'CAN',
  239: 'NFLOG',
  249: 'USBPcap',
  253: 'Linux netlink',
  272: 'nRF sniffer',
};

/** For messages: "105 (802.11)". */
export function linkTypeName(linkType: number): string {
  const name = OTHER_NAMES[linkType];
  return name === undefined ? `${linkType}` : `${linkType} (${name})`;
}

const ETHERTYPE_IP4 = 0x0800;
const ETHERTYPE_IP6 = 0x86dd;
/** 802.1Q, 802.1ad and the older double tag. */
const VLAN: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
/** AF_INET and the AF_INET6 of Linux, NetBSD, FreeBSD and macOS. */
const FAMILIES: ReadonlySet<number> = new Set([2, 10, 24, 28, 30]);

/** Offset in `bytes` of the IP header of the frame that lies from `start` to before `end`, or -1: not IP. */
export function ipOffset(bytes: Uint8Array, start: number, end: number, linkType: number): number {
  switch (linkType) {
    case LinkType.raw12:
    case LinkType.raw14:
    case LinkType.raw:
    case LinkType.ipv4:
    case LinkType.ipv6:
      return start;
    case LinkType.ethernet:
      return afterEthertype(bytes, start + 12, end);
    case LinkType.sll:
      return afterEthertype(bytes, start + 14, end);
    case LinkType.sll2: {
      // The protocol stands first; a VLAN tag's rest, protocol of its own included, stands behind the header.
      if (end - start < 20) return -1;
      const type = word16(bytes, start);
      return VLAN.has(type) ? afterEthertype(bytes, start + 22, end) : isIp(type) ? start + 20 : -1;
    }
    case LinkType.null:
    case LinkType.loop: {
      if (end - start < 4) return -1;
      // NULL is in the capturing host's byte order, LOOP in network order: a family is small, so either tells itself.
      const [a, b, c, d] = [bytes[start]!, bytes[start + 1]!, bytes[start + 2]!, bytes[start + 3]!];
      const family = a === 0 && b === 0 ? (c << 8) | d : c === 0 && d === 0 ? (b << 8) | a : -1;
      return FAMILIES.has(family) ? start + 4 : -1;
    }
    default:
      return -1;
  }
}

const word16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const isIp = (type: number): boolean => type === ETHERTYPE_IP4 || type === ETHERTYPE_IP6;

/** Skips VLAN tags from the ethertype at `at` on. */
function afterEthertype(bytes: Uint8Array, at: number, end: number): number {
  while (at + 2 <= end) {
    const type = word16(bytes, at);
    if (isIp(type)) return at + 2;
    if (!VLAN.has(type)) return -1;
    at += 4;
  }
  return -1;
}
