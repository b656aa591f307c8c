/** clatd doctor: the NAT64 and IPv4, tried; what ping says; how large packets may be. */
import { describe, expect, it, test } from 'vitest';
import { formatIp6 } from '../../src/address/format.ts';
import type { Check } from '../../src/host/doctor/check.ts';
import { findPathMtu } from '../../src/host/doctor/path-mtu.ts';
import { type Echo, type Ping, readEcho } from '../../src/host/doctor/ping.ts';
import { judgePlat, type PlatFacts, type Probes, tryPlat } from '../../src/host/doctor/plat.ts';
import { behind, parseTarget } from '../../src/host/doctor/target.ts';
import type { Connection, Greeting } from '../../src/host/doctor/tcp.ts';
import { judgeThrough, type ThroughFacts, tryThrough } from '../../src/host/doctor/through.ts';

const PREFIX = { address: [0x20010db8, 0x64_0000, 0, 0], length: 96 } as const;
const TARGET = { address: 0xc633640a | 0, port: 443 };
const ADDRESS = '2001:db8:64::c633:640a';

const reply: Echo = { is: 'reply', ms: 1.5 };
const silent: Echo = { is: 'silent' };
const connected: Connection = { is: 'connected', ms: 3 };
const whole: Greeting = { is: 'whole', bytes: 4000 };
const stuck: Greeting = { is: 'stuck' };

const text = ({ id, state, found, remedy }: Check): string =>
  `${id} ${state}: ${found}${remedy === null ? '' : ` -> ${remedy}`}`;

describe('the target', () => {
  it.each([
    ['198.51.100.10', { address: 0xc633640a | 0, port: 443 }],
    ['198.51.100.10:80', { address: 0xc633640a | 0, port: 80 }],
    ['none', null],
  ])('%s', (typed, value) => {
    expect(parseTarget(typed)).toEqual({ ok: true, value });
  });
  it.each([
    '',
    'example.org',
    '1.1.1.1:',
    '1.1.1.1:0',
    '1.1.1.1:65536',
    '1.1.1.1:443x',
    '127.0.0.1',
    '2001:db8::1',
  ])('%s is none', (typed) => {
    expect(parseTarget(typed)).toMatchObject({ ok: false, message: expect.stringContaining(`"${typed}"`) });
  });
  it('behind prefixes', () => {
    expect(formatIp6(behind(PREFIX, TARGET.address))).toBe(ADDRESS);
    const short = { address: [0x20010db8, 0, 0, 0], length: 32 } as const;
    expect(formatIp6(behind(short, TARGET.address))).toBe('2001:db8:c633:640a::');
  });
});

describe('what ping printed', () => {
  const head = 'PING 2001:db8::1(2001:db8::1) 56 data bytes\n';
  const tail =
    '\n--- 2001:db8::1 ping statistics ---\n2 packets transmitted, 0 received, 100% packet loss, time 3ms\n\n';
  it.each([
    [
      'an answer',
      '64 bytes from 2001:db8::1: icmp_seq=1 ttl=62 time=0.053 ms',
      '',
      { is: 'reply', ms: 0.053 },
    ],
    ['a quick one', '64 bytes from 2001:db8::1: icmp_seq=1 ttl=62 time<1 ms', '', { is: 'reply', ms: 1 }],
    ['a short one', '76 bytes from 8.8.8.8: icmp_seq=1 ttl=62 (truncated)', '', { is: 'reply', ms: null }],
    [
      'too big',
      'From fe80::1%eth0 icmp_seq=1 Packet too big: mtu=1400',
      '',
      { is: 'too-big', mtu: 1400, from: 'fe80::1%eth0' },
    ],
    [
      'too big for IPv4',
      'From 192.0.0.8 icmp_seq=1 Frag needed and DF set (mtu = 1380)',
      '',
      { is: 'too-big', mtu: 1380, from: '192.0.0.8' },
    ],
    [
      'known to be too big',
      '',
      'ping: local error: message too long, mtu: 1400\n',
      { is: 'too-big', mtu: 1400, from: null },
    ],
    [
      'the same of old',
      '',
      'ping: local error: Message too long, mtu=1400\n',
      { is: 'too-big', mtu: 1400, from: null },
    ],
    [
      'unreachable',
      'From 2001:db8::2 icmp_seq=1 Destination unreachable: No route',
      '',
      { is: 'refused', from: '2001:db8::2', why: 'Destination unreachable: No route' },
    ],
    ['nothing', '', '', { is: 'silent' }],
    [
      'not sent',
      '',
      'ping: connect: Network is unreachable\n',
      { is: 'unsent', why: 'connect: Network is unreachable' },
    ],
  ])('%s', (_, line, stderr, echo) => {
    expect(readEcho(`${head}${line}\n${tail}`, stderr)).toEqual(echo);
  });
});

describe('how large packets may be', () => {
  /** A way that takes packets up to `mtu`. */
  const way =
    (mtu: number, says: string | null, reverse = 65_535): Ping =>
    async ({ bytes = 100 }) => {
      if (bytes > mtu) return says === null ? silent : { is: 'too-big', mtu, from: says };
      return bytes > reverse ? silent : reply;
    };
  const find = (ping: Ping) => findPathMtu(ping, ADDRESS, 1500);

  it('as the first link', async () => {
    expect(await find(way(1500, 'r'))).toEqual({ is: 'full', bytes: 1500 });
  });
  it('less, as a router says', async () => {
    expect(await find(way(1400, 'fe80::1'))).toEqual({ is: 'told', bytes: 1400, from: 'fe80::1' });
  });
  it('less and less', async () => {
    const narrowing: Ping = async ({ bytes = 100 }) =>
      bytes > 1300
        ? { is: 'too-big', mtu: bytes > 1400 ? 1400 : 1300, from: bytes > 1400 ? 'a' : 'b' }
        : reply;
    expect(await find(narrowing)).toEqual({ is: 'told', bytes: 1300, from: 'b' });
  });
  it('less, and nobody says so', async () => {
    expect(await find(way(1453, null))).toEqual({ is: 'mute', bytes: 1450 });
    expect(await find(way(1280, null))).toEqual({ is: 'mute', bytes: 1280 });
    expect(await find(way(1500, null, 1280))).toEqual({ is: 'mute', bytes: 1280 });
  });
  it('cannot be told', async () => {
    expect(await find(way(1000, null))).toMatchObject({ is: 'unknown' });
    expect(await find(way(1000, 'r'))).toEqual({ is: 'unknown', why: 'r speaks of an MTU of 1000' });
    const ever: Ping = async ({ bytes = 100 }) => ({ is: 'too-big', mtu: bytes - 10, from: 'r' });
    expect(await find(ever)).toMatchObject({ is: 'unknown' });
    expect(await find(async () => ({ is: 'refused', from: 'r', why: 'No route' }))).toEqual({
      is: 'unknown',
      why: 'r says: No route',
    });
    expect(await find(async () => ({ is: 'unsent', why: 'no ping' }))).toEqual({
      is: 'unknown',
      why: 'no ping',
    });
  });
});

describe('the NAT64', () => {
  const tried = (change: Partial<Extract<PlatFacts, { is: 'tried' }>>): string[] =>
    judgePlat({
      ...{ is: 'tried', target: TARGET, address: ADDRESS, mtu: 1500, tcp: connected, icmp: reply },
      path: { is: 'full', bytes: 1500 },
      greetings: { short: whole, long: whole },
      ...change,
    }).map(text);

  it('works', () => {
    expect(tried({})).toEqual([
      `plat-tcp ok: ${ADDRESS} (198.51.100.10) port 443 connected in 3 ms`,
      `plat-icmp ok: ${ADDRESS} (198.51.100.10) answers in 1.5 ms`,
      'mtu-out ok: packets of 1500 bytes, the MTU of the uplink, pass',
      'mtu-back ok: 4000 bytes at once came through',
    ]);
  });
  it('a refusal is an answer', () => {
    const [tcp, , , back] = tried({ tcp: { is: 'refused' }, greetings: null });
    expect(tcp).toMatch(/^plat-tcp ok: .*refused/);
    expect(back).toMatch(/^mtu-back skipped: there is no connection/);
  });
  it('answers nothing', () => {
    const all = tried({ tcp: { is: 'silent' }, icmp: silent, path: null, greetings: null });
    expect(all.map((one) => one.split(':')[0])).toEqual([
      'plat-tcp problem',
      'plat-icmp problem',
      'mtu-out skipped',
      'mtu-back skipped',
    ]);
    expect(all[0]).toMatch(/-> the prefix may be wrong/);
    // 198.51.100.10 behind 64:ff9b::/96: the prefix is right, the target is not for it.
    const refused = { tcp: { is: 'silent' }, icmp: silent, path: null, greetings: null } as const;
    const [byTcp, byIcmp] = tried({ ...refused, address: '64:ff9b::c633:640a' });
    for (const one of [byTcp, byIcmp]) expect(one).toMatch(/-> 64:ff9b::\/96 is for global IPv4 addresses/);
  });
  it('answers TCP alone', () => {
    expect(tried({ icmp: silent, path: null })[1]).toMatch(/^plat-icmp note: .*ICMP is filtered/);
    expect(tried({ icmp: silent, path: null })[2]).toMatch(/^mtu-out ok: long requests by TCP/);
  });
  it('is unreachable', () => {
    const [tcp, icmp] = tried({
      tcp: { is: 'failed', why: 'ENETUNREACH' },
      icmp: { is: 'refused', from: 'r', why: 'Destination unreachable: No route' },
    });
    expect(tcp).toMatch(/^plat-tcp problem: .*ENETUNREACH/);
    expect(icmp).toMatch(/^plat-icmp problem: .*r says: Destination/);
  });
  it('could not be pinged', () => {
    expect(tried({ icmp: { is: 'unsent', why: 'there is no program ping' }, path: null })[1]).toMatch(
      /^plat-icmp skipped/,
    );
    expect(tried({ icmp: { is: 'too-big', mtu: 60, from: 'r' }, path: null })[1]).toMatch(
      /^plat-icmp problem/,
    );
  });

  it('the way out', () => {
    const out = (change: Parameters<typeof tried>[0]): string => tried(change)[2]!;
    expect(out({ path: { is: 'told', bytes: 1400, from: 'r' } })).toBe(
      'mtu-out ok: 1400 bytes: r says so by ICMP, and so much passes',
    );
    expect(out({ path: { is: 'told', bytes: 1400, from: null } })).toMatch(/this host has learned so lately/);
    const mute = { is: 'mute', bytes: 1400 } as const;
    expect(out({ path: mute, greetings: { short: whole, long: stuck } })).toMatch(
      /^mtu-out problem: long packets get lost on the way out, and nobody says why; 1400 bytes pass -> .*ip link set mtu 1400$/,
    );
    expect(out({ path: mute })).toMatch(/^mtu-out note: .*But long requests by TCP get through/);
    expect(out({ path: mute, greetings: null })).toMatch(/^mtu-out note: .* -> try a target that speaks TLS/);
    expect(out({ path: { is: 'unknown', why: 'x' }, greetings: null })).toBe('mtu-out skipped: x');
  });

  it('the way back', () => {
    const back = (short: Greeting): string => tried({ greetings: { short, long: whole } })[3]!;
    expect(back({ is: 'whole', bytes: 1000 })).toMatch(/^mtu-back note: 1000 bytes came through, too few/);
    expect(back(stuck)).toMatch(/^mtu-back problem: .* -> .*--mss-clamp 1220/);
    expect(back({ is: 'unknown', why: 'ECONNRESET' })).toMatch(/^mtu-back skipped: .*ECONNRESET/);
    expect(tried({ target: { ...TARGET, port: 80 }, greetings: null })[3]).toMatch(
      /^mtu-back skipped: needs a target/,
    );
  });

  it('not tried', () => {
    const all = judgePlat({ is: 'not-tried', why: 'there is no uplink' });
    expect(all.map(text)).toEqual(
      ['plat-tcp', 'plat-icmp', 'mtu-out', 'mtu-back'].map((id) => `${id} skipped: there is no uplink`),
    );
  });
});

describe('IPv4 through the translator', () => {
  const PLAT: PlatFacts = {
    ...{ is: 'tried', target: TARGET, address: ADDRESS, mtu: 1500, tcp: connected, icmp: reply },
    path: { is: 'full', bytes: 1500 },
    greetings: { short: whole, long: whole },
  };
  const tried = (change: Partial<Extract<ThroughFacts, { is: 'tried' }>>, plat: PlatFacts = PLAT): string[] =>
    judgeThrough(
      {
        ...{ is: 'tried', target: TARGET, tcp: connected, icmp: reply, full: silent, mtu: 1480 },
        greetings: { short: whole, long: whole },
        ...change,
      },
      plat,
    ).map(text);

  it('works', () => {
    expect(tried({})).toEqual([
      'clat-tcp ok: 198.51.100.10 port 443 connected in 3 ms',
      'clat-icmp ok: 198.51.100.10 answers in 1.5 ms',
      'clat-mtu ok: 4000 bytes at once came through',
    ]);
    expect(tried({ tcp: { is: 'refused' }, greetings: null, full: reply })[2]).toBe(
      'clat-mtu ok: packets of 1480 bytes pass',
    );
    expect(tried({ icmp: { is: 'unsent', why: 'there is no program ping' }, full: null })[1]).toMatch(
      /skipped/,
    );
  });

  it('does not, though the NAT64 does', () => {
    const [tcp, icmp, mtu] = tried({ tcp: { is: 'silent' }, icmp: silent, full: null, greetings: null });
    expect(tcp).toMatch(/^clat-tcp problem: .*the NAT64 answers, so it is on this host/);
    expect(icmp).toMatch(/^clat-icmp problem: .*the NAT64 answers/);
    expect(mtu).toMatch(/^clat-mtu skipped/);
  });

  it('does not, nor does the NAT64', () => {
    const dead: PlatFacts = { ...PLAT, tcp: { is: 'silent' }, icmp: silent, path: null, greetings: null };
    const [tcp, icmp] = tried({ tcp: { is: 'silent' }, icmp: silent, full: null, greetings: null }, dead);
    expect(tcp).toMatch(/^clat-tcp problem: .* -> see the NAT64 above/);
    expect(icmp).toMatch(/^clat-icmp note: .*no more than/);
  });

  it('is refused', () => {
    const [tcp, icmp] = tried({
      tcp: { is: 'failed', why: 'EHOSTUNREACH' },
      icmp: { is: 'refused', from: '192.0.0.1', why: 'Destination Host Unreachable' },
    });
    expect(tcp).toMatch(/^clat-tcp problem: .*EHOSTUNREACH/);
    expect(icmp).toMatch(/^clat-icmp problem: .*192\.0\.0\.1 says/);
  });

  it('long packets', () => {
    const told: PlatFacts = { ...PLAT, path: { is: 'told', bytes: 1400, from: 'r' } };
    const tooBig: Echo = { is: 'too-big', mtu: 1380, from: '192.0.0.8' };
    expect(tried({ full: tooBig }, told)[2]).toBe(
      'clat-mtu ok: 1380 bytes on the way out, as 192.0.0.8 says; 4000 bytes at once came through',
    );
    expect(tried({ full: tooBig, greetings: null }, told)[2]).toBe(
      'clat-mtu ok: 1380 bytes on the way out, as 192.0.0.8 says',
    );
    expect(tried({ full: silent }, told)[2]).toMatch(/^clat-mtu problem: .*does not arrive as IPv4/);
    expect(tried({ full: tooBig, greetings: { short: stuck, long: stuck } }, told)[2]).toMatch(
      /^clat-mtu problem/,
    );
    expect(tried({ greetings: { short: whole, long: stuck } })[2]).toMatch(
      /^clat-mtu problem: long packets get lost/,
    );
  });

  it('not tried', () => {
    expect(judgeThrough({ is: 'not-tried', why: 'clatd does not run' }, PLAT).map(text)).toEqual(
      ['clat-tcp', 'clat-icmp', 'clat-mtu'].map((id) => `${id} skipped: clatd does not run`),
    );
  });
});

test('what is asked of whom', async () => {
  const asked: string[] = [];
  const probes: Probes = {
    ping: async ({ family, address, bytes }) => {
      asked.push(`ping -${family} ${address}${bytes === undefined ? '' : ` ${bytes}`}`);
      return reply;
    },
    tcp: async (address, port) => {
      asked.push(`tcp ${address} ${port}`);
      return connected;
    },
    tls: async (address, port, hello) => {
      asked.push(`tls ${address} ${port} ${hello}`);
      return whole;
    },
  };
  expect(await tryPlat(PREFIX, TARGET, 1500, probes)).toMatchObject({ path: { is: 'full' } });
  expect(asked.splice(0).sort()).toEqual([
    `ping -6 ${ADDRESS}`,
    `ping -6 ${ADDRESS} 1500`,
    `tcp ${ADDRESS} 443`,
    `tls ${ADDRESS} 443 long`,
    `tls ${ADDRESS} 443 short`,
  ]);
  await tryThrough({ ...TARGET, port: 53 }, 1480, probes);
  expect(asked.splice(0).sort()).toEqual([
    'ping -4 198.51.100.10',
    'ping -4 198.51.100.10 1480',
    'tcp 198.51.100.10 53',
  ]);
});
