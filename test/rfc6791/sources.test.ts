/** Where translated errors come from: RSRC-*, I64-O (RFC 6791, RFC 7600). */
import { describe, expect, test } from 'vitest';
import { inner4, inner6, message, result, STRANGER6 } from '../support/errors64.ts';
import { error6, pieces, ROUTER4 } from '../support/expect.ts';
import { becomes, drops, ID, must, replies, translator } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  OWN6,
  opaque,
  PEER4,
  PEER6,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

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

describe('more sources', () => {
  const strict = { options: { pool6: '64:ff9b::/96', 'ipv6-addr': '2001:db8:1::fe' } };
  const to = { dst: '64:ff9b::8.8.8.8' };
  const quote6 = v6({ ...{ src: '64:ff9b::8.8.8.8', dst: HOST6 }, hop: 9, payload: [1, 2] });
  const quote4 = v4({ src: '8.8.8.8', dst: HOST4, ttl: 9, id: 0, payload: [1, 2] });
  for (const src of ['64:ff9b::10.0.0.1', '64:ff9b::192.0.0.8', '2001:db8:64::203.0.113.9']) {
    must(
      'RSRC-1',
      `from ${src}, which the well-known prefix must not carry`,
      message(3, 0, u32(0), quote6, { ...to, src }),
      becomes(result(11, 0, u32(0), quote4, { src: '192.0.0.8', dst: '8.8.8.8' })),
      strict,
    );
  }
  must(
    'RSRC-2',
    'from a source that the well-known prefix may carry',
    message(3, 0, u32(0), quote6, { ...to, src: '64:ff9b::1.1.1.1' }),
    becomes(result(11, 0, u32(0), quote4, { src: '1.1.1.1', dst: '8.8.8.8' })),
    strict,
  );
  must(
    'RSRC-2',
    'from a source with an EAM',
    message(3, 0, u32(0), inner6(), { src: HOST6 }),
    becomes(result(11, 0, u32(0), inner4(), { src: HOST4 })),
  );
  for (const type of [1, 2, 4]) {
    must(
      'RSRC-1',
      `type ${type} too`,
      message(type, 0, u32(type === 2 ? 1400 : 0), inner6(), { src: STRANGER6 }),
      (outcome) => {
        expect(outcome.reason).toBe('Translated64');
        expect([...outcome.outputs[0]!.subarray(12, 16)]).toEqual([192, 0, 0, 8]);
      },
    );
  }
  for (const type of [128, 129]) {
    const ping = message(type, 0, u32(1), [], { src: STRANGER6 });
    must(
      'RSRC-1',
      `type ${type} is no error`,
      ping,
      replies('UnmappedSource64', error6(ping, 1, 1, 0, STRANGER6)),
    );
  }
  for (const src of ['fe80::1', 'febf:ffff::1', '::1', '::', 'ff02::1', '64:ff9c::1']) {
    must(
      'RSRC-5',
      `${src} is a martian first`,
      message(3, 0, u32(0), inner6(), { src }),
      drops('MartianSource64'),
    );
  }
  const from = (src: string): Bytes =>
    v4({
      src,
      dst: HOST4,
      proto: 1,
      payload: icmp4(3, 1, u32(0), v4({ dst: '8.8.8.8', ttl: 9, payload: [1] })),
    });
  const as = (src: string): Bytes =>
    v6({
      src,
      dst: HOST6,
      hop: 63,
      next: 58,
      payload: icmp6(1, 0, u32(0), v6({ dst: '64:ff9b::8.8.8.8', hop: 9, payload: [1] }), src, HOST6),
    });
  for (const src of ['10.0.0.1', '192.0.0.8', '169.254.1.1', '127.0.0.1', '0.0.0.1']) {
    must(
      'RSRC-4',
      `an ICMPv4 error from ${src} under the well-known prefix`,
      from(src),
      becomes(as(OWN6)),
      strict,
    );
    must(
      'RSRC-4',
      `an ICMPv4 error from ${src}, without ipv6-addr`,
      from(src),
      drops('UnmappedErrorSource46'),
      {
        options: { ...strict.options, 'ipv6-addr': undefined },
      },
    );
  }
  must('RSRC-4', 'one that maps is kept', from('8.8.4.4'), becomes(as('64:ff9b::8.8.4.4')), strict);
  const eamOnly = ['192.0.2.1=2001:db8:1::1', '8.8.8.8=64:ff9b::8.8.8.8'];
  must('RSRC-4', 'one without any mapping', from('203.0.113.77'), becomes(as(OWN6)), {
    options: { pool6: undefined, eam: eamOnly },
  });
});

describe('I64-O: the outer header of an error', () => {
  const atomic = v6({
    src: '2001:db8:64::203.0.113.9',
    dst: PEER6,
    hop: 61,
    next: 44,
    payload: [...fh(58, { id: 0xaabbccdd }), ...message(3, 0, u32(0), inner6()).slice(40)],
  });
  must(
    'I64-O',
    'in an atomic fragment: its identification',
    atomic,
    becomes(result(11, 0, u32(0), inner4(), { id: 0xccdd })),
  );
  const large = inner6(opaque(99, counting(1000)));
  const cut = inner4(opaque(99, counting(1000))).slice(0, 548);
  must(
    'I64-O',
    'at most 576 bytes, DF clear',
    message(1, 0, u32(0), large),
    becomes(result(3, 1, u32(0), cut)),
  );
  for (const size of [1000, 1400]) {
    const quote6 = inner6(opaque(99, counting(size)));
    const df = size > 1240;
    const error = result(3, 1, u32(0), inner4(opaque(99, counting(size)), { df }).slice(0, 548)).slice(20);
    must(
      'T64-MTU-1',
      `an error that came with ${88 + size} bytes passes an IPv4 MTU of 300 in fragments`,
      message(1, 0, u32(0), quote6),
      becomes(
        ...pieces(error, 280).map(({ data, offset, last }) =>
          v4({ src: ROUTER4, dst: PEER4, ttl: 60, id: ID, proto: 1, offset, mf: !last, payload: data }),
        ),
      ),
      { options: { 'ipv4-mtu': '300' } },
    );
  }
  must(
    'T64-MTU-1',
    'an IPv4 MTU of 576 is enough, and named by Packet Too Big',
    message(2, 0, u32(1400), large),
    becomes(result(3, 4, u32(576), cut)),
    { options: { 'ipv4-mtu': '576' } },
  );
});
