/** ICMPv6 -> ICMPv4: RFC 7915 §5.2, §5.3; spec I64-*, IEXT-*. The twin of icmp46.ts. */
import { sumBytes, update } from '../wire/checksum.ts';
import {
  extendedLength6,
  ICMP_HEADER,
  Icmp4,
  Icmp6,
  icmpCode,
  icmpType,
  icmpTypeCode,
  icmpWord,
  setIcmpChecksum,
  writeIcmp,
} from '../wire/icmp.ts';
import { HEADER4 } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { joinExtension } from './extension.ts';
import { error64, pointer64 } from './icmp-tables.ts';
import { completeIcmp } from './icmp46.ts';
import type { Job, Stage } from './job.ts';
import type { Packet } from './packet.ts';
import { readQuote64, writeQuote64 } from './quote64.ts';
import { PASS, Reason } from './reasons.ts';
import { MAX_ERROR4, MIN_MTU4 } from './sizes.ts';
import type { Tables } from './tables.ts';
import { placeEcho, sumAddresses6, sumInverse6 } from './transport.ts';

/** True for the two messages that are translated as ordinary packets. */
export const isEcho6 = (type: number): boolean => type === Icmp6.echoRequest || type === Icmp6.echoReply;
/** I64-Q: places the echo header at `at`, its checksum adjusted (I64-C). */
export function echo64(job: Job, packet: Packet, at: number): void {
  const { view } = job;
  placeEcho(job, packet, at);
  const before = icmpTypeCode(view, at);
  const after = (before >>> 8 === Icmp6.echoRequest ? Icmp4.echoRequest : Icmp4.echoReply) << 8;
  const delta =
    (~before & 0xffff) +
    after +
    sumInverse6(view, packet.start) +
    (~packet.payload & 0xffff) +
    (~Protocol.icmp6 & 0xffff);
  setIcmpChecksum(view, at, update(completeIcmp(job, packet), delta));
  view.setUint16(at, after);
}

/** True where the checksum of the whole ICMPv6 message, pseudo-header included, is right. */
export function icmpChecksumIsRight6(job: Job, packet: Packet): boolean {
  if (job.partial !== 0) return true; // nobody has computed it yet
  const pseudo = sumAddresses6(job.view, packet.start) + packet.payload + Protocol.icmp6;
  const folded = (pseudo & 0xffff) + (pseudo >>> 16);
  return sumBytes(job.view, packet.transport, packet.payload, folded) === 0xffff;
}

/** I64-E, up to what needs no address: refuses types, codes, pointers and MTUs without counterpart. */
export function checkError64(job: Job, packet: Packet): Stage {
  const { view } = job;
  const type = icmpType(view, packet.transport);
  const target = error64(type, icmpCode(view, packet.transport));
  if (target < 0) return target === -2 ? Reason.IcmpType64 : Reason.IcmpCode64;
  const word = icmpWord(view, packet.transport);
  if (target >>> 8 === Icmp4.parameterProblem && pointer64(word) < 0) return Reason.IcmpPointer64;
  if (type === Icmp6.packetTooBig && word >>> 0 < MIN_MTU4) return Reason.IcmpMtu64; // I64-PTB
  return icmpChecksumIsRight6(job, packet) ? PASS : Reason.BadIcmpChecksum64;
}

/**
 * I64-E: writes the ICMPv4 form of a checked error at `out`.
 * The message's length is left in job.quoteLength.
 */
export function writeError64(job: Job, tables: Tables, packet: Packet, out: number): Stage {
  const { view } = job;
  const icmp = packet.transport;
  const type = icmpType(view, icmp);
  const wordIn = icmpWord(view, icmp);
  const target = error64(type, icmpCode(view, icmp));
  job.partial = 0;

  // Where the quote ends and the extension begins (IEXT-1..4).
  const quote = icmp + ICMP_HEADER;
  const available = packet.payload - ICMP_HEADER;
  const mayExtend = type === Icmp6.unreachable || type === Icmp6.timeExceeded;
  const attribute = mayExtend ? extendedLength6(view, icmp) : 0;
  if (attribute > available) return Reason.IcmpExtension64;
  const extended = attribute > 0 && attribute < available;
  const quoted = extended ? attribute : available;
  let stage = readQuote64(job, quote, quoted, extended);
  if (stage !== PASS) return stage;
  const inner = job.inner;

  const room = MAX_ERROR4 - HEADER4 - ICMP_HEADER;
  stage = writeQuote64(job, tables, out + ICMP_HEADER, room);
  if (stage !== PASS) return stage;
  let word = 0;
  if (target >>> 8 === Icmp4.parameterProblem) word = pointer64(wordIn) << 24;
  else if (type === Icmp6.packetTooBig) word = mtu64(tables, wordIn >>> 0, inner.fragmentHeader);
  const extension = extended ? available - quoted : 0;
  const length =
    ICMP_HEADER + joinExtension(job, out + ICMP_HEADER, job.quoteLength, room, 4, quote + quoted, extension);
  if (job.lengthAttribute !== 0) word = job.lengthAttribute << 16;

  writeIcmp(view, out, target >>> 8, target & 0xff, 0, word);
  setIcmpChecksum(view, out, ~sumBytes(view, out, length, 0) & 0xffff);
  job.quoteLength = length;
  return PASS;
}

/**
 * I64-PTB: the MTU an IPv4 sender must keep so that the IPv6 link with MTU `mtu` (at least 68) is not exceeded.
 * @param fragmentHeader 1 where the packet in error had a Fragment Header: those grow by 28, not 20
 */
function mtu64(tables: Tables, mtu: number, fragmentHeader: number): number {
  const growth = fragmentHeader !== 0 ? 28 : 20;
  return Math.max(MIN_MTU4, Math.min(mtu - growth, tables.mtu4, tables.mtu6 - 20));
}
