/**
 * IPv6 in, IPv4 out: the order of decisions is GEN-3's, and its story is told here. The twin of translate46.ts.
 *
 *     parse -> own address? -> Hop Limit -> extensions -> convey64: transport, ICMP, addresses, size, checksum, emit
 */
import { hasEam4, MapOutcome } from '../address/mapper.ts';
import { icmpType } from '../wire/icmp.ts';
import { DF, HEADER4, MF, writeHeader4 } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { GsoType } from '../wire/vnet.ts';
import { checkMartians6, findPair64, map64Both, map64Error } from './addresses64.ts';
import { emitFragments64, fragmentChunk4, fragmentSize64, WHOLE } from './fragment64.ts';
import { hairpin } from './hairpin.ts';
import { checkError64, echo64, isEcho6, writeError64 } from './icmp64.ts';
import { identify64 } from './identify64.ts';
import type { Job } from './job.ts';
import { checkOffload, readOffload, writeNoOffload, writeOffload } from './offload.ts';
import type { Packet } from './packet.ts';
import { checkTransport6, isExtensionBehindFragment, parse6 } from './parse6.ts';
import { COMPLETE, PASS, Reason, SEGMENT } from './reasons.ts';
import { echoSelf6, isSelf6 } from './self.ts';
import { turnsBack } from './spoofing64.ts';
import { Hairpin, type Tables } from './tables.ts';
import { completeChecksum, transport64 } from './transport.ts';

/**
 * Translates the IPv6 packet of `received` bytes at `start` of the slab; outputs are added to the job.
 * @returns the reason: Translated64, Hairpinned, EchoReply64, or why not (job.replyArgument then holds the ICMP error's
 *   argument); or SEGMENT or COMPLETE
 */
export function translate64(job: Job, tables: Tables, start: number, received: number): Reason {
  const packet = job.outer;
  const offloaded = readOffload(job, start);
  let stage = parse6(job, start, received);
  if (stage !== PASS) return stage;
  let segment = PASS;
  if (offloaded) {
    stage = checkOffload(
      job,
      packet,
      GsoType.tcp6,
      Protocol.icmp6,
      Reason.BadPartialChecksum64,
      Reason.BadGso64,
      Reason.OffloadOnFragment64,
    );
    if (stage === SEGMENT) segment = SEGMENT;
    else if (stage !== PASS) return stage;
  }
  // A pair that the cache knows has passed these checks, under these tables.
  if (!findPair64(job, packet)) {
    stage = checkMartians6(job, packet);
    if (stage !== PASS) return stage;
    if (isSelf6(job, tables, packet)) return echoSelf6(job, packet);
  }
  if (packet.hopLimit === 1) return Reason.HopLimitExpired64; // T64-HDR-4
  if (packet.segmentsLeftAt !== 0) {
    job.replyArgument = packet.segmentsLeftAt;
    return packet.fragmentOffset === 0 ? Reason.SegmentsLeft64 : Reason.SegmentsLeftFragment64; // T64-EXT-3
  }
  if (packet.fragmentHeader !== 0 && isExtensionBehindFragment(packet.protocol)) {
    return Reason.FragmentedExtension64; // T64-EXT-4
  }
  if (segment === SEGMENT) return SEGMENT;
  return convey64(job, tables, packet);
}

/** GEN-3 from step 7. */
function convey64(job: Job, tables: Tables, packet: Packet): Reason {
  const { view } = job;
  let stage = checkTransport6(packet);
  if (stage !== PASS) return stage;
  const isIcmp = packet.protocol === Protocol.icmp6;
  const type = isIcmp ? icmpType(view, packet.transport) : 0;
  const isError = isIcmp && !isEcho6(type);
  if (isError) {
    stage = checkError64(job, packet);
    if (stage !== PASS) return stage;
  }

  const outcome = isError ? map64Error(job, tables, packet) : map64Both(job, tables, packet);
  if (outcome < 0) return ~outcome;

  // The ICMP error or the transport header, where the IPv4 packet's payload begins.
  const ip = job.headNext + job.vnetBytes;
  const at = ip + HEADER4;
  if (isError) {
    stage = writeError64(job, tables, packet, at);
    if (stage !== PASS) return stage;
    const byPool6 = job.innerSourceOutcome === MapOutcome.pool6; // EAM-6, condition B
    if (tables.hairpin === Hairpin.intrinsic && byPool6 && hasEam4(tables, job.inner.source)) {
      return hairpin(job, tables, packet, at, job.quoteLength, job.quoteLength);
    }
    if (job.fromInside && tables.inside !== null) return Reason.SpoofedSource64; // CLAT-13
    return emitError64(job, tables, packet, at, job.quoteLength);
  }
  const hairpins = turnsBack(tables, outcome, packet.destination); // A
  let size = WHOLE;
  if (!hairpins) {
    size = fragmentSize64(job, tables, packet, packet.payload);
    if (size < 0) return ~size;
  }
  if (isIcmp) echo64(job, packet, at);
  else transport64(job, tables, packet, at);
  if (hairpins) return hairpin(job, tables, packet, at, packet.payload, job.transportHead);

  const tos = tables.overrideTos >= 0 ? tables.overrideTos : packet.trafficClass;
  const protocol = isIcmp ? Protocol.icmp4 : packet.protocol;
  identify64(job, packet, packet.payload, protocol);
  if (size !== WHOLE) {
    if (job.carried !== 0) return COMPLETE;
    completeChecksum(job, packet, at);
    emitFragments64(job, packet, at, packet.payload, tos, packet.identification, protocol, size);
    return Reason.Translated64;
  }
  writeHeader4(
    view,
    ip,
    tos,
    HEADER4 + packet.payload,
    packet.identification,
    (packet.dontFragment * DF) | (packet.moreFragments * MF) | packet.fragmentOffset,
    packet.hopLimit - 1,
    protocol,
    packet.source,
    packet.destination,
  );
  writeOffload(job, packet, HEADER4, GsoType.tcp4);
  const inHead = job.transportHead;
  job.emit(job.vnetBytes + HEADER4 + inHead, packet.bodyAfter(inHead), packet.payload - inHead);
  return Reason.Translated64;
}

/** Emits the ICMPv4 error of `length` bytes that stands at `at` (I64-O). */
function emitError64(job: Job, tables: Tables, packet: Packet, at: number, length: number): Reason {
  // What counts is the message as it was cut to size, not the one received: an error is never answered with another.
  const size = HEADER4 + length <= tables.mtu4 ? WHOLE : fragmentChunk4(tables.mtu4);
  const tos = tables.overrideTos >= 0 ? tables.overrideTos : packet.trafficClass;
  identify64(job, packet, length, Protocol.icmp4);
  if (size !== WHOLE) {
    job.transportHead = length;
    emitFragments64(job, packet, at, length, tos, packet.identification, Protocol.icmp4, size);
    return Reason.Translated64;
  }
  writeHeader4(
    job.view,
    at - HEADER4,
    tos,
    HEADER4 + length,
    packet.identification,
    0,
    packet.hopLimit - 1,
    Protocol.icmp4,
    packet.source,
    packet.destination,
  );
  writeNoOffload(job);
  job.emit(job.vnetBytes + HEADER4 + length, 0, 0);
  return Reason.Translated64;
}
