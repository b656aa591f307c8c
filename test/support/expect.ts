/** What a packet must become, written down once more from the RFC, slowly: the expectations of the tests. */
import { ID } from './must.ts';
import {
  type Bytes,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  OWN4,
  OWN6,
  PEER4,
  PEER6,
  type Transport,
  u16,
  u32,
  type V4,
  type V6,
  v4,
  v6,
} from './packets.ts';

/** The IPv6 packet of a 46 translation: Hop Limit one less than the TTL, flow 0. */
export const as6 = (of: Transport, fields: V6 = {}): Bytes =>
  v6({ hop: 63, ...fields, next: of.proto, payload: of.in6(fields.src, fields.dst) });
/** The IPv4 packet of a 64 translation: identification of the tests, or 0 with DF. */
export function as4(of: Transport, fields: V4 = {}): Bytes {
  const payload = of.in4(fields.src, fields.dst);
  const df = fields.df ?? payload.length + 20 > 1260;
  return v4({ ttl: 63, id: df ? 0 : ID, ...fields, df, proto: of.proto, payload });
}

/** The ICMPv4 error that `packet` provokes (GERR-2, GERR-3). */
export const error4 = (
  packet: Bytes,
  type: number,
  code: number,
  argument = 0,
  to = HOST4,
  from = OWN4,
): Bytes =>
  v4({
    src: from,
    dst: to,
    tos: 0xc0,
    id: ID,
    proto: 1,
    payload: icmp4(type, code, u32(argument), packet.slice(0, Math.min(548, packet[2]! * 256 + packet[3]!))),
  });
/** The ICMPv6 error that `packet` provokes (GERR-2, GERR-3). */
export const error6 = (
  packet: Bytes,
  type: number,
  code: number,
  argument = 0,
  to = HOST6,
  from = OWN6,
): Bytes =>
  v6({
    src: from,
    dst: to,
    next: 58,
    payload: icmp6(
      type,
      code,
      u32(argument),
      packet.slice(0, Math.min(1232, 40 + packet[4]! * 256 + packet[5]!)),
      from,
      to,
    ),
  });

/** Splits a payload into pieces of at most `size` bytes with their offsets. */
export function pieces(payload: Bytes, size: number): { data: Bytes; offset: number; last: boolean }[] {
  const list = [];
  for (let offset = 0; offset < payload.length; offset += size) {
    list.push({ data: payload.slice(offset, offset + size), offset, last: offset + size >= payload.length });
  }
  return list;
}

/** Source of an IPv4 network's router, mapped by pool6. */
export const ROUTER4 = '203.0.113.9';
export const ROUTER6 = '2001:db8:64::203.0.113.9';

export { HOST4, HOST6, OWN4, OWN6, PEER4, PEER6, u16, u32 };
