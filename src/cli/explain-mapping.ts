/** Which rule maps an address, and to what: the words behind `clatd explain --packet`. */

import { find4, find6 } from '../address/eam-table.ts';
import { formatIp4, formatIp6 } from '../address/format.ts';
import { Lookup, type MapOutcome, map46, map64, MapOutcome as Outcomes } from '../address/mapper.ts';
import type { Tables } from '../translate/tables.ts';
import { ip6At } from './packet-line.ts';

/** Two lines, source and destination; none where the packet has no whole IP header. */
export function explainMapping(packet: Uint8Array, tables: Tables): string[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const version = packet.length === 0 ? 0 : packet[0]! >>> 4;
  if (version === 4 && packet.length >= 20) {
    return [
      `source       ${of4(view.getInt32(12), tables, tables.strictSource)}`,
      `destination  ${of4(view.getInt32(16), tables, false)}`,
    ];
  }
  if (version === 6 && packet.length >= 40) {
    return [`source       ${of6(view, 8, tables)}`, `destination  ${of6(view, 24, tables)}`];
  }
  return [];
}

function of4(address: number, tables: Tables, strict: boolean): string {
  const from = formatIp4(address);
  if (address === tables.ipv4Addr) return `${from} is our own address (ipv4-addr)`;
  const into = new DataView(new ArrayBuffer(16));
  const outcome = map46(tables, address, strict ? Lookup.coveredOnly : Lookup.all, into, 0);
  if (strict && outcome === Outcomes.unmapped)
    return `${from}: no EAM maps it, and pool6 is not for sources (--no-strict-source lifts this)`;
  return says(from, outcome, () => formatIp6(ip6At(into, 0)), find4(tables.eam, address), tables);
}

function of6(view: DataView, at: number, tables: Tables): string {
  const words = ip6At(view, at);
  const from = formatIp6(words);
  const own = tables.ipv6Addr;
  if (own !== null && words.every((word, i) => word === own[i]))
    return `${from} is our own address (ipv6-addr)`;
  const into = { mapped: 0 };
  const outcome = map64(tables, view, at, into);
  return says(from, outcome, () => formatIp4(into.mapped), find6(tables.eam, ...words), tables);
}

function says(from: string, outcome: MapOutcome, to: () => string, entry: number, tables: Tables): string {
  switch (outcome) {
    case Outcomes.eam:
      return `${from} = ${to()} by the EAM ${eamText(tables, entry)}`;
    case Outcomes.pool6:
      return `${from} = ${to()} by pool6 ${pool6Text(tables)}`;
    case Outcomes.denied:
      return `${from}: excluded by the denylist`;
    case Outcomes.wellKnown:
      return `${from}: not global, and pool6 is the well-known prefix (--no-wkpf-strict lifts this)`;
    case Outcomes.martian:
      return `${from}: the IPv4 address inside is illegal`;
    default:
      return `${from}: no EAM maps it, ${tables.pool6Length === 0 ? 'and there is no pool6' : `nor does pool6 ${pool6Text(tables)}`}`;
  }
}

/** Entry of the table as it is written in options. */
export function eamText({ eam }: Tables, entry: number): string {
  const at = entry * 4;
  const v6 = formatIp6([eam.v6[at]!, eam.v6[at + 1]!, eam.v6[at + 2]!, eam.v6[at + 3]!]);
  return `${formatIp4(eam.v4[entry]!)}/${eam.length4[entry]}=${v6}/${eam.length6[entry]}`;
}

const pool6Text = ({ pool6a, pool6b, pool6c, pool6d, pool6Length }: Tables): string =>
  `${formatIp6([pool6a, pool6b, pool6c, pool6d])}/${pool6Length}`;
