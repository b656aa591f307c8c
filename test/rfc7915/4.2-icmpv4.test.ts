/** RFC 7915 §4.2, §4.3: ICMPv4 into ICMPv6, with the packet in error. I46-*, IERR-*. */
import { describe } from 'vitest';
import { ROUTER4, ROUTER6 } from '../support/expect.ts';
import { becomes, drops, type MustOptions, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  opaque,
  type Transport,
  tcp,
  u16,
  u32,
  udp,
  type V4,
  type V6,
  v4,
  v6,
} from '../support/packets.ts';

/** An ICMPv4 message from an IPv4 router to our host. */
const message = (type: number, code: number, word: Bytes, data: Bytes, fields: V4 = {}): Bytes =>
  v4({ src: ROUTER4, dst: HOST4, ttl: 61, proto: 1, payload: icmp4(type, code, word, data), ...fields });
/** The ICMPv6 message it must become. */
const result = (type: number, code: number, word: Bytes, data: Bytes, fields: V6 = {}): Bytes =>
  v6({
    src: ROUTER6,
    dst: HOST6,
    hop: 60,
    next: 58,
    ...fields,
    payload: icmp6(type, code, word, data, fields.src ?? ROUTER6, fields.dst ?? HOST6),
  });
/** The packet in error: our host's, seen on the IPv4 side, and as it was in IPv6. */
const inner4 = (of: Transport = udp(), fields: V4 = {}): Bytes =>
  v4({ ttl: 9, ...fields, proto: of.proto, payload: of.in4(fields.src, fields.dst) });
const inner6 = (of: Transport = udp(), fields: V6 = {}): Bytes =>
  v6({ hop: 9, ...fields, next: of.proto, payload: of.in6(fields.src, fields.dst) });
const quoted = (
  of: Transport = udp(),
  options: MustOptions = {},
  what = 'a quote',
  four: V4 = {},
  six: V6 = {},
): void =>
  must(
    'IERR-1',
    what,
    message(3, 1, u32(0), inner4(of, four)),
    becomes(result(1, 0, u32(0), inner6(of, six))),
    options,
  );

describe('queries', () => {
  const echo = (type: number, code = 0): Bytes =>
    v4({ proto: 1, payload: icmp4(type, code, [1, 2, 3, 4], counting(7)) });
  const echo6 = (type: number): Bytes =>
    v6({ hop: 63, next: 58, payload: icmp6(type, 0, [1, 2, 3, 4], counting(7)) });
  must('I46-Q', 'echo request', echo(8), becomes(echo6(128)));
  must('I46-Q', 'echo reply', echo(0), becomes(echo6(129)));
  must('I46-Q', 'the code becomes 0', echo(8, 5), becomes(echo6(128)));
  const wrong = echo(8).with(-1, 99);
  must('I46-C', 'a wrong echo stays wrong', wrong, becomes(echo6(128).with(-1, 99)));
  must(
    'I46-Q',
    'a large echo is split',
    v4({ proto: 1, payload: icmp4(8, 0, u32(1), counting(1300)) }),
    becomes(
      ...(() => {
        const whole = icmp6(128, 0, u32(1), counting(1300));
        return [
          v6({ hop: 63, next: 44, payload: [...fh(58, { more: true }), ...whole.slice(0, 1232)] }),
          v6({ hop: 63, next: 44, payload: [...fh(58, { offset: 1232 }), ...whole.slice(1232)] }),
        ];
      })(),
    ),
  );
  for (const type of [1, 2, 4, 5, 6, 7, 9, 10, 13, 14, 15, 16, 17, 18, 19, 30, 40, 42, 43, 255]) {
    must('I46-D', `type ${type} is dropped`, message(type, 0, u32(0), inner4()), drops('IcmpType46'));
  }
});

describe('errors: types and codes', () => {
  const to10 = [0, 1, 5, 6, 7, 8, 11, 12];
  for (const code of to10)
    must(
      'I46-E',
      `3/${code} is 1/0`,
      message(3, code, u32(0), inner4()),
      becomes(result(1, 0, u32(0), inner6())),
    );
  for (const code of [9, 10, 13, 15])
    must(
      'I46-E',
      `3/${code} is 1/1`,
      message(3, code, u32(0), inner4()),
      becomes(result(1, 1, u32(0), inner6())),
    );
  must('I46-E', '3/3 is 1/4', message(3, 3, u32(0), inner4()), becomes(result(1, 4, u32(0), inner6())));
  must(
    'I46-E',
    '3/2 is 4/1 pointer 6',
    message(3, 2, u32(0), inner4()),
    becomes(result(4, 1, u32(6), inner6())),
  );
  for (const code of [14, 16, 255])
    must('I46-E', `3/${code} is dropped`, message(3, code, u32(0), inner4()), drops('IcmpCode46'));
  for (const code of [0, 1, 7])
    must(
      'I46-E',
      `11/${code} is 3/${code}`,
      message(11, code, u32(0), inner4()),
      becomes(result(3, code, u32(0), inner6())),
    );
  const pointers = new Map([
    [0, 0],
    [1, 1],
    [2, 4],
    [3, 4],
    [8, 7],
    [9, 6],
    [12, 8],
    [13, 8],
    [14, 8],
    [15, 8],
    [16, 24],
    [17, 24],
    [18, 24],
    [19, 24],
  ]);
  for (let pointer = 0; pointer <= 24; pointer++) {
    const to = pointers.get(pointer);
    const packet = message(12, pointer % 2 === 0 ? 0 : 2, [pointer, 0, 0, 0], inner4());
    must(
      'I46-E',
      `pointer ${pointer}`,
      packet,
      to === undefined ? drops('IcmpPointer46') : becomes(result(4, 0, u32(to), inner6())),
    );
  }
  must('I46-E', 'pointer 255', message(12, 0, [255, 0, 0, 0], inner4()), drops('IcmpPointer46'));
  must('I46-E', '12/1 is dropped', message(12, 1, u32(0), inner4()), drops('IcmpCode46'));
  must('I46-E', '12/3 is dropped', message(12, 3, u32(0), inner4()), drops('IcmpCode46'));
  const packet = message(3, 1, u32(0), inner4());
  must(
    'I46-C',
    'a wrong checksum is dropped',
    packet.with(-1, packet.at(-1)! ^ 1),
    drops('BadIcmpChecksum46'),
  );
  must(
    'I46-L',
    'DF on the error is ignored',
    message(3, 1, u32(0), inner4(), { df: true }),
    becomes(result(1, 0, u32(0), inner6())),
  );
});

describe('errors: MTU', () => {
  const frag = (mtu: number, to: number, inner: V4 = {}, options: MustOptions = {}, id = 'I46-PTB-1'): void =>
    must(
      id,
      `${mtu} with ${JSON.stringify(inner)} becomes ${to}`,
      message(3, 4, [0, 0, ...u16(mtu)], inner4(udp(), inner)),
      becomes(
        result(
          2,
          0,
          u32(to),
          inner.totalLength === undefined
            ? inner6()
            : inner6(udp(), { payloadLength: inner.totalLength - 20 }),
        ),
      ),
      options,
    );
  const wide = { options: { 'ipv6-mtu': '9000', 'ipv4-mtu': '9000' } };
  frag(1400, 1420);
  frag(1259, 1280, {}, {}, 'I46-PTB-3');
  frag(1260, 1280, {}, {}, 'I46-PTB-3');
  frag(1261, 1281, {}, {}, 'I46-PTB-3');
  frag(68, 1280, {}, {}, 'I46-PTB-3');
  frag(1, 1280, {}, {}, 'I46-PTB-3');
  frag(1480, 1500);
  frag(1481, 1500);
  frag(9000, 1500);
  frag(4000, 4020, {}, wide);
  frag(4000, 1520, {}, { options: { 'ipv6-mtu': '9000', 'ipv4-mtu': '1500' } });
  // RFC 1191: the greatest plateau below the packet's length.
  frag(0, 1280, {}, wide, 'I46-PTB-2');
  frag(0, 1512, { totalLength: 1500 }, wide, 'I46-PTB-2');
  frag(0, 1280, { totalLength: 1492 }, wide, 'I46-PTB-2');
  frag(0, 2022, { totalLength: 4352 }, wide, 'I46-PTB-2');
  frag(0, 4372, { totalLength: 4353 }, wide, 'I46-PTB-2');
  frag(
    0,
    1420,
    { totalLength: 1500 },
    { options: { 'ipv6-mtu': '9000', 'ipv4-mtu': '9000', 'mtu-plateaus': '1400,68' } },
    'I46-PTB-2',
  );
});

describe('errors: sources', () => {
  for (const src of ['0.0.0.1', '127.0.0.1', '169.254.1.1', '192.168.1.1', '10.0.0.1']) {
    must(
      'I46-S',
      `an error from ${src}`,
      message(11, 0, u32(0), inner4(), { src }),
      becomes(result(3, 0, u32(0), inner6(), { src: `2001:db8:64::${src}` })),
    );
  }
  for (const src of ['224.0.0.1', '255.255.255.255']) {
    must(
      'I46-S',
      `an error from ${src} is dropped`,
      message(11, 0, u32(0), inner4(), { src }),
      drops('MartianSource46'),
    );
  }
  must(
    'I46-S',
    'an echo reply from 127.0.0.1 is dropped',
    message(0, 0, u32(0), [], { src: '127.0.0.1' }),
    drops('MartianSource46'),
  );
});

describe('the packet in error', () => {
  quoted(udp(), {}, 'UDP');
  quoted(tcp({ data: counting(9) }), {}, 'TCP');
  quoted(opaque(50), {}, 'ESP');
  quoted(udp(), {}, 'IERR-3: TTL and TOS are copied', { ttl: 1, tos: 0xb8 }, { hop: 1, tc: 0xb8 });
  quoted(
    udp(),
    { options: { 'zeroize-traffic-class': true } },
    'IERR-3: with the option',
    { tos: 0xb8 },
    { tc: 0 },
  );
  quoted(udp(), {}, 'IERR-3: its header checksum is not looked at', { headerChecksum: 1 });
  quoted(udp(), {}, 'IERR-4: options are left behind', { options: [1, 1, 1, 0] });
  must(
    'IERR-1',
    'an error about an error',
    message(3, 1, u32(0), v4({ proto: 1, payload: icmp4(3, 3, u32(0), inner4()) })),
    drops('InnerIcmp46'),
  );
  must(
    'IERR-1',
    'an error about a timestamp',
    message(3, 1, u32(0), v4({ proto: 1, payload: icmp4(13, 0, u32(0), counting(8)) })),
    drops('InnerIcmp46'),
  );
  const cut = (bytes: number, of = udp()): Bytes => inner4(of).slice(0, bytes);
  must('IERR-2', 'a quote of 19 bytes', message(3, 1, u32(0), cut(19)), drops('InnerShort46'));
  must('IERR-2', 'no quote', message(3, 1, u32(0), []), drops('InnerShort46'));
  must(
    'IERR-2',
    'IHL past the quote',
    message(3, 1, u32(0), inner4(udp(), { ihl: 15 }).slice(0, 28)),
    drops('InnerMalformed46'),
  );
  must(
    'IERR-2',
    'version 6 inside',
    message(3, 1, u32(0), inner4(udp(), { version: 6 })),
    drops('InnerMalformed46'),
  );
  must(
    'IERR-2',
    'Total Length below the header',
    message(3, 1, u32(0), inner4(udp(), { totalLength: 19 })),
    drops('InnerMalformed46'),
  );
  must(
    'IERR-2',
    'cut inside UDP: the rest passes through',
    message(3, 1, u32(0), cut(25)),
    becomes(
      result(
        1,
        0,
        u32(0),
        inner6()
          .slice(0, 45)
          .map((byte, i) => (i === 44 ? cut(25)[24]! : byte)),
      ),
    ),
  );
  const tcp8 = message(3, 1, u32(0), cut(28, tcp()));
  must(
    'IERR-2',
    'TCP cut at 8 bytes (RFC 792)',
    tcp8,
    becomes(result(1, 0, u32(0), inner6(tcp()).slice(0, 48))),
  );
  must(
    'IERR-2',
    'ICMP of 7 bytes inside',
    message(3, 1, u32(0), v4({ proto: 1, payload: icmp4(8, 0, u32(1)) }).slice(0, 27)),
    drops('InnerShort46'),
  );
  must(
    'IERR-4',
    'the claimed length is translated',
    message(3, 1, u32(0), inner4(udp(), { totalLength: 1000 })),
    becomes(result(1, 0, u32(0), inner6(udp(), { payloadLength: 980 }))),
  );
  const fragment = (fields: V4, payload: Bytes): Bytes =>
    v4({ ttl: 9, proto: 17, id: 0x77, payload, ...fields });
  must(
    'IERR-5',
    'a first fragment',
    message(11, 1, u32(0), fragment({ mf: true }, udp(counting(16)).in4())),
    becomes(
      result(
        3,
        1,
        u32(0),
        v6({ hop: 9, next: 44, payload: [...fh(17, { more: true, id: 0x77 }), ...udp(counting(16)).in6()] }),
      ),
    ),
  );
  must(
    'IERR-5',
    'a later fragment: its bytes are left alone',
    message(11, 1, u32(0), fragment({ offset: 8 }, counting(16))),
    becomes(
      result(
        3,
        1,
        u32(0),
        v6({ hop: 9, next: 44, payload: [...fh(17, { offset: 8, id: 0x77 }), ...counting(16)] }),
      ),
    ),
  );
  must(
    'IERR-5',
    'fragmented ICMP',
    message(3, 1, u32(0), v4({ proto: 1, mf: true, payload: icmp4(8, 0, u32(1)) })),
    drops('InnerFragmentedIcmp46'),
  );
  const echo = v4({ ttl: 9, proto: 1, payload: icmp4(8, 3, u32(5), counting(9)) });
  must(
    'IERR-7',
    'an echo inside',
    message(11, 0, u32(0), echo),
    becomes(result(3, 0, u32(0), v6({ hop: 9, next: 58, payload: icmp6(128, 0, u32(5), counting(9)) }))),
  );
  const bare = [...udp().in4().slice(0, 6), 0, 0, ...udp().in4().slice(8)];
  must(
    'IERR-7',
    'UDP 0 stays 0',
    message(3, 3, u32(0), v4({ ttl: 9, proto: 17, payload: bare })),
    becomes(result(1, 4, u32(0), v6({ hop: 9, next: 17, payload: bare }))),
  );
  for (const src of ['127.0.0.1', '0.0.0.0', '224.0.0.1', '169.254.0.1', '255.255.255.255']) {
    must(
      'IERR-8',
      `inner source ${src}`,
      message(3, 1, u32(0), inner4(udp(), { src })),
      drops('InnerAddress46'),
    );
    must(
      'IERR-8',
      `inner destination ${src}`,
      message(3, 1, u32(0), inner4(udp(), { dst: src })),
      drops('InnerAddress46'),
    );
  }
  must(
    'IERR-8',
    'an inner address that is denied',
    message(3, 1, u32(0), inner4()),
    drops('InnerAddress46'),
    { options: { denylist4: ['198.51.100.0/24'] } },
  );
  for (const proto of [0, 2, 43, 44, 58, 60]) {
    must(
      'IERR-9',
      `inner protocol ${proto}`,
      message(3, 1, u32(0), v4({ proto, payload: counting(16) })),
      drops('InnerProtocol46'),
    );
  }
});

must(
  'I46-C',
  'the outer error is decremented and copied like any',
  message(11, 0, u32(0), inner4(), { tos: 0xc0, ttl: 255 }),
  becomes(result(3, 0, u32(0), inner6(), { tc: 0xc0, hop: 254 })),
);
