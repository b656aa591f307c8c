/** RFC 7915 §5.2: ICMPv6 into ICMPv4. I64-*. */
import { describe } from 'vitest';
import { inner4, inner6, message, result } from '../support/errors64.ts';
import { becomes, drops, ID, type MustOptions, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  PEER4,
  PEER6,
  u16,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

describe('queries', () => {
  const echo = (type: number, code = 0): Bytes =>
    v6({ next: 58, payload: icmp6(type, code, [1, 2, 3, 4], counting(7)) });
  const echo4 = (type: number): Bytes =>
    v4({ ttl: 63, id: ID, proto: 1, payload: icmp4(type, 0, [1, 2, 3, 4], counting(7)) });
  must('I64-Q', 'echo request', echo(128), becomes(echo4(8)));
  must('I64-Q', 'echo reply', echo(129), becomes(echo4(0)));
  must('I64-Q', 'the code becomes 0', echo(128, 7), becomes(echo4(8)));
  must('I64-C', 'a wrong echo stays wrong', echo(128).with(-1, 99), becomes(echo4(8).with(-1, 99)));
  for (const type of [0, 5, 100, 127, 130, 131, 132, 133, 134, 135, 136, 137, 138, 143, 255]) {
    must('I64-D', `type ${type} is dropped`, message(type, 0, u32(0), inner6()), drops('IcmpType64'));
  }
});

describe('errors: types and codes', () => {
  for (const [code, to] of [
    [0, 1],
    [2, 1],
    [3, 1],
    [1, 10],
    [4, 3],
  ] as const) {
    must(
      'I64-E',
      `1/${code} is 3/${to}`,
      message(1, code, u32(0), inner6()),
      becomes(result(3, to, u32(0), inner4())),
    );
  }
  for (const code of [5, 6, 7, 255])
    must('I64-E', `1/${code} is dropped`, message(1, code, u32(0), inner6()), drops('IcmpCode64'));
  for (const code of [0, 1, 9])
    must(
      'I64-E',
      `3/${code} is 11/${code}`,
      message(3, code, u32(0), inner6()),
      becomes(result(11, code, u32(0), inner4())),
    );
  must('I64-E', '4/1 is 3/2', message(4, 1, u32(40), inner6()), becomes(result(3, 2, u32(0), inner4())));
  for (const code of [2, 3, 255])
    must('I64-E', `4/${code} is dropped`, message(4, code, u32(0), inner6()), drops('IcmpCode64'));
  const to = (pointer: number): number | null => {
    if (pointer < 8) return [0, 1, null, null, 2, 2, 9, 8][pointer] ?? null;
    return pointer < 24 ? 12 : pointer < 40 ? 16 : null;
  };
  for (let pointer = 0; pointer <= 44; pointer++) {
    const expected = to(pointer);
    must(
      'I64-E',
      `pointer ${pointer}`,
      message(4, 0, u32(pointer), inner6()),
      expected === null ? drops('IcmpPointer64') : becomes(result(12, 0, [expected, 0, 0, 0], inner4())),
    );
  }
  must('I64-E', 'a pointer of 2^31', message(4, 0, u32(0x80000000), inner6()), drops('IcmpPointer64'));
  const packet = message(1, 0, u32(0), inner6());
  must(
    'I64-C',
    'a wrong checksum is dropped',
    packet.with(-1, packet.at(-1)! ^ 1),
    drops('BadIcmpChecksum64'),
  );
});

describe('errors: MTU', () => {
  const big = (mtu: number, to: number, options: MustOptions = {}): void =>
    must(
      'I64-PTB',
      `${mtu} becomes ${to}`,
      message(2, 0, u32(mtu), inner6()),
      becomes(result(3, 4, [0, 0, ...u16(to)], inner4())),
      options,
    );
  big(1400, 1380);
  big(1280, 1260);
  big(1000, 980);
  big(88, 68);
  big(68, 68);
  big(9000, 1480);
  big(1501, 1480);
  big(0xffffffff, 1480);
  big(70000, 65515, { options: { 'ipv6-mtu': '65535', 'ipv4-mtu': '65535' } });
  big(9000, 1300, { options: { 'ipv4-mtu': '1300' } });
  for (const mtu of [0, 1, 67])
    must('I64-PTB', `${mtu} is dropped`, message(2, 0, u32(mtu), inner6()), drops('IcmpMtu64'));
  must(
    'I64-PTB',
    'any code',
    message(2, 9, u32(1400), inner6()),
    becomes(result(3, 4, [0, 0, ...u16(1380)], inner4())),
  );
  const fragment = v6({
    src: PEER6,
    dst: HOST6,
    hop: 9,
    next: 44,
    payload: [...fh(17, { id: 7, more: true }), ...udp(counting(16)).in6(PEER6, HOST6)],
  });
  must(
    'I64-PTB',
    'with a Fragment Header inside 28 are taken off',
    message(2, 0, u32(1400), fragment),
    becomes(
      result(
        3,
        4,
        [0, 0, ...u16(1372)],
        v4({
          src: PEER4,
          dst: HOST4,
          ttl: 9,
          id: 7,
          mf: true,
          proto: 17,
          payload: udp(counting(16)).in4(PEER4, HOST4),
        }),
      ),
    ),
  );
});
