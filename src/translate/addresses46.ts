/** GEN-3 steps 3, 9 and 10 for IPv4 packets: martians, then destination, then source. The twin of addresses64.ts. */
import { hasEam4, Lookup, MapOutcome, map46 } from '../address/mapper.ts';
import { isLinkLocal4, isMartian4, isMulticastOrBroadcast4 } from '../address/special.ts';
import { Icmp4, icmpType } from '../wire/icmp.ts';
import { destination6, source6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Job, Stage } from './job.ts';
import type { Packet } from './packet.ts';
import { PASS, Reason } from './reasons.ts';
import { Hairpin, type Tables } from './tables.ts';
import { delta46 } from './transport.ts';

/** True for an ICMPv4 message that is translated as an error: its source may be illegal (I46-S). */
function isError4(job: Job, packet: Packet): boolean {
  if (packet.protocol !== Protocol.icmp4 || packet.fragmentOffset !== 0 || packet.payload === 0) return false;
  const type = icmpType(job.view, packet.transport);
  return type === Icmp4.unreachable || type === Icmp4.timeExceeded || type === Icmp4.parameterProblem;
}

/** ADDR-7, I46-S. */
export function checkMartians4(job: Job, tables: Tables, packet: Packet): Stage {
  const { source, destination } = packet;
  if (isMartian4(source)) {
    if (isMulticastOrBroadcast4(source) || !isError4(job, packet)) return Reason.MartianSource46;
  } else if (isLinkLocal4(source) && !hasEam4(tables, source) && !isError4(job, packet)) {
    return Reason.LinkLocalSource46;
  }
  return isMartian4(destination) ? Reason.MartianDestination46 : PASS;
}

const DESTINATION_REASONS = [
  PASS,
  Reason.UnmappedDestination46,
  Reason.DeniedDestination46,
  Reason.WkpDestination46,
] as const;
const SOURCE_REASONS = [PASS, Reason.UnmappedSource46, Reason.DeniedSource46, Reason.WkpSource46] as const;

/** Looks the pair up in the cache; a hit stands in the head begun at headNext, and job.delta is not 0. */
export function findPair46(job: Job, tables: Tables, packet: Packet): boolean {
  // EAM-8: mode simple has rules of its own for the source.
  if (tables.hairpin === Hairpin.simple) {
    job.delta = 0;
    return false;
  }
  const at = source6(job.headNext + job.vnetBytes);
  job.delta = job.pairs46.find(packet.source, packet.destination, job.view, at);
  return job.delta !== 0;
}

/**
 * The rules for the source. What hairpinning turns back was received as IPv6, so that no IPv4 host can have made its
 * source up: strict-source is about packets off the IPv4 wire (CLAT-12).
 */
function sourceLookup(job: Job, tables: Tables, packet: Packet, restricted: boolean): Lookup {
  const strict = tables.strictSource && packet === job.outer ? Lookup.coveredOnly : Lookup.all;
  return restricted ? strict | Lookup.withoutEam : strict;
}

/**
 * Maps both addresses into the IPv6 header begun at `ip` (ADDR-9, ADDR-10); job.delta is what a checksum changes by.
 * @param restricted true: the source goes by RFC 6052 only (EAM-7, EAM-8)
 */
export function map46Both(job: Job, tables: Tables, packet: Packet, ip: number, restricted: boolean): Stage {
  const { view, pairs46 } = job;
  const destination = map46(tables, packet.destination, Lookup.all, view, destination6(ip));
  if (destination < 0) return DESTINATION_REASONS[-destination]!;
  const source = map46(
    tables,
    packet.source,
    sourceLookup(job, tables, packet, restricted),
    view,
    source6(ip),
  );
  if (source < 0) return SOURCE_REASONS[-source]!;
  job.delta = delta46(view, packet.source, packet.destination, ip);
  if (!restricted) pairs46.remember(packet.source, packet.destination, view, source6(ip), job.delta);
  return PASS;
}

/** The same for an ICMPv4 error, whose source may be illegal (I46-S) or stood in for (RSRC-4). */
export function map46Error(job: Job, tables: Tables, packet: Packet, ip: number, restricted: boolean): Stage {
  const { view } = job;
  const destination = map46(tables, packet.destination, Lookup.all, view, destination6(ip));
  if (destination < 0) return DESTINATION_REASONS[-destination]!;
  // EAM-7: of an error only the destination of the packet in error itself must come back by RFC 6052.
  const lookup = sourceLookup(job, tables, packet, restricted && packet.source === job.inner.destination);
  const source = map46(tables, packet.source, Lookup.linkLocalToo | lookup, view, source6(ip));
  if (source >= MapOutcome.eam) return PASS;
  const own = tables.ipv6Addr;
  if (own === null) return Reason.UnmappedErrorSource46;
  const at = source6(ip);
  for (let i = 0; i < 4; i++) view.setInt32(at + 4 * i, own[i]!);
  return PASS;
}
