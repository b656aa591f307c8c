/** RFC 7915 §5.2, §5.3: ICMPv6 into ICMPv4, with the packet in error. I64-*, IERR-*; sources RSRC-* (RFC 6791). */
import { describe, expect, test } from 'vitest';
import { error6, ROUTER4, ROUTER6 } from '../support/expect.ts';
import { becomes, drops, ID, type MustOptions, must, replies, translator } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  opaque,
  optionsHeader,
  routing,
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

/** Our host's IPv6 peer is seen by IPv4 hosts; a router complains to an IPv4 host (PEER) about its packet to HOST. */
const STRANGER6 = '2001:db8:ffff::1';
const PEER4 = '198.51.100.2';
const PEER6 = '2001:db8:64::198.51.100.2';
const message = (type: number, code: number, word: Bytes, data: Bytes, fields: V6 = {}): Bytes =>
  v6({
    src: ROUTER6,
    dst: PEER6,
    hop: 61,
    next: 58,
    ...fields,
    payload: icmp6(type, code, word, data, fields.src ?? ROUTER6, fields.dst ?? PEER6),
  });
const result = (type: number, code: number, word: Bytes, data: Bytes, fields: V4 = {}): Bytes =>
  v4({
    src: ROUTER4,
    dst: PEER4,
    ttl: 60,
    id: ID,
    proto: 1,
    payload: icmp4(type, code, word, data),
    ...fields,
  });
/** The packet in error: from the IPv4 peer to our host, in IPv6 and in IPv4. */
const inner6 = (of: Transport = udp(), fields: V6 = {}): Bytes => {
  const to = { src: PEER6, dst: HOST6, ...fields };
  return v6({ hop: 9, ...to, next: of.proto, payload: of.in6(to.src, to.dst) });
};
const inner4 = (of: Transport = udp(), fields: V4 = {}): Bytes => {
  const to = { src: PEER4, dst: HOST4, ...fields };
  return v4({ ttl: 9, id: 0, ...to, proto: of.proto, payload: of.in4(to.src, to.dst) });
};

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

describe('sources', () => {
  must(
    'RSRC-1',
    'a router without mapping speaks as 192.0.0.8',
    message(3, 0, u32(0), inner6(), { src: STRANGER6 }),
    becomes(result(11, 0, u32(0), inner4(), { src: '192.0.0.8' })),
  );
  must(
    'RSRC-1',
    'an embedded martian counts as unmapped',
    message(3, 0, u32(0), inner6(), { src: '2001:db8:64::127.0.0.1' }),
    becomes(result(11, 0, u32(0), inner4(), { src: '192.0.0.8' })),
  );
  must(
    'RSRC-1',
    'so does a denied one',
    message(3, 0, u32(0), inner6(), { src: '2001:db8:64::10.0.0.1' }),
    becomes(result(11, 0, u32(0), inner4(), { src: '192.0.0.8' })),
    { options: { denylist4: ['10.0.0.0/8'] } },
  );
  must(
    'RSRC-2',
    'a source that maps is kept',
    message(3, 0, u32(0), inner6()),
    becomes(result(11, 0, u32(0), inner4())),
  );
  test('RSRC-1: a pool is drawn from at random, and only from it', () => {
    const engine = translator({ 'rfc6791v4-prefix': '203.0.113.64/29' });
    const seen = new Set<number>();
    for (let i = 0; i < 500; i++) {
      const { outputs } = engine.translate(
        Uint8Array.from(message(3, 0, u32(0), inner6(), { src: STRANGER6 })),
      );
      expect([...outputs[0]!.subarray(12, 15)]).toEqual([203, 0, 113]);
      seen.add(outputs[0]![15]!);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([64, 65, 66, 67, 68, 69, 70, 71]);
  });
  const ping = message(129, 0, u32(1), counting(4), { src: STRANGER6 });
  must(
    'RSRC-1',
    'only errors: a ping from there is refused',
    ping,
    replies('UnmappedSource64', error6(ping, 1, 1, 0, STRANGER6)),
  );
  for (const src of ['fe80::1', '::1']) {
    must(
      'RSRC-5',
      `an error from ${src}`,
      message(3, 0, u32(0), inner6(), { src }),
      drops('MartianSource64'),
    );
  }
  must(
    'I64-O',
    'a destination without mapping',
    message(3, 0, u32(0), inner6(), { dst: STRANGER6 }),
    drops('UnmappedDestination64'),
  );
  const error4 = v4({
    src: '10.0.0.1',
    dst: HOST4,
    proto: 1,
    payload: icmp4(3, 1, u32(0), v4({ proto: 17, ttl: 9, payload: udp().in4() })),
  });
  must(
    'RSRC-4',
    'an ICMPv4 error from a denied source speaks as ipv6-addr',
    error4,
    becomes(
      v6({
        src: '2001:db8:1::fe',
        dst: HOST6,
        hop: 63,
        next: 58,
        payload: icmp6(1, 0, u32(0), v6({ hop: 9, next: 17, payload: udp().in6() }), '2001:db8:1::fe', HOST6),
      }),
    ),
    { options: { denylist4: ['10.0.0.0/8'] } },
  );
  must('RSRC-4', 'and is dropped where there is none', error4, drops('UnmappedErrorSource46'), {
    options: { denylist4: ['10.0.0.0/8'], 'ipv6-addr': undefined },
  });
});

describe('the packet in error', () => {
  const quoted = (id: string, what: string, six: Bytes, four: Bytes, options: MustOptions = {}): void =>
    must(id, what, message(1, 0, u32(0), six), becomes(result(3, 1, u32(0), four)), options);
  quoted('IERR-1', 'TCP', inner6(tcp({ data: counting(9) })), inner4(tcp({ data: counting(9) })));
  quoted(
    'IERR-3',
    'Hop Limit and Traffic Class are copied',
    inner6(udp(), { hop: 1, tc: 0xb8, flow: 5 }),
    inner4(udp(), { ttl: 1, tos: 0xb8 }),
  );
  must(
    'IERR-3',
    'with the option, outside too',
    message(1, 0, u32(0), inner6(udp(), { tc: 0xb8 })),
    becomes(result(3, 1, u32(0), inner4(udp(), { tos: 7 }), { tos: 7 })),
    { options: { 'override-tos': '7' } },
  );
  quoted(
    'IERR-4',
    'extension headers are left behind',
    v6({
      src: PEER6,
      dst: HOST6,
      hop: 9,
      next: 0,
      payload: [...optionsHeader(17), ...udp().in6(PEER6, HOST6)],
    }),
    inner4(),
  );
  quoted(
    'IERR-4',
    'the claimed length is translated',
    inner6(udp(), { payloadLength: 1000 }),
    inner4(udp(), { totalLength: 1020 }),
  );
  quoted(
    'IERR-6',
    'Total Length above 1260: DF',
    inner6(udp(), { payloadLength: 1241 }),
    inner4(udp(), { totalLength: 1261, df: true }),
  );
  quoted(
    'IERR-6',
    'Total Length 1260: no DF',
    inner6(udp(), { payloadLength: 1240 }),
    inner4(udp(), { totalLength: 1260 }),
  );
  must(
    'IERR-4',
    'a length IPv4 cannot hold',
    message(1, 0, u32(0), inner6(udp(), { payloadLength: 65516 })),
    drops('InnerLength64'),
  );
  must(
    'IERR-1',
    'an error about an error',
    message(1, 0, u32(0), inner6(opaque(58, icmp6(1, 0, u32(0), inner6(), PEER6, HOST6)))),
    drops('InnerIcmp64'),
  );
  must(
    'IERR-1',
    'no ICMP error is made because of what is inside',
    message(
      1,
      0,
      u32(0),
      v6({ src: PEER6, dst: HOST6, next: 43, payload: [...routing(17, 1), ...udp().in6()] }),
    ),
    drops('InnerProtocol64'),
  );
  must('IERR-2', 'a quote of 39 bytes', message(1, 0, u32(0), inner6().slice(0, 39)), drops('InnerShort64'));
  must(
    'IERR-2',
    'version 4 inside',
    message(1, 0, u32(0), inner6(udp(), { version: 4 })),
    drops('InnerMalformed64'),
  );
  must(
    'IERR-2',
    'a chain that is cut',
    message(1, 0, u32(0), v6({ src: PEER6, dst: HOST6, next: 60, payload: [17, 4, 0, 0, 0, 0, 0, 0] })),
    drops('InnerShort64'),
  );
  quoted('IERR-2', 'TCP cut at 8 bytes', inner6(tcp()).slice(0, 48), inner4(tcp()).slice(0, 28));
  quoted(
    'IERR-5',
    'a later fragment',
    v6({
      src: PEER6,
      dst: HOST6,
      hop: 9,
      next: 44,
      payload: [...fh(17, { offset: 8, id: 0x10007 }), ...counting(9)],
    }),
    v4({ src: PEER4, dst: HOST4, ttl: 9, id: 7, offset: 8, proto: 17, payload: counting(9) }),
  );
  must(
    'IERR-5',
    'fragmented ICMPv6',
    message(
      1,
      0,
      u32(0),
      v6({
        src: PEER6,
        dst: HOST6,
        next: 44,
        payload: [...fh(58, { more: true }), ...icmp6(128, 0, u32(1))],
      }),
    ),
    drops('InnerFragmentedIcmp64'),
  );
  quoted(
    'IERR-7',
    'an echo inside',
    inner6(opaque(58, icmp6(129, 4, u32(5), counting(9), PEER6, HOST6))).map((byte) => byte),
    v4({ src: PEER4, dst: HOST4, ttl: 9, id: 0, proto: 1, payload: icmp4(0, 0, u32(5), counting(9)) }),
  );
  for (const src of ['::1', 'fe80::1', 'ff02::1', '2001:db8:64::127.0.0.1', STRANGER6]) {
    must(
      'IERR-8',
      `inner source ${src}`,
      message(1, 0, u32(0), inner6(udp(), { src })),
      drops('InnerAddress64'),
    );
    must(
      'IERR-8',
      `inner destination ${src}`,
      message(1, 0, u32(0), inner6(udp(), { dst: src })),
      drops('InnerAddress64'),
    );
  }
  for (const next of [1, 2])
    must(
      'IERR-9',
      `inner protocol ${next}`,
      message(1, 0, u32(0), inner6(opaque(next))),
      drops('InnerProtocol64'),
    );
  must(
    'IERR-9',
    'an extension behind a Fragment Header',
    message(1, 0, u32(0), v6({ src: PEER6, dst: HOST6, next: 44, payload: [...fh(60), ...counting(16)] })),
    drops('InnerProtocol64'),
  );
});

test('T64-MTU-1, I64-O: an error larger than 1280 received, larger than mtu4 sent, leaves in fragments', () => {
  const inner = v6({ src: PEER6, dst: HOST6, hop: 9, next: 99, payload: counting(1300) });
  const { verdict, outputs } = translator({ 'ipv4-mtu': '300' }).translate(
    Uint8Array.from(message(3, 0, u32(0), inner)),
  );
  expect(verdict).toBe('translated');
  expect(outputs.map((bytes) => bytes.length)).toEqual([300, 296]);
  expect(outputs.map((bytes) => (bytes[6]! << 8) | bytes[7]!)).toEqual([0x2000, 35]);
});
