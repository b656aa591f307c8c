/** RFC 7915 §4.1: sizes, Don't Fragment and fragments. T46-DF, T46-FRAG, GEN-4. */
import { describe, expect, test } from 'vitest';
import { as6, error4, pieces } from '../support/expect.ts';
import { becomes, drops, must, replies, translate } from '../support/must.ts';
import { type Bytes, counting, fh, hex, opaque, packet4, tcp, udp, v4, v6 } from '../support/packets.ts';

/** IPv6 fragments of an IPv6 payload. */
const fragments = (
  payload: Bytes,
  next: number,
  size: number,
  { id = 0x1234, offset = 0, more = false } = {},
): Bytes[] =>
  pieces(payload, size).map(({ data, offset: at, last }) =>
    v6({
      src: '2001:db8:1::1',
      dst: '2001:db8:64::198.51.100.2',
      hop: 63,
      next: 44,
      payload: [...fh(next, { id, offset: offset + at, more: !last || more }), ...data],
    }),
  );

describe("Don't Fragment", () => {
  const fits = packet4(opaque(99, counting(1460)), { df: true });
  must('T46-DF-1', '40 + P = mtu6 fits', fits, becomes(as6(opaque(99, counting(1460)))));
  const large = packet4(opaque(99, counting(1461)), { df: true });
  must(
    'T46-DF-1',
    '40 + P = mtu6 + 1: Fragmentation Needed',
    large,
    replies('TooBig46', error4(large, 3, 4, 1480)),
  );
  must(
    'T46-DF-2',
    'above lim, one packet, no Fragment Header',
    packet4(udp(counting(1400)), { df: true }),
    becomes(as6(udp(counting(1400)))),
  );
  const withOptions = packet4(opaque(99, counting(1460)), { df: true, options: [1, 1, 1, 1] });
  must(
    'T46-DF-1',
    'the output counts, not Total Length + 20',
    withOptions,
    becomes(as6(opaque(99, counting(1460)))),
  );

  const first = (bytes: number): Bytes => v4({ df: true, mf: true, payload: counting(bytes) });
  must(
    'T46-DF-3',
    '48 + P <= mtu6: one fragment',
    first(1448),
    becomes(...fragments(counting(1448), 99, 1448, { more: true })),
  );
  must(
    'T46-DF-3',
    '48 + P > mtu6 >= 40 + P: split',
    first(1456),
    becomes(...fragments(counting(1456), 99, 1448, { more: true })),
  );
  must(
    'T46-DF-3',
    '40 + P > mtu6, first',
    first(1464),
    replies('FragmentTooBig46', error4(first(1464), 3, 4, 1472)),
  );
  must(
    'T46-DF-3',
    '40 + P > mtu6, later',
    v4({ df: true, offset: 1464, payload: counting(1464) }),
    drops('LaterFragmentTooBig46'),
  );
});

describe('fragments', () => {
  must(
    'T46-FRAG-1',
    '40 + P = lim6: no Fragment Header',
    packet4(opaque(99, counting(1240))),
    becomes(as6(opaque(99, counting(1240)))),
  );
  must(
    'T46-FRAG-1',
    '40 + P = lim6 + 1: split',
    packet4(opaque(99, counting(1241))),
    becomes(...fragments(counting(1241), 99, 1232)),
  );
  test('T46-FRAG-3: Total Length 1261 is 1280 and 57 bytes', () => {
    const { outputs } = translate(packet4(opaque(99, counting(1241))));
    expect(outputs.map((bytes) => bytes.length)).toEqual([1280, 57]);
  });
  must(
    'T46-FRAG-2',
    'a fragment of 48 + P = lim6',
    v4({ mf: true, payload: counting(1232) }),
    becomes(...fragments(counting(1232), 99, 1232, { more: true })),
  );
  must(
    'T46-FRAG-2',
    'a fragment of 48 + P > lim6',
    v4({ mf: true, offset: 800, payload: counting(1240) }),
    becomes(...fragments(counting(1240), 99, 1232, { more: true, offset: 800 })),
  );
  must(
    'T46-FRAG-2',
    'a last fragment',
    v4({ offset: 1480, payload: counting(33) }),
    becomes(...fragments(counting(33), 99, 1232, { offset: 1480 })),
  );
  must(
    'T46-FRAG-3',
    'the checksum is right before the split',
    packet4(udp(counting(3000))),
    becomes(...fragments(udp(counting(3000)).in6(), 17, 1232)),
  );
  must(
    'T46-FRAG-3',
    'TCP too',
    packet4(tcp({ data: counting(2000) })),
    becomes(...fragments(tcp({ data: counting(2000) }).in6(), 6, 1232)),
  );
  must(
    'T46-FRAG-3',
    'by the limit asked for',
    packet4(opaque(99, counting(2000))),
    becomes(...fragments(counting(2000), 99, 1352)),
    { options: { 'lowest-ipv6-mtu': '1400' } },
  );
  must(
    'T46-FRAG-3',
    'never above the MTU',
    packet4(opaque(99, counting(2000))),
    becomes(...fragments(counting(2000), 99, 1352)),
    { options: { 'lowest-ipv6-mtu': '9000', 'ipv6-mtu': '1400' } },
  );
  must(
    'T46-FRAG-4',
    'the identification is the IPv4 one',
    packet4(opaque(99, counting(1300)), { id: 0xbeef }),
    becomes(...fragments(counting(1300), 99, 1232, { id: 0xbeef })),
  );
  test('T46-FRAG-5: no atomic fragments', () => {
    for (const size of [1, 1000, 1240, 1241, 1300]) {
      const { outputs } = translate(packet4(opaque(99, counting(size))));
      expect(outputs.every((bytes) => bytes[6] !== 44)).toBe(outputs.length === 1);
    }
  });
  test('GEN-4: fragments leave in the order of their offsets', () => {
    const { outputs } = translate(packet4(opaque(99, counting(5000))));
    const offsets = outputs.map((bytes) => bytes[42]! * 256 + (bytes[43]! & 0xf8));
    expect(offsets).toEqual([0, 1232, 2464, 3696, 4928]);
  });
  test('GEN-7: the largest IPv4 packet leaves whole, in fragments', () => {
    const payload = counting(65515);
    const { outputs } = translate(packet4(opaque(99, payload)));
    expect(hex(outputs.flatMap((bytes) => [...bytes.subarray(48)]))).toBe(hex(payload));
  });
});

describe('edges', () => {
  /** A last fragment: its length need be no multiple of 8. */
  const last = (bytes: number, df: boolean): Bytes => v4({ df, offset: 800, payload: counting(bytes) });
  for (const [bytes, size] of [
    [1451, 1451],
    [1452, 1452],
    [1453, 1448],
    [1459, 1448],
    [1460, 1448],
  ] as const) {
    must(
      'T46-DF-3',
      `a last fragment of ${bytes} bytes under DF`,
      last(bytes, true),
      becomes(...fragments(counting(bytes), 99, size, { offset: 800 })),
    );
  }
  must('T46-DF-3', 'a last fragment of 1461', last(1461, true), drops('LaterFragmentTooBig46'));
  for (const [bytes, size] of [
    [1231, 1231],
    [1232, 1232],
    [1233, 1232],
  ] as const) {
    must(
      'T46-FRAG-2',
      `a last fragment of ${bytes} bytes`,
      last(bytes, false),
      becomes(...fragments(counting(bytes), 99, size, { offset: 800 })),
    );
  }
  for (let lim = 1280; lim <= 1288; lim++) {
    must(
      'T46-FRAG-3',
      `pieces are multiples of 8 under ${lim}`,
      packet4(opaque(99, counting(1300))),
      becomes(...fragments(counting(1300), 99, lim < 1288 ? 1232 : 1240)),
      { options: { 'lowest-ipv6-mtu': `${lim}` } },
    );
  }
  for (const mtu of [1280, 1281, 1400, 9000]) {
    const options = { 'ipv6-mtu': `${mtu}` };
    const of = (bytes: number) => opaque(99, counting(bytes));
    for (const bytes of [mtu - 41, mtu - 40]) {
      must(
        'T46-DF-2',
        `${bytes} bytes, MTU ${mtu}`,
        packet4(of(bytes), { df: true }),
        becomes(as6(of(bytes))),
        {
          options,
        },
      );
    }
    const large = packet4(of(mtu - 39), { df: true });
    must(
      'T46-DF-1',
      `${mtu - 39} bytes, MTU ${mtu}`,
      large,
      replies('TooBig46', error4(large, 3, 4, mtu - 20)),
      {
        options,
      },
    );
  }
  must(
    'T46-FRAG-4',
    'a piece of a fragment keeps its offset, M and identification',
    v4({ mf: true, offset: 1480, id: 0xffff, payload: counting(2464) }),
    becomes(...fragments(counting(2464), 99, 1232, { offset: 1480, more: true, id: 0xffff })),
  );
  must(
    'T46-FRAG-3',
    'up to the last byte of a datagram',
    v4({ offset: 64000, payload: counting(1535) }),
    becomes(...fragments(counting(1535), 99, 1232, { offset: 64000 })),
  );
});
