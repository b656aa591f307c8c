/** Reading firewalls from what nft and /proc say, and what is to be done about them. */
import { describe, expect, test } from 'vitest';
import { type Firewall, type FirewallSource, readFirewall } from '../../src/host/firewall.ts';
import { firewallEntries } from '../../src/host/firewall-plan.ts';
import { ToolFailedError, ToolMissingError } from '../../src/host/iproute.ts';
import { nat44Entry } from '../../src/host/nat44.ts';
import type { NftObject } from '../../src/host/nft.ts';
import { commands, isLost } from '../../src/host/plan.ts';
import { host } from './made-up.ts';

const failed = (said: string) => new ToolFailedError('nft', said);

interface Told {
  /** Answers of `nft list WHAT`; what is not there does not exist. */
  lists?: Record<string, readonly NftObject[] | Error>;
  /** Output of programs by their first words. */
  programs?: Record<string, string>;
  files?: Record<string, string>;
}

function source({ lists = {}, programs = {}, files = {} }: Told): FirewallSource & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async list(what) {
      asked.push(what);
      const answer = lists[what] ?? (what === 'chains' ? [] : failed('Error: No such file or directory'));
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async run(tool, args) {
      const command = [tool, ...args].join(' ');
      asked.push(command);
      if (programs[command] === undefined) throw new ToolMissingError(tool, tool);
      return programs[command];
    },
    file: (path) => files[path] ?? null,
  };
}

const chain = (family: string, table: string, name: string, hook?: string, policy = 'drop'): NftObject => ({
  chain: { family, table, name, ...(hook === undefined ? {} : { type: 'filter', hook, prio: 0, policy }) },
});

const FORWARD = chain('ip6', 'filter', 'FORWARD', 'forward');
const firewallOf = (told: Told): Promise<Firewall> => readFirewall(source(told));
/** A firewall whose chains at the forward hook drop everything. */
const dropping = (...chains: NftObject[]): Promise<Firewall> =>
  firewallOf({
    lists: {
      chains,
      ...Object.fromEntries(
        chains.map(({ chain: one }) => [
          `table ${one!.family} ${one!.table}`,
          chains.filter((other) => other.chain!.table === one!.table && other.chain!.family === one!.family),
        ]),
      ),
    },
  });

describe('reading', () => {
  test('only tables with a chain at the forward hook', async () => {
    const chains = [
      FORWARD,
      chain('ip6', 'filter', 'DOCKER-USER'),
      chain('ip', 'nat', 'POSTROUTING', 'postrouting'),
      chain('bridge', 'b', 'f', 'forward'),
      chain('ip', 'huge', 'INPUT', 'input'),
    ];
    const rule = { chain: 'FORWARD', handle: 4, comment: 'x', expr: [{ jump: { target: 'DOCKER-USER' } }] };
    const from = source({
      lists: { chains, 'table ip6 filter': [...chains.slice(0, 2), { rule }] },
    });
    const firewall = await readFirewall(from);
    expect(from.asked).toEqual(['chains', 'table ip6 filter']);
    expect(firewall.tables).toHaveLength(1);
    const { chains: found, locked } = firewall.tables[0]!;
    expect(locked).toBe(false);
    expect([...found.keys()]).toEqual(['FORWARD', 'DOCKER-USER']);
    expect(found.get('FORWARD')).toMatchObject({ policy: 'drop', rules: [{ comment: 'x' }] });
    expect(found.get('DOCKER-USER')).toMatchObject({ policy: null, rules: [] });
    expect(firewall.present).toEqual(new Set(['ip6 filter', 'ip nat', 'bridge b', 'ip huge']));
    expect(firewall.unseen).toEqual([]);
  });

  test('a table that goes away meanwhile is no trouble', async () => {
    expect((await firewallOf({ lists: { chains: [FORWARD] } })).tables).toEqual([]);
  });

  test.each([
    ['owner', 1, true],
    ['dormant', 0, false],
    ['owner,persist', 1, true],
    ['persist', 1, false],
  ])('a table with flags %s', async (flags, tables, locked) => {
    const table = { table: { family: 'inet', name: 'firewalld', flags: 'Lester Gooch #5' } };
    const base = chain('inet', 'firewalld', 'filter_FORWARD', 'forward');
    const firewall = await firewallOf({
      lists: { chains: [base], 'table inet firewalld': [table, base] },
      programs: {
        'nft --terse list table inet firewalld': `table inet firewalld { # progname firewalld\n\tflags ${flags}\n}\n`,
      },
    });
    expect(firewall.tables).toHaveLength(tables);
    if (tables > 0) expect(firewall.tables[0]!.locked).toBe(locked);
  });

  test.each([
    ['without nft, and without nftables', new ToolMissingError('nft', 'nftables'), {}, []],
    [
      'without nft',
      new ToolMissingError('nft', 'nftables'),
      { '/proc/modules': 'nf_tables 300000 2 nft_compat, Live 0x0\n' },
      [/^nft is not installed \(Debian: apt-get install nftables\): whether/],
    ],
    ['without nftables in the kernel', failed('netlink: Error: Protocol not supported'), {}, []],
    ['without privilege', failed('Operation not permitted (you must be root)'), {}, [/without root$/]],
    ['with another trouble', failed('Error: something\nmore'), {}, [/could not be seen: Error: something$/]],
  ] as [string, Error, Record<string, string>, RegExp[]][])('%s', async (_, error, files, unseen) => {
    const firewall = await firewallOf({ lists: { chains: error }, files });
    expect(firewall.tables).toEqual([]);
    expect(firewall.present).toBeNull();
    expect(firewall.unseen).toHaveLength(unseen.length);
    for (const [i, pattern] of unseen.entries()) expect(firewall.unseen[i]).toMatch(pattern);
  });
});

describe('old iptables', () => {
  const FILES = { '/proc/net/ip6_tables_names': 'mangle\nfilter\n' };
  const SAVE = 'ip6tables-legacy-save -t filter';
  const warnings = async (rules: string | null, files: Record<string, string> = FILES) => {
    const from = source({ files, ...(rules === null ? {} : { programs: { [SAVE]: rules } }) });
    return firewallEntries('clat', 'eth0', await readFirewall(from)).warnings;
  };

  test('that drop are named, with what to type', async () => {
    const said = await warnings('*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\nCOMMIT\n');
    expect(said).toEqual([
      'ip6tables-legacy drops what is forwarded: ip6tables-legacy -I FORWARD -i clat -j ACCEPT; ip6tables-legacy -I FORWARD -o clat -j ACCEPT',
    ]);
    expect(await warnings(':FORWARD ACCEPT [0:0]\n-A FORWARD -j REJECT --reject-with x\n')).toHaveLength(1);
  });

  test('that do not, or let the TUN through, are not', async () => {
    expect(await warnings(':FORWARD ACCEPT [0:0]\n-A FORWARD -s fd00::/8 -j DROP\n')).toEqual([]);
    expect(await warnings(':FORWARD DROP [0:0]\n-A FORWARD -i clat -j ACCEPT\n')).toEqual([]);
    expect(await warnings(':FORWARD DROP [0:0]\n', { '/proc/net/ip6_tables_names': 'nat\n' })).toEqual([]);
    // IPv4 is of no concern while nobody is behind this host.
    expect(await warnings(null, { '/proc/net/ip_tables_names': 'filter\n' })).toEqual([]);
  });

  test('that cannot be seen', async () => {
    expect((await warnings(null)).join()).toMatch(/rules of ip6tables-legacy here, and without that program/);
  });
});

describe('what is done', () => {
  const BEHIND = [{ prefix: { address: 0xc0a8_0100 | 0, length: 24 }, dev: 'lan0' }];

  test('in a chain of iptables-nft', async () => {
    const { entries, warnings } = firewallEntries('clat', 'eth0', await dropping(FORWARD));
    expect(warnings).toEqual([]);
    expect(entries).toHaveLength(1);
    // As to be typed: what comes last stands first.
    expect(commands(entries[0]!.step)).toEqual([
      `nft 'insert rule ip6 filter FORWARD iifname "eth0" oifname "clat" accept comment "clatd:clat"'`,
      `nft 'insert rule ip6 filter FORWARD iifname "clat" oifname "eth0" accept comment "clatd:clat"'`,
    ]);
    expect(entries[0]!.why).toMatch(
      /^The nftables chain ip6 filter FORWARD drops what is forwarded between clat and eth0;/,
    );
  });

  test('in any other chain answers only, and for hosts behind', async () => {
    const firewall = await dropping(
      chain('inet', 'own', 'forward', 'forward'),
      chain('ip', 'filter', 'FORWARD', 'forward'),
    );
    const { entries } = firewallEntries('clat', 'eth0', firewall, BEHIND);
    expect(entries.map(({ step }) => (step.kind === 'accept' ? step.rules : []))).toEqual([
      [
        'meta nfproto ipv6 iifname "clat" oifname "eth0" accept',
        'meta nfproto ipv6 iifname "eth0" oifname "clat" ct state established,related accept',
        'meta nfproto ipv4 iifname "lan0" oifname "clat" ip saddr 192.168.1.0/24 accept',
        'meta nfproto ipv4 iifname "clat" oifname "lan0" ip daddr 192.168.1.0/24 ct state established,related accept',
      ],
      [
        'iifname "lan0" oifname "clat" ip saddr 192.168.1.0/24 accept',
        'iifname "clat" oifname "lan0" ip daddr 192.168.1.0/24 accept',
      ],
    ]);
  });

  test('nothing where nothing drops, or there is no uplink yet', async () => {
    const open = await dropping(chain('ip6', 'filter', 'FORWARD', 'forward', 'accept'));
    expect(firewallEntries('clat', 'eth0', open).entries).toEqual([]);
    expect(firewallEntries('clat', null, await dropping(FORWARD)).entries).toEqual([]);
  });

  test('--firewall warn names the chains', async () => {
    const { entries, warnings } = firewallEntries('clat', 'eth0', await dropping(FORWARD), [], 'warn');
    expect(entries).toEqual([]);
    expect(warnings.join()).toMatch(/^the nftables chain ip6 filter FORWARD drops .*--firewall accept/);
  });

  test('what cannot be changed is left, with what to do', async () => {
    const firewall = await dropping(chain('inet', 'firewalld', 'filter_FORWARD', 'forward'));
    const locked = { ...firewall, tables: firewall.tables.map((table) => ({ ...table, locked: true })) };
    const { entries, warnings } = firewallEntries('clat', 'eth0', locked);
    expect(entries).toEqual([]);
    expect(warnings.join()).toMatch(/firewall-cmd --permanent --zone=trusted --add-interface=clat/);
  });

  test.each([
    ['clat', 'eth0', '1st'],
    ['cl"at', 'eth0', 'forward'],
    ['clat', 'eth*', 'forward'],
  ])('names that nft would misread are left: %s %s %s', async (tun, uplink, name) => {
    const { entries, warnings } = firewallEntries(
      tun,
      uplink,
      await dropping(chain('inet', 'own', name, 'forward')),
    );
    expect(entries).toEqual([]);
    expect(warnings.join()).toMatch(/because of its name/);
  });

  test('rules of ours that a reload took are known to be lost', async () => {
    const firewall = await dropping(FORWARD);
    const { step } = firewallEntries('clat', 'eth0', firewall).entries[0]!;
    const table = { kind: 'nft', family: 'ip', table: 'clatd_clat', rules: '' } as const;
    const state = { ...host({}), firewall };
    expect(isLost(step, host({}))).toBe(false);
    expect(isLost(step, state)).toBe(true);
    expect(isLost(table, state)).toBe(true);
    expect(isLost(table, { ...state, firewall: { ...firewall, present: null } })).toBe(false);
    expect(isLost(table, { ...state, firewall: { ...firewall, present: new Set(['ip clatd_clat']) } })).toBe(
      false,
    );
    const full = nat44Entry('clat', [{ address: 0, length: 8 }], '192.0.0.2')!.step;
    for (const [rules, lost] of [
      [0, true],
      [1, false],
    ] as const) {
      const chains = [chain('ip', 'clatd_clat', 'postrouting')];
      const one = { rule: { chain: 'postrouting', handle: 1 } };
      const lists = { chains, 'table ip clatd_clat': [...chains, ...Array(rules).fill(one)] };
      expect(isLost(full, { ...state, firewall: await firewallOf({ lists }) })).toBe(lost);
    }
    const rule = { comment: 'clatd:clat', expr: [] };
    const chains = new Map([['FORWARD', { name: 'FORWARD', policy: 'drop' as const, rules: [rule, rule] }]]);
    const there = { ...firewall, tables: [{ ...firewall.tables[0]!, chains }] };
    expect(isLost(step, { ...state, firewall: there })).toBe(false);
  });
});
