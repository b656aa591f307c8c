/** RFC 7915 §4.2: ICMPv4 into ICMPv6. I46-*. */
import { describe } from 'vitest';
import { inner4, inner6, message, result } from '../support/errors46.ts';
import { becomes, drops, type MustOptions, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  icmp4,
  icmp6,
  u16,
  u32,
  udp,
  type V4,
  v4,
  v6,
} from '../support/packets.ts';

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

must(
  'I46-C',
  'the outer error is decremented and copied like any',
  message(11, 0, u32(0), inner4(), { tos: 0xc0, ttl: 255 }),
  becomes(result(3, 0, u32(0), inner6(), { tc: 0xc0, hop: 254 })),
);
