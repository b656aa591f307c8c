/** RFC 7915 §5.1, §5.1.1: IPv6 headers into IPv4 headers; what is refused before. T64-*. */
import { describe, expect, test } from 'vitest';
import { as4, error6, pieces } from '../support/expect.ts';
import { becomes, drops, ID, must, passes, replies, translate } from '../support/must.ts';
import {
  type Bytes,
  counting,
  dccp,
  fh,
  HOST4,
  hex,
  icmp6,
  opaque,
  optionsHeader,
  PEER4,
  packet6,
  routing,
  tcp,
  u32,
  udp,
  udpLite,
  v4,
  v6,
} from '../support/packets.ts';

const whole = packet6(udp());
/** An IPv6 packet behind extension headers. */
const behind = (next: number, headers: Bytes, payload: Bytes, fields = {}): Bytes =>
  v6({ ...fields, next, payload: [...headers, ...payload] });

describe('input validation', () => {
  must('T64-IN-1', '39 bytes', whole.slice(0, 39), drops('ShortHeader64'));
  must('T64-IN-2', 'one byte missing', whole.slice(0, -1), drops('Truncated64'));
  must('T64-IN-3', 'bytes after Payload Length are no part', [...whole, 9, 9], becomes(as4(udp())));
  must(
    'T64-IN-4',
    'a jumbogram',
    v6({ next: 0, payloadLength: 0, payload: optionsHeader(17) }),
    drops('Jumbogram64'),
  );
  must('T64-IN-4', 'no payload at all is legal', v6({ next: 99 }), becomes(as4(opaque(99, []))));
  must('T64-IN-5', 'Hop Limit 0', v6({ hop: 0 }), drops('HopLimitZero64'));
  must(
    'T64-IN-6',
    'an extension header cut at 7',
    v6({ next: 60, payload: counting(7) }),
    drops('BadExtensionHeader64'),
  );
  must(
    'T64-IN-6',
    'an extension header longer than the packet',
    v6({ next: 60, payload: [17, 1, ...counting(13)] }),
    drops('BadExtensionHeader64'),
  );
  must(
    'T64-IN-6',
    'a Fragment Header cut at 7',
    v6({ next: 44, payload: counting(7) }),
    drops('BadExtensionHeader64'),
  );
  const chain = (n: number, last: number[]): Bytes =>
    v6({
      next: 60,
      payload: [
        ...Array.from({ length: n }, (_, i) => optionsHeader(i === n - 1 ? last[0]! : 60)).flat(),
        ...last.slice(1),
      ],
    });
  must('T64-IN-6', '16 extension headers', chain(16, [99, 1, 2]), becomes(as4(opaque(99, [1, 2]))));
  must('T64-IN-6', '17 extension headers', chain(17, [99, 1, 2]), drops('TooManyExtensionHeaders64'));
  must('T64-IN-6', '15 and a Fragment Header', chain(15, [44, ...fh(99), 1, 2]), passes);
  must(
    'T64-IN-6',
    '16 and a Fragment Header',
    chain(16, [44, ...fh(99), 1, 2]),
    drops('TooManyExtensionHeaders64'),
  );
  must(
    'T64-IN-7',
    'M with 12 bytes',
    behind(44, fh(99, { more: true }), counting(12)),
    drops('BadFragmentLength64'),
  );
  must(
    'T64-IN-7',
    'past 65535',
    behind(44, fh(99, { offset: 65528 }), counting(8)),
    drops('FragmentOverrun64'),
  );
  must('T64-IN-7', 'an empty fragment', behind(44, fh(99, { offset: 8 }), []), drops('EmptyFragment64'));
  must(
    'T64-IN-7',
    'ICMPv6 with M',
    behind(44, fh(58, { more: true }), icmp6(128, 0, u32(1))),
    drops('FragmentedIcmp64'),
  );
  must(
    'T64-IN-7',
    'ICMPv6 with offset',
    behind(44, fh(58, { offset: 8 }), counting(8)),
    drops('FragmentedIcmp64'),
  );
  must('T64-IN-7', 'ICMPv6 in an atomic fragment', behind(44, fh(58), icmp6(128, 0, u32(1))), passes);
  must('T64-IN-8', 'TCP of 19 bytes', v6({ next: 6, payload: counting(19) }), drops('ShortTransport64'));
  must('T64-IN-8', 'UDP of 7 bytes', v6({ next: 17, payload: counting(7) }), drops('ShortTransport64'));
  must('T64-IN-8', 'ICMPv6 of 7 bytes', v6({ next: 58, payload: counting(7) }), drops('ShortTransport64'));
  must('T64-IN-8', 'a later TCP fragment of 4 bytes', behind(44, fh(6, { offset: 24 }), counting(4)), passes);
  must('T64-IN-9', 'ICMPv4', v6({ next: 1, payload: counting(8) }), drops('ForbiddenProtocol64'));
  must('T64-IN-9', 'IGMP', v6({ next: 2, payload: counting(8) }), drops('ForbiddenProtocol64'));
});

describe('extension headers', () => {
  for (const next of [0, 60]) {
    must(
      'T64-EXT-1',
      `header ${next} is skipped`,
      behind(next, optionsHeader(17, 2), udp().in6()),
      becomes(as4(udp())),
    );
  }
  must(
    'T64-EXT-1',
    'a Routing header with nothing left',
    behind(43, routing(17, 0, 2), udp().in6()),
    becomes(as4(udp())),
  );
  must(
    'T64-EXT-1',
    'in any order',
    behind(60, [...optionsHeader(43), ...routing(0, 0), ...optionsHeader(17)], udp().in6()),
    becomes(as4(udp())),
  );
  must('T64-EXT-2', 'ICMPv6 becomes ICMP', behind(0, optionsHeader(58), icmp6(128, 0, u32(7))), passes);
  for (const next of [50, 51, 59, 135, 139, 140]) {
    must('T64-EXT-2', `${next} is a protocol`, packet6(opaque(next)), becomes(as4(opaque(next))));
  }
  const left = behind(43, routing(17, 1), udp().in6());
  must('T64-EXT-3', 'Segments Left 1', left, replies('SegmentsLeft64', error6(left, 4, 0, 43)));
  const later = behind(0, [...optionsHeader(43), ...routing(43, 2), ...routing(17, 1)], udp().in6());
  must(
    'T64-EXT-3',
    'the first such header gives the pointer',
    later,
    replies('SegmentsLeft64', error6(later, 4, 0, 51)),
  );
  must(
    'T64-EXT-3',
    'on a later fragment',
    behind(43, [...routing(44, 1), ...fh(17, { offset: 8 })], counting(8)),
    drops('SegmentsLeftFragment64'),
  );
  for (const next of [0, 43, 60, 51, 135, 139, 140, 44]) {
    const packet = behind(44, fh(next), counting(16));
    must(
      'T64-EXT-4',
      `${next} behind a Fragment Header`,
      packet,
      replies('FragmentedExtension64', error6(packet, 1, 1)),
    );
    must(
      'T64-EXT-4',
      `${next} on a later fragment`,
      behind(44, fh(next, { offset: 8 }), counting(16)),
      drops('FragmentedExtension64'),
    );
  }
  must('T64-EXT-4', 'ESP is no such header', behind(44, fh(50), counting(16)), passes);
});

describe('header', () => {
  must('T64-HDR-1', 'version 4, no options [T64-HDR-6]', whole, becomes(as4(udp())));
  for (const tc of [0, 1, 0xb8, 0xff]) {
    must('T64-HDR-2', `Traffic Class ${tc} is TOS`, packet6(udp(), { tc }), becomes(as4(udp(), { tos: tc })));
  }
  must('T64-HDR-2', 'or a fixed value', packet6(udp(), { tc: 3 }), becomes(as4(udp(), { tos: 0x10 })), {
    options: { 'override-tos': '0x10' },
  });
  must(
    'T64-HDR-3',
    'Total Length is 20 + P',
    behind(0, optionsHeader(99), [1, 2]),
    becomes(as4(opaque(99, [1, 2]))),
  );
  must('T64-HDR-4', 'Hop Limit 2 leaves as 1', packet6(udp(), { hop: 2 }), becomes(as4(udp(), { ttl: 1 })));
  const expired = packet6(udp(), { hop: 1 });
  must(
    'T64-HDR-4',
    'Hop Limit 1: Time Exceeded',
    expired,
    replies('HopLimitExpired64', error6(expired, 3, 0)),
  );
  must('T64-HDR-5', 'the flow label is discarded', packet6(udp(), { flow: 0xabcde }), becomes(as4(udp())));
  must('T64-HDR-7', 'MF and offset are 0', packet6(tcp()), becomes(as4(tcp())));
  must(
    'T64-HDR-8',
    'with DF the identification is 0',
    packet6(opaque(99, counting(1241))),
    becomes(as4(opaque(99, counting(1241)), { df: true, id: 0 })),
  );
  must(
    'T64-HDR-8',
    'without DF it is counted',
    packet6(opaque(99, counting(1240))),
    becomes(as4(opaque(99, counting(1240)), { df: false, id: ID })),
  );
  must(
    'T64-DF-1',
    'Total Length 1260: DF clear',
    packet6(opaque(99, counting(1240))),
    becomes(as4(opaque(99, counting(1240)), { df: false })),
  );
  must(
    'T64-DF-1',
    'Total Length 1261: DF set',
    packet6(opaque(99, counting(1241))),
    becomes(as4(opaque(99, counting(1241)), { df: true })),
  );
});

describe('fragments', () => {
  const atomic = behind(44, fh(17, { id: 0xaabbccdd }), udp().in6());
  must(
    'T64-FRAG-1',
    'atomic: DF clear, low 16 bits of the identification',
    atomic,
    becomes(as4(udp(), { id: 0xccdd, df: false })),
  );
  must(
    'T64-FRAG-1',
    'atomic and large: DF clear all the same',
    behind(44, fh(99, { id: 5 }), counting(1400)),
    becomes(as4(opaque(99, counting(1400)), { id: 5, df: false })),
  );
  must(
    'T64-FRAG-1',
    'first',
    behind(44, fh(99, { id: 7, more: true }), counting(16)),
    becomes(as4(opaque(99, counting(16)), { id: 7, mf: true })),
  );
  must(
    'T64-FRAG-1',
    'later',
    behind(44, fh(99, { id: 7, offset: 16 }), counting(5)),
    becomes(as4(opaque(99, counting(5)), { id: 7, offset: 16 })),
  );
  must(
    'T64-FRAG-1',
    'reserved bits are not carried',
    behind(44, fh(99, { id: 7, reserved: 255 }).with(3, 6), counting(5)),
    becomes(as4(opaque(99, counting(5)), { id: 7 })),
  );
  must(
    'T64-FRAG-1',
    'a first UDP fragment: checksum adjusted',
    behind(44, fh(17, { id: 7, more: true }), udp(counting(24)).in6()),
    becomes(as4(udp(counting(24)), { id: 7, mf: true })),
  );
});

describe('MTU', () => {
  const mtu4 = (bytes: number) => ({ options: { 'ipv4-mtu': `${bytes}` } });
  must(
    'T64-MTU-1',
    '20 + P = mtu4 fits',
    packet6(opaque(99, counting(1380))),
    becomes(as4(opaque(99, counting(1380)), { df: true })),
    mtu4(1400),
  );
  const large = packet6(opaque(99, counting(1381)));
  must(
    'T64-MTU-1',
    'above: Packet Too Big',
    large,
    replies('TooBig64', error6(large, 2, 0, 1420)),
    mtu4(1400),
  );
  const just = packet6(opaque(99, counting(1241)));
  must('T64-MTU-1', 'never below 1280', just, replies('TooBig64', error6(just, 2, 0, 1280)), mtu4(1000));
  must(
    'T64-MTU-1',
    'a later fragment is dropped',
    behind(44, fh(99, { offset: 8 }), counting(1400)),
    drops('LaterFragmentTooBig64'),
    mtu4(1000),
  );
  const split = (
    payload: Bytes,
    proto: number,
    size: number,
    { offset = 0, mf = false, id = ID } = {},
  ): Bytes[] =>
    pieces(payload, size).map(({ data, offset: at, last }) =>
      v4({ src: HOST4, dst: PEER4, ttl: 63, id, proto, offset: offset + at, mf: !last || mf, payload: data }),
    );
  must(
    'T64-MTU-1',
    'received at 1280 or less: fragments',
    packet6(opaque(99, counting(1240))),
    becomes(...split(counting(1240), 99, 976)),
    mtu4(1000),
  );
  must(
    'T64-MTU-1',
    'UDP: the checksum is right before',
    packet6(udp(counting(1200))),
    becomes(...split(udp(counting(1200)).in4(), 17, 48)),
    mtu4(68),
  );
  must(
    'T64-MTU-1',
    'a fragment is split further',
    behind(44, fh(99, { offset: 80, more: true, id: 9 }), counting(800)),
    becomes(...split(counting(800), 99, 280, { offset: 80, mf: true, id: 9 })),
    mtu4(300),
  );
});

describe('transport', () => {
  for (const [name, of] of [
    ['TCP', tcp({ data: counting(11) })],
    ['UDP', udp(counting(11))],
  ] as const) {
    must('T64-L4-1', `${name} is adjusted`, packet6(of), becomes(as4(of)));
    const wrong = (bytes: Bytes): Bytes => bytes.with(-1, bytes.at(-1)! ^ 0x55);
    must(
      'T64-L4-1',
      `${name} that was wrong stays wrong by as much`,
      wrong(packet6(of)),
      becomes(wrong(as4(of))),
    );
  }
  const bare = [...udp().in6().slice(0, 6), 0, 0, ...udp().in6().slice(8)];
  must(
    'T64-L4-2',
    'UDP without checksum stays without',
    v6({ next: 17, payload: bare }),
    becomes(as4(opaque(17, bare))),
  );
  must('T64-L4-3', 'other protocols are unchanged', packet6(opaque(132)), becomes(as4(opaque(132))));
});

test('GEN-6: ICMP identifier and sequence are copied', () => {
  const { outputs } = translate(v6({ next: 58, payload: icmp6(128, 0, [1, 2, 3, 4], [5]) }));
  expect(hex(outputs[0]!.subarray(24))).toBe('0102030405');
});

describe('just enough', () => {
  must('T64-IN-1', '40 bytes', v6(), becomes(as4(opaque(99, []))));
  must(
    'T64-IN-4',
    'Next Header 0 with something behind',
    behind(0, optionsHeader(99), []),
    becomes(as4(opaque(99, []))),
  );
  must('T64-IN-6', 'a Fragment Header of 8 bytes', v6({ next: 44, payload: fh(99) }), passes);
  must('T64-IN-7', 'M with 16 bytes', behind(44, fh(99, { more: true }), counting(16)), passes);
  must('T64-IN-7', 'up to 65535', behind(44, fh(99, { offset: 65528 }), counting(7)), passes);
  must('T64-IN-8', 'TCP of 20 bytes', packet6(tcp()), becomes(as4(tcp())));
  must('T64-IN-8', 'UDP of 8 bytes', packet6(udp([])), becomes(as4(udp([]))));
  must('T64-IN-8', 'an echo of 8 bytes', v6({ next: 58, payload: icmp6(128, 0, u32(1)) }), passes);
  const not = new Set([0, 1, 2, 6, 17, 33, 43, 44, 58, 60, 136]);
  for (let next = 0; next < 256; next++) {
    if (not.has(next)) continue;
    must('T64-L4-3', `protocol ${next}`, packet6(opaque(next)), becomes(as4(opaque(next))));
  }
  for (const next of [0, 60]) {
    must(
      'T64-EXT-1',
      `header ${next} of 2048 bytes, anything inside`,
      v6({ next, payload: [17, 255, ...counting(2046, 3), ...udp().in6()] }),
      becomes(as4(udp())),
      { options: { 'ipv4-mtu': '1500' } },
    );
  }
  must('T64-EXT-2', 'No Next Header with bytes behind it', packet6(opaque(59)), becomes(as4(opaque(59))));
  for (const units of [0, 1, 5]) {
    const packet = behind(60, [...optionsHeader(43, units), ...routing(99, 255, 2)], [1]);
    must(
      'T64-EXT-3',
      `the pointer behind a header of ${8 + 8 * units} bytes`,
      packet,
      replies('SegmentsLeft64', error6(packet, 4, 0, 40 + 8 + 8 * units + 3)),
    );
  }
});

describe('DCCP and UDP-Lite', () => {
  for (const [name, of] of [
    ['DCCP', dccp()],
    ['UDP-Lite', udpLite()],
  ] as const) {
    must('T64-L4-1', `${name} is adjusted`, packet6(of), becomes(as4(of)));
    must(
      'T64-L4-1',
      `${name} of 7 bytes is not`,
      packet6(opaque(of.proto, counting(7))),
      becomes(as4(opaque(of.proto, counting(7)))),
    );
  }
  must(
    'T64-L4-1',
    'a later fragment is left alone',
    behind(44, fh(17, { id: 3, offset: 8 }), counting(20)),
    becomes(v4({ ttl: 63, id: 3, offset: 8, proto: 17, payload: counting(20) })),
  );
  /** A data word that makes the field over IPv4 come out as 0. */
  const zeroing = (of: (word: Bytes) => ReturnType<typeof udp>, at: number): Bytes =>
    of([0, 0])
      .in4()
      .slice(at, at + 2);
  const zeroes = (
    what: string,
    of: (word: Bytes) => ReturnType<typeof udp>,
    at: number,
    field: Bytes,
  ): void => {
    const zero = of(zeroing(of, at));
    test(`T64-L4-1: a result of 0 is ${hex(field)} in ${what}`, () => {
      const { outputs } = translate(packet6(zero));
      expect(hex(outputs[0]!.subarray(20 + at, 22 + at))).toBe(hex(field));
    });
  };
  zeroes('UDP', (word) => udp(word), 6, [255, 255]);
  zeroes('UDP-Lite', (word) => udpLite(word), 6, [255, 255]);
  zeroes('TCP', (word) => tcp({ data: word }), 16, [0, 0]);
  zeroes('DCCP', (word) => dccp(word), 6, [0, 0]);
});

describe('IPv4 MTU edges', () => {
  for (const mtu of [68, 576, 1259, 1260, 1261, 1500, 9000]) {
    const options = { 'ipv4-mtu': `${mtu}`, 'ipv6-mtu': '9000' };
    const of = opaque(99, counting(mtu - 20));
    must('T64-MTU-1', `Total Length ${mtu} passes ${mtu}`, packet6(of), becomes(as4(of)), { options });
    const more = opaque(99, counting(mtu - 19));
    const packet = packet6(more);
    const size = (mtu - 20) & ~7;
    must(
      'T64-MTU-1',
      `Total Length ${mtu + 1} does not pass ${mtu} whole`,
      packet,
      packet.length <= 1280
        ? becomes(
            ...pieces(counting(mtu - 19), size).map(({ data, offset, last }) =>
              v4({ ttl: 63, id: ID, offset, mf: !last, payload: data }),
            ),
          )
        : replies('TooBig64', error6(packet, 2, 0, Math.max(1280, mtu + 20))),
      { options },
    );
  }
  /** 700 bytes behind a header of 8 + 8 * units. */
  const padded = (units: number): Bytes => behind(60, optionsHeader(99, units), counting(700));
  must(
    'T64-MTU-1',
    'the size received decides: 1276 is split',
    padded(66),
    becomes(
      v4({ ttl: 63, id: ID, mf: true, payload: counting(680) }),
      v4({ ttl: 63, id: ID, offset: 680, payload: counting(20, 680) }),
    ),
    { options: { 'ipv4-mtu': '700' } },
  );
  must(
    'T64-MTU-1',
    'the size received decides: 1284 is refused',
    padded(67),
    replies('TooBig64', error6(padded(67), 2, 0, 1280)),
    { options: { 'ipv4-mtu': '700' } },
  );
});
