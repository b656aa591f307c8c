/** IPv6 headers into facts: RFC 8200 §3, §4; spec T64-IN-*, T64-EXT-*. Reads, never writes. */
import {
  extensionBytes,
  FRAGMENT_HEADER,
  fragmentWord6,
  identification6,
  nextHeader,
  SEGMENTS_LEFT,
  segmentsLeft,
} from '../wire/extension6.ts';
import { ICMP_HEADER } from '../wire/icmp.ts';
import { firstWord6, HEADER6, payloadWord6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER, UDP_HEADER } from '../wire/transport.ts';
import type { Job, Stage } from './job.ts';
import type { Packet } from './packet.ts';
import { PASS, Reason } from './reasons.ts';

/** T64-IN-6: more extension headers than this, the Fragment Header included, and the packet is refused. */
const MOST_EXTENSION_HEADERS = 16;

/** Offset of the Next Header octet in the IPv6 header. */
const NEXT_HEADER_AT = 6;

/**
 * Reads the fixed header at `start`, of which `present` bytes are there.
 * @returns 0; 1: cut off; 2: bad version
 */
export function readHeader6(view: DataView, start: number, present: number, packet: Packet): 0 | 1 | 2 {
  if (present < HEADER6) return 1;
  const word0 = firstWord6(view, start);
  if (word0 >>> 28 !== 6) return 2;
  const word1 = payloadWord6(view, start);
  packet.start = start;
  packet.length = HEADER6 + (word1 >>> 16);
  packet.headerBytes = HEADER6;
  packet.trafficClass = (word0 >>> 20) & 0xff;
  packet.hopLimit = word1 & 0xff;
  packet.protocol = (word1 >>> 8) & 0xff;
  packet.identification = 0;
  packet.dontFragment = 0;
  packet.moreFragments = 0;
  packet.fragmentOffset = 0;
  packet.fragmentHeader = 0;
  packet.transport = start + HEADER6;
  packet.payload = word1 >>> 16;
  packet.present = present - HEADER6;
  packet.segmentsLeftAt = 0;
  packet.protocolAt = NEXT_HEADER_AT;
  return 0;
}

/**
 * Follows the extension chain up to the protocol or the Fragment Header (T64-EXT-1, T64-EXT-2), moving `transport`
 * along. `present` counts what is really there, `payload` what the header claims.
 * @returns 0; 1: an extension header is cut off; 2: too many of them
 */
export function walkExtensions6(view: DataView, packet: Packet): 0 | 1 | 2 {
  for (let headers = 1; ; headers++) {
    const protocol = packet.protocol;
    const isFragment = protocol === Protocol.fragment;
    if (
      !isFragment &&
      protocol !== Protocol.hopByHop &&
      protocol !== Protocol.destinationOptions &&
      protocol !== Protocol.routing
    ) {
      return 0;
    }
    const room = packet.present < packet.payload ? packet.present : packet.payload;
    const at = packet.transport;
    if (room < FRAGMENT_HEADER) return 1;
    const length = isFragment ? FRAGMENT_HEADER : extensionBytes(view, at);
    if (room < length) return 1;
    if (headers > MOST_EXTENSION_HEADERS) return 2;
    if (protocol === Protocol.routing && packet.segmentsLeftAt === 0 && segmentsLeft(view, at) !== 0) {
      packet.segmentsLeftAt = at - packet.start + SEGMENTS_LEFT;
    }
    if (isFragment) {
      const word = fragmentWord6(view, at);
      packet.fragmentHeader = 1;
      packet.fragmentOffset = word >>> 3;
      packet.moreFragments = word & 1;
      packet.identification = identification6(view, at);
    }
    packet.protocol = nextHeader(view, at);
    packet.protocolAt = at - packet.start;
    packet.transport = at + length;
    packet.headerBytes += length;
    packet.payload -= length;
    packet.present -= length;
    // What lies behind the Fragment Header is T64-EXT-4's case and not read.
    if (isFragment) return 0;
  }
}

const HEADER_FAULTS = [PASS, Reason.ShortHeader64, Reason.ShortHeader64] as const;
const CHAIN_FAULTS = [PASS, Reason.BadExtensionHeader64, Reason.TooManyExtensionHeaders64] as const;

/** GEN-3 step 1: the packet of `received` bytes at `start` is whole and its chain can be followed. */
export function parse6(job: Job, start: number, received: number): Stage {
  const packet = job.outer;
  const fault = readHeader6(job.view, start, received, packet);
  if (fault !== 0) return HEADER_FAULTS[fault];
  if (packet.length > received) return Reason.Truncated64; // T64-IN-2
  if (packet.payload === 0 && packet.protocol === Protocol.hopByHop) return Reason.Jumbogram64; // T64-IN-4
  packet.present = packet.payload; // T64-IN-3: what follows is no part of it
  if (packet.hopLimit === 0) return Reason.HopLimitZero64; // T64-IN-5
  const chain = walkExtensions6(job.view, packet);
  if (chain !== 0) return CHAIN_FAULTS[chain];
  if (packet.fragmentHeader !== 0) {
    const payload = packet.payload;
    if (packet.moreFragments !== 0 && (payload & 7) !== 0) return Reason.BadFragmentLength64; // T64-IN-7
    if (packet.fragmentOffset * 8 + payload > 0xffff) return Reason.FragmentOverrun64;
    if (payload === 0 && packet.isFragment()) return Reason.EmptyFragment64;
  }
  return PASS;
}

/** T64-EXT-4: extension headers, AH and what IANA lists with them must not follow a Fragment Header. */
export function isExtensionBehindFragment(protocol: number): boolean {
  switch (protocol) {
    case Protocol.hopByHop:
    case Protocol.routing:
    case Protocol.fragment:
    case Protocol.ah:
    case Protocol.destinationOptions:
    case Protocol.mobility:
    case Protocol.hip:
    case Protocol.shim6:
      return true;
    default:
      return false;
  }
}

/** GEN-3 step 7: T64-IN-7 (ICMPv6), T64-IN-8, T64-IN-9. */
export function checkTransport6(packet: Packet): Stage {
  const payload = packet.payload;
  switch (packet.protocol) {
    case Protocol.tcp:
      return packet.fragmentOffset === 0 && payload < TCP_HEADER ? Reason.ShortTransport64 : PASS;
    case Protocol.udp:
      return packet.fragmentOffset === 0 && payload < UDP_HEADER ? Reason.ShortTransport64 : PASS;
    case Protocol.icmp6:
      if (packet.isFragment()) return Reason.FragmentedIcmp64;
      return payload < ICMP_HEADER ? Reason.ShortTransport64 : PASS;
    case Protocol.icmp4:
    case Protocol.igmp:
      return Reason.ForbiddenProtocol64;
    default:
      return PASS;
  }
}
