/** Packets to our own addresses (SELF-1): echo requests are answered, the rest is refused. */
import { fold, sumBytes } from '../wire/checksum.ts';
import { ICMP_HEADER, Icmp4, Icmp6, icmpType, icmpWord, writeIcmp } from '../wire/icmp.ts';
import { HEADER4, writeHeader4 } from '../wire/ipv4.ts';
import { copyAddress6, destination6, HEADER6, source6, writeHeader6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { icmpChecksumIsRight6 } from './icmp64.ts';
import type { Job } from './job.ts';
import { writeNoOffload } from './offload.ts';
import type { Packet } from './packet.ts';
import { Reason } from './reasons.ts';
import type { Tables } from './tables.ts';

/** TTL and Hop Limit of packets that begin here. */
export const OWN_TTL = 64;

/** True where `packet` is for `ipv6-addr`. */
export function isSelf6(job: Job, tables: Tables, packet: Packet): boolean {
  const own = tables.ipv6Addr;
  if (own === null) return false;
  const { view } = job;
  const at = destination6(packet.start);
  return (
    view.getInt32(at + 12) === own[3] &&
    view.getInt32(at + 8) === own[2] &&
    view.getInt32(at + 4) === own[1] &&
    view.getInt32(at) === own[0]
  );
}

/** Answers a ping to `ipv4-addr`. The echoed data stays where it was received. */
export function echoSelf4(job: Job, packet: Packet): Reason {
  const { view } = job;
  const { payload, transport } = packet;
  if (packet.protocol !== Protocol.icmp4) return Reason.SelfProtocol46;
  if (packet.isFragment() || payload < ICMP_HEADER) return Reason.SelfIcmp46;
  if (icmpType(view, transport) !== Icmp4.echoRequest) return Reason.SelfIcmp46;
  if (job.partial === 0 && sumBytes(view, transport, payload, 0) !== 0xffff) return Reason.SelfIcmp46;
  const ip = job.headNext + job.vnetBytes;
  const at = ip + HEADER4;
  // Type and code become 0: the checksum is that of everything from the identifier on.
  const checksum = ~sumBytes(view, transport + 4, payload - 4, 0) & 0xffff;
  writeIcmp(view, at, Icmp4.echoReply, 0, checksum, icmpWord(view, transport));
  const identification = job.identifications.reserve(packet.destination, packet.source, Protocol.icmp4, 1);
  writeHeader4(
    view,
    ip,
    packet.trafficClass,
    HEADER4 + payload,
    identification,
    0,
    OWN_TTL,
    Protocol.icmp4,
    packet.destination,
    packet.source,
  );
  writeNoOffload(job);
  job.emit(job.vnetBytes + HEADER4 + ICMP_HEADER, transport + ICMP_HEADER, payload - ICMP_HEADER);
  return Reason.EchoReply46;
}

/** Answers a ping to `ipv6-addr`. The twin of echoSelf4. */
export function echoSelf6(job: Job, packet: Packet): Reason {
  const { view } = job;
  const { payload, transport, start } = packet;
  if (packet.protocol !== Protocol.icmp6) {
    job.replyArgument = packet.protocolAt;
    return Reason.SelfProtocol64;
  }
  if (packet.isFragment() || payload < ICMP_HEADER) return Reason.SelfIcmp64;
  if (icmpType(view, transport) !== Icmp6.echoRequest) return Reason.SelfIcmp64;
  if (!icmpChecksumIsRight6(job, packet)) return Reason.SelfIcmp64;
  const ip = job.headNext + job.vnetBytes;
  const at = ip + HEADER6;
  writeHeader6(view, ip, packet.trafficClass, payload, Protocol.icmp6, OWN_TTL);
  copyAddress6(view, destination6(start), source6(ip));
  copyAddress6(view, source6(start), destination6(ip));
  const pseudo = sumBytes(view, source6(ip), 32, fold(payload + Protocol.icmp6 + (Icmp6.echoReply << 8)));
  const checksum = ~sumBytes(view, transport + 4, payload - 4, pseudo) & 0xffff;
  writeIcmp(view, at, Icmp6.echoReply, 0, checksum, icmpWord(view, transport));
  writeNoOffload(job);
  job.emit(job.vnetBytes + HEADER6 + ICMP_HEADER, transport + ICMP_HEADER, payload - ICMP_HEADER);
  return Reason.EchoReply64;
}
