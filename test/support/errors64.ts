/** ICMPv6 errors about an IPv4 peer's packets to our host, and what they become. */
import { ROUTER4, ROUTER6 } from './expect.ts';
import { ID } from './must.ts';
import {
  type Bytes,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  PEER4,
  PEER6,
  type Transport,
  udp,
  type V4,
  type V6,
  v4,
  v6,
} from './packets.ts';

/** An IPv6 router that no mapping knows. */
export const STRANGER6 = '2001:db8:ffff::1';
/** A router complains to the IPv4 peer about its packet to our host. */
export const message = (type: number, code: number, word: Bytes, data: Bytes, fields: V6 = {}): Bytes =>
  v6({
    src: ROUTER6,
    dst: PEER6,
    hop: 61,
    next: 58,
    ...fields,
    payload: icmp6(type, code, word, data, fields.src ?? ROUTER6, fields.dst ?? PEER6),
  });
export const result = (type: number, code: number, word: Bytes, data: Bytes, fields: V4 = {}): Bytes =>
  v4({
    src: ROUTER4,
    dst: PEER4,
    ttl: 60,
    id: ID,
    proto: 1,
    payload: icmp4(type, code, word, data),
    ...fields,
  });
/** The packet in error: from the IPv4 peer to our host, in IPv6 and in IPv4. */
export const inner6 = (of: Transport = udp(), fields: V6 = {}): Bytes => {
  const to = { src: PEER6, dst: HOST6, ...fields };
  return v6({ hop: 9, ...to, next: of.proto, payload: of.in6(to.src, to.dst) });
};
export const inner4 = (of: Transport = udp(), fields: V4 = {}): Bytes => {
  const to = { src: PEER4, dst: HOST4, ...fields };
  return v4({ ttl: 9, id: 0, ...to, proto: of.proto, payload: of.in4(to.src, to.dst) });
};
