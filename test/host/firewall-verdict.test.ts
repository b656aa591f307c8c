/** What rules say of the translator's packets, with the JSON that nft 1.0.6 prints for them. */
import { describe, expect, test } from 'vitest';
import type { FirewallTable } from '../../src/host/firewall.ts';
import { drops, type Path } from '../../src/host/firewall-verdict.ts';
import type { NftExpression } from '../../src/host/nft.ts';

type Rules = readonly (readonly NftExpression[])[];

function table(policy: 'accept' | 'drop', rules: Rules, others: Record<string, Rules> = {}): FirewallTable {
  const chain = (name: string, list: Rules, own: 'accept' | 'drop' | null) =>
    [name, { name, policy: own, rules: list.map((expr) => ({ comment: null, expr })) }] as const;
  return {
    family: 'inet',
    name: 'filter',
    locked: false,
    chains: new Map([
      chain('forward', rules, policy),
      ...Object.entries(others).map(([name, list]) => chain(name, list, null)),
    ]),
  };
}

const OUT: Path = { family: 6, from: 'clat', to: 'eth0', state: 'new' };
const BACK: Path = { family: 6, from: 'eth0', to: 'clat', state: 'established' };
const LAN: Path = {
  family: 4,
  from: 'lan0',
  to: 'clat',
  state: 'new',
  source: { address: 0xc0a8_0100 | 0, length: 24 },
};

const match = (left: unknown, right: unknown, op = '=='): NftExpression => ({ match: { op, left, right } });
const meta = (key: string) => ({ meta: { key } });
const iif = (right: unknown, op = '==') => match(meta('iifname'), right, op);
const oif = (right: unknown, op = '==') => match(meta('oifname'), right, op);
const ct = (right: unknown, op = 'in') => match({ ct: { key: 'state' } }, right, op);
const saddr = (protocol: string, right: unknown, op = '==') =>
  match({ payload: { protocol, field: 'saddr' } }, right, op);
const ACCEPT: NftExpression = { accept: null };
const DROP: NftExpression = { drop: null };
const REJECT: NftExpression = { reject: { type: 'icmpx', expr: 'admin-prohibited' } };
const COUNTER: NftExpression = { counter: { packets: 0, bytes: 0 } };
const xt = (type: string, name: string): NftExpression => ({ xt: { type, name } });
const jump = (target: string): NftExpression => ({ jump: { target } });

/** Which of the three paths the chain drops. */
function dropped(policy: 'accept' | 'drop', rules: Rules, others: Record<string, Rules> = {}): string {
  const made = table(policy, rules, others);
  const paths = { out: OUT, back: BACK, lan: LAN };
  return Object.entries(paths)
    .filter(([, path]) => drops(made, 'forward', path, 'clatd:clat'))
    .map(([name]) => name)
    .join(' ');
}

test.each<[string, string, Rules, Record<string, Rules>?]>([
  ['', 'accept', []],
  ['out back lan', 'drop', []],
  ['out back lan', 'accept', [[COUNTER, REJECT]]],
  ['out back lan', 'accept', [[COUNTER, xt('target', 'REJECT')]]],
  ['', 'accept', [[xt('target', 'LOG')], [{ log: null }], [{ mangle: { key: meta('mark'), value: 5 } }]]],
  // Interfaces, names and patterns.
  ['back lan', 'drop', [[iif('clat'), ACCEPT]]],
  ['back lan', 'drop', [[iif('cl*'), ACCEPT]]],
  ['back', 'drop', [[iif({ set: ['clat', 'lan*'] }), ACCEPT]]],
  ['out', 'accept', [[iif('lan0', '!='), oif('eth0'), DROP]]],
  ['out back', 'accept', [[iif({ set: ['lan0', 'lan1'] }, '!='), DROP]]],
  ['out back lan', 'drop', [[match(meta('iif'), 17), ACCEPT]]],
  // Connections.
  ['out lan', 'drop', [[ct(['established', 'related']), ACCEPT]]],
  ['out lan', 'accept', [[ct('new'), DROP]]],
  ['out lan', 'accept', [[ct({ set: ['established', 'related'] }, '!='), DROP]]],
  ['', 'accept', [[ct('invalid'), DROP]]],
  [
    'out lan',
    'drop',
    [
      [
        {
          vmap: {
            key: { ct: { key: 'state' } },
            data: {
              set: [
                ['invalid', DROP],
                ['established', ACCEPT],
              ],
            },
          },
        },
      ],
    ],
  ],
  ['out lan', 'drop', [[{ xt: { type: 'match', name: 'conntrack' } }, COUNTER, ACCEPT]]],
  ['out back lan', 'drop', [[xt('match', 'physdev'), ACCEPT]]],
  ['out back lan', 'drop', [[{ xt: null }, ACCEPT]]],
  // Families and addresses.
  ['lan', 'drop', [[match(meta('nfproto'), 'ipv6'), ACCEPT]]],
  ['out back', 'drop', [[match(meta('protocol'), 'ip'), ACCEPT]]],
  ['out back', 'drop', [[saddr('ip', { prefix: { addr: '192.168.0.0', len: 16 } }), ACCEPT]]],
  ['out back lan', 'drop', [[saddr('ip', { prefix: { addr: '192.168.1.0', len: 25 } }), ACCEPT]]],
  ['lan', 'accept', [[saddr('ip', '10.0.0.1', '!='), DROP]]],
  ['', 'accept', [[saddr('ip6', '@blocked'), DROP]]],
  ['', 'accept', [[saddr('ip', '@blocked'), DROP]]],
  // What may or may not be so.
  ['', 'accept', [[match({ payload: { protocol: 'tcp', field: 'dport' } }, 25), DROP]]],
  ['out back lan', 'drop', [[match({ payload: { protocol: 'tcp', field: 'dport' } }, 443), ACCEPT]]],
  ['out back lan', 'accept', [[{ limit: { rate: 1, per: 'second' } }, ACCEPT], [DROP]]],
  ['', 'drop', [[{ queue: null }]]],
  ['', 'accept', [[match({ unheard: 'of' }, 1), DROP]]],
  // Chains.
  ['', 'accept', [[jump('end')]], { end: [[{ return: null }], [DROP]] }],
  ['out back lan', 'accept', [[jump('end')], [ACCEPT]], { end: [[DROP]] }],
  ['out back lan', 'drop', [[{ goto: { target: 'end' } }], [ACCEPT]], { end: [] }],
  ['', 'drop', [[jump('end')], [ACCEPT]], { end: [] }],
  [
    'back lan',
    'drop',
    [
      [
        {
          vmap: {
            key: meta('iifname'),
            data: {
              set: [
                ['eth9', DROP],
                ['clat', jump('ok')],
              ],
            },
          },
        },
      ],
    ],
    { ok: [[ACCEPT]] },
  ],
  ['out back lan', 'drop', [[{ vmap: { key: meta('mark'), data: { set: [[1, ACCEPT]] } } }]]],
  ['out back lan', 'drop', [[{ vmap: { key: meta('iifname'), data: '@map' } }]]],
  ['', 'accept', [[jump('a')]], { a: [[jump('a')]] }],
  ['', 'accept', [[jump('gone')]]],
])('dropped: %s, by policy %s and %j %j', (what, policy, rules, others) => {
  expect(dropped(policy as 'accept' | 'drop', rules, others)).toBe(what);
});

test('rules of ours do not count', () => {
  const made = table('drop', [[ACCEPT]]);
  const ours = { comment: 'clatd:clat', expr: [ACCEPT] };
  const chains = new Map([['forward', { ...made.chains.get('forward')!, rules: [ours] }]]);
  expect(drops({ ...made, chains }, 'forward', OUT, 'clatd:clat')).toBe(true);
  expect(drops({ ...made, chains }, 'forward', OUT, 'clatd:other')).toBe(false);
});

describe('firewalls as they are', () => {
  test('Docker', () => {
    const rules = [
      [COUNTER, jump('DOCKER-USER')],
      [COUNTER, jump('DOCKER-ISOLATION-STAGE-1')],
      [oif('docker0'), xt('match', 'conntrack'), COUNTER, ACCEPT],
      [iif('docker0'), oif('docker0', '!='), COUNTER, ACCEPT],
    ];
    const others = {
      'DOCKER-USER': [[COUNTER, { return: null }]],
      'DOCKER-ISOLATION-STAGE-1': [
        [iif('docker0'), oif('docker0', '!='), COUNTER, jump('DOCKER-ISOLATION-STAGE-2')],
        [COUNTER, { return: null }],
      ],
      'DOCKER-ISOLATION-STAGE-2': [[oif('docker0'), COUNTER, DROP]],
    };
    expect(dropped('drop', rules, others)).toBe('out back lan');
  });

  test('UFW lets answers through by itself', () => {
    const rules = [
      [COUNTER, jump('ufw6-before-forward')],
      [COUNTER, jump('ufw6-reject-forward')],
    ];
    const others = {
      'ufw6-before-forward': [
        [xt('match', 'rt'), COUNTER, DROP],
        [xt('match', 'conntrack'), COUNTER, ACCEPT],
        [match({ payload: { protocol: 'icmpv6', field: 'type' } }, 'echo-request'), COUNTER, ACCEPT],
        [COUNTER, jump('ufw6-user-forward')],
      ],
      'ufw6-user-forward': [],
      'ufw6-reject-forward': [],
    };
    expect(dropped('drop', rules, others)).toBe('out lan');
  });

  test('firewalld rejects at the end, without a policy', () => {
    const rules = [
      [ct(['established', 'related']), ACCEPT],
      [match({ ct: { key: 'status' } }, 'dnat', 'in'), ACCEPT],
      [iif('lo'), ACCEPT],
      [ct('invalid'), DROP],
      [jump('filter_FORWARD_ZONES')],
      [REJECT],
    ];
    const others = {
      filter_FORWARD_ZONES: [[iif('eth0'), { goto: { target: 'filter_FWD_public' } }]],
      filter_FWD_public: [[REJECT]],
    };
    expect(dropped('accept', rules, others)).toBe('out lan');
    // With the TUN in a zone that trusts.
    others.filter_FORWARD_ZONES.unshift([iif('clat'), { goto: { target: 'filter_FWD_trusted' } }]);
    expect(dropped('accept', rules, { ...others, filter_FWD_trusted: [[ACCEPT]] })).toBe('lan');
  });

  test('libvirt guards its own bridges only', () => {
    const others = {
      guests: [
        [oif('virbr0'), COUNTER, REJECT],
        [iif('virbr0'), COUNTER, REJECT],
      ],
    };
    expect(dropped('accept', [[jump('guests')]], others)).toBe('');
  });
});
