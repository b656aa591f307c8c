/** Checksums of what IP carries: T46-L4, T64-L4, I46-C, I64-C, IERR-7, MSS. */
import type { Bytes } from '../packets.ts';
import { adjusted, lengthAndNext, put16, word } from './bytes.ts';

export const ICMP4 = 1;
export const ICMP6 = 58;
export const TCP = 6;
export const UDP = 17;
const UDP_LITE = 136;
/** Where the checksum stands in the transports that cover the addresses. */
const CHECKSUM_AT = new Map([
  [TCP, 16],
  [UDP, 6],
  [33, 6],
  [UDP_LITE, 6],
]);

/** T46-L4-1, T46-L4-2: the addresses `before` gave way to those `after`. As much as is there is changed. */
export function withAddresses(proto: number, segment: Bytes, before: Bytes, after: Bytes): Bytes {
  const at = CHECKSUM_AT.get(proto);
  if (at === undefined || segment.length < at + 2) return segment;
  if (proto === UDP && word(segment, at) === 0) return segment;
  const fresh = adjusted(word(segment, at), before, after);
  return put16(segment, at, fresh === 0 && (proto === UDP || proto === UDP_LITE) ? 0xffff : fresh);
}

const ECHO6 = new Map([
  [8, 128],
  [0, 129],
]);
const ECHO4 = new Map([
  [128, 8],
  [129, 0],
]);
export const isEcho4 = (type: number): boolean => ECHO6.has(type);
export const isEcho6 = (type: number): boolean => ECHO4.has(type);

/** I46-Q, I46-C. `length` is what the pseudo-header says. */
export function echo46(message: Bytes, length: number, src6: Bytes, dst6: Bytes): Bytes {
  const begin = [ECHO6.get(message[0]!)!, 0];
  const pseudo = [...src6, ...dst6, ...lengthAndNext(length, ICMP6)];
  const fresh = adjusted(word(message, 2), message.slice(0, 2), [...begin, ...pseudo]);
  return put16([...begin, ...message.slice(2)], 2, fresh);
}
/** I64-Q, I64-C. */
export function echo64(message: Bytes, length: number, src6: Bytes, dst6: Bytes): Bytes {
  const begin = [ECHO4.get(message[0]!)!, 0];
  const pseudo = [...src6, ...dst6, ...lengthAndNext(length, ICMP6)];
  const fresh = adjusted(word(message, 2), [...message.slice(0, 2), ...pseudo], begin);
  return put16([...begin, ...message.slice(2)], 2, fresh);
}

/** MSS-2, MSS-3. */
export function clamped(segment: Bytes, limit: number): Bytes {
  const header = Math.floor((segment[12] ?? 0) / 16) * 4;
  if (limit === Number.POSITIVE_INFINITY || segment.length < 20 || header > segment.length) return segment;
  if ((segment[13]! & 2) === 0) return segment;
  for (let at = 20; at < header; ) {
    const kind = segment[at]!;
    if (kind === 0) return segment;
    if (kind === 1) {
      at++;
      continue;
    }
    if (at + 1 >= header) return segment;
    const length = segment[at + 1]!;
    if (length < 2 || at + length > header) return segment;
    if (kind === 2 && length === 4) {
      if (word(segment, at + 2) <= limit) return segment;
      const lowered = put16(segment, at + 2, limit);
      // The whole words that the value touches: two where it stands at an odd place.
      const from = at - (at % 2) + 2;
      const to = from + (at % 2 === 0 ? 2 : 4);
      const pad = (bytes: Bytes): Bytes => (bytes.length % 2 === 0 ? bytes : [...bytes, 0]);
      const fresh = adjusted(word(segment, 16), pad(segment.slice(from, to)), pad(lowered.slice(from, to)));
      return put16(lowered, 16, fresh);
    }
    at += length;
  }
  return segment;
}
