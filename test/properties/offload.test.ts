/**
 * Offload changes when the work is done, never what is on the wire: segmented and summed by the kernel, the outputs are
 * those of the segments translated one by one. OFF-3 to OFF-12.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { segments, vnet } from '../support/kernel.ts';
import { translator } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  counting,
  HOST4,
  HOST6,
  hex,
  PEER4,
  PEER6,
  pseudo4,
  pseudo6,
  type Transport,
  tcp,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

const TCP_OPTIONS: readonly Bytes[] = [[], [1, 1, 8, 10, ...counting(8)], [2, 4, 5, 180, 1, 3, 3, 7]];
const transport = (most: number): fc.Arbitrary<Transport> =>
  fc.oneof(
    fc.nat(most).map((length) => udp(counting(length, length))),
    fc
      .record({
        length: fc.nat(most),
        seq: fc.integer({ min: 0, max: 0xffffffff }),
        flags: fc.nat(255),
        options: fc.constantFrom(...TCP_OPTIONS),
      })
      .map(({ length, ...fields }) => tcp({ ...fields, data: counting(length, length) })),
  );

const partial = (segment: Bytes, at: number, pseudo: Bytes): Bytes => {
  const sum = 0xffff - checksum(pseudo);
  return [...segment.slice(0, at), sum >> 8, sum & 255, ...segment.slice(at + 2)];
};
interface Offloaded {
  of: Transport;
  direction: 46 | 64;
  /** 0: no segmentation */
  gsoSize: number;
  df: boolean;
  options: Bytes;
}
/** The packet as the kernel would hand it over: checksum partial, segmentation asked for. */
function offloaded({ of, direction, gsoSize, df, options }: Offloaded): Bytes {
  const isTcp = of.proto === 6;
  const at = isTcp ? 16 : 6;
  const four = direction === 46;
  const segment = four ? of.in4() : of.in6();
  const length = segment.length;
  const pseudo = four ? pseudo4(HOST4, PEER4, of.proto, length) : pseudo6(HOST6, PEER6, of.proto, length);
  const payload = partial(segment, at, pseudo);
  const ip = four ? v4({ proto: of.proto, df, options, payload }) : v6({ next: of.proto, payload });
  const start = four ? 20 + options.length : 40;
  const header = isTcp ? (segment[12]! >> 4) * 4 : 8;
  const gso = gsoSize === 0 ? 0 : isTcp ? (four ? 1 : 4) : 5;
  return [...vnet({ flags: 1, gso, hdrLen: gso && start + header, gsoSize, start, offset: at }), ...ip];
}
/** Bytes 4 and 5 and the header checksum of IPv4 do not matter: who segments counts the identification. */
const anyId = (packet: Bytes): string => {
  if (packet[0]! >> 4 === 6) return hex(packet);
  return hex([...packet.slice(0, 4), 0, 0, ...packet.slice(6, 10), 0, 0, ...packet.slice(12)]);
};

function onTheWire(packet: Bytes, options = {}): { with: string[]; without: string[] } {
  const plain = translator(options);
  const outcome = translator(options, 10).translate(Uint8Array.from(packet));
  return {
    with: outcome.outputs.flatMap((output) => segments([...output])).map(anyId),
    without: segments(packet)
      .flatMap((segment) => plain.translate(Uint8Array.from(segment)).outputs)
      .map((output) => anyId([...output])),
  };
}
const agrees = (packet: Bytes, options = {}): void => {
  const wire = onTheWire(packet, options);
  expect(wire.without.length).toBeGreaterThan(0);
  expect(wire.with).toEqual(wire.without);
};
const direction = fc.constantFrom<46 | 64>(46, 64);
const options = fc.constantFrom<Bytes>([], [1, 1, 1, 0], [7, 4, 9, 0, 1, 1, 1, 1]);

describe('on the wire offload makes no difference', () => {
  test('OFF-5, OFF-7: partial checksums of single packets, split or whole', () => {
    const packet = fc.record({
      of: transport(3000),
      direction,
      gsoSize: fc.constant(0),
      df: fc.constant(false),
      options,
    });
    fc.assert(
      fc.property(
        packet,
        fc.constantFrom({}, { 'ipv4-mtu': '9000' }, { 'ipv4-mtu': '576' }),
        (fields, mtu) => {
          // A packet that is refused is quoted as received, so it must fit.
          fc.pre(fields.direction === 46 || fields.of.in6().length <= 1240);
          agrees(offloaded(fields), mtu);
        },
      ),
    );
  });
  test('OFF-4, OFF-9: super-packets whose segments fit', () => {
    const packet = fc.record({
      of: transport(6000),
      direction,
      gsoSize: fc.integer({ min: 200, max: 1180 }),
      df: fc.boolean(),
      options,
    });
    fc.assert(
      fc.property(packet, (fields) => {
        fc.pre(offloaded(fields).length > 1600);
        agrees(offloaded(fields));
      }),
    );
  });
  test('OFF-8: UDP datagrams over lim without DF are segmented, then fragmented', () => {
    const sizes = fc.record({
      gsoSize: fc.integer({ min: 1233, max: 4000 }),
      count: fc.integer({ min: 2, max: 5 }),
    });
    fc.assert(
      fc.property(sizes, fc.nat(200), ({ gsoSize, count }, less) => {
        const of = udp(counting(gsoSize * count - less));
        agrees(offloaded({ of, direction: 46, gsoSize, df: false, options: [] }));
      }),
      { numRuns: 40 },
    );
  });
  test('OFF-8: TCP over lim without DF: the same stream in segments of at most lim', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1221, max: 4000 }),
        fc.integer({ min: 4001, max: 20000 }),
        (gsoSize, length) => {
          const of = tcp({ data: counting(length), flags: 0x18 });
          const packet = offloaded({ of, direction: 46, gsoSize, df: false, options: [] });
          const { outputs } = translator({}, 10).translate(Uint8Array.from(packet));
          const sent = outputs.flatMap((output) => segments([...output]));
          for (const segment of sent) expect(segment.length).toBeLessThanOrEqual(1280);
          expect(hex(sent.flatMap((segment) => segment.slice(60)))).toBe(hex(counting(length)));
        },
      ),
      { numRuns: 40 },
    );
  });
  test('OFF-8, OFF-9: 64, segments that IPv6 carries at 1280 pass a small IPv4 MTU', () => {
    fc.assert(
      fc.property(transport(5000), fc.integer({ min: 600, max: 1190 }), (of, gsoSize) => {
        fc.pre(of.in6().length > 1300);
        agrees(offloaded({ of, direction: 64, gsoSize, df: false, options: [] }), { 'ipv4-mtu': '500' });
      }),
      { numRuns: 40 },
    );
  });
  test('OFF-11: a complete checksum over a super-packet: segmented in software', () => {
    fc.assert(
      fc.property(transport(5000), direction, fc.integer({ min: 300, max: 1180 }), (of, way, gsoSize) => {
        const packet = offloaded({ of, direction: way, gsoSize, df: true, options: [] });
        const start = way === 46 ? 30 : 50;
        fc.pre(packet.length - start > gsoSize + 40);
        const complete = [...packet.slice(0, start), ...(way === 46 ? of.in4() : of.in6())].with(0, 0);
        agrees(complete);
      }),
      { numRuns: 40 },
    );
  });
});
