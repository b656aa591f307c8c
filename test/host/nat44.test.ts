/** Hosts behind this one: where they are, what lets their packets through. */
import { describe, expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { formatPrefix4 } from '../../src/address/format.ts';
import type { Prefix4 } from '../../src/address/ip.ts';
import { parsePrefix4 } from '../../src/address/parse.ts';
import { parseLan } from '../../src/config/lan.ts';
import { findBehind, nat44Entry } from '../../src/host/nat44.ts';
import { commands } from '../../src/host/plan.ts';
import { buildRunPlan, type RunPlan } from '../../src/host/run-plan.ts';
import { host, type MadeUp } from './made-up.ts';

const prefix = (text: string): Prefix4 => {
  const parsed = parsePrefix4(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
};

const ROUTES4 = ['192.168.0.0/16 dev eth0 static', '192.168.1.0/24 dev eth1 kernel'];

describe('where hosts are', () => {
  test.each([
    ['192.168.1.0/24', ['eth1']],
    ['192.168.1.128/25', ['eth1']],
    ['192.168.2.0/24', ['eth0']],
    ['192.168.0.0/16', ['eth0', 'eth1']],
    ['192.0.0.0/8', ['eth0', 'eth1']],
    ['10.0.0.0/8', []],
  ])('%s', (text, devs) => {
    const routes4 = [
      ...ROUTES4,
      'default dev eth0 ra',
      '10.0.0.0/8 dev clat static',
      'unreachable 10.0.0.0/8 dev lo x',
    ];
    const { behind, warnings } = findBehind([prefix(text)], 'clat', host({ routes4 }));
    expect(behind.map(({ dev }) => dev).sort()).toEqual(devs);
    expect(behind.every((one) => formatPrefix4(one.prefix) === text)).toBe(true);
    expect(warnings).toHaveLength(devs.length === 0 ? 1 : 0);
  });
});

function planned(options: { lan?: string[]; nat44?: string[]; eam?: boolean }, madeUp: MadeUp = {}): RunPlan {
  const eam = new EamList();
  if (options.eam !== false) eam.add(0xc000_0002 | 0, 32, [0x2001_0db8, 0x0001_0001, 0, 0xc1a7], 128);
  const lan = new EamList();
  for (const text of options.lan ?? []) {
    const parsed = parseLan(text);
    if (!parsed.ok) throw new Error(parsed.message);
    const { v4, length4, v6, length6 } = parsed.value;
    for (const list of [lan, eam]) list.add(v4, length4, v6, length6);
  }
  return buildRunPlan(
    {
      tun: 'clat',
      created: true,
      eam,
      lan,
      nat44: (options.nat44 ?? []).map(prefix),
      pool6: { address: [0x0064_ff9b, 0, 0, 0], length: 96 },
      ipv4Addr: 0xc000_0001 | 0,
      ipv6Addr: null,
      ipv6Mtu: null,
    },
    host({ routes4: ROUTES4, ...madeUp }),
  );
}

const typed = (plan: RunPlan) => plan.entries.flatMap(({ step }) => commands(step));

test('--lan: forwarding on both interfaces, and a route for their addresses', () => {
  const plan = planned({ lan: ['192.168.1.0/24=2001:db8:12:3401::/96'] });
  expect(plan.warnings).toEqual([]);
  expect(typed(plan)).toEqual(
    expect.arrayContaining([
      'sysctl -w net.ipv4.conf.eth1.forwarding=1',
      'sysctl -w net.ipv4.conf.clat.forwarding=1',
      'ip route add 2001:db8:12:3401::c0a8:100/120 dev clat proto static metric 1024',
    ]),
  );
  expect(typed(planned({})).join()).not.toMatch(/ipv4/);
});

test('--lan of one host is no address of ours', () => {
  const plan = planned({ lan: ['192.168.1.5/32=2001:db8:12:3401::/96'] }, { routes4: [] });
  expect(typed(plan).filter((line) => line.startsWith('ip address'))).toEqual([
    'ip address add 192.0.0.2/29 dev clat',
  ]);
});

test('--lan inside a network of the uplink cannot be answered for', () => {
  const plan = planned({ lan: ['192.168.1.0/24=2001:db8:1:1:8000::/96'] });
  expect(plan.warnings.join()).toMatch(
    /2001:db8:1:1:8000:0:c0a8:100\/120 \(--eam, --lan\) lies inside a network directly connected to eth0/,
  );
});

test('--nat44: a table of our own', () => {
  const plan = planned({ nat44: ['192.168.1.0/24', '10.9.0.0/16'] });
  expect(plan.warnings).toEqual([expect.stringMatching(/^there is no route to 10\.9\.0\.0\/16/)]);
  const { step } = plan.entries.find((entry) => entry.step.kind === 'nft')!;
  expect(step).toEqual({
    kind: 'nft',
    family: 'ip',
    table: 'clatd_clat',
    rules: `table ip clatd_clat {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "clat" ip saddr 192.168.1.0/24 snat to 192.0.0.2
    oifname "clat" ip saddr 10.9.0.0/16 snat to 192.0.0.2
  }
}`,
  });
  expect(plan.entries.at(-1)!.step.kind).toBe('routes');
});

test('--nat44 without an address to share is refused', () => {
  expect(planned({ eam: false, nat44: ['192.168.1.0/24'] }).conflicts.join()).toMatch(
    /--nat44 needs an IPv4 address/,
  );
});

test('names of tables are what nft takes for one', () => {
  const tables = ['clat', 'clat-1.2', '4to6', 'ö$'].map((tun) => {
    const step = nat44Entry(tun, [], '192.0.0.2')!.step;
    return step.kind === 'nft' ? step.table : '';
  });
  expect(tables).toEqual(['clatd_clat', 'clatd_clat-1.2', 'clatd_4to6', 'clatd___']);
  expect(nat44Entry('a*', [], '192.0.0.2')).toBeNull();
});
