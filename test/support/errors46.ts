import { ROUTER4, ROUTER6 } from './expect.ts';
import {
  type Bytes,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  type Transport,
  udp,
  type V4,
  type V6,
  v4,
  v6,
} from './packets.ts';

/** An ICMPv4 message from an IPv4 router to our host. */
export const message = (type: number, code: number, word: Bytes, data: Bytes, fields: V4 = {}): Bytes =>
  v4({ src: ROUTER4, dst: HOST4, ttl: 61, proto: 1, payload: icmp4(type, code, word, data), ...fields });
/** The ICMPv6 message it must become. */
export const result = (type: number, code: number, word: Bytes, data: Bytes, fields: V6 = {}): Bytes =>
  v6({
    src: ROUTER6,
    dst: HOST6,
    hop: 60,
    next: 58,
    ...fields,
    payload: icmp6(type, code, word, data, fields.src ?? ROUTER6, fields.dst ?? HOST6),
  });
/** The packet in error: our host's, seen on the IPv4 side, and as it was in IPv6. */
export const inner4 = (of: Transport = udp(), fields: V4 = {}): Bytes =>
  v4({ ttl: 9, ...fields, proto: of.proto, payload: of.in4(fields.src, fields.dst) });
export const inner6 = (of: Transport = udp(), fields: V6 = {}): Bytes =>
  v6({ hop: 9, ...fields, next: of.proto, payload: of.in6(fields.src, fields.dst) });
