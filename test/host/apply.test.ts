/** Applying, reconciling and undoing against a host that only writes down what it is told: no privilege needed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { equal6 } from '../../src/address/ip.ts';
import { applyPlan, type Host, isContested, rollback } from '../../src/host/apply.ts';
import { ToolFailedError } from '../../src/host/iproute.ts';
import { ownerOfThisProcess } from '../../src/host/journal.ts';
import type { Entry, RouteStep, Step } from '../../src/host/plan.ts';
import { openJournal } from '../../src/host/recovery.ts';
import type { HostRoute, HostState } from '../../src/host/state.ts';
import { SysctlError } from '../../src/host/sysctl.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { host as madeUpHost } from './made-up.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'clatd-journal-'));
  path = join(dir, 'clat.json');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Recorder extends Host {
  /** Every command, in order. */
  readonly told: string[];
  /** Commands to refuse. */
  refuse: RegExp | null;
  /** What they made of the host. */
  state: HostState;
}

/** The state after an `ip` command: addresses, routes and proxy entries come and go. */
function after(state: HostState, line: string): HostState {
  const [kind, verb, ...words] = line.split(' ');
  const word = (name: string): string => words[words.indexOf(name) + 1] ?? '';
  const add = verb !== 'del';
  if (kind === 'address') {
    const [address = '', length] = words[0]!.split('/');
    const others = state.addresses.filter((one) => one.address !== address);
    const family = address.includes(':') ? (6 as const) : (4 as const);
    const own = { dev: word('dev'), family, address, length: Number(length), scope: 'global', usable: true };
    return { ...state, addresses: add ? [...others, own] : others };
  }
  if (kind === 'route') {
    const dst = words[0]!;
    const same = (one: HostRoute) =>
      one.dst === dst &&
      one.devs.includes(word('dev')) &&
      (!words.includes('metric') || one.metric === Number(word('metric')));
    const others = state.routes.filter((one) => !same(one));
    const route: HostRoute = {
      family: line.includes(':') ? 6 : 4,
      dst,
      type: 'unicast',
      devs: [word('dev')],
      gateway: null,
      metric: Number(word('metric')),
      protocol: 'static',
      mtu: null,
      alive: true,
    };
    return { ...state, routes: add ? [...others, route] : others };
  }
  if (kind === 'neighbour') {
    const address = parseKernel6(words[1]!);
    const others = state.proxies.filter((one) => !equal6(one.address, address));
    return { ...state, proxies: add ? [...others, { dev: word('dev'), address }] : others };
  }
  return state;
}

function recorder(): Recorder {
  const state = madeUpHost({});
  const told: string[] = [];
  return {
    told,
    refuse: null,
    state,
    sysctls: {
      ...state.sysctls,
      write(key, value) {
        told.push(`${key}=${value}`);
        state.sysctls.write(key, value);
      },
    },
    async read() {
      return this.state;
    },
    async links() {
      return this.state.links;
    },
    async ip(lines) {
      for (const line of lines) {
        if (this.refuse?.test(line)) throw new ToolFailedError(`ip ${line}`, 'RTNETLINK answers: No');
        told.push(line);
        this.state = after(this.state, line);
      }
    },
    async ipForce(lines) {
      told.push(...lines);
      this.state = lines.reduce(after, this.state);
      return [];
    },
    async nft(script) {
      told.push(script);
    },
    async nftList() {
      return [];
    },
    async firewall() {
      return { tables: [], present: new Set(), legacy: [], unseen: [] };
    },
  };
}

const log = () => {
  const lines: string[] = [];
  const warned: string[] = [];
  const say = (text: string) => void lines.push(text);
  const warn = (text: string) => {
    lines.push(text);
    warned.push(text);
  };
  return { lines, warned, debug: say, info: say, warn };
};

const entry = (step: Step): Entry => ({ why: 'Why not.', step });
const FORWARD = entry({
  kind: 'sysctl',
  key: 'net/ipv6/conf/all/forwarding',
  value: '1',
  drags: ['net/ipv6/conf/eth0/forwarding'],
});
const ADDRESS = entry({ kind: 'address', dev: 'clat', family: 4, address: '192.0.0.2', length: 29 });
const TABLE = entry({ kind: 'nft', family: 'inet', table: 'clatd', rules: 'table inet clatd {}' });
const routes = (...to: string[]): Entry & { step: RouteStep } => ({
  why: 'Why not.',
  step: { kind: 'routes', family: 6, dev: 'clat', to, metric: 1024, gateway: null, source: null, mtu: null },
});

const written = () => JSON.parse(readFileSync(path, 'utf8'));

describe('the journal', () => {
  test('names a step before it is done', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    const seen: number[] = [];
    await applyPlan([FORWARD, ADDRESS], journal, host, log(), (index) => {
      seen.push(index);
      expect(written().done.length).toBe(index + 1);
      expect(host.told.length).toBe(index);
    });
    expect(seen).toEqual([0, 1]);
  });

  test('of a living process: already running', async () => {
    const { boot } = ownerOfThisProcess();
    const startTime = readFileSync('/proc/1/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    writeFileSync(path, JSON.stringify({ version: 1, tun: 'clat', pid: 1, startTime, boot, done: [] }));
    await expect(openJournal('clat', recorder(), log(), path)).rejects.toThrow(
      /already running for clat \(process 1\)/,
    );
  });

  test('of a pid given out again: rolled back', async () => {
    const { boot } = ownerOfThisProcess();
    const done = [{ step: ADDRESS.step, before: {} }];
    writeFileSync(path, JSON.stringify({ version: 1, tun: 'clat', pid: 1, startTime: '1', boot, done }));
    const host = recorder();
    await openJournal('clat', host, log(), path);
    expect(host.told).toEqual(['address del 192.0.0.2/29 dev clat']);
    expect(written().pid).toBe(process.pid);
    expect(written().done).toEqual([]);
  });

  test.each([
    ['damaged', '{"version":1,'],
    ['of an earlier boot', JSON.stringify({ version: 1, boot: 'x', pid: 1, startTime: '1', done: [{}] })],
  ])('%s: ignored, and said so', async (_, text) => {
    writeFileSync(path, text);
    const host = recorder();
    const said = log();
    await openJournal('clat', host, said, path);
    expect(said.lines.join()).toMatch(/of no use/);
    expect(host.told).toEqual([]);
  });

  test('in a place that cannot be written', async () => {
    writeFileSync(join(dir, 'file'), '');
    await expect(openJournal('clat', recorder(), log(), join(dir, 'file', 'x.json'))).rejects.toThrow(
      /cannot keep the journal/,
    );
  });
});

describe('applying', () => {
  test('a failure undoes what came before it', async () => {
    const host = recorder();
    host.refuse = /^route add/;
    const journal = await openJournal('clat', host, log(), path);
    const failing = applyPlan([FORWARD, ADDRESS, routes('2001:db8::1/128')], journal, host, log());
    await expect(failing).rejects.toThrow(
      /`ip route add 2001:db8::1\/128 dev clat .*` failed: RTNETLINK answers: No/,
    );
    expect(host.told).toEqual([
      'net/ipv6/conf/all/forwarding=1',
      'address add 192.0.0.2/29 dev clat',
      'route del 2001:db8::1/128 dev clat proto static metric 1024',
      'address del 192.0.0.2/29 dev clat',
      'net/ipv6/conf/all/forwarding=0',
    ]);
    expect(written().done).toEqual([]);
  });

  test('undoing goes backwards and restores what a sysctl dragged along', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    await applyPlan([FORWARD, TABLE], journal, host, log());
    host.sysctls.write('net/ipv6/conf/eth0/forwarding', '1');
    host.told.length = 0;
    await rollback(journal, host, log());
    expect(host.told).toEqual([
      'add table inet clatd\ndelete table inet clatd\n',
      'net/ipv6/conf/all/forwarding=0',
      'net/ipv6/conf/eth0/forwarding=0',
    ]);
  });
});

describe('a second plan', () => {
  test('of the same entries does nothing', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    await applyPlan([FORWARD, ADDRESS, routes('2001:db8::1/128')], journal, host, log());
    host.told.length = 0;
    await applyPlan([FORWARD, ADDRESS, routes('2001:db8::1/128')], journal, host, log());
    expect(host.told).toEqual([]);
  });

  test('with other routes (EAMs read again) changes only those', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    await applyPlan([FORWARD, routes('2001:db8::1/128', '2001:db8::2/128')], journal, host, log());
    host.told.length = 0;
    await applyPlan([FORWARD, routes('2001:db8::2/128', '2001:db8::3/128')], journal, host, log());
    expect(host.told).toEqual([
      'route del 2001:db8::1/128 dev clat proto static metric 1024',
      'route add 2001:db8::3/128 dev clat proto static metric 1024',
    ]);
    host.told.length = 0;
    await rollback(journal, host, log());
    expect(host.told.filter((line) => line.startsWith('route'))).toEqual([
      'route del 2001:db8::3/128 dev clat proto static metric 1024',
      'route del 2001:db8::2/128 dev clat proto static metric 1024',
    ]);
  });

  test('without an entry undoes that one', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    await applyPlan([FORWARD, ADDRESS], journal, host, log());
    host.told.length = 0;
    await applyPlan([FORWARD], journal, host, log());
    expect(host.told).toEqual(['address del 192.0.0.2/29 dev clat']);
    expect(written().done.length).toBe(1);
  });

  const PROXY = entry({ kind: 'proxy', dev: 'eth0', address: '2001:db8:1:1::c1a7' });

  test('does again what the kernel took away with an interface', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    await applyPlan([FORWARD, PROXY, routes('2001:db8::1/128', '2001:db8::2/128')], journal, host, log());
    host.told.length = 0;
    host.state = after({ ...host.state, proxies: [] }, 'route del 2001:db8::2/128 dev clat');
    await applyPlan([FORWARD, PROXY, routes('2001:db8::1/128', '2001:db8::2/128')], journal, host, log());
    expect(host.told).toEqual([
      'neighbour add proxy 2001:db8:1:1::c1a7 dev eth0',
      'route add 2001:db8::2/128 dev clat proto static metric 1024',
    ]);
    await rollback(journal, host, log());
    expect(host.state.proxies).toEqual([]);
    expect(host.state.routes.filter(({ devs }) => devs.includes('clat'))).toEqual([]);
  });

  test('sets a sysctl again, whatever somebody set it to, and what does as well is left (CLAT-16)', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    const sysctl = (key: string, value: string) => entry({ kind: 'sysctl', key, value, drags: [] });
    const listen = 'net/ipv6/conf/eth0/accept_ra';
    const filter = 'net/ipv4/conf/clat/rp_filter';
    host.sysctls.write(filter, '1');
    const plan = [sysctl(listen, '2'), FORWARD, sysctl(filter, '2')];
    await applyPlan(plan, journal, host, log());
    for (const value of ['0', '2']) {
      host.sysctls.write('net/ipv6/conf/all/forwarding', value);
      await applyPlan(plan, journal, host, log());
      expect(host.sysctls.read('net/ipv6/conf/all/forwarding')).toBe('1');
    }
    // Somebody handles router advertisements otherwise, or filters nothing at all.
    for (const key of [listen, filter]) host.sysctls.write(key, '0');
    await applyPlan(plan, journal, host, log());
    expect([host.sysctls.read(listen), host.sysctls.read(filter)]).toEqual(['0', '0']);
    await rollback(journal, host, log());
    expect([host.sysctls.read(listen), host.sysctls.read(filter)]).toEqual(['0', '0']);
    expect(host.sysctls.read('net/ipv6/conf/all/forwarding')).toBe('0');
  });

  describe('what somebody undoes again and again (CLAT-16)', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['performance'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    const all = [FORWARD, PROXY, routes('2001:db8::1/128', '2001:db8::2/128')];
    test.each<[string, (host: Recorder) => void, RegExp]>([
      [
        'a sysctl',
        (host) => host.sysctls.write('net/ipv6/conf/all/forwarding', '0'),
        /^net\/ipv6\/conf\/all\/forwarding=1$/,
      ],
      [
        'a proxy entry',
        (host) => {
          host.state = { ...host.state, proxies: [] };
        },
        /^neighbour add proxy/,
      ],
      [
        'one of several routes',
        (host) => {
          host.state = after(host.state, 'route del 2001:db8::2/128 dev clat');
        },
        /^route add 2001:db8::2/,
      ],
    ])(
      '%s is done again three times a minute, then left and named; later it is tried again',
      async (...row) => {
        const [, undo, again] = row;
        const host = recorder();
        const said = log();
        const journal = await openJournal('clat', host, said, path);
        await applyPlan(all, journal, host, said);
        const done = async (): Promise<boolean> => {
          undo(host);
          host.told.length = 0;
          await applyPlan(all, journal, host, said);
          return host.told.some((line) => again.test(line));
        };
        const named = () => said.lines.filter((line) => /three times within a minute/.test(line)).length;
        expect([await done(), await done(), await done()]).toEqual([true, true, true]);
        expect([isContested(journal), named()]).toEqual([false, 0]);
        expect([await done(), await done()]).toEqual([false, false]);
        expect([isContested(journal), named()]).toEqual([true, 1]);
        vi.advanceTimersByTime(60_001);
        expect(await done()).toBe(true);
        expect([isContested(journal), named()]).toEqual([false, 1]);
        // What was never undone was never done again.
        expect(host.told).toHaveLength(1);
      },
    );

    test('a link that stays down: nothing is tried on it, all else is kept true', async () => {
      const host = recorder();
      const said = log();
      const journal = await openJournal('clat', host, said, path);
      const plan = [FORWARD, entry({ kind: 'link', dev: 'clat', mtu: 1500 }), ADDRESS];
      const down = () => {
        const links = host.state.links.map((link) => ({ ...link, up: link.name !== 'clat' }));
        host.state = { ...host.state, links, addresses: [] };
        host.told.length = 0;
      };
      host.state = { ...host.state, links: madeUpHost({ links: ['clat'] }).links };
      await applyPlan(plan, journal, host, said);
      for (let i = 0; i < 3; i++) {
        down();
        await applyPlan(plan, journal, host, said);
        expect(host.told).toEqual(['link set dev clat mtu 1500 up', 'address add 192.0.0.2/29 dev clat']);
      }
      down();
      host.sysctls.write('net/ipv6/conf/all/forwarding', '0');
      host.told.length = 0;
      await applyPlan(plan, journal, host, said);
      expect(host.told).toEqual(['net/ipv6/conf/all/forwarding=1']);
    });
  });

  test('sets a route again that somebody gave another MTU or next hop', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    const plan = [
      entry({ ...routes('default').step, family: 4, metric: 2048, mtu: 1480, gateway: '192.0.0.1' }),
    ];
    await applyPlan(plan, journal, host, log());
    const ours = host.state.routes.find(({ devs }) => devs.includes('clat'))!;
    const others = host.state.routes.filter((route) => route !== ours);
    for (const wrong of [{ mtu: 1480 }, { gateway: '192.0.0.1' }, { mtu: 1400, gateway: '192.0.0.1' }]) {
      host.told.length = 0;
      host.state = {
        ...host.state,
        routes: [...others, { ...ours, family: 4, mtu: null, gateway: null, ...wrong }],
      };
      await applyPlan(plan, journal, host, log());
      expect(host.told).toEqual([
        'route replace default via 192.0.0.1 dev clat proto static metric 2048 mtu 1480',
      ]);
    }
  });

  test('a device of ours that is too narrow for IPv6 is widened before anything is set on it', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    host.state = { ...host.state, links: madeUpHost({ links: ['clat'], mtu: 1000 }).links };
    await applyPlan([FORWARD, entry({ kind: 'link', dev: 'clat', mtu: 1500 })], journal, host, log());
    expect(host.told[0]).toBe('link set dev clat mtu 1500');
  });

  test('without what only makes things nicer all else is done, and a warning says so once (CLAT-16)', async () => {
    const host = recorder();
    const said = log();
    const journal = await openJournal('clat', host, said, path);
    const key = 'net/ipv6/neigh/eth0/proxy_delay';
    const { write } = host.sysctls;
    host.sysctls.write = (which, value) => {
      if (which === key) throw new SysctlError(which, value, 'EROFS');
      write(which, value);
    };
    const nicer: Entry = { ...entry({ kind: 'sysctl', key, value: '0', drags: [] }), optional: true };
    for (let i = 0; i < 5; i++) await applyPlan([nicer, FORWARD, ADDRESS], journal, host, said);
    expect(host.told).toEqual(['net/ipv6/conf/all/forwarding=1', 'address add 192.0.0.2/29 dev clat']);
    expect(said.warned.filter((line) => /proxy_delay.*could not be had.*read-only/.test(line))).toHaveLength(
      1,
    );
    expect(written().done).toHaveLength(2);
    await expect(applyPlan([{ ...nicer, optional: false }], journal, host, said)).rejects.toThrow(
      /proxy_delay/,
    );
  });

  test('with another MTU changes link and default route in place: nothing goes down', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    const plan = (mtu: number): Entry[] => [
      entry({ kind: 'link', dev: 'clat', mtu }),
      routes('2001:db8::1/128'),
      entry({ ...routes('default').step, family: 4, metric: 2048, mtu: mtu - 20 }),
    ];
    await applyPlan(plan(1500), journal, host, log());
    host.told.length = 0;
    await applyPlan(plan(1400), journal, host, log());
    expect(host.told).toEqual([
      'link set dev clat mtu 1400 up',
      'route replace default dev clat proto static metric 2048 mtu 1380',
    ]);
    host.told.length = 0;
    await rollback(journal, host, log());
    expect(host.told).toEqual([
      'route del default dev clat proto static metric 2048 mtu 1380',
      'route del 2001:db8::1/128 dev clat proto static metric 1024',
    ]);
  });

  test('with another router the route to the NAT64 changes in place: no packet goes by the rules of others', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    const plan = (gateway: string): Entry[] => [
      entry({ ...routes('2001:db8:64::/96').step, dev: 'eth0', gateway, metric: 464 }),
    ];
    await applyPlan(plan('fe80::1'), journal, host, log());
    host.told.length = 0;
    await applyPlan(plan('fe80::2'), journal, host, log());
    expect(host.told).toEqual([
      'route replace 2001:db8:64::/96 via fe80::2 dev eth0 proto static metric 464',
    ]);
    host.told.length = 0;
    await rollback(journal, host, log());
    expect(host.told).toEqual(['route del 2001:db8:64::/96 via fe80::2 dev eth0 proto static metric 464']);
  });

  test.each([70, 3000])(
    'with the metric %i: the new default route stands before the old one goes',
    async (metric) => {
      const host = recorder();
      const journal = await openJournal('clat', host, log(), path);
      const plan = (to: number): Entry[] => [
        routes('2001:db8::1/128'),
        entry({ ...routes('default').step, family: 4, metric: to }),
      ];
      await applyPlan(plan(2048), journal, host, log());
      const before = journal.done;
      // One that cannot be had takes nothing away.
      host.refuse = new RegExp(`metric ${metric}`);
      await expect(applyPlan(plan(metric), journal, host, log())).rejects.toThrow(/default/);
      expect(host.state.routes.filter(({ dst, family }) => dst === 'default' && family === 4)).toMatchObject([
        { metric: 2048 },
      ]);
      expect(journal.done).toEqual(before);
      host.refuse = null;
      host.told.length = 0;
      await applyPlan(plan(metric), journal, host, log());
      expect(host.told).toEqual([
        `route add default dev clat proto static metric ${metric}`,
        'route del default dev clat proto static metric 2048',
      ]);
      await applyPlan([], journal, host, log());
      expect(host.state.routes.some(({ devs }) => devs.includes('clat'))).toBe(false);
      expect(written().done).toEqual([]);
    },
  );
});

describe('a plan that fails', () => {
  const inForce = [FORWARD, ADDRESS, routes('2001:db8::1/128', '2001:db8::2/128')];
  const CUSTOM = entry({ kind: 'address', dev: 'clat', family: 4, address: '192.0.0.3', length: 32 });

  async function running() {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    await applyPlan(inForce, journal, host, log());
    const before = { state: host.state, done: journal.done, file: written().done };
    host.told.length = 0;
    return { host, journal, before };
  }

  test('takes back what it did itself, and no more', async () => {
    const { host, journal, before } = await running();
    host.refuse = /^route add 2001:db8::3/;
    const plan = [...inForce.slice(0, 2), CUSTOM, routes('2001:db8::2/128', '2001:db8::3/128')];
    await expect(applyPlan(plan, journal, host, log())).rejects.toThrow(/2001:db8::3\/128 .*failed/);
    expect(host.told).toEqual([
      'route del 2001:db8::1/128 dev clat proto static metric 1024',
      'address add 192.0.0.3/32 dev clat',
      'route del 2001:db8::3/128 dev clat proto static metric 1024',
      'address del 192.0.0.3/32 dev clat',
      'route add 2001:db8::1/128 dev clat proto static metric 1024',
    ]);
    expect(journal.done).toEqual(before.done);
    expect(written().done).toEqual(before.file);
    // And it all goes away in the end.
    host.refuse = null;
    await rollback(journal, host, log());
    expect(host.state.addresses.map(({ address }) => address)).toEqual(['2001:db8:1:1::5']);
    expect(host.state.routes.some(({ devs }) => devs.includes('clat'))).toBe(false);
    expect(host.sysctls.read('net/ipv6/conf/all/forwarding')).toBe('0');
  });

  test('gives back particulars it changed in place', async () => {
    const host = recorder();
    const journal = await openJournal('clat', host, log(), path);
    const plan = (mtu: number): Entry[] => [
      entry({ ...routes('default').step, family: 4, metric: 2048, mtu }),
      ...(mtu === 1380 ? [CUSTOM] : []),
    ];
    await applyPlan(plan(1480), journal, host, log());
    const before = journal.done;
    host.refuse = /^address add/;
    await expect(applyPlan(plan(1380), journal, host, log())).rejects.toThrow(/192\.0\.0\.3/);
    expect(host.told.filter((line) => line.startsWith('route'))).toEqual([
      'route add default dev clat proto static metric 2048 mtu 1480',
      'route replace default dev clat proto static metric 2048 mtu 1380',
      'route replace default dev clat proto static metric 2048 mtu 1480',
    ]);
    expect(journal.done).toEqual(before);
  });

  test('does nothing at all where the journal cannot be written', async () => {
    const { host, journal, before } = await running();
    mkdirSync(`${path}.new`); // even root cannot write a directory
    const plan = [...inForce.slice(0, 2), CUSTOM, routes('2001:db8::3/128')];
    await expect(applyPlan(plan, journal, host, log())).rejects.toThrow(/cannot keep the journal/);
    expect(host.told).toEqual([]);
    expect(journal.done).toEqual(before.done);
    expect(written().done).toEqual(before.file);
    rmSync(`${path}.new`, { recursive: true });
    await applyPlan(plan, journal, host, log());
    expect(host.state.addresses.map(({ address }) => address)).toContain('192.0.0.3');
  });

  test('undoing everything needs no journal', async () => {
    const { host, journal } = await running();
    mkdirSync(`${path}.new`);
    await applyPlan([], journal, host, log());
    expect(host.state.addresses.map(({ address }) => address)).toEqual(['2001:db8:1:1::5']);
    expect(journal.done).toEqual([]);
  });
});

describe('what cannot be undone', () => {
  const stuck = () => {
    const host = recorder();
    const write = host.sysctls.write;
    let refusing = true;
    host.sysctls.write = (key, value) => {
      if (refusing && value === '0') throw new SysctlError(key, value, 'EROFS');
      write(key, value);
    };
    return {
      host,
      allow() {
        refusing = false;
      },
    };
  };

  test('stays in the journal, is named, and undone by the next start that can', async () => {
    const { host, allow } = stuck();
    const said = log();
    const first = await openJournal('clat', host, said, path);
    await applyPlan([FORWARD, ADDRESS], first, host, said);
    await rollback(first, host, said);
    expect(host.state.addresses.map(({ address }) => address)).toEqual(['2001:db8:1:1::5']);
    expect(said.lines.join('\n')).toMatch(
      /one change of the host could not be undone: .*delete .*clat\.json/,
    );
    expect(written().left).toHaveLength(1);
    const second = await openJournal('clat', host, said, path);
    expect(said.lines.join('\n')).toMatch(/could not undo all it did: trying the change again/);
    allow();
    await rollback(second, host, said);
    expect(host.sysctls.read('net/ipv6/conf/all/forwarding')).toBe('0');
    expect(existsSync(path)).toBe(false);
  });

  test('is left to the administrator after three starts, with what to type', async () => {
    const { host } = stuck();
    const said = log();
    const first = await openJournal('clat', host, said, path);
    await applyPlan([FORWARD], first, host, said);
    await rollback(first, host, said);
    for (let start = 0; start < 3; start++) {
      expect(existsSync(path)).toBe(true);
      await rollback(await openJournal('clat', host, said, path), host, log());
    }
    expect(said.lines.join('\n')).toMatch(
      /could not be undone by 3 starts and is left so; by hand: sysctl -w net\.ipv6\.conf\.all\.forwarding=0/,
    );
    expect(existsSync(path)).toBe(false);
  });
});

test('a renamed uplink keeps what was done on it, and gets it back under its new name', async () => {
  const host = recorder();
  const journal = await openJournal('clat', host, log(), path);
  const on = (name: string): Entry[] => [
    entry({ kind: 'sysctl', key: `net/ipv6/conf/${name}/accept_ra`, value: '2', drags: [] }),
    entry({ kind: 'proxy', dev: name, address: '2001:db8:1:1::c1a7' }),
  ];
  await applyPlan(on('eth0'), journal, host, log());
  host.state = {
    ...host.state,
    links: host.state.links.map((link) => (link.name === 'eth0' ? { ...link, name: 'wan' } : link)),
    proxies: host.state.proxies.map((proxy) => ({ ...proxy, dev: 'wan' })),
  };
  // The kernel moves an interface's keys with it.
  host.sysctls.write('net/ipv6/conf/wan/accept_ra', '2');
  host.told.length = 0;
  await applyPlan(on('wan'), journal, host, log());
  expect(host.told).toEqual([]);
  await rollback(journal, host, log());
  expect(host.told).toEqual([
    'neighbour del proxy 2001:db8:1:1::c1a7 dev wan',
    'net/ipv6/conf/wan/accept_ra=1',
  ]);
});
