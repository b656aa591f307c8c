/** What we say ourselves: ICMP errors (GERR) and echo replies (SELF-1). */
import type { ReasonName } from '../../../src/translate/reasons.ts';
import { type Bytes, u32 } from '../packets.ts';
import { lengthAndNext, put16, sum } from './bytes.ts';
import type { Four, Six } from './parse.ts';
import { ipv4Header, ipv6Header } from './quote.ts';
import type { Settings } from './settings.ts';
import { ICMP4, ICMP6 } from './transport.ts';

/** The Identification that the tests' generator always gives. */
export const FIXED_ID = 0xabcd;

/** A packet that is not translated, and the ICMP error to send about it, if any. */
export interface Refusal {
  reason: ReasonName;
  error?: { type: number; code: number; argument?: number };
  or?: ReasonName | undefined;
}
export const refuse = (reason: ReasonName, type?: number, code = 0, argument = 0): Refusal =>
  type === undefined ? { reason } : { reason, error: { type, code, argument } };

const WHOLE = { df: false, mf: false, offset: 0 };
const seal = (message: Bytes, pseudo: Bytes = []): Bytes => put16(message, 2, 0xffff - sum(pseudo, message));

function send4(of: Settings, to: Bytes, tos: number, message: Bytes): Bytes {
  const header = ipv4Header(tos, 20 + message.length, FIXED_ID, WHOLE, 64, ICMP4, of.ipv4Addr, to);
  return [...header, ...seal(message)];
}
function send6(from: Bytes, to: Bytes, tc: number, message: Bytes): Bytes {
  const pseudo = [...from, ...to, ...lengthAndNext(message.length, ICMP6)];
  return [...ipv6Header(tc, message.length, ICMP6, 64, from, to), ...seal(message, pseudo)];
}

/** GERR-1: may an error about this packet be sent at all? */
export function answerable(packet: Four | Six): boolean {
  const offset = packet.is === 4 ? packet.offset : (packet.fragment?.offset ?? 0);
  if (offset > 0) return false;
  const type = packet.payload[0];
  if (packet.is === 4) return packet.proto !== ICMP4 || type === 0 || type === 8;
  return packet.next !== ICMP6 || type === 128 || type === 129;
}

/** GERR-2, GERR-3. */
export function errorAbout(of: Settings, packet: Four | Six, { error }: Refusal): Bytes[] {
  if (error === undefined || !answerable(packet)) return [];
  const begin = [error.type, error.code, 0, 0, ...u32(error.argument ?? 0)];
  if (packet.is === 4) return [send4(of, packet.src, 0xc0, [...begin, ...packet.raw.slice(0, 548)])];
  return [send6(of.ipv6Addr ?? packet.dst, packet.src, 0, [...begin, ...packet.raw.slice(0, 1232)])];
}

/** SELF-1. */
export function self4(of: Settings, packet: Four): Refusal | { reason: ReasonName; reply: Bytes } {
  const { payload } = packet;
  if (packet.proto !== ICMP4) return refuse('SelfProtocol46', 3, 2);
  const right = payload.length >= 8 && payload[0] === 8 && sum(payload) === 0xffff;
  if (!right || packet.mf || packet.offset > 0) return refuse('SelfIcmp46');
  return {
    reason: 'EchoReply46',
    reply: send4(of, packet.src, packet.tos, [0, 0, 0, 0, ...payload.slice(4)]),
  };
}
export function self6(packet: Six): Refusal | { reason: ReasonName; reply: Bytes } {
  const { payload, src, dst, fragment } = packet;
  if (packet.next !== ICMP6) return refuse('SelfProtocol64', 4, 1, packet.namedAt);
  const sealed = sum(src, dst, lengthAndNext(payload.length, ICMP6), payload) === 0xffff;
  const whole = fragment === null || (fragment.offset === 0 && !fragment.more);
  if (payload.length < 8 || payload[0] !== 128 || !sealed || !whole) return refuse('SelfIcmp64');
  return { reason: 'EchoReply64', reply: send6(dst, src, packet.tc, [129, 0, 0, 0, ...payload.slice(4)]) };
}
