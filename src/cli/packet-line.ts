/** A packet in one line, for people: addresses, protocol, ports or ICMP type, lengths. Takes whatever bytes there are. */
import { formatIp4, formatIp6 } from '../address/format.ts';
import { EXTENSIONS, FRAGMENT, PROTOCOL_NAMES, WITH_PORTS } from '../replay/protocols.ts';

const ICMP: ReadonlySet<number> = new Set([1, 58]);

export function packetLine(packet: Uint8Array): string {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const version = packet.length === 0 ? 0 : packet[0]! >>> 4;
  if (version === 4 && packet.length >= 20) return line4(view);
  if (version === 6 && packet.length >= 40) return line6(view);
  return version === 4 || version === 6
    ? `${packet.length} byte(s), not a whole IPv${version} header`
    : `${packet.length} byte(s), neither IPv4 nor IPv6`;
}

function line4(view: DataView): string {
  const flags = view.getUint16(6);
  const offset = (flags & 0x1fff) * 8;
  const notes = [`TTL ${view.getUint8(8)}`];
  if (flags & 0x4000) notes.push('DF');
  if (flags & 0x2000 || offset > 0) notes.push(fragment(offset, (flags & 0x2000) !== 0));
  const at = (view.getUint8(0) & 15) * 4;
  const what = transport(view, view.getUint8(9), at, offset);
  return [
    `${formatIp4(view.getInt32(12))} > ${formatIp4(view.getInt32(16))}`,
    what,
    ...notes,
    `${view.byteLength} bytes`,
  ].join(', ');
}

function line6(view: DataView): string {
  const notes = [`hop limit ${view.getUint8(7)}`];
  let next = view.getUint8(6);
  let at = 40;
  let offset = 0;
  while (at + 8 <= view.byteLength && (next === FRAGMENT || EXTENSIONS.has(next)) && offset === 0) {
    if (next === FRAGMENT) {
      const word = view.getUint16(at + 2);
      offset = word & 0xfff8;
      notes.push(fragment(offset, (word & 1) !== 0));
    }
    const length = next === FRAGMENT ? 8 : 8 + view.getUint8(at + 1) * 8;
    next = view.getUint8(at);
    at += length;
  }
  return [
    `${formatIp6(ip6At(view, 8))} > ${formatIp6(ip6At(view, 24))}`,
    transport(view, next, at, offset),
    ...notes,
    `${view.byteLength} bytes`,
  ].join(', ');
}

export function ip6At(view: DataView, at: number): [number, number, number, number] {
  return [view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)];
}

const fragment = (offset: number, more: boolean): string =>
  `fragment at ${offset}${more ? ', more follow' : ', the last'}`;

function transport(view: DataView, protocol: number, at: number, offset: number): string {
  const name = PROTOCOL_NAMES[protocol] ?? `protocol ${protocol}`;
  if (offset > 0 || at + 4 > view.byteLength) return name;
  if (WITH_PORTS.has(protocol)) return `${name} ${view.getUint16(at)} > ${view.getUint16(at + 2)}`;
  if (ICMP.has(protocol)) return `${name} type ${view.getUint8(at)} code ${view.getUint8(at + 1)}`;
  return name;
}
