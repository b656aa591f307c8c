/** Packets of the translator and policy rules of others (CLAT-10), as pure functions. */
import { describe, expect, test } from 'vitest';
import { parsePrefix6 } from '../../src/address/parse.ts';
import { Contest } from '../../src/host/contest.ts';
import { check, commands, overtakenAt, type RuleStep } from '../../src/host/plan.ts';
import { policyEntries } from '../../src/host/policy.ts';
import { isClatTable, ownTable } from '../../src/host/policy-table.ts';
import { type JsonRule, mayDecide, rulesBeforeMain, toRule } from '../../src/host/rules.ts';
import { vpnBypass } from '../../src/host/vpn-bypass.ts';
import { host, type MadeUp } from './made-up.ts';

const prefix = (text: string) => {
  const parsed = parsePrefix6(text, 128);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
};

const LOCAL: JsonRule = { priority: 0, src: 'all', table: 'local' };
const MAIN: JsonRule = { priority: 32766, src: 'all', table: 'main' };
const around = (...rules: object[]): JsonRule[] => [
  LOCAL,
  ...rules.map((rule) => ({ priority: 5000, src: 'all', ...rule })),
  MAIN,
];
const WG = { not: null, fwmark: '0xca6c', table: '51820' };

const CLAT6 = '2001:db8:1:1::c1a7/128';
const POOL6 = '2001:db8:64::/96';
const ETH0 = 'default via fe80::1 dev eth0 ra 1024';

function typed(madeUp: MadeUp, uplink = 'eth0'): string[] {
  const state = host({ links: ['clat', 'wg0'], kinds: ['clat tun', 'wg0 wireguard'], ...madeUp });
  const input = { tun: 'clat', uplink, pool6: prefix(POOL6), inside: [prefix(CLAT6)] };
  return policyEntries(input, state).entries.flatMap(({ step }) => commands(step));
}

const TABLE = ownTable(host({}), 'clat');
const FOUR = [
  `ip route add ${POOL6} via fe80::1 dev eth0 proto static metric 1024 table ${TABLE}`,
  `ip route add ${CLAT6} dev clat proto static metric 1024 table ${TABLE}`,
  `ip -6 rule add to ${CLAT6} lookup ${TABLE}`,
  `ip -6 rule add iif clat lookup ${TABLE}`,
];

describe('rules of ours', () => {
  test.each<[string, JsonRule[]]>([
    ['wg-quick', around({ table: 'main', suppress_prefixlen: 0 }, WG)],
    ['Tailscale', around({ fwmark: '0x80000', fwmask: '0xff0000', table: 'main' }, { table: '52' })],
    ['a VRF', around({ l3mdev: null })],
    ['a refusal', around({ action: 'unreachable' })],
    ['a rule for the network of the address', around({ src: '2001:db8:1:1::', srclen: 64, table: '7' })],
    ['a rule for all that the NAT64 is in', around({ dst: '2001:db8::', dstlen: 32, table: '7' })],
    ['a rule for part of the NAT64', around({ dst: '2001:db8:64::c000:200', dstlen: 120, table: '7' })],
    ['a rule for what comes in by the uplink', around({ iif: 'eth0', table: '7' })],
  ])('are wanted beside %s', (_, rules6) => {
    expect(typed({ rules6 })).toEqual(FOUR);
  });

  test.each<[string, JsonRule[]]>([
    ['the rules that every host has', around()],
    ['a rule after the main table', [LOCAL, MAIN, { priority: 40_000, src: 'all', table: '7' }]],
    ['a rule for what comes in elsewhere', around({ iif: 'eth1', table: '7' })],
    ['a rule for sockets of an interface', around({ oif: 'wg0', table: '7' })],
    [
      'a rule for other sources and destinations',
      around({ src: 'fd00::', srclen: 8, dst: 'fd00::', dstlen: 8 }),
    ],
    [
      'those of another clatd',
      around({ iif: 'clat2', table: '64001' }, { dst: '2001:db8:1:1::7', table: '64001' }),
    ],
    ['the local table moved back', [{ priority: 1, src: 'all', table: 'local' }, MAIN]],
  ])('are not wanted beside %s', (_, rules6) => {
    expect(typed({ rules6 })).toEqual([]);
  });

  test('and their table stay the same while they are there', () => {
    const rules6 = [
      LOCAL,
      { priority: 1, src: 'all', iif: 'clat', table: '64777' },
      { priority: 2, src: 'all', dst: '2001:db8:1:1::c1a7', table: '64777' },
      ...around(WG).slice(1),
    ];
    const state = host({ rules6, tables6: [`64777 ${CLAT6} dev clat static 1024`] });
    expect(ownTable(state, 'clat')).toBe(64_777);
    const input = { tun: 'clat', uplink: 'eth0', pool6: prefix(POOL6), inside: [prefix(CLAT6)] };
    const found = policyEntries(input, state).entries.map(({ step }) => check(step, state).is);
    expect(found).toEqual(['needed', 'so', 'so', 'so']);
  });

  test('are too many for a long list: said, and the way out kept', () => {
    const inside = Array.from({ length: 17 }, (_, i) => prefix(`2001:db8:1:1::${2 * i + 1}/128`));
    const state = host({ rules6: around(WG) });
    const made = policyEntries({ tun: 'clat', uplink: 'eth0', pool6: prefix(POOL6), inside }, state);
    expect(made.entries.filter(({ step }) => step.kind === 'rule')).toHaveLength(1);
    expect(made.warnings).toEqual([expect.stringContaining('17 IPv6 prefixes')]);
  });
});

describe('without rules', () => {
  const BETTER = 'default via fe80::2 dev eth1 ra 512';
  const main = `ip route add ${POOL6} via fe80::1 dev eth0 proto static metric 464`;

  test.each<[string, string[], string[]]>([
    ['nothing where the uplink is the best', [ETH0, 'default via fe80::2 dev eth1 ra 2000'], []],
    ['a route where another default route is better', [ETH0, BETTER], [main]],
    ['a route where it is as good', [ETH0, 'default via fe80::2 dev eth1 ra 1024'], [main]],
    ['a route where a longer one leads elsewhere (OpenVPN)', [ETH0, '2000::/4 dev wg0 static 1024'], [main]],
    ['nothing where that is of other addresses', [ETH0, '3000::/4 dev wg0 static 1024'], []],
    ['nothing where the uplink has the longest itself', [`${POOL6} via fe80::1 dev eth0 ra 1`, BETTER], []],
    [
      'a table where the prefix has a route elsewhere',
      [ETH0, `${POOL6} via fe80::2 dev eth1 static 1`],
      FOUR,
    ],
    ['a table where a part of it has', [ETH0, '2001:db8:64::/104 via fe80::2 dev eth1 static 1'], FOUR],
    ['a table where it is refused', [ETH0, `unreachable ${POOL6} dev lo static 1`], FOUR],
  ])('%s', (_, routes6, expected) => {
    expect(typed({ routes6 })).toEqual(expected);
  });

  test('the next hop of a multipath route is the one on the uplink', () => {
    const made = host({ routes6: [ETH0] });
    const hops = [
      { dev: 'eth1', gateway: 'fe80::2' },
      { dev: 'eth0', gateway: 'fe80::1' },
    ];
    const route = { ...made.routes[0]!, devs: ['eth1', 'eth0'], gateway: 'fe80::2', hops };
    const state = { ...made, routes: [route, host({ routes6: [BETTER] }).routes[0]!] };
    const input = { tun: 'clat', uplink: 'eth0', pool6: prefix(POOL6), inside: [prefix(CLAT6)] };
    expect(policyEntries(input, state).entries.flatMap(({ step }) => commands(step))).toEqual([main]);
  });

  test('a table where the way is in another one (a VRF)', () => {
    expect(typed({ routes6: [], tables6: [`10 ${ETH0}`] })).toEqual(FOUR);
  });
});

describe('a rule of ours', () => {
  const iif: RuleStep = { kind: 'rule', iif: 'clat', to: null, table: 64_001 };
  const to: RuleStep = { kind: 'rule', iif: null, to: CLAT6, table: 64_001 };
  const mine = { priority: 99, src: 'all', iif: 'clat', table: '64001' };
  const answers = { priority: 100, src: 'all', dst: '2001:db8:1:1::c1a7', table: '64001' };
  const at = (step: RuleStep, ...before: object[]) =>
    overtakenAt(step, host({ rules6: [LOCAL, ...around(...before).slice(1, -1), mine, answers, MAIN] }));

  test('is overtaken by one before it that could decide in its stead', () => {
    expect(at(iif)).toBeNull();
    expect(at(to)).toBeNull();
    expect(at(iif, WG)).toBe(99);
    expect(at(to, WG)).toBe(100);
    expect(at(to, { dst: 'fd00::', dstlen: 8, table: '7' })).toBeNull();
    expect(at(iif, { iif: 'eth7', table: '7' })).toBeNull();
    expect(at(iif, { table: '64002' })).toBeNull();
  });

  test('is looked for among those of IPv6 alone', () => {
    expect(check(iif, host({ rules4: around(mine) })).is).toBe('needed');
    expect(check(iif, host({ rules6: around(mine) })).is).toBe('so');
  });
});

test('three times in a minute, then named once', () => {
  let now = 0;
  const contest = new Contest(() => now);
  const rounds = (count: number) => Array.from({ length: count }, () => contest.again('x'));
  expect(rounds(5)).toEqual(['again', 'again', 'again', 'lost', 'given-up']);
  expect(contest.again('y')).toBe('again');
  now = 60_000;
  expect(rounds(5)).toEqual(['again', 'again', 'again', 'lost', 'given-up']);
});

test('two CLATs take two tables, and others are left alone', () => {
  expect(ownTable(host({}), 'clat2')).not.toBe(TABLE);
  expect(ownTable(host({ tables6: [`${TABLE} default dev eth1 static 1`] }), 'clat')).toBe(TABLE + 1);
  expect(isClatTable(`${TABLE}`)).toBe(true);
  expect(['main', '52', '51820', 'vpn'].some(isClatTable)).toBe(false);
});

test('a rule that says "not" may mean anything', () => {
  const rule = toRule({ priority: 1, src: 'all', iif: 'eth7', table: '7', not: null } as JsonRule, 6);
  expect(mayDecide(rule, { iif: 'clat', from: null, to: null })).toBe(true);
  expect(rulesBeforeMain([rule])).toEqual([rule]);
});

describe('IPv4 past a VPN', () => {
  const VPN = { links: ['clat', 'wg0'], kinds: ['clat tun', 'wg0 wireguard'] };
  const past = (madeUp: MadeUp) => vpnBypass(host({ ...VPN, ...madeUp }), 'clat', 'eth0');
  const six = { rules6: around(WG), tables6: ['51820 default dev wg0 static 1024'] };

  test('is told where the VPN carries IPv6 alone', () => {
    expect(past(six)).toMatch(/^wg0 carries the IPv6 packets/);
    expect(past({ routes6: [ETH0, 'default dev wg0 static 50'] })).toMatch(/^wg0/);
    expect(past({ routes6: [ETH0, '::/1 dev wg0 static 50'] })).toMatch(/^wg0/);
  });

  test('is not where it carries IPv4 too, carries something else, or is no VPN', () => {
    const four = { rules4: around(WG), tables4: ['51820 default dev wg0 static 1024'] };
    expect(past({ ...six, ...four })).toBeNull();
    expect(past({ ...six, routes4: ['default dev wg0 static 50'] })).toBeNull();
    expect(past({ ...six, tables6: ['51820 fd00::/8 dev wg0 static 1024'] })).toBeNull();
    expect(past({ routes6: [ETH0, 'default via fe80::2 dev eth1 ra 512'] })).toBeNull();
    // No rule leads there.
    expect(past({ tables6: six.tables6 })).toBeNull();
  });
});
