/** clatd doctor: uplink, routes, forwarding, neighbour proxy, firewall. */
import { describe, expect, it } from 'vitest';
import type { Prefix4 } from '../../src/address/ip.ts';
import { type Check, type CheckId, sorted } from '../../src/host/doctor/check.ts';
import { type FirewallFacts, judgeFirewall } from '../../src/host/doctor/firewall.ts';
import { type ForwardingFacts, isIdle, judgeForwarding } from '../../src/host/doctor/forwarding.ts';
import { judgeUplink, type UplinkFacts } from '../../src/host/doctor/uplink.ts';
import type { Firewall, FirewallRule } from '../../src/host/firewall.ts';
import { host, type MadeUp } from './made-up.ts';

/** "state: found -> remedy" */
const text = ({ state, found, remedy }: Check): string =>
  `${state}: ${found}${remedy === null ? '' : ` -> ${remedy}`}`;
const of = (checks: readonly Check[], id: CheckId): string => text(checks.find((check) => check.id === id)!);

describe('uplink and routes', () => {
  const judge = (madeUp: MadeUp, id: CheckId, change: Partial<UplinkFacts> = {}): string => {
    const facts = { tun: 'clat', platDev: null, forced: false, running: false, router: null, ...change };
    return of(judgeUplink(facts, host(madeUp)), id);
  };
  const ra = (dev: string, metric: number) => `default via fe80::1 dev ${dev} ra ${metric}`;

  it('a host with an uplink', () => {
    expect(judge({}, 'uplink')).toBe('ok: eth0 (IPv6 default route with the lowest metric), MTU 1500');
    expect(judge({}, 'route6')).toBe('ok: via fe80::1 dev eth0, metric 1024, by router advertisement');
    expect(judge({}, 'address6')).toBe('ok: 2001:db8:1:1::5/64');
    expect(judge({}, 'ipv4')).toBe('ok: none: clatd is of use here');
  });

  it('the better of two', () => {
    const routes6 = [ra('eth0', 2000), ra('eth1', 100), 'default dev clat static 1'];
    expect(judge({ routes6, links: ['clat'] }, 'uplink')).toMatch(/^ok: eth1 .*; others: eth0$/);
    expect(judge({ routes6, links: ['clat'] }, 'uplink', { platDev: 'eth0' })).toMatch(
      /^ok: eth0 \(--plat-dev\)/,
    );
  });

  it('none: one problem, not two', () => {
    expect(judge({ routes6: [] }, 'uplink')).toMatch(/^skipped/);
    expect(judge({ routes6: [] }, 'route6')).toMatch(/^problem: none -> the network has to advertise/);
    expect(judge({ routes6: [] }, 'address6')).toMatch(/^skipped/);
  });

  it('--plat-dev that is not there, or has no default route', () => {
    expect(judge({}, 'uplink', { platDev: 'eth7' })).toMatch(/^problem: there is no interface eth7/);
    expect(judge({}, 'route6', { platDev: 'eth7' })).toMatch(/^skipped/);
    expect(judge({}, 'route6', { platDev: 'eth1' })).toMatch(/^problem: none through eth1/);
  });

  it('without carrier', () => {
    const routes6 = ['dead default via fe80::1 dev eth0 ra 1024'];
    expect(judge({ routes6 }, 'uplink')).toMatch(/^problem: eth0 has no carrier/);
  });

  it('deaf to routers', () => {
    const forwards = { 'net/ipv6/conf/eth0/forwarding': '1' };
    expect(judge({ routes6: [], sysctls: forwards }, 'route6')).toMatch(
      /-> eth0 forwards and so ignores .*sysctl -w net\.ipv6\.conf\.eth0\.accept_ra=2/,
    );
    const disabled = { 'net/ipv6/conf/eth0/disable_ipv6': '1' };
    expect(judge({ routes6: [], sysctls: disabled }, 'route6')).toMatch(/-> IPv6 is disabled on eth0/);
  });

  it('a router that is not there', () => {
    const router = { address: 'fe80::1', state: 'FAILED' };
    expect(judge({}, 'route6', { router })).toMatch(
      /^problem: .*fe80::1 does not answer neighbour discovery/,
    );
    expect(judge({}, 'route6', { router: { ...router, state: 'STALE' } })).toMatch(/^ok/);
  });

  it('addresses of no use', () => {
    expect(judge({ addresses: [] }, 'address6')).toMatch(/^problem: eth0 has no global IPv6 address/);
    expect(judge({ addresses: ['eth0 fe80::5/64'] }, 'address6')).toMatch(/^problem: eth0 has no global/);
    expect(judge({ addresses: ['eth0 2001:db8:1:1::5/64 deprecated'] }, 'address6')).toMatch(
      /^problem: none of use: 2001:db8:1:1::5\/64 is tentative, deprecated/,
    );
  });

  it('single addresses', () => {
    expect(judge({ addresses: ['eth0 2001:db8:1:1::5/128'] }, 'address6')).toMatch(
      /single address out of a network/,
    );
    expect(judge({ addresses: ['eth0 2001:db8:9::5/128'] }, 'address6')).toMatch(/no network around it/);
  });

  it('native IPv4', () => {
    const routes4 = ['default via 192.0.2.1 dev eth1 dhcp 100'];
    expect(judge({ routes4 }, 'ipv4')).toMatch(/^note: eth1 has one.*stands back.* -> --enable force/);
    expect(judge({ routes4 }, 'ipv4', { forced: true })).toBe(
      'note: eth1 has one: this host has IPv4 of its own',
    );
  });

  it('IPv4 of ours, and its absence', () => {
    const routes4 = ['default via 192.0.0.1 dev clat static 2048'];
    expect(judge({ routes4, links: ['clat'] }, 'ipv4', { running: true })).toBe(
      'ok: through clat, metric 2048',
    );
    expect(judge({}, 'ipv4', { running: true })).toMatch(/^problem: none, though clatd runs/);
    expect(judge({}, 'ipv4', { running: true, configure: false })).toMatch(
      /^problem: none, and with --no-configure clatd sets none -> /,
    );
  });
});

describe('forwarding', () => {
  const judge = (madeUp: MadeUp, id: CheckId, change: Partial<ForwardingFacts> = {}): string => {
    const facts = { tun: 'clat', uplink: 'eth0', clatd: 'sets-up', running: true, ...change } as const;
    return of(judgeForwarding(facts, host({ links: ['clat'], ...madeUp })), id);
  };
  const conf = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [`net/ipv6/conf/${key}`, value]));

  it('on for all, or for both', () => {
    expect(judge({ sysctls: conf({ 'all/forwarding': '1' }) }, 'forwarding')).toBe(
      'ok: on for all interfaces',
    );
    const both = conf({ 'clat/force_forwarding': '1', 'eth0/force_forwarding': '1' });
    expect(judge({ sysctls: both }, 'forwarding')).toBe('ok: on for clat and eth0');
  });

  it('off while clatd runs', () => {
    expect(judge({ sysctls: conf({ 'clat/force_forwarding': '1' }) }, 'forwarding')).toMatch(
      /^problem: off for eth0: .*-> sysctl -w net\.ipv6\.conf\.eth0\.force_forwarding=1$/,
    );
    expect(judge({ oldKernel: true }, 'forwarding')).toMatch(
      /^problem: off: .*-> sysctl -w net\.ipv6\.conf\.all\.forwarding=1$/,
    );
  });

  it('off, and clatd will see to it, or will not', () => {
    expect(judge({}, 'forwarding', { running: false })).toBe(
      'ok: off; clatd turns it on for clat and eth0 while it runs',
    );
    expect(judge({ oldKernel: true }, 'forwarding', { running: false })).toMatch(
      /for all interfaces while it runs$/,
    );
    expect(judge({}, 'forwarding', { running: false, clatd: 'sets-nothing-up' })).toMatch(/^problem/);
    expect(judge({}, 'forwarding', { idle: true })).toBe(
      'ok: off; clatd turns it on for clat and eth0 while there is a CLAT',
    );
    expect(judge({}, 'forwarding', { idle: true, clatd: 'sets-nothing-up' })).toMatch(/^problem/);
  });

  it('idle: neither addresses nor routes lead into the translator', () => {
    expect(isIdle(host({ links: ['clat'] }), 'clat')).toBe(true);
    expect(
      isIdle(host({ links: ['clat'], routes6: ['2001:db8:1::2/128 dev clat static 1024'] }), 'clat'),
    ).toBe(false);
  });

  it('accept_ra', () => {
    expect(judge({}, 'accept-ra')).toMatch(/^ok: 1 on eth0/);
    expect(judge({ sysctls: conf({ 'eth0/accept_ra': '2', 'eth0/forwarding': '1' }) }, 'accept-ra')).toMatch(
      /^ok: 2/,
    );
    expect(judge({ sysctls: conf({ 'eth0/accept_ra': '0' }) }, 'accept-ra')).toMatch(
      /^ok: 0 .*network manager/,
    );
    const ignored = conf({ 'eth0/forwarding': '1' });
    expect(judge({ sysctls: ignored }, 'accept-ra')).toMatch(
      /^problem: .*will expire -> sysctl -w .*accept_ra=2$/,
    );
    const byHand = ['default via fe80::1 dev eth0 static 1024'];
    expect(judge({ sysctls: ignored, routes6: byHand }, 'accept-ra')).toMatch(/^note/);
  });

  it('without an uplink', () => {
    for (const id of ['forwarding', 'accept-ra', 'nd-proxy'] as const)
      expect(judge({}, id, { uplink: null })).toBe('skipped: there is no uplink');
  });

  describe('neighbour proxy', () => {
    const routes6 = [
      '2001:db8:1:1::/64 dev eth0 kernel 256',
      'default via fe80::1 dev eth0 ra 1024',
      '2001:db8:1:1::c1a7/128 dev clat static 1024',
    ];
    const proxies = ['eth0 2001:db8:1:1::c1a7'];
    const sysctls = conf({ 'all/proxy_ndp': '1', 'eth0/forwarding': '1' });

    it('in place', () => {
      expect(judge({ routes6, proxies, sysctls }, 'nd-proxy')).toBe(
        'ok: eth0 answers for 2001:db8:1:1::c1a7',
      );
    });

    it('lacking', () => {
      expect(judge({ routes6 }, 'nd-proxy')).toBe(
        'problem: eth0 does not answer neighbours who ask for 2001:db8:1:1::c1a7 -> ip -6 neighbour add proxy 2001:db8:1:1::c1a7 dev eth0; sysctl -w net.ipv6.conf.all.proxy_ndp=1; sysctl -w net.ipv6.conf.eth0.forwarding=1',
      );
      expect(judge({ routes6, proxies }, 'nd-proxy')).not.toMatch(/neighbour add proxy/);
      expect(judge({ routes6 }, 'nd-proxy', { running: false })).toMatch(
        /^note: .*fine where the router has a route/,
      );
    });

    it('not needed', () => {
      const elsewhere = [...routes6.slice(0, 2), '2001:db8:9::c1a7/128 dev clat static 1024'];
      expect(judge({ routes6: elsewhere }, 'nd-proxy')).toMatch(/^ok: not needed/);
      expect(judge({ links: [] }, 'nd-proxy')).toMatch(/^skipped: clatd sets it while it runs/);
    });
  });
});

describe('firewall', () => {
  const accept = (comment: string | null, from: string, to: string): FirewallRule => {
    const match = (key: string, right: string) => ({ match: { op: '==', left: { meta: { key } }, right } });
    return { comment, expr: [match('iifname', from), match('oifname', to), { accept: null }] };
  };
  const made = (
    policy: 'accept' | 'drop',
    rules: FirewallRule[] = [],
    change: Partial<Firewall> = {},
  ): Firewall => {
    const chains = new Map([['FORWARD', { name: 'FORWARD', policy, rules }]]);
    return {
      tables: [{ family: 'ip6', name: 'filter', locked: false, chains }],
      present: new Set(['ip6 filter']),
      legacy: [],
      unseen: [],
      ...change,
    };
  };
  const judge = (firewall: Firewall, change: Partial<FirewallFacts> = {}): string => {
    const nobody = { behind: [], nowhere: [] };
    const facts = {
      tun: 'clat',
      uplink: 'eth0',
      ...nobody,
      running: false,
      mode: 'accept',
      ...change,
    } as const;
    return text(judgeFirewall(facts, firewall));
  };

  it('none, or one that lets things pass', () => {
    expect(judge(made('accept', [], { tables: [] }))).toBe('ok: none looks at what is forwarded');
    expect(judge(made('accept'))).toBe(
      'ok: what is forwarded between clat and eth0 passes the table ip6 filter',
    );
  });

  it('one that drops', () => {
    expect(judge(made('drop'))).toMatch(
      /^note: the nftables chain ip6 filter FORWARD drops .*clatd adds a rule/,
    );
    expect(judge(made('drop'), { mode: 'warn' })).toMatch(
      /^problem: .* -> use --firewall accept, or let it through/,
    );
    expect(judge(made('drop'), { running: true })).toMatch(
      /^problem: .* -> let it through there: nft insert rule/,
    );
  });

  it('one that lets ours pass', () => {
    const rules = [accept('clatd:clat', 'clat', 'eth0'), accept('clatd:clat', 'eth0', 'clat')];
    expect(judge(made('drop', rules), { running: true })).toMatch(/^ok/);
    expect(judge(made('drop', rules.slice(0, 1)), { running: true })).toMatch(/^problem/);
  });

  it('one that only its owner may change, and rules of the old iptables', () => {
    const locked = made('drop').tables.map((table) => ({ ...table, locked: true }));
    expect(judge(made('drop', [], { tables: locked }))).toMatch(
      /^problem: .*only its owner may change it -> let what passes/,
    );
    const legacy = [{ family: 6, rules: ':FORWARD DROP [0:0]\n' }] as const;
    expect(judge(made('accept', [], { legacy }))).toMatch(
      /^problem: ip6tables-legacy drops .* -> ip6tables-legacy -I FORWARD/,
    );
    const hidden = [{ family: 6, rules: null }] as const;
    expect(judge(made('accept', [], { legacy: hidden }))).toMatch(/^skipped: .*could not be seen/);
  });

  it('that could not be seen, or does not matter', () => {
    expect(judge(made('accept', [], { tables: [], unseen: ['it could not be seen'] }))).toBe(
      'skipped: it could not be seen',
    );
    expect(judge(made('drop'), { uplink: null })).toBe('skipped: there is no uplink');
  });

  describe('with hosts behind this one', () => {
    const prefix: Prefix4 = { address: 0xc0a8_0500 | 0, length: 24 };
    const behind = [{ prefix, dev: 'eth1' }];
    /** Of the IPv4 table alone. */
    const made4 = (policy: 'accept' | 'drop', rules: FirewallRule[] = []): Firewall => {
      const tables = made(policy, rules).tables.map((table) => ({ ...table, family: 'ip' as const }));
      return made(policy, [], { tables });
    };
    const there = accept('clatd:clat', 'eth1', 'clat');
    const back = accept('clatd:clat', 'clat', 'eth1');

    it('their ways are looked at too, each for itself', () => {
      expect(judge(made4('accept'), { behind })).toBe(
        'ok: what is forwarded between clat and eth0, clat and eth1 passes the table ip filter',
      );
      expect(judge(made4('drop'))).toMatch(/^ok/);
      expect(judge(made4('drop'), { behind })).toMatch(
        /^note: the nftables chain ip filter FORWARD drops what is forwarded between clat and eth1; clatd adds/,
      );
      expect(judge(made4('drop', [there, back]), { behind, running: true })).toMatch(/^ok/);
      expect(judge(made4('drop', [there]), { behind, running: true })).toBe(
        'problem: the nftables chain ip filter FORWARD drops what is forwarded between clat and eth1' +
          ' -> let it through there: nft insert rule ip filter FORWARD iifname "clat" oifname "eth1" accept',
      );
    });

    it('before there is an uplink', () => {
      expect(judge(made4('drop'), { behind, uplink: null })).toMatch(/^note: .* between clat and eth1;/);
    });

    it('rules of the old iptables', () => {
      const legacy = [{ family: 4, rules: ':FORWARD DROP [0:0]\n' }] as const;
      expect(judge(made('accept', [], { legacy }))).toMatch(/^ok/);
      expect(judge(made('accept', [], { legacy }), { behind })).toMatch(/^problem: iptables-legacy drops/);
    });

    it('nobody knows where', () => {
      const nowhere = ['there is no route to 192.168.5.0/24'];
      expect(judge(made('accept'), { nowhere })).toMatch(
        /^note: what is forwarded .*; there is no route to 192\.168\.5\.0\/24 -> ip route add/,
      );
      expect(judge(made('accept'), { nowhere, uplink: null })).toMatch(/^skipped: .*no route to 192/);
    });
  });

  it('of IPv4 alone', () => {
    const tables = made('drop').tables.map((table) => ({ ...table, family: 'ip' as const }));
    expect(judge(made('drop', [], { tables }), { running: true })).toMatch(/^ok/);
  });
});

it('checks come in the order of the table', () => {
  const check = (id: CheckId): Check => ({ id, title: '', state: 'ok', found: '', remedy: null });
  const ids = sorted([check('clat-tcp'), check('privilege'), check('uplink')]).map(({ id }) => id);
  expect(ids).toEqual(['privilege', 'uplink', 'clat-tcp']);
});
