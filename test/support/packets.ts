/**
 * An independent packet builder: bytes by hand, checksums byte by byte, nothing shared with src/. What it builds is the
 * RFCs' text turned into arrays, as slow and plain as possible.
 */
export type Bytes = number[];

export const hex = (bytes: ArrayLike<number>): string => Buffer.from(Array.from(bytes)).toString('hex');
export const fromHex = (text: string): Bytes => [...Buffer.from(text.replaceAll(/\s/g, ''), 'hex')];
export const u16 = (value: number): Bytes => [(value >>> 8) & 255, value & 255];
export const u32 = (value: number): Bytes => [
  (value >>> 24) & 255,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];
/** `length` bytes that count up from `from`. */
export const counting = (length: number, from = 0): Bytes =>
  Array.from({ length }, (_, i) => (from + i) & 255);

/** RFC 1071, one byte after the other. */
export function checksum(...parts: readonly Bytes[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) sum += i % 2 === 0 ? part[i]! * 256 : part[i]!;
    if (part.length % 2 === 1 && part !== parts.at(-1)) throw new Error('an odd part in the middle');
  }
  while (sum > 65535) sum = Math.floor(sum / 65536) + (sum % 65536);
  return 65535 - sum;
}

export function ip4(text: string): Bytes {
  return text.split('.').map(Number);
}

export function ip6(text: string): Bytes {
  let plain = text;
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const [a, b, c, d] = ip4(dotted[1]!) as [number, number, number, number];
    plain = text.replace(dotted[1]!, `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const [left = '', right] = plain.split('::');
  const groups = (side: string): number[] =>
    side === '' ? [] : side.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(left);
  const after = right === undefined ? [] : groups(right);
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...zeros, ...after].flatMap(u16);
}

export interface V4 {
  src?: string;
  dst?: string;
  proto?: number;
  tos?: number;
  id?: number;
  df?: boolean;
  mf?: boolean;
  /** bytes, a multiple of 8 */
  offset?: number;
  ttl?: number;
  options?: Bytes;
  /** Overrides, to build what is wrong. */
  ihl?: number;
  totalLength?: number;
  headerChecksum?: number;
  version?: number;
  reservedFlag?: boolean;
  payload?: Bytes;
}

/** The host of Appendix A's EAM (192.0.2.1) sends to 198.51.100.2 unless told otherwise. */
export const HOST4 = '192.0.2.1';
export const HOST6 = '2001:db8:1::1';
export const PEER4 = '198.51.100.2';
export const PEER6 = '2001:db8:64::198.51.100.2';
export const OWN4 = '192.0.2.254';
export const OWN6 = '2001:db8:1::fe';

export function v4(fields: V4 = {}): Bytes {
  const { src = HOST4, dst = PEER4, proto = 99, options = [], payload = [] } = fields;
  const headerBytes = 20 + options.length;
  const flags = (fields.reservedFlag ? 0x8000 : 0) | (fields.df ? 0x4000 : 0) | (fields.mf ? 0x2000 : 0);
  const header = [
    ((fields.version ?? 4) << 4) | (fields.ihl ?? headerBytes / 4),
    fields.tos ?? 0,
    ...u16(fields.totalLength ?? headerBytes + payload.length),
    ...u16(fields.id ?? 0x1234),
    ...u16(flags | ((fields.offset ?? 0) / 8)),
    fields.ttl ?? 64,
    proto,
    ...[0, 0],
    ...ip4(src),
    ...ip4(dst),
    ...options,
  ];
  const sum = fields.headerChecksum ?? checksum(header);
  header[10] = sum >> 8;
  header[11] = sum & 255;
  return [...header, ...payload];
}

export interface V6 {
  src?: string;
  dst?: string;
  /** Next Header of the fixed header. */
  next?: number;
  tc?: number;
  flow?: number;
  hop?: number;
  payloadLength?: number;
  version?: number;
  payload?: Bytes;
}

/** The host of Appendix A's EAM receives from PEER6 unless told otherwise: the host sends, as in A2. */
export function v6(fields: V6 = {}): Bytes {
  const { src = HOST6, dst = PEER6, payload = [] } = fields;
  return [
    ...u32(((fields.version ?? 6) * 2 ** 28 + (fields.tc ?? 0) * 2 ** 20 + (fields.flow ?? 0)) >>> 0),
    ...u16(fields.payloadLength ?? payload.length),
    fields.next ?? 99,
    fields.hop ?? 64,
    ...ip6(src),
    ...ip6(dst),
    ...payload,
  ];
}

export const pseudo4 = (src: string, dst: string, proto: number, length: number): Bytes => [
  ...ip4(src),
  ...ip4(dst),
  0,
  proto,
  ...u16(length),
];
export const pseudo6 = (src: string, dst: string, next: number, length: number): Bytes => [
  ...ip6(src),
  ...ip6(dst),
  ...u32(length),
  0,
  0,
  0,
  next,
];

/** Puts the checksum of `pseudo` and `segment` at `at` of a copy. UDP's 0 becomes 0xffff. */
function sealed(segment: Bytes, at: number, pseudo: Bytes, zeroMeansNone: boolean): Bytes {
  const copy = [...segment];
  copy[at] = 0;
  copy[at + 1] = 0;
  let sum = checksum(pseudo, copy);
  if (sum === 0 && zeroMeansNone) sum = 0xffff;
  copy[at] = sum >> 8;
  copy[at + 1] = sum & 255;
  return copy;
}

/** A transport of any address family: give it the pseudo-header it is in. */
export interface Transport {
  readonly proto: number;
  /** The segment with the right checksum for this pseudo-header. */
  in4(src?: string, dst?: string): Bytes;
  in6(src?: string, dst?: string): Bytes;
}

function transport(proto: number, segment: Bytes, at: number, zeroMeansNone: boolean): Transport {
  return {
    proto,
    in4: (src = HOST4, dst = PEER4) =>
      sealed(segment, at, pseudo4(src, dst, proto, segment.length), zeroMeansNone),
    in6: (src = HOST6, dst = PEER6) =>
      sealed(segment, at, pseudo6(src, dst, proto, segment.length), zeroMeansNone),
  };
}

export interface Tcp {
  sport?: number;
  dport?: number;
  seq?: number;
  ack?: number;
  flags?: number;
  window?: number;
  urgent?: number;
  options?: Bytes;
  data?: Bytes;
}
export function tcp({
  sport = 50000,
  dport = 443,
  seq = 1,
  ack = 0x02000000,
  flags = 0x10,
  window = 64240,
  urgent = 0,
  options = [],
  data = [],
}: Tcp = {}): Transport {
  const header = [
    ...[...u16(sport), ...u16(dport), ...u32(seq), ...u32(ack)],
    ...[((20 + options.length) / 4) << 4, flags, ...u16(window), 0, 0, ...u16(urgent)],
  ];
  return transport(6, [...header, ...options, ...data], 16, false);
}
export function udp(
  data: Bytes = counting(5),
  sport = 40000,
  dport = 53,
  length = 8 + data.length,
): Transport {
  return transport(17, [...u16(sport), ...u16(dport), ...u16(length), 0, 0, ...data], 6, true);
}
export const dccp = (data: Bytes = counting(16)): Transport =>
  transport(33, [...u16(40000), ...u16(53), 4, 0, 0, 0, ...data], 6, false);
export const udpLite = (data: Bytes = counting(9)): Transport =>
  transport(136, [...u16(40000), ...u16(53), 0, 0, 0, 0, ...data], 6, true);
/** A protocol whose payload is nobody's business. */
export const opaque = (proto: number, payload: Bytes = counting(10)): Transport => ({
  proto,
  in4: () => payload,
  in6: () => payload,
});

export function icmp4(type: number, code: number, word: Bytes, data: Bytes = []): Bytes {
  return sealed([type, code, 0, 0, ...word, ...data], 2, [], false);
}
export function icmp6(
  type: number,
  code: number,
  word: Bytes,
  data: Bytes = [],
  src = HOST6,
  dst = PEER6,
): Bytes {
  const message = [type, code, 0, 0, ...word, ...data];
  return sealed(message, 2, pseudo6(src, dst, 58, message.length), false);
}

/** A whole IPv4 packet that carries a transport. */
export const packet4 = (of: Transport, fields: V4 = {}): Bytes =>
  v4({ ...fields, proto: of.proto, payload: of.in4(fields.src, fields.dst) });
/** A whole IPv6 packet that carries a transport. */
export const packet6 = (of: Transport, fields: V6 = {}): Bytes =>
  v6({ ...fields, next: of.proto, payload: of.in6(fields.src, fields.dst) });

/** Fragment Header. `offset` in bytes. */
export const fh = (next: number, { offset = 0, more = false, id = 0x1234, reserved = 0 } = {}): Bytes => [
  next,
  reserved,
  ...u16(offset | (more ? 1 : 0)),
  ...u32(id),
];
/** Hop-by-Hop or Destination Options of `units` times 8 bytes more than 8; what is inside is well-formed up to 31. */
export const optionsHeader = (next: number, units = 0): Bytes => [
  next,
  units,
  1,
  (4 + 8 * units) & 255,
  ...counting(4 + 8 * units),
];
export const routing = (next: number, segmentsLeft: number, units = 0): Bytes => [
  next,
  units,
  0,
  segmentsLeft,
  ...new Array<number>(4 + 8 * units).fill(0),
];
