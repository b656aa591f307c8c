/** ICMP errors of our own and echo replies: GERR-*, SELF-1 (RFC 7915 §4.4, §5.4; RFC 1812 §4.3.2; RFC 4443 §2.4). */
import { describe, expect, test } from 'vitest';
import { error4, error6 } from '../support/expect.ts';
import { drops, ID, must, replies, translate, translator } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  OWN4,
  OWN6,
  optionsHeader,
  packet4,
  packet6,
  tcp,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

const expired4 = (payload: Bytes, proto = 99, fields = {}): Bytes =>
  v4({ ttl: 1, proto, payload, ...fields });
const expired6 = (payload: Bytes, next = 99, fields = {}): Bytes => v6({ hop: 1, next, payload, ...fields });

describe('GERR-1: who is not answered', () => {
  for (const type of [3, 4, 5, 11, 12, 13, 14, 40]) {
    must(
      'GERR-1',
      `ICMPv4 type ${type}`,
      expired4(icmp4(type, 0, u32(0), counting(8)), 1),
      drops('TtlExpired46'),
    );
  }
  for (const type of [0, 8]) {
    const packet = expired4(icmp4(type, 0, u32(0)), 1);
    must('GERR-1', `but ICMPv4 type ${type}`, packet, replies('TtlExpired46', error4(packet, 11, 0)));
  }
  must('GERR-1', 'ICMPv4 without a type', expired4([], 1), drops('TtlExpired46'));
  for (const type of [1, 2, 3, 4, 130, 135, 200]) {
    must(
      'GERR-1',
      `ICMPv6 type ${type}`,
      expired6(icmp6(type, 0, u32(0), counting(8)), 58),
      drops('HopLimitExpired64'),
    );
  }
  for (const type of [128, 129]) {
    const packet = expired6(icmp6(type, 0, u32(0)), 58);
    must('GERR-1', `but ICMPv6 type ${type}`, packet, replies('HopLimitExpired64', error6(packet, 3, 0)));
  }
  must('GERR-1', 'ICMPv6 without a type', expired6([], 58), drops('HopLimitExpired64'));
  must(
    'GERR-1',
    'an error behind an extension header',
    expired6([...optionsHeader(58), ...icmp6(1, 0, u32(0))], 60),
    drops('HopLimitExpired64'),
  );
  must('GERR-1', 'a later fragment', expired4(counting(8), 99, { offset: 8 }), drops('TtlExpired46'));
  must(
    'GERR-1',
    'a later IPv6 fragment',
    expired6([...fh(99, { offset: 8 }), ...counting(8)], 44),
    drops('HopLimitExpired64'),
  );
  const first = expired4(counting(8), 99, { mf: true });
  must('GERR-1', 'but a first one', first, replies('TtlExpired46', error4(first, 11, 0)));
});

describe('GERR-2, GERR-3: addresses and form', () => {
  for (const size of [528, 529, 1000]) {
    const packet = expired4(counting(size));
    must('GERR-3', `IPv4, quote of ${size + 20}`, packet, replies('TtlExpired46', error4(packet, 11, 0)));
  }
  for (const size of [1192, 1193, 1400]) {
    const packet = expired6(counting(size));
    must('GERR-3', `IPv6, quote of ${size + 40}`, packet, replies('HopLimitExpired64', error6(packet, 3, 0)));
  }
  test('GERR-3: never more than 576 and 1280 bytes', () => {
    expect(translate(expired4(counting(1400))).outputs[0]!.length).toBe(576);
    expect(translate(expired6(counting(1400))).outputs[0]!.length).toBe(1280);
  });
  const trailed = [...expired4(counting(5)), 1, 2, 3];
  must(
    'GERR-3',
    'what follows Total Length is not quoted',
    trailed,
    replies('TtlExpired46', error4(trailed, 11, 0)),
  );
});

describe('GERR-4: rate limits', () => {
  const options = { 'icmp-errors': 'limited' };
  /** How many of `n` packets are answered. `vary` makes each come from a source of its own. */
  const answered = (
    engine: ReturnType<typeof translator>,
    n: number,
    nowMs: number,
    packet: (i: number) => Bytes,
  ): number => {
    let replied = 0;
    for (let i = 0; i < n; i++)
      if (engine.translate(Uint8Array.from(packet(i)), nowMs).outputs.length > 0) replied++;
    return replied;
  };
  const same = (): Bytes => expired4(counting(8));
  const other = (i: number): Bytes => expired4(counting(8), 99, { src: `10.0.${i >>> 8}.${i & 255}` });
  const large = (): Bytes => packet4(udp(counting(1500)), { df: true });
  test('ten at once from one source, then ten a second', () => {
    const engine = translator(options);
    expect(answered(engine, 100, 0, same)).toBe(10);
    expect(answered(engine, 100, 99, same)).toBe(0);
    expect(answered(engine, 100, 100, same)).toBe(1);
    expect(answered(engine, 100, 600, same)).toBe(5);
    expect(answered(engine, 100, 100_000, same)).toBe(10);
  });
  test('fifty at once from all, then a thousand a second', () => {
    const engine = translator(options);
    expect(answered(engine, 200, 0, other)).toBe(50);
    expect(answered(engine, 200, 10, (i) => other(i + 300))).toBe(10);
  });
  test('"too big" has buckets of its own', () => {
    const engine = translator(options);
    expect(answered(engine, 100, 0, same)).toBe(10);
    expect(answered(engine, 100, 0, large)).toBe(10);
  });
  test('IPv6 has buckets of its own', () => {
    const engine = translator(options);
    expect(answered(engine, 100, 0, same)).toBe(10);
    expect(answered(engine, 100, 0, () => expired6(counting(8)))).toBe(10);
  });
  test('echo replies use the global bucket', () => {
    const engine = translator(options);
    const ping = (): Bytes => v4({ dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(1)) });
    expect(answered(engine, 100, 0, ping)).toBe(50);
    expect(answered(engine, 100, 0, same)).toBe(0);
  });
  test('a suppressed error leaves the packet dropped', () => {
    const engine = translator({ 'icmp-errors': 'off' });
    const outcome = engine.translate(Uint8Array.from(same()));
    expect(outcome).toMatchObject({ verdict: 'dropped', reason: 'TtlExpired46', outputs: [] });
  });
  test('translated ICMP is never limited', () => {
    const engine = translator(options);
    const error = v4({
      src: '203.0.113.9',
      dst: HOST4,
      proto: 1,
      payload: icmp4(3, 1, u32(0), packet4(udp())),
    });
    expect(answered(engine, 200, 0, () => error)).toBe(200);
  });
  test('unlimited is', () => {
    expect(answered(translator({ 'icmp-errors': 'unlimited' }), 500, 0, same)).toBe(500);
  });
});

describe('SELF-1: our own addresses', () => {
  const ping4 = (fields = {}, payload = icmp4(8, 3, u32(0x12345678), counting(7))): Bytes =>
    v4({ dst: OWN4, proto: 1, payload, ...fields });
  const pong4 = (fields = {}): Bytes =>
    v4({
      src: OWN4,
      dst: HOST4,
      id: ID,
      proto: 1,
      payload: icmp4(0, 0, u32(0x12345678), counting(7)),
      ...fields,
    });
  must('SELF-1', 'ping', ping4({ tos: 0xb8 }), replies('EchoReply46', pong4({ tos: 0xb8 })));
  must('SELF-1', 'ping with TTL 1', ping4({ ttl: 1 }), replies('EchoReply46', pong4()));
  must(
    'SELF-1',
    'ping with options, which are not looked at',
    ping4({ options: [7, 1, 0, 0] }),
    replies('EchoReply46', pong4()),
  );
  must(
    'SELF-1',
    'ping larger than any MTU',
    v4({ dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(1), counting(3000)) }),
    replies(
      'EchoReply46',
      v4({ src: OWN4, dst: HOST4, id: ID, proto: 1, payload: icmp4(0, 0, u32(1), counting(3000)) }),
    ),
  );
  must('SELF-1', 'ping with a wrong checksum', ping4().with(-1, 0x55), drops('SelfIcmp46'));
  must(
    'SELF-1',
    'a fragmented ping',
    ping4({ mf: true }, icmp4(8, 0, u32(1), counting(8))),
    drops('SelfIcmp46'),
  );
  must('SELF-1', 'other ICMP', ping4({}, icmp4(0, 0, u32(1))), drops('SelfIcmp46'));
  must('SELF-1', 'ICMP of 7 bytes', ping4({}, counting(7)), drops('SelfIcmp46'));
  const tcp4 = packet4(tcp(), { dst: OWN4 });
  must('SELF-1', 'TCP: protocol unreachable', tcp4, replies('SelfProtocol46', error4(tcp4, 3, 2)));

  const ping6 = (fields = {}, payload = icmp6(128, 3, u32(0x12345678), counting(7), HOST6, OWN6)): Bytes =>
    v6({ dst: OWN6, next: 58, payload, ...fields });
  const pong6 = (fields = {}): Bytes =>
    v6({
      src: OWN6,
      dst: HOST6,
      next: 58,
      payload: icmp6(129, 0, u32(0x12345678), counting(7), OWN6, HOST6),
      ...fields,
    });
  must('SELF-1', 'ping, IPv6', ping6({ tc: 0xb8, flow: 9 }), replies('EchoReply64', pong6({ tc: 0xb8 })));
  must('SELF-1', 'ping with Hop Limit 1', ping6({ hop: 1 }), replies('EchoReply64', pong6()));
  must(
    'SELF-1',
    'ping behind headers',
    v6({
      dst: OWN6,
      next: 60,
      payload: [...optionsHeader(44), ...fh(58), ...icmp6(128, 0, u32(1), [], HOST6, OWN6)],
    }),
    replies(
      'EchoReply64',
      v6({ src: OWN6, dst: HOST6, next: 58, payload: icmp6(129, 0, u32(1), [], OWN6, HOST6) }),
    ),
  );
  must('SELF-1', 'ping with a wrong checksum, IPv6', ping6().with(-1, 0x55), drops('SelfIcmp64'));
  must('SELF-1', 'other ICMPv6', ping6({}, icmp6(129, 0, u32(1), [], HOST6, OWN6)), drops('SelfIcmp64'));
  const udp6 = packet6(udp(), { dst: OWN6 });
  must(
    'SELF-1',
    'UDP: unrecognized Next Header at 6',
    udp6,
    replies('SelfProtocol64', error6(udp6, 4, 1, 6)),
  );
  const behind = v6({ dst: OWN6, next: 0, payload: [...optionsHeader(17), ...udp().in6(HOST6, OWN6)] });
  must(
    'SELF-1',
    'the octet that names it, behind a header',
    behind,
    replies('SelfProtocol64', error6(behind, 4, 1, 40)),
  );
});

describe('GERR-1: more', () => {
  for (let type = 0; type < 256; type++) {
    const packet4 = expired4(icmp4(type, 0, u32(0)), 1);
    const answered4 = type === 0 || type === 8;
    must(
      'GERR-1',
      `ICMPv4 type ${type} is ${answered4 ? '' : 'not '}answered`,
      packet4,
      answered4 ? replies('TtlExpired46', error4(packet4, 11, 0)) : drops('TtlExpired46'),
    );
    const packet6 = expired6(icmp6(type, 0, u32(0)), 58);
    const answered6 = type === 128 || type === 129;
    must(
      'GERR-1',
      `ICMPv6 type ${type} is ${answered6 ? '' : 'not '}answered`,
      packet6,
      answered6 ? replies('HopLimitExpired64', error6(packet6, 3, 0)) : drops('HopLimitExpired64'),
    );
  }
  const foreign4 = expired4(icmp6(1, 0, u32(0)), 58);
  must(
    'GERR-1',
    'protocol 58 in IPv4 is no ICMPv6',
    foreign4,
    replies('TtlExpired46', error4(foreign4, 11, 0)),
  );
  const foreign6 = expired6(icmp4(3, 0, u32(0)), 1);
  must(
    'GERR-1',
    'protocol 1 in IPv6 is no ICMPv4',
    foreign6,
    replies('HopLimitExpired64', error6(foreign6, 3, 0)),
  );
  const hidden = expired6([...fh(60), ...optionsHeader(58), ...icmp6(1, 0, u32(0))], 44);
  must(
    'GERR-1',
    'what lies behind an extension header after a Fragment Header is not read',
    hidden,
    replies('HopLimitExpired64', error6(hidden, 3, 0)),
  );
  must(
    'GERR-1',
    'an error in an atomic fragment',
    expired6([...fh(58), ...icmp6(1, 0, u32(0))], 44),
    drops('HopLimitExpired64'),
  );
  const short = expired4([8, 0, 0], 1);
  must('GERR-1', 'a type octet is enough to tell', short, replies('TtlExpired46', error4(short, 11, 0)));
  for (const [what, packet, reason] of [
    ['a wrong header checksum', expired4(counting(8), 99, { headerChecksum: 1 }), 'BadHeaderChecksum46'],
    ['a source of 0.0.0.0', expired4(counting(8), 99, { src: '0.0.0.0' }), 'MartianSource46'],
    ['a multicast source', expired4(counting(8), 99, { src: '224.0.0.1' }), 'MartianSource46'],
    [
      'a broadcast destination',
      expired4(counting(8), 99, { dst: '255.255.255.255' }),
      'MartianDestination46',
    ],
    ['a multicast destination', expired4(counting(8), 99, { dst: '239.1.1.1' }), 'MartianDestination46'],
    ['a packet cut off', expired4(counting(8)).slice(0, -1), 'Truncated46'],
    ['the unspecified source', expired6(counting(8), 99, { src: '::' }), 'MartianSource64'],
    ['a multicast source, IPv6', expired6(counting(8), 99, { src: 'ff02::1' }), 'MartianSource64'],
    [
      'a multicast destination, IPv6',
      expired6(counting(8), 99, { dst: 'ff0e::1' }),
      'MulticastDestination64',
    ],
    ['a packet cut off, IPv6', expired6(counting(8)).slice(0, -1), 'Truncated64'],
  ] as const) {
    must('GERR-1', what, packet, drops(reason));
  }
});

describe('GERR-2: without ipv6-addr', () => {
  for (const dst of ['2001:db8:64::198.51.100.2', '2001:db8:64::203.0.113.77']) {
    const packet = expired6(counting(8), 99, { dst });
    must(
      'GERR-2',
      `the address we stand in for: ${dst}`,
      packet,
      replies('HopLimitExpired64', error6(packet, 3, 0, 0, HOST6, dst)),
      { options: { 'ipv6-addr': undefined } },
    );
  }
  const packet = expired4(counting(8));
  must(
    'GEN-2',
    'ipv4-addr is 192.0.0.1 unless told otherwise',
    packet,
    replies('TtlExpired46', error4(packet, 11, 0, 0, HOST4, '192.0.0.1')),
    { options: { 'ipv4-addr': undefined } },
  );
});

describe('GERR-3: words', () => {
  const options = { options: { 'ipv6-mtu': '9000', 'ipv4-mtu': '2000' } };
  const large4 = packet4(udp(counting(9000)), { df: true });
  must(
    'GERR-3',
    'Fragmentation Needed carries the MTU',
    large4,
    replies('TooBig46', error4(large4, 3, 4, 8980)),
    options,
  );
  const large6 = packet6(udp(counting(2000)));
  must(
    'GERR-3',
    'Packet Too Big carries the MTU',
    large6,
    replies('TooBig64', error6(large6, 2, 0, 2020)),
    options,
  );
  const widest = packet4(udp(counting(65500)), { df: true });
  must('GERR-3', 'the largest there is', widest, replies('TooBig46', error4(widest, 3, 4, 1480)));
});

describe('GERR-4: buckets', () => {
  const options = { 'icmp-errors': 'limited' };
  const at = (engine: ReturnType<typeof translator>, packet: Bytes, nowMs: number): boolean =>
    engine.translate(Uint8Array.from(packet), nowMs).outputs.length > 0;
  const from = (src: string): Bytes => expired4(counting(8), 99, { src });
  test('GERR-4: one source in need does not starve another', () => {
    const engine = translator(options);
    for (let i = 0; i < 100; i++) at(engine, from('10.0.0.1'), 0);
    expect(at(engine, from('10.0.0.2'), 0)).toBe(true);
  });
  test('GERR-4: ten a second over a minute', () => {
    const engine = translator(options);
    let sent = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 7) if (at(engine, from('10.0.0.1'), nowMs)) sent++;
    expect(sent).toBeGreaterThanOrEqual(600);
    expect(sent).toBeLessThanOrEqual(610);
  });
  test('GERR-4: a thousand a second over two seconds, from everybody', () => {
    const engine = translator(options);
    let sent = 0;
    for (let i = 0; i < 10_000; i++) if (at(engine, from(`10.1.${i >>> 8}.${i & 255}`), i / 5)) sent++;
    expect(sent).toBeLessThanOrEqual(2050);
    // The 1024 slots of the sources may let two fall into one.
    expect(sent).toBeGreaterThanOrEqual(1900);
  });
  test('GERR-4: Packet Too Big has buckets of its own too', () => {
    const engine = translator(options);
    const large = packet6(udp(counting(1600)));
    for (let i = 0; i < 100; i++) at(engine, expired6(counting(8)), 0);
    expect(Array.from({ length: 12 }, () => at(engine, large, 0)).filter(Boolean)).toHaveLength(10);
  });
  test('GERR-4: a clock that stands still or goes back gives nothing', () => {
    const engine = translator(options);
    for (let i = 0; i < 10; i++) at(engine, from('10.0.0.1'), 5000);
    expect(at(engine, from('10.0.0.1'), 5000)).toBe(false);
    expect(at(engine, from('10.0.0.1'), 1000)).toBe(false);
  });
});

describe('SELF-1: more', () => {
  for (const [what, size] of [
    ['no data', 0],
    ['an odd byte', 1],
    ['65,000 bytes', 65000],
  ] as const) {
    const data = counting(size);
    must(
      'SELF-1',
      `a ping with ${what}`,
      v4({ dst: OWN4, proto: 1, df: true, id: 7, payload: icmp4(8, 0, u32(5), data) }),
      replies(
        'EchoReply46',
        v4({ src: OWN4, dst: HOST4, id: ID, proto: 1, payload: icmp4(0, 0, u32(5), data) }),
      ),
    );
    must(
      'SELF-1',
      `a ping with ${what}, IPv6`,
      v6({ dst: OWN6, next: 58, payload: icmp6(128, 0, u32(5), data, HOST6, OWN6) }),
      replies(
        'EchoReply64',
        v6({ src: OWN6, dst: HOST6, next: 58, payload: icmp6(129, 0, u32(5), data, OWN6, HOST6) }),
      ),
    );
  }
  must(
    'SELF-1',
    'a ping from anywhere',
    v4({ src: '10.9.9.9', dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(5)) }),
    replies(
      'EchoReply46',
      v4({ src: OWN4, dst: '10.9.9.9', id: ID, proto: 1, payload: icmp4(0, 0, u32(5)) }),
    ),
    {
      options: { pool6: undefined },
    },
  );
  const fragment = v6({
    dst: OWN6,
    next: 44,
    payload: [...fh(58, { more: true }), ...icmp6(128, 0, u32(1), [], HOST6, OWN6)],
  });
  must('SELF-1', 'a fragmented ping, IPv6', fragment, drops('SelfIcmp64'));
  must(
    'SELF-1',
    'ICMPv6 of 7 bytes',
    v6({ dst: OWN6, next: 58, payload: counting(7, 128) }),
    drops('SelfIcmp64'),
  );
  must(
    'SELF-1',
    'an error to us',
    v4({ dst: OWN4, proto: 1, payload: icmp4(3, 1, u32(0), packet4(udp())) }),
    drops('SelfIcmp46'),
  );
  must(
    'SELF-1',
    'a later fragment to us',
    v4({ dst: OWN4, offset: 8, payload: counting(8) }),
    drops('SelfProtocol46'),
  );
  const routed = v6({ dst: OWN6, next: 43, payload: [17, 0, 0, 9, 0, 0, 0, 0, ...udp().in6(HOST6, OWN6)] });
  must(
    'SELF-1',
    'Segments Left is not looked at',
    routed,
    replies('SelfProtocol64', error6(routed, 4, 1, 40)),
  );
  const extended = v6({ dst: OWN6, next: 44, payload: [...fh(60), ...optionsHeader(58)] });
  must(
    'SELF-1',
    'nor what follows a Fragment Header',
    extended,
    replies('SelfProtocol64', error6(extended, 4, 1, 40)),
  );
  const nothing = v6({ dst: OWN6, next: 59 });
  must('SELF-1', 'No Next Header', nothing, replies('SelfProtocol64', error6(nothing, 4, 1, 6)));
  must(
    'SELF-1',
    'own addresses come before any mapping',
    v4({ dst: '192.0.2.1', proto: 99 }),
    replies('SelfProtocol46', error4(v4({ dst: '192.0.2.1', proto: 99 }), 3, 2, 0, HOST4, '192.0.2.1')),
    {
      options: { 'ipv4-addr': '192.0.2.1' },
    },
  );
});
