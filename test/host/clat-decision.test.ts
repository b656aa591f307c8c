/** When there is a CLAT and on which uplink (CLAT-5, CLAT-6, CLAT-10), as a pure function of the host's state. */
import { describe, expect, test } from 'vitest';
import { type Decision, decide, NATIVE_PATIENCE } from '../../src/host/clat-decision.ts';
import type { KnownPrefix } from '../../src/host/prefix-book.ts';
import type { HostState } from '../../src/host/state.ts';
import { findLink } from '../../src/host/state.ts';
import { host } from './made-up.ts';

const known = (from: string): KnownPrefix => ({
  source: 'ra',
  prefix: { address: [0x2001_0db8, 0x0064_0000, 0, 0], length: 96 },
  from,
  until: Number.POSITIVE_INFINITY,
});

const ETH0 = 'default via fe80::1 dev eth0 ra 1024';
const ETH1 = 'default via fe80::2 dev eth1 ra 512';
const BOTH = host({ routes6: [ETH0, ETH1] });

/** Where NAT64 prefixes are known: the names of interfaces. */
interface Network {
  state?: HostState;
  prefixes?: readonly string[];
  native?: string | null;
  platDev?: string | null;
}

function decided({
  state = BOTH,
  prefixes = ['eth0', 'eth1'],
  native = null,
  platDev = null,
}: Network): Decision {
  const on = new Map(prefixes.map((name) => [findLink(state, name)?.index, known(`router on ${name}`)]));
  return decide({ tun: 'clat', platDev }, state, native, (index) => on.get(index) ?? null);
}

/** The uplink and whose prefix it uses; or why there is none. */
function said(network: Network): string {
  const decision = decided(network);
  return decision.is === 'down' ? decision.why : `${decision.uplink.name}: ${decision.known.from}`;
}

const without = (name: string): HostState => ({
  ...BOTH,
  links: BOTH.links.map((link) => (link.name === name ? { ...link, up: false } : link)),
});

describe('the uplink', () => {
  test('has the IPv6 default route with the lowest metric, and a prefix of its own', () => {
    expect(said({})).toBe('eth1: router on eth1');
  });

  test('is the next best where no prefix is known on the best', () => {
    expect(said({ prefixes: ['eth0'] })).toBe('eth0: router on eth0');
  });

  test.each<[string, HostState]>([
    ['has no carrier', host({ routes6: [ETH0, `dead ${ETH1}`] })],
    ['is down', without('eth1')],
    ['has a route that refuses packets', host({ routes6: [ETH0, `unreachable ${ETH1}`] })],
    ['has IPv4 alone', host({ routes6: [ETH0], routes4: ['default via 10.0.0.1 dev eth1 dhcp 100'] })],
    ['has a route to something else', host({ routes6: [ETH0, '2001:db8:9::/48 via fe80::2 dev eth1 ra 1'] })],
  ])('is never an interface that %s', (_, state) => {
    expect(said({ state })).toBe('eth0: router on eth0');
    expect(said({ state, prefixes: ['eth1'] })).toBe('no NAT64 prefix on eth0 yet');
  });

  test('is never our own TUN', () => {
    const made = host({ links: ['clat'], routes6: [ETH0, 'default dev clat static 1'] });
    const state = { ...made, links: made.links.map((link) => ({ ...link, up: true })) };
    expect(said({ state, prefixes: ['eth0', 'clat'] })).toBe('eth0: router on eth0');
  });

  test('of --plat-dev is that one, whatever another one has', () => {
    expect(said({ platDev: 'eth0' })).toBe('eth0: router on eth0');
    expect(said({ platDev: 'eth0', prefixes: ['eth1'] })).toBe('no NAT64 prefix on eth0 yet');
  });

  test('has the route to the prefix, where there is no default route (RFC 4191, 2000::/3, ::/1)', () => {
    const to = (dst: string) => said({ state: host({ routes6: [`${dst} via fe80::2 dev eth1 ra 1024`] }) });
    expect(to('2000::/3')).toBe('eth1: router on eth1');
    expect(to('::/1')).toBe('eth1: router on eth1');
    expect(to('2001:db8:64::/48')).toBe('eth1: router on eth1');
    expect(to('2001:db8:64::/96')).toBe('eth1: router on eth1');
    expect(to('2001:db8:65::/96')).toBe('no IPv6 route to 2001:db8:64::/96 on eth1, where that is the NAT64');
    expect(to('64:ff9b::/32')).toBe('no IPv6 route to 2001:db8:64::/96 on eth1, where that is the NAT64');
  });

  test('is waited for on an interface with whatever route by a router', () => {
    const state = host({ routes6: ['64:ff9b::/96 via fe80::2 dev eth1 static 1024'] });
    expect(said({ state, prefixes: [] })).toBe('no NAT64 prefix on eth1 yet');
    // Neighbours alone lead nowhere.
    expect(said({ state: host({ routes6: ['2001:db8:1::/64 dev eth1 kernel 256'] }), prefixes: [] })).toBe(
      'no IPv6 default route yet',
    );
  });

  test('has the longer route to the prefix, as the kernel prefers it whatever the metric', () => {
    const state = host({ routes6: [ETH1, '2001:db8:64::/64 via fe80::1 dev eth0 ra 4096'] });
    expect(said({ state })).toBe('eth0: router on eth0');
    // Not by a route of our own, which is there because of an uplink of before.
    const ours = host({ routes6: [ETH0, ETH1, '2001:db8:64::/96 via fe80::1 dev eth0 static 464'] });
    expect(said({ state: ours })).toBe('eth1: router on eth1');
  });

  test('is no tunnel that takes everything by halves, while another has a route', () => {
    const halves = ['2000::/4 dev tun0 static 1024', '3000::/4 dev tun0 static 1024'];
    const links = { links: ['clat', 'tun0'], kinds: ['tun0 tun'] };
    expect(said({ state: host({ ...links, routes6: [ETH0, ...halves] }), prefixes: ['eth0', 'tun0'] })).toBe(
      'eth0: router on eth0',
    );
    expect(said({ state: host({ ...links, routes6: halves }), prefixes: ['tun0'] })).toBe(
      'tun0: router on tun0',
    );
  });

  describe('where rules choose the table', () => {
    const links = { links: ['clat', 'wg0'], kinds: ['wg0 wireguard'] };
    const WG = { ...links, tables6: ['51820 default dev wg0 static 1024'] };
    const rules6 = [
      { priority: 0, src: 'all', table: 'local' },
      { priority: 32764, src: 'all', table: 'main', suppress_prefixlen: 0 },
      { priority: 32765, not: null, src: 'all', fwmark: '0xca6c', table: '51820' },
      { priority: 32766, src: 'all', table: 'main' },
    ];
    const prefixes = ['eth0', 'wg0'];

    test('is never the one of a rule, but by --plat-dev', () => {
      const state = host({ ...WG, rules6, routes6: [] });
      expect(said({ state, prefixes })).toBe(
        'no IPv6 default route yet for all packets (wg0 has one in table 51820 for those of a rule: --plat-dev wg0 takes it)',
      );
      expect(said({ state, prefixes, platDev: 'wg0' })).toBe('wg0: router on wg0');
      expect(said({ state: host({ ...WG, rules6, routes6: [ETH0] }), prefixes })).toBe(
        'eth0: router on eth0',
      );
    });

    test('may be one of a table without a rule (a VRF), after those of the main table', () => {
      const vrf = { tables6: ['10 default via fe80::2 dev eth1 ra 1'] };
      expect(said({ state: host({ ...vrf, routes6: [] }) })).toBe('eth1: router on eth1');
      expect(said({ state: host({ ...vrf, routes6: [ETH0] }) })).toBe('eth0: router on eth0');
    });
  });

  test('may be any hop of a route that has several', () => {
    const [route] = host({ routes6: [ETH0] }).routes;
    const state = { ...BOTH, routes: [{ ...route!, devs: ['eth0', 'eth1'] }] };
    expect(said({ state })).toBe('eth0: router on eth0');
    expect(said({ state, prefixes: ['eth1'] })).toBe('eth1: router on eth1');
  });
});

describe('no CLAT, and why', () => {
  test('native IPv4, whatever else there is', () => {
    expect(said({ native: 'eth1' })).toBe('native IPv4 through eth1 (--enable force does without that test)');
  });

  test('no prefix: names where one was waited for, best first', () => {
    expect(said({ prefixes: [] })).toBe('no NAT64 prefix on eth1, eth0 yet');
  });

  test('no IPv6 default route', () => {
    expect(said({ state: host({ routes6: [] }) })).toBe('no IPv6 default route yet');
  });

  test('none through --plat-dev, though there is one elsewhere', () => {
    expect(said({ platDev: 'wwan0' })).toBe('no IPv6 default route through wwan0 yet');
  });
});

test('a CLAT that works makes room for native IPv4 after 10 s', () => {
  expect(NATIVE_PATIENCE).toBe(10_000);
});
