/** Datagrams and segments that leave in one write: what the kernel makes of it is what they would have been one by one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Offload } from '../../src/io/device.ts';
import { segments, vnet } from '../support/kernel.ts';
import { loopOn, NO_VNET } from '../support/loop.ts';
import {
  type Bytes,
  checksum,
  counting,
  HOST4,
  HOST6,
  hex,
  PEER4,
  PEER6,
  packet4,
  packet6,
  pseudo4,
  type Tcp,
  tcp,
  u16,
  udp,
  v4,
} from '../support/packets.ts';

interface Run {
  coalesce?: boolean;
  offload?: Offload;
}
/** What leaves the machine, and how many writes it took. */
function wire(packets: Bytes[], run: Run = {}): { wire: string[]; writes: number } {
  const written = loopOn(run).run(...packets);
  return {
    wire: written.flatMap((packet) => segments([...Buffer.from(packet, 'hex')]).map(hex)),
    writes: written.length,
  };
}
/** @returns the number of writes */
function identical(packets: Bytes[], run: Run = {}): number {
  const joined = wire(packets, run);
  expect(joined.wire).toEqual(wire(packets, { coalesce: false }).wire);
  return joined.writes;
}

const datagram = (i: number, size = 64): Bytes => [...NO_VNET, ...packet4(udp(counting(size, i)))];

describe('datagrams', () => {
  test('datagrams of one flow leave in one write, the same on the wire', () => {
    expect(identical(Array.from({ length: 20 }, (_, i) => datagram(i)))).toBe(1);
  });
  test('the last may be shorter', () => {
    expect(identical([datagram(0), datagram(1), datagram(2, 10), datagram(3), datagram(4)])).toBe(2);
  });
  test('a longer one begins anew', () => {
    expect(identical([datagram(0), datagram(1), datagram(2, 65), datagram(3, 65)])).toBe(2);
  });
  test('odd sizes, and payloads that sum to nothing', () => {
    expect(
      identical(
        Array.from({ length: 9 }, (_, i) => [
          ...NO_VNET,
          ...packet4(udp(i % 2 ? new Array<number>(33).fill(0xff) : new Array<number>(33).fill(0))),
        ]),
      ),
    ).toBe(1);
  });
  test('at most 64 in one', () => {
    expect(identical(Array.from({ length: 64 }, (_, i) => datagram(i)))).toBe(1);
  });
  test('other flows, ports, TOS, TTL do not join', () => {
    const other = [
      [...NO_VNET, ...packet4(udp(counting(64), 40001))],
      [...NO_VNET, ...packet4(udp(counting(64)), { tos: 4 })],
      [...NO_VNET, ...packet4(udp(counting(64)), { ttl: 63 })],
      [...NO_VNET, ...packet4(udp(counting(64)), { dst: '198.51.100.3' })],
      [...NO_VNET, ...packet4(tcp({ data: counting(44) }))],
      datagram(1),
    ];
    expect(identical([datagram(0), ...other])).toBe(7);
  });
  test('order is kept around what does not join', () => {
    expect(
      identical([datagram(0), datagram(1), [...NO_VNET, ...packet4(tcp())], datagram(2), datagram(3)]),
    ).toBe(3);
  });
  test('a corrupted datagram stays corrupted', () => {
    const corrupt = datagram(1).with(-1, 0x55);
    expect(identical([datagram(0), corrupt, datagram(2), datagram(3)])).toBe(3);
  });
  test('64: consecutive identifications join', () => {
    const packets = Array.from({ length: 8 }, (_, i) => [...NO_VNET, ...packet6(udp(counting(64, i)))]);
    expect(identical(packets)).toBe(1);
  });
  test('64: with DF the identification is 0 throughout, and nothing joins', () => {
    const packets = Array.from({ length: 4 }, (_, i) => [...NO_VNET, ...packet6(udp(counting(1300, i)))]);
    expect(identical(packets)).toBe(4);
  });
  test('64: no checksum, no joining', () => {
    const bare = packet6(udp()).with(46, 0).with(47, 0);
    expect(
      identical([
        [...NO_VNET, ...bare],
        [...NO_VNET, ...bare],
      ]),
    ).toBe(2);
  });
  test('refused packets and errors in between', () => {
    expect(
      identical([datagram(0), [...NO_VNET, ...v4({ ttl: 1 })], datagram(1), [...NO_VNET, 0x50], datagram(2)]),
    ).toBeGreaterThan(1);
  });
  test('not below USO', () => {
    expect(identical([datagram(0), datagram(1)], { offload: Offload.tso })).toBe(2);
  });
});

const SIZE = 100;
const TIMESTAMPS = [1, 1, 8, 10, ...counting(8)];
/** Segment `i` of a stream of `SIZE` bytes each. */
const segment = (i: number, fields: Tcp = {}): Tcp => ({
  seq: 1000 + i * SIZE,
  data: counting(SIZE, i),
  options: TIMESTAMPS,
  ...fields,
});
const in4 = (fields: Tcp, ip = {}): Bytes => [...NO_VNET, ...packet4(tcp(fields), { df: true, ...ip })];
const in6 = (fields: Tcp, ip = {}): Bytes => [...NO_VNET, ...packet6(tcp(fields), ip)];
const stream = (count: number, packet: (fields: Tcp) => Bytes = in4): Bytes[] =>
  Array.from({ length: count }, (_, i) => packet(segment(i)));

describe('segments', () => {
  test('those of one flow leave in one write, the same on the wire', () => {
    expect(identical(stream(20))).toBe(1);
    expect(identical(stream(20, in6))).toBe(1);
    expect(identical(stream(64))).toBe(1);
  });
  test('without options', () => {
    expect(identical([0, 1, 2].map((i) => in4(segment(i, { options: [] }))))).toBe(1);
  });
  test('PSH ends a run, and is the last segment’s', () => {
    const packets = [...stream(6), in4(segment(6))];
    packets[2] = in4(segment(2, { flags: 0x18 }));
    packets[6] = in4(segment(6, { flags: 0x18 }));
    expect(identical(packets)).toBe(2);
    packets[0] = in4(segment(0, { flags: 0x18 }));
    expect(identical(packets)).toBe(3);
  });
  test('the last may be shorter; none may be longer', () => {
    const packets = stream(6);
    packets[2] = in4(segment(2, { data: counting(SIZE - 1) }));
    packets[3] = in4(segment(3, { seq: 1000 + 3 * SIZE - 1 }));
    expect(identical(packets.slice(0, 4))).toBe(2);
    expect(identical([in4(segment(0)), in4(segment(1, { data: counting(SIZE + 1) }))])).toBe(2);
  });
  test('the sequence goes on past 2^32', () => {
    const seq = (i: number): number => (0xffffff80 + i * SIZE) >>> 0;
    expect(identical([0, 1, 2, 3].map((i) => in4(segment(i, { seq: seq(i) }))))).toBe(1);
  });
  test.each<[string, Tcp]>([
    ['a gap', { seq: 1000 + SIZE + 1 }],
    ['a repetition', { seq: 1000 }],
    ['no data', { data: [] }],
    ['another acknowledgment', { ack: 0x02000001 }],
    ['another window', { window: 64241 }],
    ['other ports', { sport: 50001 }],
    ['another destination port', { dport: 444 }],
    ['a time stamp', { options: [1, 1, 8, 10, ...counting(8, 1)] }],
    ['other options', { options: [...TIMESTAMPS, 1, 1, 1, 0] }],
    ['no options', { options: [] }],
    ['FIN', { flags: 0x11 }],
    ['SYN', { flags: 0x12 }],
    ['RST', { flags: 0x14 }],
    ['URG', { flags: 0x30, urgent: 5 }],
    ['an urgent pointer', { urgent: 5 }],
    ['ECE', { flags: 0x50 }],
    ['CWR', { flags: 0x90 }],
    ['no ACK', { flags: 0 }],
  ])('%s does not join, and order is kept', (_, fields) => {
    for (const packet of [in4, in6]) {
      const writes = identical([packet(segment(0)), packet(segment(1, fields)), packet(segment(2))]);
      expect(writes).toBe(3);
    }
  });
  test.each([
    ['FIN', 0x11],
    ['URG', 0x30],
    ['ECE', 0x50],
    ['CWR', 0x90],
    ['NS', 0x110],
  ])('%s throughout: none join', (_, flags) => {
    const packets = [0, 1, 2].map((i) => {
      const bytes = packet4(tcp(segment(i, { flags: flags & 0xff })), { df: true });
      // The reserved bits share an octet with the data offset.
      const sum = (bytes[36]! * 256 + bytes[37]! + 0xffff - (flags & 0xf00)) % 0xffff;
      return flags < 0x100
        ? [...NO_VNET, ...bytes]
        : [
            ...NO_VNET,
            ...bytes
              .with(32, bytes[32]! | (flags >> 8))
              .with(36, sum >> 8)
              .with(37, sum & 255),
          ];
    });
    expect(identical(packets)).toBe(3);
  });
  test('another TOS, TTL, flow or address does not join', () => {
    for (const ip of [{ tos: 4 }, { ttl: 63 }, { dst: '198.51.100.3' }]) {
      expect(identical([in4(segment(0)), in4(segment(1), ip), in4(segment(2))])).toBe(3);
    }
    for (const ip of [{ tc: 4 }, { hop: 63 }, { dst: '2001:db8:64::198.51.100.3' }]) {
      expect(identical([in6(segment(0)), in6(segment(1), ip), in6(segment(2))])).toBe(3);
    }
  });
  test('the IPv4 identification and DF vanish on the way to IPv6', () => {
    expect(identical([in4(segment(0), { id: 7 }), in4(segment(1), { id: 99, df: false })])).toBe(1);
  });
  test('64: with DF the identification is 0 throughout, and nothing joins', () => {
    const data = counting(1300);
    expect(identical([0, 1, 2].map((i) => in6(segment(i, { seq: i * 1300, data }))))).toBe(3);
  });
  test('a corrupted segment stays corrupted', () => {
    for (const which of [0, 1, 3]) {
      const packets = stream(4);
      packets[which] = packets[which]!.with(-1, 0x55);
      expect(identical(packets)).toBe(which === 1 ? 3 : 2);
    }
  });
  test('a checksum of 0, which some devices write as 0xffff, does not join', () => {
    const checksumOf = (fields: Tcp): number => {
      const bytes = tcp(fields).in6(HOST6, PEER6);
      return bytes[16]! * 256 + bytes[17]!;
    };
    const plain = segment(1);
    // The window of all three makes the second one’s checksum 0 once it is translated.
    const window = (64240 + checksumOf({ ...plain })) % 0xffff;
    expect(checksumOf({ ...plain, window })).toBe(0);
    expect(identical([0, 1, 2].map((i) => in4(segment(i, { window }))))).toBe(3);
  });
  test('partial checksums join', () => {
    const packets = [0, 1, 2].map((i) => {
      const bytes = tcp(segment(i)).in4();
      const sum = 0xffff - checksum(pseudo4(HOST4, PEER4, 6, bytes.length));
      const payload = [...bytes.slice(0, 16), ...u16(sum), ...bytes.slice(18)];
      return [...vnet({ flags: 1, start: 20, offset: 16 }), ...v4({ proto: 6, df: true, payload })];
    });
    expect(identical(packets)).toBe(1);
  });
  test('more than one super-packet can hold', () => {
    const data = counting(1400);
    const packets = Array.from({ length: 60 }, (_, i) => in4(segment(i, { seq: i * 1400, data })));
    expect(identical(packets)).toBe(2);
  });
  test('with TSO, not below', () => {
    expect(identical(stream(3), { offload: Offload.tso })).toBe(1);
    expect(identical(stream(3), { offload: Offload.csum })).toBe(3);
  });
});

test('whatever follows on whatever', () => {
  const often = <T>(usual: T, ...seldom: T[]): fc.Arbitrary<T> =>
    fc.oneof({ arbitrary: fc.constant(usual), weight: 12 }, ...seldom.map((value) => fc.constant(value)));
  const packet = fc.record({
    isTcp: often(true, false),
    is6: often(false, true),
    size: often(40, 0, 3, 39, 41),
    gap: often(0, 1, -40),
    flags: often(0x10, 0x18, 0x11, 0x50, 0x90),
    options: often<Bytes>(TIMESTAMPS, [], [1, 1, 8, 10, ...counting(8, 9)]),
    sport: often(50000, 50001),
    ack: often(1, 2),
    corrupt: often(false, true),
  });
  fc.assert(
    fc.property(fc.array(packet, { minLength: 2, maxLength: 30 }), fc.boolean(), (list, swap) => {
      let seq = 0xffffff00;
      const packets = list.map(({ isTcp, is6, size, gap, corrupt, ...fields }) => {
        seq = (seq + gap) >>> 0;
        const data = counting(size, seq);
        const of = isTcp ? tcp({ seq, data, ...fields }) : udp(data, fields.sport);
        if (isTcp) seq = (seq + size) >>> 0;
        const bytes = is6 !== swap ? packet6(of) : packet4(of);
        return [...NO_VNET, ...(corrupt ? bytes.with(-1, bytes.at(-1)! ^ 1) : bytes)];
      });
      identical(packets);
    }),
  );
});
