/**
 * CLAT-13: packets from outside that claim to come from inside (RFC 6169), and the addresses of a LAN that are none of
 * its hosts'. Only where the host is known (Tables.inside): the daemon configures it and routes the EAM's IPv6 side
 * into the TUN, so that whatever comes out of the TUN by that way came from outside.
 */
import { hasEam4, MapOutcome } from '../address/mapper.ts';
import { inRanges } from '../address/ranges.ts';
import type { Packet } from './packet.ts';
import { Hairpin, type Tables } from './tables.ts';

/** EAM-6, condition A: the packet is turned back to another IPv6 host, and its source is one. */
export const turnsBack = (tables: Tables, outcome: number, destination: number): boolean =>
  tables.hairpin === Hairpin.intrinsic && outcome === MapOutcome.pool6 && hasEam4(tables, destination);

/**
 * True where `packet`, no ICMPv6 error, cannot have come from where its source says. Those of the EAM are inside
 * whichever way they are written: as their IPv6 address, or as their IPv4 address inside pool6.
 * @param destination, source how its addresses were mapped (MapOutcome)
 */
export function isSpoofed64(tables: Tables, packet: Packet, destination: number, source: number): boolean {
  const { inside } = tables;
  if (inside === null || turnsBack(tables, destination, packet.destination)) return false;
  return (
    source === MapOutcome.eam || inRanges(inside.sources4, packet.source) || hasEam4(tables, packet.source)
  );
}

/** True where the EAM maps this IPv4 address, and nobody outside may reach it. */
export const isClosed64 = (tables: Tables, destination: number, address: number): boolean =>
  tables.inside !== null && destination === MapOutcome.eam && inRanges(tables.inside.closed4, address);
