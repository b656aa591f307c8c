/** What `clatd plan` says about the automatic mode, with routers and servers that a test speaks for. */
import { describe, expect, test } from 'vitest';
import { formatIp4, formatIp6, formatPrefix6 } from '../../src/address/format.ts';
import { inPrefix6, type Prefix6, prefixOf6 } from '../../src/address/ip.ts';
import { findClat } from '../../src/cli/plan-clat.ts';
import type { RunConfig } from '../../src/config/config.ts';
import { loadRun, type RawOptions } from '../../src/config/load.ts';
import { type DiscoveryLink, discoveryLinks } from '../../src/host/discovery-links.ts';
import type { ServerAnswer } from '../../src/host/dns-verdict.ts';
import type { RouterWord } from '../../src/host/pref64.ts';
import type { HostState } from '../../src/host/state.ts';
import { type Asked, conclude, hearAll } from '../../src/host/survey.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { host, type MadeUp } from '../host/made-up.ts';

const A = '2001:db8:a::/96';
const B = '2001:db8:b::/96';
const C = '2001:db8:c::/96';
const SLAAC: Prefix6 = prefixOf6(parseKernel6('2001:db8:1:1::'), 64);

/** "eth0 PREFIX[ LIFETIME][, PREFIX …]", "eth0 mtu BYTES": each a router of its own. */
const router =
  (links: readonly DiscoveryLink[]) =>
  (text: string, i: number): RouterWord => {
    const [dev = '', ...rest] = text.split(' ');
    const options = rest.join(' ').split(', ');
    const mtu = rest[0] === 'mtu' ? Number(rest[1]) : null;
    return {
      ...{
        router: [0xfe80_0000 | 0, 0, 0, i + 1],
        ifindex: links.find(({ name }) => name === dev)?.index ?? 99,
      },
      pref64: (mtu === null ? options : []).map((option) => {
        const [prefix = '', lifetime = '1800'] = option.split(' ');
        return { prefix: parsed(prefix), lifetime: Number(lifetime) };
      }),
      ...{ rdnss: [], mtu },
    };
  };

function parsed(text: string): Prefix6 {
  const [address = '', length] = text.split('/');
  return prefixOf6(parseKernel6(address), Number(length));
}

interface Network {
  routers?: string[];
  /** Of the only server that answers. */
  dns?: string[];
  /** One before it does not. */
  silent?: boolean;
  /** Servers of eth1, learned there. */
  dns1?: string[];
}

const SILENT: ServerAnswer = {
  server: { address: '2001:db8::52', port: 53 },
  answer: { is: 'failed', why: 'silent', silent: true },
};
const answer = (prefixes: readonly string[]): ServerAnswer => ({
  server: { address: '2001:db8::53', port: 53 },
  answer:
    prefixes.length === 0
      ? { is: 'negative', why: 'it has no AAAA records' }
      : {
          is: 'answer',
          addresses: prefixes.map((text) => parseKernel6(text.replace('::/96', '::192.0.0.170'))),
          ttl: 300,
        },
});

/** Through the same book and judgement as what the network says. */
function surveyed(
  { routers = [], dns = [], dns1 = [], silent = false }: Network,
  links: readonly DiscoveryLink[],
) {
  const words = routers.map(router(links));
  const asked: Asked[] = links
    .filter(({ candidate }) => candidate)
    .map((link, i) => ({
      link,
      from: 'given',
      answers: [...(silent ? [SILENT] : []), answer(i === 0 ? dns : dns1)],
    }));
  return conclude(links, words, null, hearAll(links, words), asked);
}

function configure(raw: RawOptions): RunConfig {
  const loaded = loadRun(raw, { read: () => new Uint8Array(0) });
  if (!loaded.ok) throw new Error(loaded.mistakes.map(({ message }) => message).join('\n'));
  return loaded.config;
}

/** `asked`: how often routers and servers were, and for what. */
async function plan(network: Network, raw: RawOptions = {}, state: HostState = host({})) {
  const asked: unknown[] = [];
  const config = configure(raw);
  const found = await findClat(config, state, async (options) => {
    asked.push(options);
    return surveyed(network, discoveryLinks(state, options.tun, options.platDev));
  });
  return { found, asked, config };
}

async function up(network: Network, raw: RawOptions = {}, madeUp: MadeUp = {}) {
  const { found } = await plan(network, raw, host(madeUp));
  if ('lacking' in found) throw new Error(found.lacking);
  return found;
}

async function lacking(network: Network, raw: RawOptions = {}, madeUp: MadeUp = {}): Promise<string> {
  const { found } = await plan(network, raw, host(madeUp));
  return 'lacking' in found ? found.lacking : `up on ${found.clat.uplink}`;
}

/** The uplink, and the line about the prefix. */
const prefixOf = async (...given: Parameters<typeof up>): Promise<string> => {
  const { clat, lines, translation } = await up(...given);
  expect(lines[0]).toContain(formatPrefix6(translation.pool6!));
  return `${clat.uplink} ${lines[0]}`;
};

/** Two uplinks, eth0 the better one. */
const TWO: MadeUp = {
  addresses: ['eth0 2001:db8:1:1::5/64', 'eth1 2001:db8:2:2::5/64'],
  routes6: ['default via fe80::2 dev eth1 ra 2048', 'default via fe80::1 dev eth0 ra 1024'],
};

describe('the prefix', () => {
  test('a router has the first word, then DNS, then --prefix-fallback', async () => {
    const raw = { 'prefix-fallback': C };
    expect(await prefixOf({ routers: [`eth0 ${A}`], dns: [B] }, raw)).toBe(
      `eth0 NAT64 prefix: ${A} (said by a router)`,
    );
    expect(await prefixOf({ dns: [B] }, raw)).toBe(`eth0 NAT64 prefix: ${B} (from DNS)`);
    expect(await prefixOf({ dns: [B], silent: true }, raw)).toBe(`eth0 NAT64 prefix: ${B} (from DNS)`);
    expect(await prefixOf({}, raw)).toBe(`eth0 NAT64 prefix: ${C} (--prefix-fallback)`);
  });

  test('the first of several counts', async () => {
    expect(await prefixOf({ routers: [`eth0 ${B}`, `eth0 ${A}`] })).toContain(B);
    expect(await prefixOf({ dns: [B, A] })).toContain(B);
  });

  test('what a router withdraws does not count', async () => {
    expect(await prefixOf({ routers: [`eth0 ${A} 0`, `eth0 ${B}`] })).toContain(`${B} (said by a router)`);
    expect(await prefixOf({ routers: [`eth0 ${A} 0`], dns: [B] })).toContain(`${B} (from DNS)`);
    expect(await lacking({ routers: [`eth0 ${A} 0`] })).toBe('no NAT64 prefix on eth0 yet');
  });

  test.each([
    ['withdrawn in the same word', `${A}, ${A} 0`],
    ['of multicast', 'ff02::/96'],
    ['of the unspecified address', '::/96'],
    ['link-local', 'fe80::/96'],
    ['of IPv4-mapped addresses', '::ffff:0:0/96'],
  ])('one %s is none, as for the daemon', async (_what, text) => {
    expect(await lacking({ routers: [`eth0 ${text}`] })).toBe('no NAT64 prefix on eth0 yet');
    expect(await prefixOf({ routers: [`eth0 ${text}`], dns: [B] })).toContain(`${B} (from DNS)`);
  });

  test('--pool6 needs nobody to be asked, on the best uplink', async () => {
    const { found, asked } = await plan({ routers: [`eth1 ${A}`] }, { pool6: B }, host(TWO));
    expect(asked).toEqual([]);
    expect(found).toMatchObject({ clat: { uplink: 'eth0' } });
    expect(await prefixOf({}, { pool6: B }, TWO)).toBe(`eth0 NAT64 prefix: ${B} (--pool6)`);
  });

  test('routers and servers are asked as the options say', async () => {
    const { asked } = await plan(
      { dns: [A] },
      { 'dns64-servers': '2001:db8::53,192.0.2.53:5353', tun: 'siit', 'plat-dev': 'eth0' },
    );
    const servers = [
      { address: '2001:db8::53', port: 53 },
      { address: '192.0.2.53', port: 5353 },
    ];
    expect(asked).toEqual([{ servers, tun: 'siit', platDev: 'eth0' }]);
  });
});

describe('the uplink', () => {
  test('is the best that has a prefix', async () => {
    const both = { routers: [`eth1 ${B}`, `eth0 ${A}`] };
    expect(await prefixOf(both, {}, TWO)).toBe(`eth0 NAT64 prefix: ${A} (said by a router)`);
    const { clat, lines } = await up({ routers: [`eth1 ${B}`] }, {}, TWO);
    expect(clat.uplink).toBe('eth1');
    expect(lines[2]).toMatch(/^IPv6 address: 2001:db8:2:2:/);
  });

  test('of what DNS and --prefix-fallback say is the best one', async () => {
    expect(await prefixOf({ dns: [A] }, {}, TWO)).toBe(`eth0 NAT64 prefix: ${A} (from DNS)`);
    expect(await prefixOf({}, { 'prefix-fallback': C }, TWO)).toMatch(/^eth0 /);
    const both = { dns: [A], routers: [`eth1 ${B}`] };
    expect(await prefixOf(both, {}, TWO)).toBe(`eth0 NAT64 prefix: ${A} (from DNS)`);
  });

  test('may be the second by what its own servers say, as for the daemon', async () => {
    expect(await prefixOf({ dns1: [B] }, {}, TWO)).toBe(`eth1 NAT64 prefix: ${B} (from DNS)`);
  });

  test('is --plat-dev, whatever another one has', async () => {
    const raw = { 'plat-dev': 'eth1' };
    const both = { routers: [`eth0 ${A}`, `eth1 ${B}`] };
    expect(await prefixOf(both, raw, TWO)).toBe(`eth1 NAT64 prefix: ${B} (said by a router)`);
    expect(await lacking({ routers: [`eth0 ${A}`] }, raw, TWO)).toBe('no NAT64 prefix on eth1 yet');
  });

  test('is no interface where a router speaks and there is no default route', async () => {
    expect(await lacking({ routers: [`eth1 ${A}`] })).toBe('no NAT64 prefix on eth0 yet');
  });
});

describe('what is lacking', () => {
  const NATIVE: MadeUp = { routes4: ['default via 10.0.0.1 dev eth1 dhcp 100'] };

  test('native IPv4 needs no CLAT, unless forced', async () => {
    const network = { routers: [`eth0 ${A}`] };
    expect(await lacking(network, {}, NATIVE)).toBe(
      'native IPv4 through eth1 (--enable force does without that test)',
    );
    expect((await plan(network, {}, host(NATIVE))).asked).toEqual([]);
    expect(await prefixOf(network, { enable: 'force' }, NATIVE)).toContain(A);
  });

  test('the default route of a CLAT that runs is not native', async () => {
    const routes4 = ['default dev clat static 2048'];
    expect(await prefixOf({ dns: [A] }, {}, { links: ['clat'], routes4 })).toContain(A);
  });

  test('an IPv6 default route; then nobody is asked', async () => {
    const { found, asked } = await plan({ dns: [A] }, { pool6: B }, host({ routes6: [] }));
    expect(found).toEqual({ lacking: 'no IPv6 default route yet' });
    expect(asked).toEqual([]);
  });

  test('a prefix: names every interface it could be on', async () => {
    expect(await lacking({}, {}, TWO)).toBe('no NAT64 prefix on eth0, eth1 yet');
  });

  test('addresses of either kind', async () => {
    const network = { dns: [A] };
    expect(await lacking(network, {}, { addresses: ['eth0 fe80::5/64'] })).toMatch(/no global IPv6 address/);
    const addresses = ['eth0 2001:db8:1:1::5/64', 'eth1 10.9.0.1/24'];
    expect(await lacking(network, { 'clat-v4-addr': '10.9.0.1' }, { addresses })).toBe(
      '10.9.0.1 (--clat-v4-addr) is an address of eth1 already',
    );
  });
});

describe('what is found', () => {
  test('one mapping between the two addresses; the rest stays as configured', async () => {
    const { found, config } = await plan({ dns: [A] }, { 'lowest-ipv6-mtu': 1400, 'strict-suffix': true });
    if ('lacking' in found) throw new Error(found.lacking);
    const { eam, pool6, ipv4Addr, ...rest } = found.translation;
    const { eam: none, pool6: unknown, ipv4Addr: _, ...given } = config.translation;
    expect(rest).toEqual(given);
    expect([none.size, unknown]).toEqual([0, null]);
    expect([formatPrefix6(pool6!), formatIp4(ipv4Addr)]).toEqual([A, '192.0.0.1']);
    expect([eam.size, eam.length4[0], eam.length6[0]]).toEqual([1, 32, 128]);
    const [a = 0, b = 0, c = 0, d = 0] = eam.v6;
    expect(inPrefix6([a, b, c, d], SLAAC)).toBe(true);
    expect(found.lines.slice(1)).toEqual([
      `IPv4 address: ${formatIp4(eam.v4[0]!)}`,
      expect.stringContaining(`IPv6 address: ${formatIp6([a, b, c, d])}, `),
    ]);
    expect(formatIp4(eam.v4[0]!)).toBe('192.0.0.2');
  });

  test('the next pair of addresses, without a network, where the first is in use', async () => {
    const addresses = ['eth0 2001:db8:1:1::5/64', 'eth1 192.0.0.1/32'];
    const { clat, lines, translation } = await up({ dns: [A] }, {}, { addresses });
    expect(clat.clat4Length).toBe(32);
    expect(lines[1]).toBe('IPv4 address: 192.0.0.4');
    expect(formatIp4(translation.ipv4Addr)).toBe('192.0.0.3');
    expect((await up({ dns: [A] })).clat.clat4Length).toBe(29);
  });

  test('the addresses asked for', async () => {
    const raw = { 'clat-v4-addr': '10.99.0.1', 'clat-v6-addr': '2001:db8:77::6' };
    const { lines } = await up({ dns: [A] }, raw);
    expect(lines[1]).toBe('IPv4 address: 10.99.0.1');
    expect(lines[2]).toBe('IPv6 address: 2001:db8:77::6, as asked for (--clat-v6-addr)');
  });

  test('the same IPv6 address each time', async () => {
    expect((await up({ dns: [A] })).lines).toEqual((await up({ dns: [A] })).lines);
  });

  test('neighbours would be asked where there are some', async () => {
    expect((await up({ dns: [A] })).lines[2]).toMatch(/; neighbours would be asked whether it is free$/);
    const routed = { 'clat-v6-addr': '2001:db8:77::/64' };
    expect((await up({ dns: [A] }, routed)).lines[2]).not.toMatch(/neighbours/);
  });

  test('shared with the uplink where it has one address alone', async () => {
    const single = { addresses: ['eth0 2001:db8:1:1::5/128'] };
    expect((await up({ dns: [A] }, {}, single)).clat.shared).toBe(true);
    expect((await up({ dns: [A] })).clat.shared).toBe(false);
  });

  test('the least MTU that a router of the uplink advertised', async () => {
    const routers = ['eth0 mtu 1480', 'eth0 mtu 1400', `eth0 ${A}`, 'eth1 mtu 1300'];
    expect((await up({ routers })).clat.advertisedMtu).toBe(1400);
    expect((await up({ routers: ['eth1 mtu 1300'], dns: [A] })).clat.advertisedMtu).toBeNull();
    expect((await up({}, { pool6: A })).clat.advertisedMtu).toBeNull();
  });
});
