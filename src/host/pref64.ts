/**
 * What a router says: the options of a router advertisement that matter here, from the advertisement itself (raw ICMPv6)
 * or from the kernel's word about it (rtnetlink, RTM_NEWNDUSEROPT). Bytes in, values out; no clock, no socket.
 */
import { type Ip6, mask32, type Prefix6 } from '../address/ip.ts';

/**
 * PREF64, RFC 8781 §4:
 *
 *     | type = 38 | length = 2 | scaled lifetime (13) | PLC (3) |
 *     |          highest 96 bits of the prefix, 12 octets       |
 */
const PREF64 = 38;
/** Recursive DNS servers, RFC 8106 §5.1. */
const RDNSS = 25;
/** RFC 4861 §4.6.4 */
const MTU = 5;
/** RFC 8781 §4.1: prefix length code → length; 6 and 7 mean nothing. */
const PLC: readonly number[] = [96, 64, 56, 48, 40, 32];
const LIFETIME_UNIT = 8; // s

/** RFC 4861 §6.1.2 */
const ND_HOP_LIMIT = 255;
const ROUTER_ADVERTISEMENT = 134;
/** Octets of a router advertisement before its options. */
const RA_HEADER = 16;

/** linux/rtnetlink.h */
const RTM_NEWNDUSEROPT = 68;
const NDUSEROPT_SRCADDR = 1;
const NLMSG_HEADER = 16;
/** struct nduseroptmsg */
const NDUSEROPT_HEADER = 16;

export interface Pref64 {
  readonly prefix: Prefix6;
  /** s, 0..65528; 0: stop using it now. */
  readonly lifetime: number;
}

export interface Rdnss {
  readonly addresses: readonly Ip6[];
  /** s; 0: stop using them; 2^32-1: no end. */
  readonly lifetime: number;
}

export interface NdOptions {
  readonly pref64: readonly Pref64[];
  readonly rdnss: readonly Rdnss[];
  /** bytes; null: not said. */
  readonly mtu: number | null;
}

/** One router's word on one interface. */
export interface RouterWord extends NdOptions {
  /** Link-local. */
  readonly router: Ip6;
  readonly ifindex: number;
}

/** As native's recvMsg tells of an ICMPv6 message. */
export interface Arrival {
  readonly hopLimit: number;
  readonly ifindex: number;
  /** 16 octets. */
  readonly source: Uint8Array | null;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Sixteen octets as an address. */
export function readIp6(view: DataView, at: number): Ip6 {
  return [view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)];
}

/**
 * Walks neighbour discovery options. null: one has length 0 or runs over the end, which makes the whole message void
 * (RFC 4861 §4.6). An option that is malformed in itself is left out alone (DISC-2).
 */
export function readNdOptions(options: Uint8Array): NdOptions | null {
  const view = viewOf(options);
  const pref64: Pref64[] = [];
  const rdnss: Rdnss[] = [];
  let mtu: number | null = null;
  for (let at = 0; at < options.length; ) {
    if (at + 2 > options.length) return null;
    const length = options[at + 1]! * 8;
    if (length === 0 || at + length > options.length) return null;
    switch (options[at]) {
      case PREF64: {
        const found = length === 16 ? readPref64(view, at) : null;
        if (found !== null) pref64.push(found);
        break;
      }
      case RDNSS:
        // RFC 8106 §5.3.1: the length is odd and at least 3 units.
        if (length >= 24 && length % 16 === 8) rdnss.push(readRdnss(view, at, length));
        break;
      case MTU:
        if (length === 8) mtu = view.getUint32(at + 4);
        break;
    }
    at += length;
  }
  return { pref64, rdnss, mtu };
}

function readPref64(view: DataView, at: number): Pref64 | null {
  const word = view.getUint16(at + 2);
  const length = PLC[word & 7];
  if (length === undefined) return null;
  const bits = (i: number): number => view.getInt32(at + 4 + 4 * i) & mask32(length - 32 * i);
  return {
    prefix: { address: [bits(0), bits(1), bits(2), 0], length },
    lifetime: (word >>> 3) * LIFETIME_UNIT,
  };
}

function readRdnss(view: DataView, at: number, length: number): Rdnss {
  const addresses: Ip6[] = [];
  for (let address = at + 8; address + 16 <= at + length; address += 16)
    addresses.push(readIp6(view, address));
  return { addresses, lifetime: view.getUint32(at + 4) };
}

/** fe80::/10 */
export const isLinkLocal = (address: Ip6): boolean => address[0] >>> 22 === 0x3fa;

/** A router advertisement from its type octet on; null: not a valid one (DISC-3, RFC 4861 §6.1.2). */
export function readAdvertisement(message: Uint8Array, arrival: Arrival): RouterWord | null {
  const { hopLimit, ifindex, source } = arrival;
  if (message.length < RA_HEADER || message[0] !== ROUTER_ADVERTISEMENT || message[1] !== 0) return null;
  if (hopLimit !== ND_HOP_LIMIT || source === null) return null;
  const router = readIp6(viewOf(source), 0);
  if (!isLinkLocal(router)) return null;
  const options = readNdOptions(message.subarray(RA_HEADER));
  return options === null ? null : { ...options, router, ifindex };
}

/**
 * The router's words in a buffer of rtnetlink messages (numbers in host order, here little or big as the machine is).
 * The kernel has checked hop limit and source; it sends one message an option. Messages of other kinds are passed over.
 */
export function readNetlinkOptions(buffer: Uint8Array, littleEndian: boolean): RouterWord[] {
  const words: RouterWord[] = [];
  const view = viewOf(buffer);
  for (let at = 0; at + NLMSG_HEADER <= buffer.length; ) {
    const length = view.getUint32(at, littleEndian);
    if (length < NLMSG_HEADER || at + length > buffer.length) break;
    if (view.getUint16(at + 4, littleEndian) === RTM_NEWNDUSEROPT) {
      const word = readUserOption(buffer.subarray(at + NLMSG_HEADER, at + length), littleEndian);
      if (word !== null) words.push(word);
    }
    at += (length + 3) & ~3;
  }
  return words;
}

function readUserOption(body: Uint8Array, littleEndian: boolean): RouterWord | null {
  if (body.length < NDUSEROPT_HEADER) return null;
  const view = viewOf(body);
  const optionsLength = view.getUint16(2, littleEndian);
  const end = NDUSEROPT_HEADER + optionsLength;
  if (body[8] !== ROUTER_ADVERTISEMENT || body[9] !== 0 || end > body.length) return null;
  const options = readNdOptions(body.subarray(NDUSEROPT_HEADER, end));
  if (options === null) return null;
  for (let at = (end + 3) & ~3; at + 4 <= body.length; ) {
    const length = view.getUint16(at, littleEndian);
    if (length < 4) break;
    if (
      view.getUint16(at + 2, littleEndian) === NDUSEROPT_SRCADDR &&
      length === 20 &&
      at + 20 <= body.length
    ) {
      return { ...options, router: readIp6(view, at + 4), ifindex: view.getInt32(4, littleEndian) };
    }
    at += (length + 3) & ~3;
  }
  return null;
}
