/**
 * Captures built byte by byte, from the formats' texts: pcap (draft-ietf-opsawg-pcap), pcapng
 * (draft-ietf-opsawg-pcapng). Nothing shared with src/.
 */
type Bytes = readonly number[];
export type Order = 'big' | 'little';

/** `size` bytes of a number, which may be a bigint. */
export function word(value: number | bigint, size: number, order: Order): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(size * 8, BigInt(value));
  for (let i = 0; i < size; i++) {
    bytes.push(Number(rest & 255n));
    rest >>= 8n;
  }
  return order === 'big' ? bytes.reverse() : bytes;
}

export interface Record {
  bytes: Bytes;
  seconds?: number;
  /** In the file's unit: µs or ns. */
  fraction?: number;
  /** Length before it was cut at the snap length. */
  original?: number;
  /** Overrides, to build what is wrong. */
  captured?: number;
}

export interface PcapFields {
  order?: Order;
  nanoseconds?: boolean;
  linkType?: number;
  records?: readonly Record[];
}

export function pcap({
  order = 'little',
  nanoseconds = false,
  linkType = 101,
  records = [],
}: PcapFields): number[] {
  const u32 = (value: number) => word(value, 4, order);
  const u16 = (value: number) => word(value, 2, order);
  return [
    ...u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4),
    ...u16(2),
    ...u16(4),
    ...u32(0),
    ...u32(0),
    ...u32(65535),
    ...u32(linkType),
    ...records.flatMap(({ bytes, seconds = 0, fraction = 0, original = bytes.length, captured }) => [
      ...u32(seconds),
      ...u32(fraction),
      ...u32(captured ?? bytes.length),
      ...u32(original),
      ...bytes,
    ]),
  ];
}

const padded = (bytes: Bytes): number[] => [
  ...bytes,
  ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0),
];

/** Blocks of a pcapng file, of one byte order. */
export function blocks(order: Order) {
  const u32 = (value: number) => word(value, 4, order);
  const u16 = (value: number) => word(value, 2, order);
  const block = (type: number, body: Bytes): number[] => {
    const length = 12 + body.length;
    return [...u32(type), ...u32(length), ...body, ...u32(length)];
  };
  const option = (code: number, value: Bytes): number[] => [
    ...u16(code),
    ...u16(value.length),
    ...padded(value),
  ];
  const stampHalves = (stamp: bigint): number[] => [
    ...u32(Number((stamp >> 32n) & 0xffff_ffffn)),
    ...u32(Number(stamp & 0xffff_ffffn)),
  ];
  return {
    block,
    option,
    section: (...options: Bytes[]): number[] =>
      block(0x0a0d0d0a, [
        ...u32(0x1a2b3c4d),
        ...u16(1),
        ...u16(0),
        ...word(-1, 8, order),
        ...options.flat(),
        ...(options.length > 0 ? option(0, []) : []),
      ]),
    interface: (
      linkType: number,
      { snap = 0, resolution, offset }: { snap?: number; resolution?: number; offset?: number } = {},
    ): number[] =>
      block(1, [
        ...u16(linkType),
        ...u16(0),
        ...u32(snap),
        ...option(2, [...Buffer.from('eth0')]),
        ...(resolution === undefined ? [] : option(9, [resolution])),
        ...(offset === undefined ? [] : option(14, word(offset, 8, order))),
        ...option(0, []),
      ]),
    enhanced: (
      bytes: Bytes,
      {
        id = 0,
        stamp = 0n,
        captured = bytes.length,
        options = [],
      }: { id?: number; stamp?: bigint; captured?: number; options?: Bytes } = {},
    ): number[] =>
      block(6, [
        ...u32(id),
        ...stampHalves(stamp),
        ...u32(captured),
        ...u32(bytes.length),
        ...padded(bytes),
        ...options,
      ]),
    simple: (bytes: Bytes, original = bytes.length): number[] =>
      block(3, [...u32(original), ...padded(bytes)]),
    obsolete: (bytes: Bytes, { id = 0, stamp = 0n }: { id?: number; stamp?: bigint } = {}): number[] =>
      block(2, [
        ...u16(id),
        ...u16(0xffff),
        ...stampHalves(stamp),
        ...u32(bytes.length),
        ...u32(bytes.length),
        ...padded(bytes),
      ]),
    /** Name resolution, interface statistics, decryption secrets, custom, systemd journal, and a made-up one. */
    others: (): number[] =>
      [4, 5, 10, 0xbad, 9, 0x1234_5678].flatMap((type) => block(type, [1, 2, 3, 4, 5, 6, 7, 8])),
  };
}
