/** Step 1 of GEN-3: packets taken apart, or the name of what is wrong with them. T46-IN, T64-IN-1..7. */
import type { ReasonName } from '../../../src/translate/reasons.ts';
import type { Bytes } from '../packets.ts';
import { long, word } from './bytes.ts';

export interface Four {
  is: 4;
  /** As received, without what follows Total Length. */
  raw: Bytes;
  tos: number;
  id: number;
  df: boolean;
  mf: boolean;
  /** bytes */
  offset: number;
  ttl: number;
  proto: number;
  src: Bytes;
  dst: Bytes;
  options: Bytes;
  payload: Bytes;
}
export interface Fragment {
  offset: number;
  more: boolean;
  id: number;
}
export interface Six {
  is: 6;
  raw: Bytes;
  tc: number;
  hop: number;
  src: Bytes;
  dst: Bytes;
  fragment: Fragment | null;
  /** Upper protocol, and the offset of the octet that names it. */
  next: number;
  namedAt: number;
  /** Offset of the first Segments Left that is not 0. */
  segmentsLeftAt: number | null;
  payload: Bytes;
}

export function header4(bytes: Bytes): Omit<Four, 'raw' | 'payload' | 'options'> {
  return {
    is: 4,
    tos: bytes[1]!,
    id: word(bytes, 4),
    df: (bytes[6]! & 0x40) !== 0,
    mf: (bytes[6]! & 0x20) !== 0,
    offset: (word(bytes, 6) % 0x2000) * 8,
    ttl: bytes[8]!,
    proto: bytes[9]!,
    src: bytes.slice(12, 16),
    dst: bytes.slice(16, 20),
  };
}

export function parse4(bytes: Bytes): Four | ReasonName {
  if (bytes.length < 20) return 'ShortHeader46';
  const header = (bytes[0]! % 16) * 4;
  const total = word(bytes, 2);
  if (header < 20 || header > bytes.length) return 'BadHeaderLength46';
  if (total < header) return 'BadTotalLength46';
  if (total > bytes.length) return 'Truncated46';
  const raw = bytes.slice(0, total);
  const payload = raw.slice(header);
  const fields = header4(raw);
  if (fields.ttl === 0) return 'TtlZero46';
  if (fields.mf && payload.length % 8 !== 0) return 'BadFragmentLength46';
  if (fields.offset + payload.length > 65535) return 'FragmentOverrun46';
  if ((fields.mf || fields.offset > 0) && payload.length === 0) return 'EmptyFragment46';
  return { ...fields, raw, options: raw.slice(20, header), payload };
}

export interface Chain {
  next: number;
  namedAt: number;
  /** Where the upper protocol begins. */
  at: number;
  fragment: Fragment | null;
  segmentsLeftAt: number | null;
}
/** T64-EXT-1, T64-IN-6. `end` bounds what may be read. */
export function walk(bytes: Bytes, end: number): Chain | 'cut' | 'many' {
  let namedAt = 6;
  let at = 40;
  let segmentsLeftAt: number | null = null;
  for (let count = 1; [0, 43, 60, 44].includes(bytes[namedAt]!); count++) {
    if (count > 16) return 'many';
    if (at + 8 > end) return 'cut';
    if (bytes[namedAt] === 44) {
      const offset = word(bytes, at + 2);
      const fragment = { offset: offset - (offset % 8), more: offset % 2 === 1, id: long(bytes, at + 4) };
      return { next: bytes[at]!, namedAt: at, at: at + 8, fragment, segmentsLeftAt };
    }
    const length = 8 * (bytes[at + 1]! + 1);
    if (at + length > end) return 'cut';
    if (bytes[namedAt] === 43 && bytes[at + 3] !== 0) segmentsLeftAt ??= at + 3;
    namedAt = at;
    at += length;
  }
  return { next: bytes[namedAt]!, namedAt, at, fragment: null, segmentsLeftAt };
}

export function parse6(bytes: Bytes): Six | ReasonName {
  if (bytes.length < 40) return 'ShortHeader64';
  const end = 40 + word(bytes, 4);
  if (end > bytes.length) return 'Truncated64';
  if (end === 40 && bytes[6] === 0) return 'Jumbogram64';
  if (bytes[7] === 0) return 'HopLimitZero64';
  const raw = bytes.slice(0, end);
  const chain = walk(raw, end);
  if (chain === 'cut') return 'BadExtensionHeader64';
  if (chain === 'many') return 'TooManyExtensionHeaders64';
  const payload = raw.slice(chain.at);
  if (chain.fragment !== null) {
    const { offset, more } = chain.fragment;
    if (more && payload.length % 8 !== 0) return 'BadFragmentLength64';
    if (offset + payload.length > 65535) return 'FragmentOverrun64';
    if ((more || offset > 0) && payload.length === 0) return 'EmptyFragment64';
  }
  return { is: 6, raw, ...fixed6(raw), ...chain, payload };
}

export const fixed6 = (bytes: Bytes): Pick<Six, 'tc' | 'hop' | 'src' | 'dst'> => ({
  tc: (bytes[0]! % 16) * 16 + Math.floor(bytes[1]! / 16),
  hop: bytes[7]!,
  src: bytes.slice(8, 24),
  dst: bytes.slice(24, 40),
});
