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
  must('SELF-1', 'ping', ping4({ tos: 0xb8 }), replies('EchoReply46' as never, pong4({ tos: 0xb8 })));
  must('SELF-1', 'ping with TTL 1', ping4({ ttl: 1 }), replies('EchoReply46' as never, pong4()));
  must(
    'SELF-1',
    'ping with options, which are not looked at',
    ping4({ options: [7, 1, 0, 0] }),
    replies('EchoReply46' as never, pong4()),
  );
  must(
    'SELF-1',
    'ping larger than any MTU',
    v4({ dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(1), counting(3000)) }),
    replies(
      'EchoReply46' as never,
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
  must(
    'SELF-1',
    'ping, IPv6',
    ping6({ tc: 0xb8, flow: 9 }),
    replies('EchoReply64' as never, pong6({ tc: 0xb8 })),
  );
  must('SELF-1', 'ping with Hop Limit 1', ping6({ hop: 1 }), replies('EchoReply64' as never, pong6()));
  must(
    'SELF-1',
    'ping behind headers',
    v6({
      dst: OWN6,
      next: 60,
      payload: [...optionsHeader(44), ...fh(58), ...icmp6(128, 0, u32(1), [], HOST6, OWN6)],
    }),
    replies(
      'EchoReply64' as never,
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
