/**
 * The transport header: copied into the head with its checksum adjusted (RFC 7915 §4.5, §5.5; T46-L4-*, T64-L4-*).
 *
 * Only the bytes up to the checksum's end are copied (20 for TCP, 8 for UDP, ICMP, DCCP, UDP-Lite); what follows
 * stays where it was received. job.delta is the sum of the complements of the old pseudo-header words and of the new
 * words (RFC 1624 eq. 3); protocol and length stand in both pseudo-headers and cancel.
 */
import { fold, sum16, sumBytes, sumInverse, sumWord, update, updatePartial } from '../wire/checksum.ts';
import { ICMP_HEADER } from '../wire/icmp.ts';
import { destination6, source6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import {
  TCP_CHECKSUM,
  TCP_HEADER,
  TcpFlag,
  tcpFlags,
  tcpHeaderBytes,
  UDP_CHECKSUM,
  UDP_HEADER,
  udpLength,
} from '../wire/transport.ts';
import type { Job, Stage } from './job.ts';
import { clampMss } from './mss.ts';
import type { Packet } from './packet.ts';
import { COMPLETE, PASS, Reason } from './reasons.ts';
import { type Tables, UdpZeroChecksum } from './tables.ts';

/** Sum of the complements of the IPv6 addresses of the header at `ip`. */
export function sumInverse6(view: DataView, ip: number): number {
  return 0xffff0 - sum16(view, source6(ip)) - sum16(view, destination6(ip));
}

/** Sum of the words of the IPv6 addresses of the header at `ip`. */
export function sumAddresses6(view: DataView, ip: number): number {
  return sum16(view, source6(ip)) + sum16(view, destination6(ip));
}

/** delta of 46: from the IPv4 addresses to those of the IPv6 header written at `ip`. */
export function delta46(view: DataView, source: number, destination: number, ip: number): number {
  return sumInverse(source) + sumInverse(destination) + sumAddresses6(view, ip);
}

/** delta of 64: from the addresses of the IPv6 header at `ip` to the IPv4 ones. */
export function delta64(view: DataView, ip: number, source: number, destination: number): number {
  return sumInverse6(view, ip) + sumWord(source) + sumWord(destination);
}

/** Offset of the checksum in the transport header, or 0 for protocols whose checksum is not touched. */
export function checksumOffset(protocol: number): number {
  switch (protocol) {
    case Protocol.tcp:
      return TCP_CHECKSUM;
    case Protocol.udp:
    case Protocol.dccp:
    case Protocol.udpLite:
      return UDP_CHECKSUM;
    default:
      return 0;
  }
}

/** True for the protocols in which 0 means "no checksum" and a computed 0 is sent as 0xffff (T46-L4-2). */
export function zeroMeansNone(protocol: number): boolean {
  return protocol === Protocol.udp || protocol === Protocol.udpLite;
}

/**
 * Copies the first `bytes` (8, 20 or more, a multiple of 4) of the transport header to `at`. Without a loop for the two
 * usual lengths, and reading before writing: V8 checks the bounds of reads in a row once, and again after every write.
 */
function copyHead(view: DataView, from: number, at: number, bytes: number): void {
  const a = view.getInt32(from);
  const b = view.getInt32(from + 4);
  view.setInt32(at, a);
  view.setInt32(at + 4, b);
  if (bytes === UDP_HEADER) return;
  const c = view.getInt32(from + 8);
  const d = view.getInt32(from + 12);
  const e = view.getInt32(from + 16);
  view.setInt32(at + 8, c);
  view.setInt32(at + 12, d);
  view.setInt32(at + 16, e);
  for (let i = TCP_HEADER; i < bytes; i += 4) view.setInt32(at + i, view.getInt32(from + i));
}

/** Sum of `length` bytes of transport: those in the head at `at`, then the body where it was received. */
function sumTransport(job: Job, packet: Packet, at: number, length: number, sum: number): number {
  const head = job.transportHead < length ? job.transportHead : length;
  return sumBytes(job.view, packet.bodyAfter(head), length - head, sumBytes(job.view, at, head, sum));
}

/** Copies the ICMP header of an echo; its new type and checksum are the caller's business. */
export function placeEcho(job: Job, packet: Packet, at: number): void {
  copyHead(job.view, packet.transport, at, ICMP_HEADER);
  job.transportHead = ICMP_HEADER;
}

/**
 * Puts the transport header of `packet` at `at`, its checksum adjusted by job.delta, and notes how much in
 * job.transportHead. Later fragments and other protocols: nothing (T46-L4-5).
 */
function placeAdjusted(job: Job, tables: Tables, packet: Packet, at: number): void {
  const { view, delta } = job;
  const { protocol, transport } = packet;
  job.transportHead = 0;
  if (packet.fragmentOffset !== 0) return;
  if (protocol === Protocol.tcp) {
    const clamp = tables.mssLimit !== 0 && (tcpFlags(view, transport) & TcpFlag.syn) !== 0;
    const headerBytes = clamp ? tcpHeaderBytes(view, transport) : TCP_HEADER;
    const whole = headerBytes >= TCP_HEADER && headerBytes <= packet.payload;
    const bytes = whole ? headerBytes : TCP_HEADER;
    copyHead(view, transport, at, bytes);
    job.transportHead = bytes;
    const checksum = view.getUint16(at + TCP_CHECKSUM);
    view.setUint16(
      at + TCP_CHECKSUM,
      job.partial === 0 ? update(checksum, delta) : updatePartial(checksum, delta),
    );
    if (clamp && whole) clampMss(view, at, bytes, tables.mssLimit, job.partial);
    return;
  }
  if (checksumOffset(protocol) === 0 || packet.payload < UDP_HEADER) return;
  copyHead(view, transport, at, UDP_HEADER);
  job.transportHead = UDP_HEADER;
  const checksum = view.getUint16(at + UDP_CHECKSUM);
  if (job.partial !== 0) {
    view.setUint16(at + UDP_CHECKSUM, updatePartial(checksum, delta));
  } else if (checksum !== 0 || protocol !== Protocol.udp) {
    const updated = update(checksum, delta);
    view.setUint16(at + UDP_CHECKSUM, updated === 0 && zeroMeansNone(protocol) ? 0xffff : updated);
  }
}

/** 46: places the transport header behind the IPv6 header at `ip`; decides UDP's zero checksum (T46-L4-3, -4). */
export function transport46(job: Job, tables: Tables, packet: Packet, ip: number, at: number): Stage {
  const { view } = job;
  placeAdjusted(job, tables, packet, at);
  if (
    packet.protocol !== Protocol.udp ||
    packet.fragmentOffset !== 0 ||
    job.partial !== 0 ||
    view.getUint16(at + UDP_CHECKSUM) !== 0 ||
    tables.udpZeroChecksum === UdpZeroChecksum.fwd
  ) {
    return PASS;
  }
  if (packet.moreFragments !== 0) return Reason.UdpZeroChecksumFragment46;
  if (tables.udpZeroChecksum === UdpZeroChecksum.drop) return Reason.UdpZeroChecksum46;
  const length = udpLength(view, at);
  if (length < UDP_HEADER || length > packet.payload) return Reason.BadUdpLength46;
  let sum = sumAddresses6(view, ip) + length + Protocol.udp;
  let summed = length;
  if (job.carried !== 0) {
    const { csumStart, csumOffset } = job;
    if (((csumStart | csumOffset) & 1) !== 0 || csumStart < UDP_HEADER || length !== packet.payload) {
      return COMPLETE;
    }
    // What the checksum inside covers will, once the kernel has completed it, sum to the complement of what stands in
    // its field now (Linux: local checksum offload).
    sum += ~view.getUint16(packet.bodyAfter(csumStart + csumOffset)) & 0xffff;
    summed = csumStart;
  }
  const checksum = ~sumTransport(job, packet, at, summed, fold(sum)) & 0xffff;
  view.setUint16(at + UDP_CHECKSUM, checksum === 0 ? 0xffff : checksum);
  return PASS;
}

/** 64: the twin. UDP without checksum stays without (T64-L4-2). */
export function transport64(job: Job, tables: Tables, packet: Packet, at: number): void {
  placeAdjusted(job, tables, packet, at);
}

/**
 * Completes a partial checksum whose header was placed at `at`: the packet is about to be split, and what leaves in
 * pieces must carry its checksum (OFF-7).
 */
export function completeChecksum(job: Job, packet: Packet, at: number): void {
  if (job.partial === 0) return;
  const field = at + checksumOffset(packet.protocol);
  // The field holds the pseudo-header's sum, so summing everything as it stands includes it.
  const checksum = ~sumTransport(job, packet, at, packet.payload, 0) & 0xffff;
  job.view.setUint16(field, checksum === 0 && zeroMeansNone(packet.protocol) ? 0xffff : checksum);
  job.partial = 0;
}
