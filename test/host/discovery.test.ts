/** Prefix discovery with made-up routers, servers and time: every rule of DISC-1, 3, 6 and 7. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatPrefix6 } from '../../src/address/format.ts';
import type { Ip6, Prefix6 } from '../../src/address/ip.ts';
import { parsePrefix6 } from '../../src/address/parse.ts';
import { Discovery, type DiscoveryConfig } from '../../src/host/discovery.ts';
import { DnsSchedule } from '../../src/host/dns-schedule.ts';
import type { DnsAnswer } from '../../src/host/dns64.ts';
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
  answer: DnsAnswer;
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
        log: { debug: () => {}, info: () => {}, warn: () => {} },
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
          return { server: servers[0]!, answer: w.answer };
        },
        resolvers: (_dev, _index, advertised: readonly Ip6[]) => ({
          servers: [
            ...w.servers.map((address) => ({ address, port: 53 })),
            ...advertised.map(() => ({ address: 'advertised', port: 53 })),
          ],
          from: 'learned on eth0',
        }),
      },
    ),
  };
  return w;
}

const LINK = [{ name: 'eth0', index: IF, candidate: true }];
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

  it('no answer: 1, 2, 4 … 60 s; the prefix lives until its TTL ends', async () => {
    const w = world();
    w.answer = answer(60, A);
    w.discovery.setLinks(LINK);
    await pass(0);
    w.answer = { is: 'failed', why: 'SERVFAIL' };
    await pass(58 * second);
    expect(times(w)).toEqual([0, 50, 51, 53, 57]);
    expect(w.active()).toBe(`dns ${A}`);
    await pass(3 * second);
    expect(w.active()).toBeNull();
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
    w.discovery.setLinks([...LINK, { name: 'eth1', index: 4, candidate: true }]);
    await pass(0);
    expect(w.asked).toHaveLength(1);
    expect(w.active()).toBe(`dns ${A}`);
    expect(w.discovery.prefixOn(4)).toBeNull();
    w.discovery.stop();
  });
});
