/** The packet inside an ICMPv4 error, 46: RFC 7915 §4.3; spec IERR-*. The twin of quote64.ts. */
import { Lookup, map46 } from '../address/mapper.ts';
import { isMartian4 } from '../address/special.ts';
import { update } from '../wire/checksum.ts';
import { FRAGMENT_HEADER, writeFragment6 } from '../wire/extension6.ts';
import { Icmp4, Icmp6, icmpChecksum, icmpType, icmpTypeCode, setIcmpChecksum } from '../wire/icmp.ts';
import { destination6, HEADER6, source6, writeHeader6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Job, Stage } from './job.ts';
import { readHeader4 } from './parse4.ts';
import { PASS, Reason } from './reasons.ts';
import type { Tables } from './tables.ts';
import { checksumOffset, delta46, sumAddresses6, zeroMeansNone } from './transport.ts';

const HEADER_FAULTS = [PASS, Reason.InnerShort46, Reason.InnerMalformed46, Reason.InnerMalformed46] as const;

/**
 * Reads the inner header at `at`, of which `present` bytes were quoted, into job.inner (IERR-1, -2, -5, -9).
 * @param extended true: an RFC 4884 extension follows, so what is longer than the packet claimed is padding (IEXT-3)
 */
export function readQuote46(job: Job, at: number, present: number, extended: boolean): Stage {
  const inner = job.inner;
  const fault = readHeader4(job.view, at, present, inner);
  if (fault !== 0) return HEADER_FAULTS[fault];
  if (extended && inner.present > inner.payload) inner.present = inner.payload;
  switch (inner.protocol) {
    case Protocol.icmp4: {
      if (inner.isFragment()) return Reason.InnerFragmentedIcmp46;
      if (inner.present < 8) return Reason.InnerShort46;
      const type = icmpType(job.view, inner.transport);
      return type === Icmp4.echoRequest || type === Icmp4.echoReply ? PASS : Reason.InnerIcmp46;
    }
    case Protocol.hopByHop:
    case Protocol.igmp:
    case Protocol.routing:
    case Protocol.fragment:
    case Protocol.icmp6:
    case Protocol.destinationOptions:
      return Reason.InnerProtocol46;
    default:
      return PASS;
  }
}

/**
 * Writes the IPv6 form of job.inner at `to`, cut to `room` bytes; its uncut-by-us length is left in job.quoteLength.
 * @param restricted true while hairpinning: the inner destination must go back by RFC 6052 (EAM-7)
 */
export function writeQuote46(job: Job, tables: Tables, to: number, room: number, restricted: boolean): Stage {
  const { view, inner } = job;
  if (isMartian4(inner.source) || isMartian4(inner.destination)) return Reason.InnerAddress46; // IERR-8
  const destinationLookup = restricted ? Lookup.withoutEam : Lookup.all;
  if (map46(tables, inner.destination, destinationLookup, view, destination6(to)) < 0)
    return Reason.InnerAddress46;
  if (map46(tables, inner.source, Lookup.all, view, source6(to)) < 0) return Reason.InnerAddress46;
  const fragment = inner.isFragment();
  const headers = fragment ? HEADER6 + FRAGMENT_HEADER : HEADER6;
  const next = inner.protocol === Protocol.icmp4 ? Protocol.icmp6 : inner.protocol;
  writeHeader6(
    view,
    to,
    tables.zeroizeTrafficClass ? 0 : inner.trafficClass,
    inner.payload + headers - HEADER6, // IERR-4: the length it claimed
    fragment ? Protocol.fragment : next,
    inner.hopLimit, // IERR-3
  );
  if (fragment) {
    writeFragment6(view, to + HEADER6, next, inner.fragmentOffset, inner.moreFragments, inner.identification);
  }
  const at = to + headers;
  const carried = inner.present < room - headers ? inner.present : room - headers;
  job.bytes.copyWithin(at, inner.transport, inner.transport + carried);
  job.quoteLength = headers + carried;
  if (inner.fragmentOffset === 0) adjustQuoted46(job, to, at, carried);
  return PASS;
}

/** IERR-7: the inner transport checksum, where it was quoted. */
function adjustQuoted46(job: Job, ip: number, at: number, present: number): void {
  const { view, inner } = job;
  if (inner.protocol === Protocol.icmp4) {
    const before = icmpTypeCode(view, at);
    const after = (before >>> 8 === Icmp4.echoRequest ? Icmp6.echoRequest : Icmp6.echoReply) << 8;
    const delta = (~before & 0xffff) + after + sumAddresses6(view, ip) + inner.payload + Protocol.icmp6;
    setIcmpChecksum(view, at, update(icmpChecksum(view, at), delta));
    view.setUint16(at, after);
    return;
  }
  const offset = checksumOffset(inner.protocol);
  if (offset === 0 || present < offset + 2) return;
  const checksum = view.getUint16(at + offset);
  if (checksum === 0 && inner.protocol === Protocol.udp) return;
  const updated = update(checksum, delta46(view, inner.source, inner.destination, ip));
  view.setUint16(at + offset, updated === 0 && zeroMeansNone(inner.protocol) ? 0xffff : updated);
}
