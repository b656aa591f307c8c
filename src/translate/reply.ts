/** ICMP errors that we generate (GERR-1..3). The quote is the packet as received, never copied: it is the body. */
import { sumBytes, sumWord } from '../wire/checksum.ts';
import { ICMP_HEADER, Icmp4, Icmp6, icmpType, writeIcmp } from '../wire/icmp.ts';
import { HEADER4, writeHeader4 } from '../wire/ipv4.ts';
import { copyAddress6, destination6, HEADER6, source6, writeHeader6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Job } from './job.ts';
import { writeNoOffload } from './offload.ts';
import type { IcmpReply } from './reasons.ts';
import { OWN_TTL } from './self.ts';
import { MAX_ERROR4, MIN_MTU6 } from './sizes.ts';
import type { Tables } from './tables.ts';

/** TOS of ICMPv4 errors: precedence "internetwork control" (RFC 1812 §4.3.2.5). */
const ERROR_TOS = 0xc0;

/**
 * GERR-1: true where job.outer may be answered with an error. Martian addresses and malformed headers never get here:
 * their reasons have no reply.
 */
export function mayReply(job: Job, direction: 46 | 64): boolean {
  const packet = job.outer;
  if (packet.fragmentOffset !== 0) return false;
  if (packet.protocol !== (direction === 46 ? Protocol.icmp4 : Protocol.icmp6)) return true;
  if (packet.payload === 0) return false;
  const type = icmpType(job.view, packet.transport);
  return direction === 46
    ? type === Icmp4.echoRequest || type === Icmp4.echoReply
    : type === Icmp6.echoRequest || type === Icmp6.echoReply;
}

/** Emits the ICMPv4 error `reply` about job.outer; its argument is job.replyArgument (MTU or 0). */
export function reply4(job: Job, tables: Tables, reply: IcmpReply): void {
  const { view } = job;
  const packet = job.outer;
  const room = MAX_ERROR4 - HEADER4 - ICMP_HEADER;
  const quote = packet.length < room ? packet.length : room;
  const word = reply.type === Icmp4.unreachable && reply.code === 4 ? job.replyArgument & 0xffff : 0;
  const ip = job.headNext + job.vnetBytes;
  const identification = job.identifications.reserve(tables.ipv4Addr, packet.source, Protocol.icmp4, 1);
  writeHeader4(
    view,
    ip,
    ERROR_TOS,
    HEADER4 + ICMP_HEADER + quote,
    identification,
    0,
    OWN_TTL,
    Protocol.icmp4,
    tables.ipv4Addr,
    packet.source,
  );
  const at = ip + HEADER4;
  writeIcmp(view, at, reply.type, reply.code, 0, word);
  const head = sumBytes(view, at, ICMP_HEADER, 0);
  view.setUint16(at + 2, ~sumBytes(view, packet.start, quote, head) & 0xffff);
  writeNoOffload(job);
  job.emit(job.vnetBytes + HEADER4 + ICMP_HEADER, packet.start, quote);
}

/** Emits the ICMPv6 error `reply` about job.outer; its argument is job.replyArgument (MTU, pointer or 0). */
export function reply6(job: Job, tables: Tables, reply: IcmpReply): void {
  const { view } = job;
  const packet = job.outer;
  const room = MIN_MTU6 - HEADER6 - ICMP_HEADER;
  const quote = packet.length < room ? packet.length : room;
  const hasWord = reply.type === Icmp6.packetTooBig || reply.type === Icmp6.parameterProblem;
  const ip = job.headNext + job.vnetBytes;
  writeHeader6(view, ip, 0, ICMP_HEADER + quote, Protocol.icmp6, OWN_TTL);
  // GEN-2: without an address of our own we answer as the host we stand in for.
  const own = tables.ipv6Addr;
  if (own === null) copyAddress6(view, destination6(packet.start), source6(ip));
  else for (let i = 0; i < 4; i++) view.setInt32(source6(ip) + 4 * i, own[i]!);
  copyAddress6(view, source6(packet.start), destination6(ip));
  const at = ip + HEADER6;
  writeIcmp(view, at, reply.type, reply.code, 0, hasWord ? job.replyArgument : 0);
  const pseudo = sumBytes(view, source6(ip), 32, sumWord(ICMP_HEADER + quote) + Protocol.icmp6);
  const head = sumBytes(view, at, ICMP_HEADER, pseudo);
  view.setUint16(at + 2, ~sumBytes(view, packet.start, quote, head) & 0xffff);
  writeNoOffload(job);
  job.emit(job.vnetBytes + HEADER6 + ICMP_HEADER, packet.start, quote);
}
