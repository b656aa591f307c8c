/** Prefix discovery with made-up routers, servers and time: every rule of DISC-1, DISC-2, DISC-3, DISC-6 and DISC-7. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatIp6, formatPrefix6 } from '../../src/address/format.ts';
import type { Ip6, Prefix6 } from '../../src/address/ip.ts';
import { parsePrefix6 } from '../../src/address/parse.ts';
import { Discovery, type DiscoveryConfig } from '../../src/host/discovery.ts';
import type { DiscoveryLink } from '../../src/host/discovery-links.ts';
import type { DnsAnswer } from '../../src/host/dns-message.ts';
import { DnsSchedule } from '../../src/host/dns-schedule.ts';
import type { RouterWord } from '../../src/host/pref64.ts';
import { parseKernel6 } from '../../src/host/text.ts';

const prefix = (text: string): Prefix6 => {
  const parsed = parsePrefix6(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
};
const A = '2001:db8:a::/96';
const B = '2001:db8:b::/96';
const C = '2001:db8:c::/96';
const ROUTER = parseKernel6('fe80::1');
const IF = 3;
const second = 1000;

const answer = (ttl: number, ...prefixes: string[]): DnsAnswer => ({
  is: 'answer',
  addresses: prefixes.map((text) => parseKernel6(text.replace('::/96', '::192.0.0.170'))),
  ttl,
});

interface World {
  discovery: Discovery;
  /** Of every server that has none of its own. */
  answer: DnsAnswer;
  answers: Record<string, DnsAnswer>;
  askedServers: string[];
  logged: string[];
  /** When DNS was asked, ms. */
  asked: number[];
  solicited: number;
  changes: number;
  servers: string[];
  active(): string | null;
  hear(prefixes: Record<string, number>, more?: Partial<RouterWord>): void;
}

function world(config: Partial<DiscoveryConfig> = {}): World {
  const w: World = {
    answer: { is: 'failed', why: 'no answer' },
    answers: {},
    askedServers: [],
    logged: [],
    asked: [],
    solicited: 0,
    changes: 0,
    servers: ['2001:db8::53'],
    active: () => {
      const found = w.discovery.prefixOn(IF);
      return found === null ? null : `${found.source} ${formatPrefix6(found.prefix)}`;
    },
    hear: (prefixes, more = {}) =>
      w.discovery.hear({
        router: ROUTER,
        ifindex: IF,
        pref64: Object.entries(prefixes).map(([text, lifetime]) => ({ prefix: prefix(text), lifetime })),
        rdnss: [],
        mtu: null,
        ...more,
      }),
    discovery: new Discovery(
      { static: null, fallback: null, servers: [], ...config },
      {
        log: {
          debug: () => {},
          info: (text) => void w.logged.push(text),
          warn: (text) => void w.logged.push(text),
        },
        now: () => Date.now(),
        listener: {
          listen: () => {
            w.solicited++;
            return 0;
          },
          unlisten: () => {},
          solicit: () => {
            w.solicited++;
          },
        },
        onChange: () => {
          w.changes++;
        },
        ask: async (servers) => {
          w.asked.push(Date.now());
          w.askedServers = servers.map(({ address }) => address);
          return servers.map((server) => ({ server, answer: w.answers[server.address] ?? w.answer }));
        },
        resolvers: (_dev, _index, advertised: readonly Ip6[]) => ({
          servers: [
            ...w.servers.map((address) => ({ address, port: 53 })),
            ...advertised.map((address) => ({ address: formatIp6(address), port: 53 })),
          ],
          of: 'link',
          from: 'learned on eth0',
        }),
      },
    ),
  };
  return w;
}

const ETH0: DiscoveryLink = {
  ...{ name: 'eth0', index: IF, candidate: true, mtu: 1500 },
  ...{ routers: new Set<string>(), networks: '2001:db8:1:1::/64' },
};
const LINK = [ETH0];
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('precedence (DISC-1)', () => {
  it('a static prefix: nobody is asked', async () => {
    const w = world({ static: prefix(A) });
    w.discovery.setLinks(LINK);
    w.hear({ [B]: 600 });
    await pass(second);
    expect(w.active()).toBe(`static ${A}`);
    expect([w.asked.length, w.solicited]).toEqual([0, 0]);
  });

  it('DNS until a router speaks, and again when it has fallen silent', async () => {
    const w = world();
    w.answer = answer(3600, B);
    w.discovery.setLinks(LINK);
    await pass(0);
    expect(w.active()).toBe(`dns ${B}`);
    w.hear({ [A]: 600 });
    expect(w.active()).toBe(`ra ${A}`);
    await pass(600 * second + 2);
    expect(w.active()).toBe(`dns ${B}`);
    w.discovery.stop();
  });

  it('while routers speak DNS is not asked again', async () => {
    const w = world();
    w.answer = answer(60, B);
    w.discovery.setLinks(LINK);
    await pass(0);
    w.hear({ [A]: 3000 });
    await pass(1000 * second);
    expect(w.asked).toHaveLength(1);
    await pass(2000 * second + 2);
    expect(w.asked.length).toBeGreaterThan(1);
    expect(w.active()).toBe(`dns ${B}`);
    w.discovery.stop();
  });

  it('the fallback only where both have had their time', async () => {
    const w = world({ fallback: prefix(C) });
    w.answer = { is: 'negative', why: 'NXDOMAIN' };
    w.discovery.setLinks(LINK);
    await pass(4 * second);
    expect(w.active()).toBeNull();
    await pass(2 * second);
    expect(w.active()).toBe(`fallback ${C}`);
    w.hear({ [A]: 600 });
    expect(w.active()).toBe(`ra ${A}`);
    w.discovery.stop();
  });
});

describe('router advertisements (DISC-3)', () => {
  it('each refreshes its lifetime; one without the option withdraws nothing; lifetime 0 does', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 100 });
    await pass(90 * second);
    w.hear({ [A]: 100 });
    await pass(90 * second);
    w.hear({});
    expect(w.active()).toBe(`ra ${A}`);
    w.hear({ [A]: 0 });
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it('is told when a lifetime ends', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 8 });
    const { changes } = w;
    await pass(8 * second + 2);
    expect(w.changes).toBeGreaterThan(changes);
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it('routers are told apart: what one withdraws the other still says', () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 100 });
    w.hear({ [A]: 100 }, { router: parseKernel6('fe80::2') });
    w.hear({ [A]: 0 });
    expect(w.active()).toBe(`ra ${A}`);
    w.discovery.stop();
  });

  it('other interfaces are others', () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 100 }, { ifindex: 9 });
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it('a prefix that cannot be one is refused; octet 8 of a /96 may be anything (ADDR-1, ADDR-2)', () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ 'ff02::/96': 100 });
    expect(w.active()).toBeNull();
    w.hear({ '2001:db8:0:0:100::/96': 100 });
    expect(w.active()).toBe('ra 2001:db8:0:0:100::/96');
    w.discovery.stop();
  });

  it('are listened to before there is a default route; then DNS is asked', async () => {
    const w = world();
    w.discovery.setLinks([{ ...LINK[0]!, candidate: false }]);
    w.hear({ [A]: 600 });
    await pass(0);
    expect(w.asked).toHaveLength(0);
    w.discovery.setLinks(LINK);
    expect(w.active()).toBe(`ra ${A}`);
    expect(w.solicited).toBe(1);
    expect(w.asked).toHaveLength(1);
    w.discovery.stop();
  });

  it('their resolvers are asked as soon as they are known', async () => {
    const w = world();
    w.servers = [];
    w.answer = answer(300, A);
    w.discovery.setLinks(LINK);
    await pass(second);
    expect(w.asked).toHaveLength(0);
    w.hear({}, { rdnss: [{ addresses: [parseKernel6('2001:db8::53')], lifetime: 600 }] });
    await pass(0);
    expect(w.active()).toBe(`dns ${A}`);
    w.discovery.stop();
  });
});

describe('several prefixes (DISC-7)', () => {
  it('the first received, and then that one as long as it is valid', async () => {
    const w = world();
    w.answer = answer(300, A, B, C);
    w.discovery.setLinks(LINK);
    await pass(0);
    expect(w.active()).toBe(`dns ${A}`);
    w.answer = answer(300, C, B, A);
    w.discovery.resolversChanged();
    await pass(0);
    expect(w.active()).toBe(`dns ${A}`);
    w.answer = answer(300, C, B);
    w.discovery.resolversChanged();
    await pass(0);
    expect(w.active()).toBe(`dns ${C}`);
    w.discovery.stop();
  });

  it('one that does not work comes last for a while', async () => {
    const w = world();
    w.answer = answer(3600, A, B);
    w.discovery.setLinks(LINK);
    await pass(0);
    w.discovery.suspect(prefix(A), 60 * second);
    expect(w.active()).toBe(`dns ${B}`);
    await pass(61 * second);
    // Sticky: no way back without need.
    expect(w.active()).toBe(`dns ${B}`);
    w.discovery.suspect(prefix(B), 60 * second);
    expect(w.active()).toBe(`dns ${A}`);
    w.discovery.stop();
  });
});

describe('asking DNS again (DISC-6)', () => {
  const times = (w: World) => w.asked.map((at) => (at - w.asked[0]!) / second);

  it('10 s before the TTL ends', async () => {
    const w = world();
    w.answer = answer(60, A);
    w.discovery.setLinks(LINK);
    await pass(101 * second);
    expect(times(w)).toEqual([0, 50, 100]);
    w.discovery.stop();
  });

  it('no answer: 1, 2, 4 … 60 s', async () => {
    const w = world();
    w.answer = answer(60, A);
    w.discovery.setLinks(LINK);
    await pass(0);
    w.answer = { is: 'failed', why: 'SERVFAIL' };
    await pass(58 * second);
    expect(times(w)).toEqual([0, 50, 51, 53, 57]);
    expect(w.active()).toBe(`dns ${A}`);
    w.discovery.stop();
  });

  it('a negative answer drops the prefixes at once; 60 s doubling to an hour', async () => {
    const w = world();
    w.answer = answer(60, A);
    w.discovery.setLinks(LINK);
    await pass(0);
    w.answer = { is: 'negative', why: 'NXDOMAIN' };
    await pass(50 * second);
    expect(w.active()).toBeNull();
    await pass((60 + 120 + 240) * second);
    expect(times(w)).toEqual([0, 50, 110, 230, 470]);
    w.discovery.stop();
  });

  it('at once when resolvers or the link change, with patience from the start', async () => {
    const w = world();
    w.answer = { is: 'negative', why: 'NXDOMAIN' };
    w.discovery.setLinks(LINK);
    await pass(200 * second);
    const before = w.asked.length;
    w.answer = answer(300, A);
    w.discovery.linkChanged(IF);
    await pass(0);
    expect(w.asked).toHaveLength(before + 1);
    expect(w.active()).toBe(`dns ${A}`);
    expect(w.solicited).toBe(2);
    w.discovery.stop();
  });

  it('the schedule by itself', () => {
    const schedule = new DnsSchedule();
    const many = (delay: () => number, count: number) =>
      Array.from({ length: count }, () => delay() / second);
    expect(many(() => schedule.failed(), 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(many(() => schedule.negative(), 8)).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
    expect(schedule.answered(30) / second).toBe(20);
    expect(schedule.failed() / second).toBe(1);
    expect(schedule.negative() / second).toBe(60);
  });
});

describe('a server that is silent (DISC-6)', () => {
  const SILENT: DnsAnswer = { is: 'failed', why: 'no answer within 3 s', silent: true };
  const NONE: DnsAnswer = { is: 'negative', why: 'there is no AAAA record' };
  const hour = 3600 * second;

  /** A prefix of TTL 60 from the first of two servers, which falls silent. */
  async function silenced(): Promise<World> {
    const w = world();
    w.servers = ['2001:db8::53', '2001:db8::54'];
    w.answers = { '2001:db8::53': answer(60, A), '2001:db8::54': SILENT };
    w.discovery.setLinks(LINK);
    await pass(0);
    w.answers['2001:db8::53'] = SILENT;
    return w;
  }

  it('is no word against its prefix: that stays in use beyond its TTL, stale, for a day at most', async () => {
    const w = await silenced();
    await pass(59 * second);
    expect(w.discovery.prefixOn(IF)?.stale).toBeUndefined();
    const { changes } = w;
    await pass(2 * second);
    expect(w.discovery.prefixOn(IF)).toMatchObject({ source: 'dns', from: '2001:db8::53', stale: true });
    expect(w.changes).toBeGreaterThan(changes);
    await pass(24 * hour - 2 * second);
    expect(w.active()).toBe(`dns ${A}`);
    await pass(2 * second);
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it('speaks again: its prefix is as good as before', async () => {
    const w = await silenced();
    await pass(hour);
    w.answers['2001:db8::53'] = answer(60, A);
    await pass(61 * second);
    expect(w.discovery.prefixOn(IF)?.stale).toBeUndefined();
    expect(w.active()).toBe(`dns ${A}`);
    w.discovery.stop();
  });

  it('others have nothing to say: still no word against it', async () => {
    const w = await silenced();
    w.answers['2001:db8::54'] = NONE;
    await pass(hour);
    expect(w.active()).toBe(`dns ${A}`);
    w.discovery.stop();
  });

  it('another one names another prefix: the one in use is kept, the other is known', async () => {
    const w = await silenced();
    w.answers['2001:db8::54'] = answer(60, B);
    await pass(hour);
    expect(w.active()).toBe(`dns ${A}`);
    expect(w.discovery.prefixesOn(IF).map(formatPrefix6)).toEqual([B, A]);
    w.discovery.suspect(prefix(A), 60 * second);
    expect(w.active()).toBe(`dns ${B}`);
    w.discovery.stop();
  });

  it('another one confirms it: it is that one’s from now on', async () => {
    const w = await silenced();
    w.answers['2001:db8::54'] = answer(60, A);
    await pass(hour);
    expect(w.discovery.prefixOn(IF)).toMatchObject({ from: '2001:db8::54' });
    expect(w.discovery.prefixOn(IF)?.stale).toBeUndefined();
    w.discovery.stop();
  });

  it('every server says that there is none: then there is none', async () => {
    const w = await silenced();
    await pass(hour);
    w.answer = NONE;
    w.answers = {};
    await pass(61 * second);
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it.each<[string, (w: World) => void]>([
    [
      'the resolvers',
      (w) => {
        w.servers = ['2001:db8::99'];
        w.discovery.resolversChanged();
      },
    ],
    ['the networks on the link', (w) => w.discovery.setLinks([{ ...ETH0, networks: '2001:db8:2:2::/64' }])],
    [
      'the link',
      (w) => {
        w.discovery.setLinks([{ ...ETH0, candidate: false }]);
        w.discovery.setLinks(LINK);
      },
    ],
  ])('a stale prefix ends when %s change', async (_what, change) => {
    const w = await silenced();
    w.answer = SILENT;
    await pass(hour);
    change(w);
    await pass(11 * second);
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it('the same resolvers written anew are the same', async () => {
    const w = await silenced();
    await pass(hour);
    w.servers.reverse();
    w.discovery.resolversChanged();
    w.discovery.setLinks([{ ...ETH0 }]);
    await pass(hour);
    expect(w.active()).toBe(`dns ${A}`);
    w.discovery.stop();
  });

  it('while routers speak, DNS is left alone and its prefix ends with its TTL', async () => {
    const w = await silenced();
    w.hear({ [B]: 200 });
    await pass(201 * second);
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });
});

describe('before the last prefix of routers ends (DISC-2)', () => {
  it('they are asked 30 s before, once', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 600, [B]: 400 });
    const before = w.solicited;
    await pass(569 * second);
    expect(w.solicited).toBe(before);
    await pass(2 * second);
    expect(w.solicited).toBe(before + 1);
    await pass(28 * second);
    expect(w.solicited).toBe(before + 1);
    expect(w.active()).toBe(`ra ${A}`);
    w.hear({ [A]: 600 });
    await pass(571 * second);
    expect(w.solicited).toBe(before + 2);
    w.discovery.stop();
  });

  it('in the middle of a lifetime that is shorter: answers make no storm of questions', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    const before = w.solicited;
    for (let i = 0; i < 10; i++) {
      w.hear({ [A]: 8 });
      await pass(3 * second);
    }
    expect(w.solicited).toBe(before);
    await pass(2 * second);
    expect(w.solicited).toBe(before + 1);
    w.discovery.stop();
  });
});

describe('hostile words', () => {
  const random = (i: number): string => `2001:db9:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::/96`;
  const router = (i: number): Ip6 => [0xfe80_0000 | 0, 0, 1, i];

  it('resolvers that come and go make no more questions than the pace allows', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    await pass(0);
    const before = w.asked.length;
    const addresses = [parseKernel6('2001:db8::77')];
    for (let i = 0; i < 1000; i++) {
      w.hear({}, { rdnss: [{ addresses, lifetime: i % 2 === 0 ? 600 : 0 }] });
      await pass(10);
    }
    expect(w.asked.length - before).toBeLessThanOrEqual(10);
    w.discovery.stop();
  });

  it('what was known first stays, and what is left out is said once', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 600 });
    for (let i = 1; i < 5000; i++) w.hear({ [random(i)]: 600 }, { router: router(i) });
    for (let i = 1; i < 5000; i++) w.hear({ [random(i)]: 600 });
    expect(w.active()).toBe(`ra ${A}`);
    expect(w.discovery.knownOn(IF)).toHaveLength(7 + 16);
    expect(w.discovery.leftOutOn(IF)).toBe(5000 - 8 + 5000 - 16);
    expect(w.logged).toEqual([
      'eth0: more than 8 routers speak: what is more is left out',
      'eth0: a router advertises more than 16 NAT64 prefixes: what is more is left out',
    ]);
    w.discovery.stop();
  });

  it('the same said again is no change', () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 600 }, { mtu: 1400 });
    const { changes } = w;
    for (let i = 0; i < 100; i++) w.hear({ [A]: 600 }, { mtu: 1400 });
    expect(w.changes).toBe(changes);
    w.discovery.stop();
  });

  it('prefixes that come and go beside the one in use are told together', async () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 600 });
    const { changes } = w;
    for (let i = 0; i < 1000; i++) {
      w.hear({ [B]: i % 2 === 0 ? 600 : 0 }, { router: router(2) });
      await pass(10);
    }
    expect(w.changes - changes).toBeGreaterThan(0);
    expect(w.changes - changes).toBeLessThanOrEqual(10);
    w.discovery.stop();
  });

  it('two sentences that alternate are logged once each', () => {
    const w = world();
    w.discovery.setLinks(LINK);
    for (let i = 0; i < 100; i++) w.hear({ [i % 2 === 0 ? 'ff02::/96' : '::/96']: 600 });
    expect(w.logged).toHaveLength(2);
    w.discovery.stop();
  });
});

describe('the MTU of routers (DISC-2)', () => {
  it.each([
    [[1400], 1400],
    [[1400, 1300], 1300],
    [[1279], null],
    [[0], null],
    [[1280], 1280],
    [[1501], null],
    [[9000, 1492], 1492],
  ])('%j on a link of 1500: %s', (said, counts) => {
    const w = world();
    w.discovery.setLinks(LINK);
    for (const [i, mtu] of said.entries()) w.hear({}, { mtu, router: [0xfe80_0000 | 0, 0, 0, i + 1] });
    expect(w.discovery.mtuOn(IF)).toBe(counts);
    w.discovery.stop();
  });
});

describe('several interfaces (CLAT-10)', () => {
  it('an interface that goes takes its prefixes along', () => {
    const w = world();
    w.discovery.setLinks(LINK);
    w.hear({ [A]: 600 });
    w.discovery.setLinks([]);
    w.discovery.setLinks(LINK);
    expect(w.active()).toBeNull();
    w.discovery.stop();
  });

  it('servers given by hand are asked about the best candidate only', async () => {
    const w = world({ servers: [{ address: '2001:db8::99', port: 53 }] });
    w.answer = answer(300, A);
    w.discovery.setLinks([...LINK, { ...ETH0, name: 'eth1', index: 4 }]);
    await pass(0);
    expect(w.asked).toHaveLength(1);
    expect(w.active()).toBe(`dns ${A}`);
    expect(w.discovery.prefixOn(4)).toBeNull();
    w.discovery.stop();
  });
});
