/** TCP MSS clamping: MSS-1..3. */
import { expect, test } from 'vitest';
import { as4, as6 } from '../support/expect.ts';
import { becomes, type MustOptions, must, translate } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  fh,
  HOST6,
  hex,
  icmp4,
  icmp6,
  PEER6,
  packet4,
  packet6,
  pseudo4,
  pseudo6,
  tcp,
  u16,
  v4,
  v6,
} from '../support/packets.ts';

const SYN = 2;
const mss = (value: number): Bytes => [2, 4, ...u16(value)];
const syn = (options: Bytes, flags = SYN): ReturnType<typeof tcp> => tcp({ flags, options });
const to = (clamp: string, more = {}): MustOptions => ({ options: { 'mss-clamp': clamp, ...more } });

must('MSS-1', 'off: options are left alone', packet4(syn(mss(1460))), becomes(as6(syn(mss(1460)))));
must('MSS-2', 'lowered, 46', packet4(syn(mss(1460))), becomes(as6(syn(mss(1200)))), to('1200'));
must('MSS-2', 'lowered, 64', packet6(syn(mss(1440))), becomes(as4(syn(mss(1200)))), to('1200'));
must(
  'MSS-2',
  'SYN ACK too',
  packet4(syn(mss(1460), SYN | 16)),
  becomes(as6(syn(mss(1200), SYN | 16))),
  to('1200'),
);
must('MSS-2', 'never raised', packet4(syn(mss(1000))), becomes(as6(syn(mss(1000)))), to('1200'));
must('MSS-2', 'never inserted', packet4(syn([1, 1, 1, 0])), becomes(as6(syn([1, 1, 1, 0]))), to('1200'));
must('MSS-2', 'not without SYN', packet4(syn(mss(1460), 16)), becomes(as6(syn(mss(1460), 16))), to('1200'));
must('MSS-2', 'auto by mtu6', packet4(syn(mss(9000))), becomes(as6(syn(mss(1440)))), to('auto'));
must(
  'MSS-2',
  'auto by mtu4',
  packet4(syn(mss(9000))),
  becomes(as6(syn(mss(1360)))),
  to('auto', { 'ipv4-mtu': '1400' }),
);
must(
  'MSS-2',
  'the first option of its kind counts',
  packet4(syn([...mss(1400), ...mss(1500)])),
  becomes(as6(syn([...mss(1200), ...mss(1500)]))),
  to('1200'),
);
must(
  'MSS-2',
  'kind 0 ends the list',
  packet4(syn([0, 0, 0, 0, ...mss(1460)])),
  becomes(as6(syn([0, 0, 0, 0, ...mss(1460)]))),
  to('1200'),
);
must(
  'MSS-2',
  'a length below 2 ends it',
  packet4(syn([8, 1, 0, 0, ...mss(1460)])),
  becomes(as6(syn([8, 1, 0, 0, ...mss(1460)]))),
  to('1200'),
);
must(
  'MSS-2',
  'a length past the header ends it',
  packet4(syn([8, 20, 0, 0, ...mss(1460)])),
  becomes(as6(syn([8, 20, 0, 0, ...mss(1460)]))),
  to('1200'),
);
must(
  'MSS-2',
  'kind 2 of another length is none',
  packet4(syn([2, 6, 5, 0, 1, 1, 1, 1])),
  becomes(as6(syn([2, 6, 5, 0, 1, 1, 1, 1]))),
  to('1200'),
);
for (const pads of [1, 2, 3]) {
  const options = (value: number): Bytes => [
    ...new Array<number>(pads).fill(1),
    ...mss(value),
    ...new Array<number>(4 - pads).fill(0),
  ];
  must(
    'MSS-3',
    `behind ${pads} NOPs (${pads % 2 ? 'odd' : 'even'} offset)`,
    packet4(syn(options(1460))),
    becomes(as6(syn(options(1234)))),
    to('1234'),
  );
}
const cut = syn(mss(1460)).in4().slice(0, 20);
must(
  'MSS-2',
  'a header longer than the bytes present is left alone',
  v4({ proto: 6, payload: cut }),
  (outcome) => {
    if (outcome.reason !== 'Translated46' || outcome.outputs[0]!.length !== 60)
      throw new Error('was touched');
  },
  to('1200'),
);
const first = syn([...mss(1460), 1, 1, 1, 1]);
must(
  'MSS-2',
  'a first fragment',
  v4({ proto: 6, mf: true, payload: [...first.in4(), 0, 0, 0, 0].slice(0, 24) }),
  (outcome) => {
    const output = outcome.outputs[0]!;
    if (output[48 + 22]! * 256 + output[48 + 23]! !== 1460)
      throw new Error('a header that is cut off was touched');
  },
  to('1200'),
);
must(
  'MSS-2',
  'a later fragment',
  v4({ proto: 6, offset: 24, payload: first.in4() }),
  becomes(
    v6({ src: HOST6, dst: PEER6, hop: 63, next: 44, payload: [...fh(6, { offset: 24 }), ...first.in4()] }),
  ),
  to('1200'),
);

for (const [value, limit, to1] of [
  [1201, 1200, 1200],
  [1200, 1200, 1200],
  [1199, 1200, 1199],
  [65535, 65535, 65535],
  [65535, 1, 1],
  [0, 1, 0],
] as const) {
  must(
    'MSS-2',
    `${value} under ${limit}, 46`,
    packet4(syn(mss(value))),
    becomes(as6(syn(mss(to1)))),
    to(`${limit}`),
  );
  must(
    'MSS-2',
    `${value} under ${limit}, 64`,
    packet6(syn(mss(value))),
    becomes(as4(syn(mss(to1)))),
    to(`${limit}`),
  );
}
must(
  'MSS-2',
  'auto, 64',
  packet6(syn(mss(1460))),
  becomes(as4(syn(mss(1220)))),
  to('auto', { 'ipv6-mtu': '1280' }),
);
for (const flags of [SYN, SYN | 16, SYN | 0xc0, 255]) {
  must(
    'MSS-2',
    `flags ${flags}`,
    packet4(syn(mss(1460), flags)),
    becomes(as6(syn(mss(1200), flags))),
    to('1200'),
  );
}
for (const flags of [0, 16, 1, 4, 0xfd]) {
  must(
    'MSS-2',
    `flags ${flags}`,
    packet4(syn(mss(1460), flags)),
    becomes(as6(syn(mss(1460), flags))),
    to('1200'),
  );
}
for (const pads of [1, 2, 3]) {
  const options = (value: number): Bytes => [
    ...new Array<number>(pads).fill(1),
    ...mss(value),
    ...new Array<number>(4 - pads).fill(7),
  ];
  for (const value of [0x00ff, 0xff00, 0xffff, 0x1234]) {
    must(
      'MSS-3',
      `${value} behind ${pads} NOPs, 64`,
      packet6(syn(options(value))),
      becomes(as4(syn(options(200)))),
      to('200'),
    );
  }
}
const option = (...bytes: Bytes): Bytes => [...bytes, ...mss(1460)];
for (const [what, options] of [
  ['an unknown option is stepped over', option(254, 4, 9, 9)],
  ['a shortest option is stepped over', option(1, 1, 4, 2)],
] as const) {
  const lowered = [...options.slice(0, -2), ...u16(1200)];
  must('MSS-2', what, packet4(syn([...options])), becomes(as6(syn(lowered))), to('1200'));
}
for (const [what, options] of [
  ['a kind without room for its length', [1, 1, 1, 2]],
  ['a length of 0', option(9, 0, 1, 1)],
  ['an MSS that is cut off by the data offset', [1, 2, 4, 5]],
] as const) {
  must('MSS-2', what, packet4(syn([...options])), becomes(as6(syn([...options]))), to('1200'));
}
/** A header that says it has `words` words; the checksum is right. */
const withOffset = (words: number): ReturnType<typeof tcp> => {
  const of = syn(mss(1460));
  const shape = (segment: Bytes): Bytes => {
    const old = segment[12]! * 256;
    const sum = segment[16]! * 256 + segment[17]! + old + (0xffff - words * 0x1000);
    const folded = (sum & 0xffff) + (sum >>> 16);
    const value = (folded & 0xffff) + (folded >>> 16);
    return segment
      .with(12, words << 4)
      .with(16, value >> 8)
      .with(17, value & 255);
  };
  return { proto: 6, in4: (...to) => shape(of.in4(...to)), in6: (...to) => shape(of.in6(...to)) };
};
for (const words of [0, 4, 5, 7, 15]) {
  must(
    'MSS-2',
    `a data offset of ${words}`,
    packet4(withOffset(words)),
    becomes(as6(withOffset(words))),
    to('1200'),
  );
}
const quotedSyn = v4({ ttl: 9, proto: 6, payload: syn(mss(1460)).in4() });
must(
  'MSS-3',
  'the packet in an ICMP error is never clamped',
  v4({ src: '203.0.113.9', dst: '192.0.2.1', proto: 1, payload: icmp4(11, 0, [0, 0, 0, 0], quotedSyn) }),
  becomes(
    v6({
      src: '2001:db8:64::203.0.113.9',
      dst: HOST6,
      hop: 63,
      next: 58,
      payload: icmp6(
        3,
        0,
        [0, 0, 0, 0],
        v6({ hop: 9, next: 6, payload: syn(mss(1460)).in6() }),
        '2001:db8:64::203.0.113.9',
        HOST6,
      ),
    }),
  ),
  to('1200'),
);
const whole = syn([...mss(1460), 1, 1, 1, 1]);
const lowered = syn([...mss(1200), 1, 1, 1, 1]);
test('MSS-2: a first fragment with the whole header, in both directions', () => {
  const there = translate(
    v4({ proto: 6, mf: true, payload: [...whole.in4(), ...new Array<number>(4).fill(0)] }),
    to('1200'),
  );
  const expected = [...lowered.in6(), 0, 0, 0, 0];
  expect(hex(there.outputs[0]!.subarray(48, 48 + 16))).toBe(hex(expected.slice(0, 16)));
  expect(hex(there.outputs[0]!.subarray(48 + 20))).toBe(hex(expected.slice(20)));
});
test('MSS-3: a partial checksum is not touched, the option is', () => {
  const segment = syn(mss(1460)).in4();
  const sum = 0xffff - checksum(pseudo4('192.0.2.1', '198.51.100.2', 6, segment.length));
  const packet = v4({ proto: 6, payload: segment.with(16, sum >> 8).with(17, sum & 255) });
  const vnet = [1, 0, 0, 0, 0, 0, 20, 0, 16, 0];
  const { outputs } = translate([...vnet, ...packet], { ...to('1200'), vnetBytes: 10 });
  const after = 0xffff - checksum(pseudo6(HOST6, PEER6, 6, segment.length));
  const want = syn(mss(1200))
    .in6()
    .with(16, after >> 8)
    .with(17, after & 255);
  expect(hex(outputs[0]!)).toBe(
    hex([1, 0, 0, 0, 0, 0, 40, 0, 16, 0, ...v6({ hop: 63, next: 6, payload: want })]),
  );
});
