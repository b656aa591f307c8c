/** IPv4 headers into facts: RFC 791 §3.1; spec T46-IN-*. Reads, never writes. */
import { fold, sumBytes, sumWord } from '../wire/checksum.ts';
import { ICMP_HEADER } from '../wire/icmp.ts';
import {
  DF,
  destination4,
  firstWord4,
  fragmentWord4,
  HEADER4,
  MF,
  OFFSET_MASK,
  Option4,
  source4,
  ttlWord4,
} from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER, UDP_HEADER } from '../wire/transport.ts';
import type { Job, Stage } from './job.ts';
import type { Packet } from './packet.ts';
import { PASS, Reason } from './reasons.ts';

/**
 * Reads the header at `start`, of which `present` bytes are there. Checks only what the reading itself needs.
 * @returns 0; 1: cut off; 2: bad version or IHL; 3: Total Length below the header's own
 */
export function readHeader4(view: DataView, start: number, present: number, packet: Packet): 0 | 1 | 2 | 3 {
  if (present < HEADER4) return 1;
  const word0 = firstWord4(view, start);
  const headerBytes = (word0 >>> 22) & 0x3c;
  if (word0 >>> 28 !== 4 || headerBytes < HEADER4 || headerBytes > present) return 2;
  const totalLength = word0 & 0xffff;
  if (totalLength < headerBytes) return 3;
  const word1 = fragmentWord4(view, start);
  const word2 = ttlWord4(view, start);
  const source = source4(view, start);
  const destination = destination4(view, start);
  packet.start = start;
  packet.length = totalLength;
  packet.headerBytes = headerBytes;
  packet.trafficClass = (word0 >>> 16) & 0xff;
  packet.identification = word1 >>> 16;
  packet.dontFragment = (word1 & DF) >>> 14;
  packet.moreFragments = (word1 & MF) >>> 13;
  packet.fragmentOffset = word1 & OFFSET_MASK;
  packet.hopLimit = word2 >>> 24;
  packet.protocol = (word2 >>> 16) & 0xff;
  packet.source = source;
  packet.destination = destination;
  packet.headerSum =
    sumWord(word0) + sumWord(word1) + sumWord(word2) + sumWord(source) + sumWord(destination);
  packet.transport = start + headerBytes;
  packet.payload = totalLength - headerBytes;
  packet.present = present - headerBytes;
  return 0;
}

const HEADER_FAULTS = [
  PASS,
  Reason.ShortHeader46,
  Reason.BadHeaderLength46,
  Reason.BadTotalLength46,
] as const;

/** GEN-3 steps 1 and 2: the packet of `received` bytes at `start` is whole and its header is right. */
export function parse4(job: Job, start: number, received: number): Stage {
  const packet = job.outer;
  const fault = readHeader4(job.view, start, received, packet);
  if (fault !== 0) return HEADER_FAULTS[fault];
  if (packet.length > received) return Reason.Truncated46; // T46-IN-4
  packet.present = packet.payload; // T46-IN-5: what follows is no part of it
  if (packet.hopLimit === 0) return Reason.TtlZero46; // T46-IN-7
  if (packet.isFragment()) {
    const payload = packet.payload;
    if (packet.moreFragments !== 0 && (payload & 7) !== 0) return Reason.BadFragmentLength46; // T46-IN-9
    if (packet.fragmentOffset * 8 + payload > 0xffff) return Reason.FragmentOverrun46; // T46-IN-10
    if (payload === 0) return Reason.EmptyFragment46; // T46-IN-11
  }
  let sum = packet.headerSum;
  if (packet.headerBytes !== HEADER4) {
    sum += sumBytes(job.view, start + HEADER4, packet.headerBytes - HEADER4, 0);
  }
  return fold(sum) === 0xffff ? PASS : Reason.BadHeaderChecksum46; // T46-IN-6
}

/** T46-OPT: one scan from the left; the first finding decides. Called only where there are options. */
export function scanOptions4(view: DataView, packet: Packet): Stage {
  const end = packet.transport;
  let at = packet.start + HEADER4;
  while (at < end) {
    const type = view.getUint8(at);
    if (type === Option4.end) return PASS;
    if (type === Option4.nop) {
      at++;
      continue;
    }
    if (at + 1 >= end) return Reason.BadOptions46;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return Reason.BadOptions46;
    if (type === Option4.lsrr || type === Option4.ssrr) {
      if (length < 3) return Reason.BadOptions46;
      // The pointer is expired once it is greater than the length (RFC 791 §3.1).
      if (view.getUint8(at + 2) <= length) return Reason.SourceRoute46;
    }
    at += length;
  }
  return PASS;
}

/** GEN-3 step 7: T46-IN-12..14. */
export function checkTransport4(packet: Packet): Stage {
  const payload = packet.payload;
  switch (packet.protocol) {
    case Protocol.tcp:
      return packet.fragmentOffset === 0 && payload < TCP_HEADER ? Reason.ShortTransport46 : PASS;
    case Protocol.udp:
      return packet.fragmentOffset === 0 && payload < UDP_HEADER ? Reason.ShortTransport46 : PASS;
    case Protocol.icmp4:
      if (packet.isFragment()) return Reason.FragmentedIcmp46;
      return payload < ICMP_HEADER ? Reason.ShortTransport46 : PASS;
    case Protocol.igmp:
      return Reason.Igmp46;
    case Protocol.hopByHop:
    case Protocol.routing:
    case Protocol.fragment:
    case Protocol.icmp6:
    case Protocol.destinationOptions:
      return Reason.ForbiddenProtocol46;
    default:
      return PASS;
  }
}
