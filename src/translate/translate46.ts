/**
 * IPv4 in, IPv6 out: the order of decisions is GEN-3's, and its story is told here. The twin of translate64.ts.
 *
 *     parse -> own address? -> TTL -> options -> convey46: transport, ICMP, addresses, size, checksum, emit
 */

import { FRAGMENT_HEADER } from '../wire/extension6.ts';
import { icmpType } from '../wire/icmp.ts';
import { HEADER4 } from '../wire/ipv4.ts';
import { HEADER6, writeHeader6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { GsoType } from '../wire/vnet.ts';
import { checkMartians4, findPair46, map46Both } from './addresses46.ts';
import { emitFragments46, fragmentSize46, WHOLE } from './fragment46.ts';
import { echo46, icmpError46, isEcho4 } from './icmp46.ts';
import type { Job } from './job.ts';
import { checkOffload, readOffload, writeOffload } from './offload.ts';
import type { Packet } from './packet.ts';
import { checkTransport4, parse4, scanOptions4 } from './parse4.ts';
import { COMPLETE, PASS, Reason, SEGMENT } from './reasons.ts';
import { echoSelf4 } from './self.ts';
import { Hairpin, type Tables } from './tables.ts';
import { completeChecksum, transport46 } from './transport.ts';

/**
 * Translates the IPv4 packet of `received` bytes at `start` of the slab; outputs are added to the job.
 * @returns the reason: Translated46, EchoReply46, or why not (job.replyArgument then holds the ICMP error's argument);
 *   or SEGMENT or COMPLETE
 */
export function translate46(job: Job, tables: Tables, start: number, received: number): Reason {
  const packet = job.outer;
  const offloaded = readOffload(job, start);
  let stage = parse4(job, start, received);
  if (stage !== PASS) return stage;
  let segment = PASS;
  if (offloaded) {
    stage = checkOffload(
      job,
      packet,
      GsoType.tcp4,
      Protocol.icmp4,
      Reason.BadPartialChecksum46,
      Reason.BadGso46,
      Reason.OffloadOnFragment46,
    );
    if (stage === SEGMENT) segment = SEGMENT;
    else if (stage !== PASS) return stage;
  }
  // A pair that the cache knows has passed these checks, under these tables.
  if (!findPair46(job, tables, packet)) {
    stage = checkMartians4(job, tables, packet);
    if (stage !== PASS) return stage;
    if (packet.destination === tables.ipv4Addr) return echoSelf4(job, packet);
  }
  if (packet.hopLimit === 1) return Reason.TtlExpired46; // T46-HDR-6
  if (packet.headerBytes !== HEADER4) {
    stage = scanOptions4(job.view, packet);
    if (stage !== PASS) return stage;
  }
  if (segment === SEGMENT) return SEGMENT;
  return convey46(job, tables, packet, tables.hairpin === Hairpin.simple);
}

/**
 * GEN-3 from step 7: for a packet off the wire, and for the second pass of hairpinning.
 * Where job.delta is not 0, the addresses stand in the head already.
 * @param restricted true: source lookups go by RFC 6052 only (EAM-7, EAM-8)
 */
export function convey46(job: Job, tables: Tables, packet: Packet, restricted: boolean): Reason {
  let stage = checkTransport4(packet);
  if (stage !== PASS) return stage;
  const isIcmp = packet.protocol === Protocol.icmp4;
  if (isIcmp && !isEcho4(icmpType(job.view, packet.transport))) {
    return icmpError46(job, tables, packet, restricted);
  }

  // Addresses straight into the head.
  const ip = job.headNext + job.vnetBytes;
  if (job.delta === 0) {
    stage = map46Both(job, tables, packet, ip, restricted);
    if (stage !== PASS) return stage;
  }

  const size = fragmentSize46(job, tables, packet);
  if (size < 0) return ~size;

  // Transport header and checksum.
  const headers = size === WHOLE ? HEADER6 : HEADER6 + FRAGMENT_HEADER;
  const at = ip + headers;
  if (isIcmp) {
    echo46(job, packet, ip, at);
  } else {
    stage = transport46(job, tables, packet, ip, at);
    if (stage !== PASS) return stage;
  }

  const nextHeader = isIcmp ? Protocol.icmp6 : packet.protocol;
  const trafficClass = tables.zeroizeTrafficClass ? 0 : packet.trafficClass;
  const hopLimit = packet.hopLimit - 1;
  if (size !== WHOLE) {
    if (job.carried !== 0) return COMPLETE;
    completeChecksum(job, packet, at);
    emitFragments46(job, packet, trafficClass, nextHeader, hopLimit, size);
    return Reason.Translated46;
  }
  writeHeader6(job.view, ip, trafficClass, packet.payload, nextHeader, hopLimit);
  writeOffload(job, packet, HEADER6, GsoType.tcp6);
  const inHead = job.transportHead;
  job.emit(job.vnetBytes + HEADER6 + inHead, packet.bodyAfter(inHead), packet.payload - inHead);
  return Reason.Translated46;
}
