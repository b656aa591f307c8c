/** GEN-3 steps 3, 9 and 10 for IPv6 packets: martians, then destination, then source. The twin of addresses46.ts. */
import { MapOutcome, map64 } from '../address/mapper.ts';
import { isMartian6, isMulticast6 } from '../address/special.ts';
import { destination6, source6 } from '../wire/ipv6.ts';
import type { Job, Stage } from './job.ts';
import type { Packet } from './packet.ts';
import { PASS, Reason } from './reasons.ts';
import { isClosed64, isSpoofed64 } from './spoofing64.ts';
import type { Tables } from './tables.ts';
import { delta64 } from './transport.ts';

/** ADDR-8. */
export function checkMartians6(job: Job, packet: Packet): Stage {
  const destination = job.view.getInt32(destination6(packet.start));
  if (isMulticast6(destination)) return Reason.MulticastDestination64;
  if (isMartian6(job.view.getInt32(source6(packet.start)))) return Reason.MartianSource64;
  return isMartian6(destination) ? Reason.MartianDestination64 : PASS;
}

const DESTINATION_REASONS = [
  PASS,
  Reason.UnmappedDestination64,
  Reason.DeniedDestination64,
  Reason.WkpDestination64,
  Reason.EmbeddedMartianDestination64,
] as const;
const SOURCE_REASONS = [
  PASS,
  Reason.UnmappedSource64,
  Reason.DeniedSource64,
  Reason.WkpSource64,
  Reason.EmbeddedMartianSource64,
] as const;

/** Looks the pair up in the cache; a hit is left in packet.source and packet.destination, and job.delta is not 0. */
export function findPair64(job: Job, packet: Packet): boolean {
  const { pairs64 } = job;
  job.delta = pairs64.find(job.view, source6(packet.start));
  if (job.delta === 0) return false;
  packet.source = pairs64.source;
  packet.destination = pairs64.destination;
  return true;
}

/**
 * Maps both addresses into packet.source and packet.destination (ADDR-9, ADDR-10); job.delta is what a checksum changes
 * by. @returns the destination's MapOutcome (0 or above), or ~Reason (below 0)
 */
export function map64Both(job: Job, tables: Tables, packet: Packet): number {
  const { view, pairs64 } = job;
  const at = source6(packet.start);
  if (job.delta !== 0) return pairs64.outcome; // findPair64
  const outcome = mapDestination(job, tables, packet);
  if (outcome < 0) return outcome;
  const source = map64(tables, view, at, job);
  if (source < 0) return ~SOURCE_REASONS[-source]!;
  packet.source = job.mapped;
  if (isSpoofed64(tables, packet, outcome, source)) return ~Reason.SpoofedSource64;
  job.delta = delta64(view, packet.start, packet.source, packet.destination);
  pairs64.remember(view, at, packet.source, packet.destination, outcome, job.delta);
  return outcome;
}

/**
 * The same for an ICMPv6 error, which may come from anywhere (RSRC-1) but from inside: that is left in
 * job.fromInside, since it may yet be turned back (EAM-6, condition B). @returns as map64Both
 */
export function map64Error(job: Job, tables: Tables, packet: Packet): number {
  const outcome = mapDestination(job, tables, packet);
  if (outcome < 0) return outcome;
  const { rfc6791Address, rfc6791HostMask } = tables;
  const source = map64(tables, job.view, source6(packet.start), job);
  job.fromInside = source === MapOutcome.eam;
  if (source >= 0) packet.source = job.mapped;
  else
    packet.source =
      rfc6791HostMask === 0 ? rfc6791Address : rfc6791Address | (job.random() & rfc6791HostMask);
  return outcome;
}

/** @returns a MapOutcome (0 or above), or ~Reason (below 0) */
function mapDestination(job: Job, tables: Tables, packet: Packet): number {
  const outcome = map64(tables, job.view, destination6(packet.start), job);
  if (outcome < 0) return ~DESTINATION_REASONS[-outcome]!;
  packet.destination = job.mapped;
  return isClosed64(tables, outcome, job.mapped) ? ~Reason.ReservedDestination64 : outcome;
}
