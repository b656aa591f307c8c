/** The plan as a pure function: made-up hosts, no privilege. */
import { describe, expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { commands } from '../../src/host/plan.ts';
import { buildRunPlan, MAX_OWN_ADDRESSES, MAX_ROUTES, type RunPlanInput } from '../../src/host/run-plan.ts';
import { parseKernel4, parseKernel6 } from '../../src/host/text.ts';
import { host, type MadeUp } from './made-up.ts';

function input(options: Partial<RunPlanInput> & { eams?: string[] } = {}): RunPlanInput {
  const eam = new EamList();
  for (const entry of options.eams ?? ['192.0.0.2/32=2001:db8:1:1::c1a7/128']) {
    const [v4, length4, v6, length6] = entry.split(/[/=]/) as [string, string, string, string];
    eam.add(parseKernel4(v4), Number(length4), parseKernel6(v6), Number(length6));
  }
  return {
    tun: 'clat',
    created: true,
    eam,
    pool6: { address: parseKernel6('2001:db8:64::'), length: 96 },
    ipv4Addr: parseKernel4('192.0.0.1'),
    ipv6Addr: null,
    ipv6Mtu: null,
    ...options,
  };
}

const typed = (options: Parameters<typeof input>[0] = {}, madeUp: MadeUp = {}) =>
  buildRunPlan(input(options), host(madeUp)).entries.flatMap(({ step }) => commands(step));

test('CLAT-15: an address that is only tried is deprecated, so that nothing else is written from it', () => {
  const clat = { uplink: 'eth0', advertisedMtu: null, clat4Length: 29, shared: true } as const;
  const spare = parseKernel6('2001:db8:1:1::bad');
  const command = 'ip address add 2001:db8:1:1::bad/128 dev eth0 preferred_lft 0';
  expect(typed({ clat: { ...clat, spare } })).toContain(command);
  expect(typed({ clat })).not.toContain(command);
});

describe('the commands of a plan', () => {
  test('on a host whose EAM address is routed to it (Google Cloud)', () => {
    const routes6 = ['fe80::/64 dev eth0 kernel', 'default via fe80::1 dev eth0 ra 1024'];
    expect(typed({}, { addresses: ['eth0 2001:db8:1:1::/128'], routes6 })).toEqual([
      'sysctl -w net.ipv6.conf.clat.force_forwarding=1',
      'sysctl -w net.ipv6.conf.eth0.force_forwarding=1',
      'sysctl -w net.ipv6.conf.clat.addr_gen_mode=1',
      'ip link set dev clat mtu 1500 up',
      'ip address add 192.0.0.2/29 dev clat',
      'ip route add 2001:db8:1:1::c1a7/128 dev clat proto static metric 1024',
      'ip route add default via 192.0.0.1 dev clat proto static metric 2048 src 192.0.0.2 mtu 1480',
    ]);
  });

  test('CLAT-6: with another metric', () => {
    expect(typed({ metric: 50 }).at(-1)).toMatch(/^ip route add default .* metric 50 /);
    const other = { routes4: ['default via 10.0.0.1 dev eth1 dhcp 50'] };
    expect(buildRunPlan(input({ metric: 50 }), host(other)).conflicts).toEqual([
      expect.stringMatching(
        /metric 50, set by dhcp, is there already: --v4-defaultroute-metric takes another/,
      ),
    ]);
    expect(buildRunPlan(input(), host(other)).warnings).toContainEqual(
      expect.stringMatching(/\(metric 2048\): --v4-defaultroute-metric with a lower number changes that/),
    );
  });

  test('with an address in the directly connected /64', () => {
    expect(typed()).toEqual([
      'sysctl -w net.ipv6.conf.clat.force_forwarding=1',
      'sysctl -w net.ipv6.conf.eth0.force_forwarding=1',
      'sysctl -w net.ipv6.conf.eth0.accept_ra=2',
      'sysctl -w net.ipv6.conf.eth0.forwarding=1',
      'sysctl -w net.ipv6.conf.all.proxy_ndp=1',
      'sysctl -w net.ipv6.conf.clat.addr_gen_mode=1',
      'ip link set dev clat mtu 1500 up',
      'ip address add 192.0.0.2/29 dev clat',
      'ip route add 2001:db8:1:1::c1a7/128 dev clat proto static metric 1024',
      'ip neighbour add proxy 2001:db8:1:1::c1a7 dev eth0',
      'ip route add default via 192.0.0.1 dev clat proto static metric 2048 src 192.0.0.2 mtu 1480',
    ]);
  });

  test('CLAT-9: on an older kernel accept_ra comes before forwarding, on all that listen', () => {
    const lines = typed(
      {},
      {
        oldKernel: true,
        sysctls: { 'net/ipv6/conf/eth1/accept_ra': '1', 'net/ipv6/conf/eth1/forwarding': '0' },
      },
    );
    expect(lines.slice(0, 4)).toEqual([
      'sysctl -w net.ipv6.conf.default.accept_ra=2',
      'sysctl -w net.ipv6.conf.eth0.accept_ra=2',
      'sysctl -w net.ipv6.conf.eth1.accept_ra=2',
      'sysctl -w net.ipv6.conf.all.forwarding=1',
    ]);
  });

  test('a host that forwards already is left so', () => {
    const sysctls = { 'net/ipv6/conf/all/forwarding': '1', 'net/ipv6/conf/eth0/forwarding': '1' };
    expect(typed({}, { sysctls }).filter((line) => /forwarding|accept_ra/.test(line))).toEqual([]);
  });

  test('dots in an interface name', () => {
    const routes6 = ['default via fe80::1 dev eth0.7 static 1024'];
    expect(typed({}, { links: ['eth0.7'], routes6 })).toContain(
      'sysctl -w net.ipv6.conf.eth0/7.force_forwarding=1',
    );
  });

  test('a strict reverse path filter is loosened on the TUN alone', () => {
    expect(typed({}, { sysctls: { 'net/ipv4/conf/all/rp_filter': '1' } })).toContain(
      'sysctl -w net.ipv4.conf.clat.rp_filter=2',
    );
  });

  test('an IPv4 address outside 192.0.0.0/29 is a /32 without next hop', () => {
    const lines = typed({ eams: ['203.0.113.5/32=2001:db8:9::1/128'] });
    expect(lines).toContain('ip address add 203.0.113.5/32 dev clat');
    expect(lines.at(-1)).toBe(
      'ip route add default dev clat proto static metric 2048 src 203.0.113.5 mtu 1480',
    );
  });

  test('an EAM of a LAN gets a route but no address', () => {
    const { entries, warnings } = buildRunPlan(
      input({ eams: ['192.168.1.0/24=2001:db8:9::c0a8:100/120'] }),
      host({}),
    );
    const lines = entries.flatMap(({ step }) => commands(step));
    expect(lines.filter((line) => line.startsWith('ip address'))).toEqual([]);
    expect(lines).toContain('ip route add 2001:db8:9::c0a8:100/120 dev clat proto static metric 1024');
    expect(warnings.join()).toMatch(/net.ipv4.ip_forward=1/);
  });
});

describe('MTU (CLAT-8)', () => {
  test("the uplink's, or what its router advertised", () => {
    expect(buildRunPlan(input(), host({ mtu: 1460 })).tunMtu).toBe(1460);
    expect(buildRunPlan(input(), host({ sysctls: { 'net/ipv6/conf/eth0/mtu': '1400' } })).tunMtu).toBe(1400);
  });
  test('--ipv6-mtu', () => {
    expect(buildRunPlan(input({ ipv6Mtu: 1280 }), host({})).tunMtu).toBe(1280);
    expect(typed({ ipv6Mtu: 1280 }).at(-1)).toMatch(/ mtu 1260$/);
  });
  test('an attached device keeps its own', () => {
    const plan = buildRunPlan(input({ created: false }), host({ links: ['clat'], mtu: 1400 }));
    expect(plan.tunMtu).toBe(1400);
    expect(plan.entries.flatMap(({ step }) => commands(step))).toContain('ip link set dev clat up');
  });
  test('an attached device below 1280 is refused', () => {
    const { conflicts } = buildRunPlan(input({ created: false }), host({ links: ['clat'], mtu: 1200 }));
    expect(conflicts.join()).toMatch(/clat has MTU 1200, IPv6 needs at least 1280/);
  });
});

describe('what is said', () => {
  const said = (options: Parameters<typeof input>[0], madeUp: MadeUp) =>
    buildRunPlan(input(options), host(madeUp));

  test('no uplink yet', () => {
    const plan = said({}, { routes6: [] });
    expect(plan.uplink).toBeNull();
    expect(plan.warnings.join()).toMatch(/no IPv6 default route yet/);
    expect(plan.conflicts).toEqual([]);
  });
  test('the uplink is the default route with the lowest metric, never the TUN', () => {
    const routes6 = [
      'default via fe80::1 dev eth1 ra 2000',
      'default via fe80::1 dev eth0 ra 100',
      'default dev clat static 1',
    ];
    expect(said({}, { routes6 }).uplink).toBe('eth0');
  });
  test('a native IPv4 default route stays preferred', () => {
    const plan = said({}, { routes4: ['default via 10.0.0.1 dev eth0 dhcp 100'] });
    expect(plan.warnings.join()).toMatch(/through eth0 \(metric 100\) stays preferred .* a lower number/);
    const first = said({}, { routes4: ['default via 10.0.0.1 dev eth0 static 0'] });
    expect(first.warnings.join()).toMatch(/through eth0 \(metric 0\) stays preferred/);
    expect(first.warnings.join()).not.toMatch(/a lower number/);
    expect(plan.conflicts).toEqual([]);
  });
  test("a neighbour's address is not taken from it", () => {
    const plan = said(
      { eams: ['10.0.0.7/32=2001:db8:9::7/128'] },
      { routes4: ['10.0.0.0/24 dev eth1 kernel'] },
    );
    expect(plan.warnings.join()).toMatch(/10\.0\.0\.7 \(--eam\) lies in 10\.0\.0\.0\/24 on eth1/);
    expect(plan.entries.some(({ step }) => step.kind === 'address')).toBe(false);
  });
  test('without pool6 there is no IPv4 default route', () => {
    const plan = said({ pool6: null }, {});
    expect(plan.warnings.join()).toMatch(/without --pool6/);
    expect(plan.entries.some(({ step }) => step.kind === 'routes' && step.family === 4)).toBe(false);
  });
  test('a prefix inside a directly connected network cannot be answered for', () => {
    const plan = said({ eams: ['192.0.2.0/28=2001:db8:1:1::c000:200/124'] }, {});
    expect(plan.warnings.join()).toMatch(/cannot be answered for a whole prefix/);
  });
  test('too many single addresses are not ours', () => {
    const eams = Array.from(
      { length: MAX_OWN_ADDRESSES + 1 },
      (_, i) => `203.0.113.${i}/32=2001:db8:9::${i}/128`,
    );
    const plan = said({ eams }, {});
    expect(plan.warnings.join()).toMatch(/too many to be this host's/);
    expect(plan.entries.some(({ step }) => step.kind === 'address')).toBe(false);
  });
  test('too many routes are refused', () => {
    const eam = new EamList();
    for (let i = 0; i <= MAX_ROUTES; i++) eam.add(i + 0x0b00_0000, 32, [0x2001_0db8, 0, 0, 2 * i], 128);
    expect(said({ eam }, {}).conflicts.join()).toMatch(/need 4097 IPv6 routes.*--no-configure/);
  });
  test('an unreachable route behind ours is no conflict (a delegated prefix)', () => {
    const routes6 = [
      'default via fe80::1 dev eth0 ra 100',
      'unreachable 2001:db8:9::/120 dev lo static 4096',
    ];
    expect(said({ eams: ['192.0.2.0/24=2001:db8:9::/120'] }, { routes6 }).conflicts).toEqual([]);
  });
});
