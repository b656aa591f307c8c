/** The packet in error, and RFC 4884 extensions behind it: IERR, IEXT. */
import type { ReasonName } from '../../../src/translate/reasons.ts';
import { type Bytes, u16, u32 } from '../packets.ts';
import { martian4, martian6, to4, to6 } from './addresses.ts';
import { put16, sum, word } from './bytes.ts';
import { fixed6, header4, walk } from './parse.ts';
import type { Settings } from './settings.ts';
import { echo46, echo64, ICMP4, ICMP6, isEcho4, isEcho6, withAddresses } from './transport.ts';

export const ipv6Header = (
  tc: number,
  length: number,
  next: number,
  hop: number,
  src: Bytes,
  dst: Bytes,
): Bytes => [0x60 + (tc >> 4), (tc & 15) << 4, 0, 0, ...u16(length), next, hop, ...src, ...dst];
export const fragmentHeader = (next: number, offset: number, more: boolean, id: number): Bytes => [
  next,
  0,
  ...u16(offset + (more ? 1 : 0)),
  ...u32(id),
];
export function ipv4Header(
  tos: number,
  total: number,
  id: number,
  flags: { df: boolean; mf: boolean; offset: number },
  ttl: number,
  proto: number,
  src: Bytes,
  dst: Bytes,
): Bytes {
  const place = (flags.df ? 0x4000 : 0) + (flags.mf ? 0x2000 : 0) + flags.offset / 8;
  const header = [
    ...[0x45, tos, ...u16(total), ...u16(id), ...u16(place), ttl, proto],
    ...[0, 0, ...src, ...dst],
  ];
  return put16(header, 10, 0xffff - sum(header));
}

export interface Quote {
  bytes: Bytes;
  /** Total length that the packet claimed before: Total Length, or 40 + Payload Length. */
  claimed: number;
  /** Addresses in IPv4. */
  src4: Bytes;
  dst4: Bytes;
  /** EAM-6, condition B: how the inner source was mapped. */
  sourceBy: 'eam' | 'pool6';
  fragmented: boolean;
}

/** What belongs to the packet in error, where an attribute says that something follows (IEXT-3): all that is present. */
const stripped = (segment: Bytes, hasExtension: boolean, claimed: number): Bytes =>
  hasExtension ? segment.slice(0, claimed) : segment;

export function quote46(
  of: Settings,
  whole: Bytes,
  hasExtension: boolean,
  withoutDestinationEam: boolean,
): Quote | ReasonName {
  if (whole.length < 20) return 'InnerShort46';
  const header = (whole[0]! % 16) * 4;
  const claimed = word(whole, 2);
  if (whole[0]! >> 4 !== 4 || header < 20 || claimed < header) return 'InnerMalformed46';
  if (header > whole.length) return 'InnerMalformed46';
  const inner = header4(whole);
  const segment = stripped(whole.slice(header), hasExtension, claimed - header);
  const isFragment = inner.mf || inner.offset > 0;
  if ([0, 2, 43, 44, 58, 60].includes(inner.proto)) return 'InnerProtocol46';
  if (inner.proto === ICMP4) {
    if (isFragment) return 'InnerFragmentedIcmp46';
    if (segment.length < 8) return 'InnerShort46';
    if (!isEcho4(segment[0]!)) return 'InnerIcmp46';
  }
  const src = to6(of, inner.src);
  const dst = to6(of, inner.dst, { withoutEam: withoutDestinationEam });
  if (martian4(inner.src) || martian4(inner.dst)) return 'InnerAddress46';
  if (src.is !== 'mapped' || dst.is !== 'mapped') return 'InnerAddress46';
  const carried =
    inner.proto === ICMP4
      ? echo46(segment, claimed - header, src.address, dst.address)
      : inner.offset > 0
        ? segment
        : withAddresses(inner.proto, segment, [...inner.src, ...inner.dst], [...src.address, ...dst.address]);
  const next = inner.proto === ICMP4 ? ICMP6 : inner.proto;
  const between = isFragment ? fragmentHeader(next, inner.offset, inner.mf, inner.id) : [];
  const tc = of.zeroTrafficClass ? 0 : inner.tos;
  const length = claimed - header + between.length;
  return {
    bytes: [
      ...ipv6Header(tc, length, isFragment ? 44 : next, inner.ttl, src.address, dst.address),
      ...between,
      ...carried,
    ],
    claimed,
    src4: inner.src,
    dst4: inner.dst,
    sourceBy: src.by,
    fragmented: isFragment,
  };
}

export function quote64(of: Settings, whole: Bytes, hasExtension: boolean): Quote | ReasonName {
  if (whole.length < 40) return 'InnerShort64';
  if (whole[0]! >> 4 !== 6) return 'InnerMalformed64';
  const claimed = 40 + word(whole, 4);
  const chain = walk(whole, whole.length);
  if (chain === 'cut') return 'InnerShort64';
  if (chain === 'many') return 'InnerProtocol64';
  const { next, at, fragment } = chain;
  if (chain.segmentsLeftAt !== null || next === ICMP4 || next === 2) return 'InnerProtocol64';
  if (fragment !== null && BEHIND_FRAGMENT.includes(next)) return 'InnerProtocol64';
  const length = claimed - at;
  if (length < 0 || 20 + length > 65535) return 'InnerLength64';
  const segment = stripped(whole.slice(at), hasExtension, length);
  const offset = fragment?.offset ?? 0;
  const isFragment = offset > 0 || (fragment?.more ?? false);
  if (next === ICMP6) {
    if (isFragment) return 'InnerFragmentedIcmp64';
    if (segment.length < 8) return 'InnerShort64';
    if (!isEcho6(segment[0]!)) return 'InnerIcmp64';
  }
  const inner = fixed6(whole);
  if (martian6(inner.src) || martian6(inner.dst)) return 'InnerAddress64';
  const src = to4(of, inner.src);
  const dst = to4(of, inner.dst);
  if (src.is !== 'mapped' || dst.is !== 'mapped') return 'InnerAddress64';
  const carried =
    next === ICMP6
      ? echo64(segment, length, inner.src, inner.dst)
      : offset > 0
        ? segment
        : withAddresses(next, segment, [...inner.src, ...inner.dst], [...src.address, ...dst.address]);
  const flags = { df: fragment === null && 20 + length > 1260, mf: fragment?.more ?? false, offset };
  return {
    bytes: [
      ...ipv4Header(
        of.tos ?? inner.tc,
        20 + length,
        fragment === null ? 0 : fragment.id % 65536,
        flags,
        inner.hop,
        next === ICMP6 ? ICMP4 : next,
        src.address,
        dst.address,
      ),
      ...carried,
    ],
    claimed,
    src4: src.address,
    dst4: dst.address,
    sourceBy: src.by,
    fragmented: fragment !== null,
  };
}
/** T64-EXT-4. */
export const BEHIND_FRAGMENT = [0, 43, 60, 51, 135, 139, 140, 44];

/** IEXT-1, IEXT-2: what stands behind the 8 bytes of the message, split. Null: the attribute is impossible. */
export function splitExtension(data: Bytes, length: number): { quote: Bytes; extension: Bytes } | null {
  if (length > data.length) return null;
  if (length === 0 || length === data.length) return { quote: data, extension: [] };
  return { quote: data.slice(0, length), extension: data.slice(length) };
}

/** IEXT-4 to IEXT-7. `room` is what the largest message has behind its 8 bytes, `unit` what the attribute counts in. */
export function joinExtension(
  quote: Bytes,
  extension: Bytes,
  room: number,
  unit: number,
): { data: Bytes; attribute: number } {
  if (extension.length === 0 || extension.length > room - 128) {
    return { data: quote.slice(0, room), attribute: 0 };
  }
  let length = Math.max(128, Math.ceil(quote.length / unit) * unit);
  if (length + extension.length > room) length = Math.floor((room - extension.length) / unit) * unit;
  const padded = [...quote, ...new Array<number>(room).fill(0)].slice(0, length);
  return { data: [...padded, ...extension], attribute: length / unit };
}
