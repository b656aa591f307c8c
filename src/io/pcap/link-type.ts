/** Finding the IP packet inside a captured frame, by link type (the LINKTYPE_ registry of tcpdump.org). */

export const LinkType = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  raw12: 12,
  raw14: 14,
  pppHdlc: 50,
  pppoe: 51,
  raw: 101,
  loop: 108,
  sll: 113,
  ipv4: 228,
  ipv6: 229,
  nflog: 239,
  sll2: 276,
} as const;

const SUPPORTED: ReadonlySet<number> = new Set(Object.values(LinkType));

export const isSupported = (linkType: number): boolean => SUPPORTED.has(linkType);

/** Names for messages. */
export const SUPPORTED_NAMES =
  'RAW, IPV4, IPV6, Ethernet, Linux SLL and SLL2, PPP, PPPoE, NFLOG, NULL and LOOP';

/** Of those that are not supported, the ones people meet. */
const OTHER_NAMES: Readonly<Record<number, string>> = {
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
const ETHERTYPE_PPPOE = 0x8864;
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_MPLS_MULTICAST = 0x8848;
/** PPP protocol numbers. */
const PPP_IP4 = 0x0021;
const PPP_IP6 = 0x0057;
const PPP_MPLS = 0x0281;
const NFULA_PAYLOAD = 9;
/** AF_INET, AF_INET6: what else is logged (ARP, bridges) begins with another header. */
const NFLOG_FAMILIES: ReadonlySet<number> = new Set([2, 10]);
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
    case LinkType.ppp:
    case LinkType.pppHdlc:
      return afterPpp(bytes, start, end);
    case LinkType.pppoe:
      return afterPppoe(bytes, start, end);
    case LinkType.nflog:
      return nflogPayload(bytes, start, end)?.start ?? -1;
    case LinkType.sll2: {
      // The protocol stands first; a VLAN tag's rest, protocol of its own included, stands behind the header.
      if (end - start < 20) return -1;
      const type = word16(bytes, start);
      return VLAN.has(type) ? afterEthertype(bytes, start + 22, end) : behind(type, bytes, start + 20, end);
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

/** Skips VLAN tags from the ethertype at `at` on. */
function afterEthertype(bytes: Uint8Array, at: number, end: number): number {
  while (at + 2 <= end) {
    const type = word16(bytes, at);
    if (!VLAN.has(type)) return behind(type, bytes, at + 2, end);
    at += 4;
  }
  return -1;
}

/** What an ethertype announces, from `at` on. */
function behind(type: number, bytes: Uint8Array, at: number, end: number): number {
  switch (type) {
    case ETHERTYPE_IP4:
    case ETHERTYPE_IP6:
      return at;
    case ETHERTYPE_PPPOE:
      return afterPppoe(bytes, at, end);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_MULTICAST:
      return afterMpls(bytes, at, end);
    default:
      return -1;
  }
}

/** RFC 2516 §4: version and type 0x11, code 0 (session), session, length; then PPP without framing. */
function afterPppoe(bytes: Uint8Array, at: number, end: number): number {
  if (at + 6 > end || bytes[at] !== 0x11 || bytes[at + 1] !== 0) return -1;
  return afterPpp(bytes, at + 6, end);
}

/** RFC 1661 §2, RFC 1662 §3: 0xff 0x03 or nothing, then the protocol in two bytes, or in one (§6.5 of RFC 1661). */
function afterPpp(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 <= end && bytes[at] === 0xff && bytes[at + 1] === 3) at += 2;
  if (at >= end) return -1;
  const compressed = (bytes[at]! & 1) === 1;
  if (!compressed && at + 2 > end) return -1;
  const protocol = compressed ? bytes[at]! : word16(bytes, at);
  const next = at + (compressed ? 1 : 2);
  if (protocol === PPP_IP4 || protocol === PPP_IP6) return next;
  return protocol === PPP_MPLS ? afterMpls(bytes, next, end) : -1;
}

/** RFC 3032 §2.1: entries of four bytes, the last with its bottom bit set. What follows does not say what it is. */
function afterMpls(bytes: Uint8Array, at: number, end: number): number {
  for (; at + 4 <= end; at += 4) {
    if ((bytes[at + 2]! & 1) === 0) continue;
    const version = at + 4 < end ? bytes[at + 4]! >>> 4 : 0;
    return version === 4 || version === 6 ? at + 4 : -1;
  }
  return -1;
}

/**
 * NFLOG: family, version 0, group; then attributes as netlink has them: length (its own four bytes included) and type in
 * the byte order of the capturing host, padded to four. The payload is one of them.
 */
export function nflogPayload(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly start: number; readonly end: number } | null {
  if (end - start < 4 || !NFLOG_FAMILIES.has(bytes[start]!) || bytes[start + 1] !== 0) return null;
  for (const little of [true, false]) {
    const word = (at: number): number => (little ? bytes[at]! | (bytes[at + 1]! << 8) : word16(bytes, at));
    for (let at = start + 4; at + 4 <= end; ) {
      const length = word(at);
      if (length < 4) break;
      // Cut by the capture, it may end before its length says.
      if (word(at + 2) === NFULA_PAYLOAD) return { start: at + 4, end: Math.min(at + length, end) };
      at += (length + 3) & ~3;
    }
  }
  return null;
}
