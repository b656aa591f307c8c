/** The packet inside an ICMPv6 error, 64: RFC 7915 §5.3; spec IERR-*. The twin of quote46.ts. */
import { map64 } from '../address/mapper.ts';
import { isMartian6 } from '../address/special.ts';
import { update } from '../wire/checksum.ts';
import { Icmp4, Icmp6, icmpChecksum, icmpType, icmpTypeCode, setIcmpChecksum } from '../wire/icmp.ts';
import { DF, HEADER4, MF, writeHeader4 } from '../wire/ipv4.ts';
import { destination6, source6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Job, Stage } from './job.ts';
import { isExtensionBehindFragment, readHeader6, walkExtensions6 } from './parse6.ts';
import { PASS, Reason } from './reasons.ts';
import { DF_THRESHOLD } from './sizes.ts';
import type { Tables } from './tables.ts';
import { checksumOffset, delta64, sumInverse6, zeroMeansNone } from './transport.ts';

const HEADER_FAULTS = [PASS, Reason.InnerShort64, Reason.InnerMalformed64] as const;
const CHAIN_FAULTS = [PASS, Reason.InnerShort64, Reason.InnerProtocol64] as const;

/**
 * Reads the inner header at `at`, of which `present` bytes were quoted, into job.inner (IERR-1, -2, -5, -9).
 * @param extended true: an RFC 4884 extension follows, so what is longer than the packet claimed is padding (IEXT-3)
 */
export function readQuote64(job: Job, at: number, present: number, extended: boolean): Stage {
  const inner = job.inner;
  const fault = readHeader6(job.view, at, present, inner);
  if (fault !== 0) return HEADER_FAULTS[fault];
  const chain = walkExtensions6(job.view, inner);
  if (chain !== 0) return CHAIN_FAULTS[chain];
  if (extended && inner.present > inner.payload) inner.present = inner.payload;
  if (inner.segmentsLeftAt !== 0) return Reason.InnerProtocol64;
  if (inner.fragmentHeader !== 0 && isExtensionBehindFragment(inner.protocol)) return Reason.InnerProtocol64;
  switch (inner.protocol) {
    case Protocol.icmp6: {
      if (inner.isFragment()) return Reason.InnerFragmentedIcmp64;
      if (inner.present < 8) return Reason.InnerShort64;
      const type = icmpType(job.view, inner.transport);
      return type === Icmp6.echoRequest || type === Icmp6.echoReply ? PASS : Reason.InnerIcmp64;
    }
    case Protocol.icmp4:
    case Protocol.igmp:
      return Reason.InnerProtocol64;
    default:
      return PASS;
  }
}

/**
 * Writes the IPv4 form of job.inner at `to`, cut to `room` bytes; its length is left in job.quoteLength and how the
 * inner source was mapped in job.innerSourceOutcome.
 */
export function writeQuote64(job: Job, tables: Tables, to: number, room: number): Stage {
  const { view, inner } = job;
  const { start } = inner;
  if (isMartian6(view.getInt32(source6(start))) || isMartian6(view.getInt32(destination6(start)))) {
    return Reason.InnerAddress64; // IERR-8
  }
  if (map64(tables, view, destination6(start), job) < 0) return Reason.InnerAddress64;
  inner.destination = job.mapped;
  const outcome = map64(tables, view, source6(start), job);
  if (outcome < 0) return Reason.InnerAddress64;
  inner.source = job.mapped;
  job.innerSourceOutcome = outcome;
  const totalLength = HEADER4 + inner.payload; // IERR-4: the length it claimed
  if (totalLength > 0xffff) return Reason.InnerLength64;
  const protocol = inner.protocol === Protocol.icmp6 ? Protocol.icmp4 : inner.protocol;
  const fragment =
    inner.fragmentHeader !== 0
      ? (inner.moreFragments * MF) | inner.fragmentOffset
      : totalLength > DF_THRESHOLD
        ? DF
        : 0; // IERR-6
  writeHeader4(
    view,
    to,
    tables.overrideTos >= 0 ? tables.overrideTos : inner.trafficClass,
    totalLength,
    inner.identification & 0xffff,
    fragment,
    inner.hopLimit, // IERR-3
    protocol,
    inner.source,
    inner.destination,
  );
  const at = to + HEADER4;
  const carried = inner.present < room - HEADER4 ? inner.present : room - HEADER4;
  job.bytes.copyWithin(at, inner.transport, inner.transport + carried);
  job.quoteLength = HEADER4 + carried;
  if (inner.fragmentOffset === 0) adjustQuoted64(job, start, at, carried);
  return PASS;
}

/** IERR-7: the inner transport checksum, where it was quoted. `ip`: the inner IPv6 header received. */
function adjustQuoted64(job: Job, ip: number, at: number, present: number): void {
  const { view, inner } = job;
  if (inner.protocol === Protocol.icmp6) {
    const before = icmpTypeCode(view, at);
    const after = (before >>> 8 === Icmp6.echoRequest ? Icmp4.echoRequest : Icmp4.echoReply) << 8;
    const delta =
      (~before & 0xffff) +
      after +
      sumInverse6(view, ip) +
      (~inner.payload & 0xffff) +
      (~Protocol.icmp6 & 0xffff);
    setIcmpChecksum(view, at, update(icmpChecksum(view, at), delta));
    view.setUint16(at, after);
    return;
  }
  const offset = checksumOffset(inner.protocol);
  if (offset === 0 || present < offset + 2) return;
  const checksum = view.getUint16(at + offset);
  if (checksum === 0 && inner.protocol === Protocol.udp) return;
  const updated = update(checksum, delta64(view, ip, inner.source, inner.destination));
  view.setUint16(at + offset, updated === 0 && zeroMeansNone(inner.protocol) ? 0xffff : updated);
}
