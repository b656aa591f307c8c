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
  test('OFF-8, OFF-10: 64, longer than IPv4 can hold, in segments over the IPv4 MTU', () => {
    const of = tcp({ data: counting(65_510) });
    agrees(offloaded({ of, direction: 64, gsoSize: 1100, df: false, options: [] }), {
      'ipv4-mtu': '600',
      'ipv6-mtu': '65535',
    });
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

describe('a partial checksum inside a tunnel', () => {
  /** An inner IPv4 packet whose UDP or TCP checksum is partial, and where its transport begins. */
  const inner = (of: Transport): { packet: Bytes; field: number } => {
    const at = of.proto === 6 ? 16 : 6;
    const segment = of.in4('10.1.1.1', '10.1.1.2');
    const payload = partial(segment, at, pseudo4('10.1.1.1', '10.1.1.2', of.proto, segment.length));
    return { packet: v4({ src: '10.1.1.1', dst: '10.1.1.2', proto: of.proto, payload }), field: at };
  };
  const plainInner = (of: Transport): Bytes =>
    v4({ src: '10.1.1.1', dst: '10.1.1.2', proto: of.proto, payload: of.in4('10.1.1.1', '10.1.1.2') });
  /** How the inner packet is wrapped: `before` bytes of other headers, then it, then bytes that UDP's length leaves out. */
  interface Wrapping {
    way: 46 | 64;
    before: Bytes;
    after: number;
    /** The outer checksum is complete, and right once the inner one is (as Linux has it); else there is none. */
    summed: boolean;
    dst6?: string;
  }
  const inUdp = (of: Transport, { way, before, after, summed, dst6 = PEER6 }: Wrapping): Bytes => {
    const { packet, field } = inner(of);
    const length = 8 + before.length + packet.length - after;
    const outer = udp([...before, ...plainInner(of)].slice(0, length - 8));
    const complete = way === 46 ? outer.in4() : outer.in6(HOST6, dst6);
    const head = summed ? complete.slice(0, 8) : [...complete.slice(0, 6), 0, 0];
    const payload = [...head, ...before, ...packet];
    const ip = way === 46 ? v4({ proto: 17, payload }) : v6({ dst: dst6, next: 17, payload });
    const start = (way === 46 ? 20 : 40) + 8 + before.length + 20;
    return [...vnet({ flags: 1, start, offset: field }), ...ip];
  };
  const VXLAN = counting(22); // with the Ethernet header
  test('OFF-6, OFF-7: UDP outside, with and without a checksum, split or whole', () => {
    fc.assert(
      fc.property(transport(2500), direction, fc.boolean(), (of, way, summed) => {
        const packet = inUdp(of, { way, before: VXLAN, after: 0, summed });
        fc.pre(way === 46 || packet.length < 1280);
        agrees(packet, { 'ipv4-mtu': '1000' });
      }),
    );
  });
  test('OFF-6, T46-L4-3: at odd offsets, and where UDP ends before the packet does', () => {
    fc.assert(
      fc.property(transport(1600), fc.nat(24), fc.nat(3), (of, before, after) => {
        agrees(inUdp(of, { way: 46, before: counting(before), after, summed: false }));
      }),
    );
  });
  test('EAM-7: through hairpinning', () => {
    const options = { eam: ['192.0.2.1=2001:db8:1::1', '10.0.0.2=2001:db8:2::2'] };
    fc.assert(
      fc.property(transport(1300), fc.boolean(), (of, summed) => {
        const dst6 = '2001:db8:64::10.0.0.2';
        agrees(inUdp(of, { way: 64, before: VXLAN, after: 0, summed, dst6 }), options);
      }),
    );
  });
  test('OFF-6, OFF-7: IP in IP, split or whole', () => {
    fc.assert(
      fc.property(transport(2500), direction, (of, way) => {
        const { packet, field } = inner(of);
        const ip = way === 46 ? v4({ proto: 4, payload: packet }) : v6({ next: 4, payload: packet });
        fc.pre(way === 46 || ip.length < 1280);
        const start = (way === 46 ? 20 : 40) + 20;
        agrees([...vnet({ flags: 1, start, offset: field }), ...ip], { 'ipv4-mtu': '1000' });
      }),
    );
  });
  test('OFF-3: segmentation of what is inside', () => {
    const { packet, field } = inner(tcp({ data: counting(2000) }));
    for (const [way, start, gso, ip] of [
      [46, 40, 1, v4({ proto: 6, payload: packet })],
      [64, 60, 4, v6({ next: 6, payload: packet })],
    ] as const) {
      const header = vnet({ flags: 1, gso, hdrLen: start + 20, gsoSize: 1000, start, offset: field });
      const outcome = translator({}, 10).translate(Uint8Array.from([...header, ...ip]));
      expect(outcome).toMatchObject({ reason: `BadGso${way}`, outputs: [] });
    }
  });
  test('OFF-6: a field behind the end of the packet', () => {
    const packet = [
      ...vnet({ flags: 1, start: 20 + 20, offset: 6 }),
      ...v4({ proto: 4, payload: counting(24) }),
      ...counting(30),
    ];
    expect(translator({}, 10).translate(Uint8Array.from(packet)).reason).toBe('BadPartialChecksum46');
  });
});
