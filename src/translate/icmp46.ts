/** ICMPv4 -> ICMPv6: RFC 7915 §4.2, §4.3; spec I46-*, IEXT-*. The twin of icmp64.ts. */
import { sumBytes, sumWord, update } from '../wire/checksum.ts';
import {
  extendedLength4,
  ICMP_HEADER,
  Icmp4,
  Icmp6,
  icmpChecksum,
  icmpCode,
  icmpType,
  icmpTypeCode,
  icmpWord,
  setIcmpChecksum,
  writeIcmp,
} from '../wire/icmp.ts';
import { HEADER6, writeHeader6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { map46Error } from './addresses46.ts';
import { joinExtension } from './extension.ts';
import { error46, NEXT_HEADER_POINTER, pointer46 } from './icmp-tables.ts';
import type { Job } from './job.ts';
import { writeNoOffload } from './offload.ts';
import type { Packet } from './packet.ts';
import { readQuote46, writeQuote46 } from './quote46.ts';
import { PASS, Reason } from './reasons.ts';
import { MIN_MTU6 } from './sizes.ts';
import type { Tables } from './tables.ts';
import { placeEcho, sumAddresses6 } from './transport.ts';

/** True for the two messages that are translated as ordinary packets. */
export const isEcho4 = (type: number): boolean => type === Icmp4.echoRequest || type === Icmp4.echoReply;

/** I46-Q: places the echo header behind the IPv6 header at `ip`, its checksum adjusted (I46-C). */
export function echo46(job: Job, packet: Packet, ip: number, at: number): void {
  const { view } = job;
  placeEcho(job, packet, at);
  const before = icmpTypeCode(view, at);
  const after = (before >>> 8 === Icmp4.echoRequest ? Icmp6.echoRequest : Icmp6.echoReply) << 8;
  const delta = (~before & 0xffff) + after + sumAddresses6(view, ip) + packet.payload + Protocol.icmp6;
  setIcmpChecksum(view, at, update(completeIcmp(job, packet), delta));
  view.setUint16(at, after);
}

/** The ICMP checksum as received; a partial one is completed in software (OFF-6). */
export function completeIcmp(job: Job, packet: Packet): number {
  if (job.partial === 0) return icmpChecksum(job.view, packet.transport);
  job.partial = 0;
  return ~sumBytes(job.view, packet.transport, packet.payload, 0) & 0xffff;
}

/** I46-E: translates an ICMPv4 error, packet in error and all, and emits it. `hairpin`: second pass (EAM-7). */
export function icmpError46(job: Job, tables: Tables, packet: Packet, restricted: boolean): Reason {
  const { view } = job;
  const icmp = packet.transport;
  const type = icmpType(view, icmp);
  const wordIn = icmpWord(view, icmp);
  const target = error46(type, icmpCode(view, icmp));
  if (target < 0) return target === -2 ? Reason.IcmpType46 : Reason.IcmpCode46;
  const newType = target >>> 8;
  let word = 0;
  if (newType === Icmp6.parameterProblem) {
    word = type === Icmp4.parameterProblem ? pointer46(wordIn >>> 24) : NEXT_HEADER_POINTER;
    if (word < 0) return Reason.IcmpPointer46;
  }
  // A partial checksum is right by definition: nobody has computed it yet.
  if (job.partial === 0 && sumBytes(view, icmp, packet.payload, 0) !== 0xffff)
    return Reason.BadIcmpChecksum46;
  job.partial = 0;

  // Where the quote ends and the extension begins (IEXT-1..4).
  const quote = icmp + ICMP_HEADER;
  const available = packet.payload - ICMP_HEADER;
  const attribute = extendedLength4(view, icmp);
  if (attribute > available) return Reason.IcmpExtension46;
  const extended = attribute > 0 && attribute < available;
  const quoted = extended ? attribute : available;
  let stage = readQuote46(job, quote, quoted, extended);
  if (stage !== PASS) return stage;
  const inner = job.inner;
  const carriesExtension = newType === Icmp6.unreachable || newType === Icmp6.timeExceeded;

  const ip = job.headNext + job.vnetBytes;
  stage = map46Error(job, tables, packet, ip, restricted);
  if (stage !== PASS) return stage;
  if (newType === Icmp6.packetTooBig) word = mtu46(tables, wordIn & 0xffff, inner.length);

  // The message, written whole: it is never larger than 1280 bytes (I46-L).
  const out = ip + HEADER6;
  const room = MIN_MTU6 - HEADER6 - ICMP_HEADER;
  stage = writeQuote46(job, tables, out + ICMP_HEADER, room, restricted);
  if (stage !== PASS) return stage;
  const extension = carriesExtension && extended ? available - quoted : 0;
  const length =
    ICMP_HEADER + joinExtension(job, out + ICMP_HEADER, job.quoteLength, room, 8, quote + quoted, extension);
  if (job.lengthAttribute !== 0) word = job.lengthAttribute << 24;

  writeHeader6(
    view,
    ip,
    tables.zeroizeTrafficClass ? 0 : packet.trafficClass,
    length,
    Protocol.icmp6,
    packet.hopLimit - 1,
  );
  writeIcmp(view, out, newType, target & 0xff, 0, word);
  const pseudo = sumAddresses6(view, ip) + sumWord(length) + Protocol.icmp6;
  setIcmpChecksum(view, out, ~sumBytes(view, out, length, (pseudo & 0xffff) + (pseudo >>> 16)) & 0xffff);
  writeNoOffload(job);
  job.emit(job.vnetBytes + HEADER6 + length, 0, 0);
  return Reason.Translated46;
}

/**
 * I46-PTB: the MTU an IPv6 sender must keep so that the IPv4 link with MTU `mtu` is not exceeded.
 * @param innerLength Total Length of the packet in error, for routers that name no MTU (RFC 1191 §5)
 */
function mtu46(tables: Tables, mtu: number, innerLength: number): number {
  if (mtu === 0) {
    const { plateaus } = tables;
    for (let i = 0; i < plateaus.length; i++) {
      if (plateaus[i]! < innerLength && plateaus[i]! >= MIN_MTU6) {
        mtu = plateaus[i]!;
        break;
      }
    }
    if (mtu === 0) return MIN_MTU6;
  }
  return Math.max(MIN_MTU6, Math.min(mtu + 20, tables.mtu6, tables.mtu4 + 20));
}
