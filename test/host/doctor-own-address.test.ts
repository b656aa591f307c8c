/** clatd doctor: whether anything comes back to the translator's own IPv6 address (CLAT-15). */
import { expect, test } from 'vitest';
import type { Prefix6 } from '../../src/address/ip.ts';
import { judgeOwnAddress, type OwnAddressFacts } from '../../src/host/doctor/own-address.ts';
import type { PlatFacts } from '../../src/host/doctor/plat.ts';
import type { ThroughFacts } from '../../src/host/doctor/through.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { host, type MadeUp } from './made-up.ts';

const prefix = (text: string, length: number): Prefix6 => ({ address: parseKernel6(text), length });
const TARGET = { address: 0xc633640a | 0, port: 443 };
const reply = { is: 'reply', ms: 1 } as const;
const silent = { is: 'silent' } as const;
const connected = { is: 'connected', ms: 3 } as const;
const plat = (change: object = {}): PlatFacts => ({
  ...{ is: 'tried', target: TARGET, address: '', mtu: 1500, tcp: connected, icmp: reply },
  ...{ path: null, greetings: null },
  ...change,
});
const through = (change: object = {}): ThroughFacts => ({
  ...{ is: 'tried', target: TARGET, tcp: silent, icmp: silent, greetings: null, full: null, mtu: 1480 },
  ...change,
});
const CLAT = ['2001:db8:1:1::c1a7/128 dev clat static 1024'];
const ROUTES6 = ['2001:db8:1:1::/64 dev eth0 kernel 256', 'default via fe80::1 dev eth0 ra 1024'];
const ROW = {
  router: '00:00:5e:00:53:01',
  network: prefix('2001:db8:1:1::', 64),
  pool6: prefix('64:ff9b::', 96),
  since: Date.UTC(2026, 9, 1),
  tried: Date.UTC(2026, 10, 2),
};

const judge = (change: Partial<OwnAddressFacts> = {}, ours = CLAT, madeUp?: MadeUp): string => {
  const facts: OwnAddressFacts = {
    ...{ tun: 'clat', uplink: 'eth0', prefix: prefix('64:ff9b::', 96), remembered: [], obstructed: false },
    plat: plat(),
    through: through(),
    ...change,
  };
  const { state, found, remedy } = judgeOwnAddress(
    facts,
    host({ links: ['clat'], routes6: [...ROUTES6, ...ours], ...madeUp }),
  );
  return `${state}: ${found}${remedy === null ? '' : ` -> ${remedy}`}`;
};

test('the host is answered, the translator is not: the remedy is named', () => {
  const deaf = /^problem: nothing comes back to 2001:db8:1:1::c1a7, .* -> --clat-v6-addr shared/;
  expect(judge()).toMatch(deaf);
  expect(judge({ plat: plat({ icmp: silent }) })).toMatch(deaf);
  expect(judge({ plat: plat({ tcp: silent }), through: through({ tcp: silent }) })).toMatch(deaf);
});

test.each<[string, Partial<OwnAddressFacts>]>([
  ['something on this host is in the way', { obstructed: true }],
  ['the NAT64 answers nobody', { plat: plat({ tcp: silent, icmp: silent }) }],
  ['some of it comes back', { through: through({ icmp: reply }) }],
  ['nothing was tried', { through: { is: 'not-tried', why: '' } }],
])('%s: not the address', (_, change) => {
  expect(judge(change)).toBe('ok: 2001:db8:1:1::c1a7, in a network of eth0');
});

test('what clatd remembers of this network is named, of another one not', () => {
  const shared = ['fd00::1/128 dev clat static 1024'];
  const well = through({ tcp: connected, icmp: reply });
  const found = judge({ remembered: [ROW], through: well }, shared);
  expect(found).toMatch(/^note: nothing came back to one in 2001:db8:1:1::\/64 .*2026-10-01.*2026-11-02/);
  expect(found).toMatch(/--clat-v6-addr shared/);
  const other = { ...ROW, network: prefix('2001:db8:9::', 64) };
  expect(judge({ remembered: [other], through: well }, shared)).toMatch(/^ok: none in a network of eth0/);
});

test('a /96 that was guessed around a single address counts as a network too', () => {
  const routes6 = ['default via fe80::1 dev eth0 ra 1024'];
  const addresses = ['eth0 2001:db8:1:1::5/128'];
  const own = { addresses, routes6: [...routes6, ...CLAT] };
  expect(judge({}, CLAT, own)).toMatch(/^problem: nothing comes back to 2001:db8:1:1::c1a7, .* shared/);
  const shared = { addresses, routes6: [...routes6, 'fd00::1/128 dev clat static 1024'] };
  const row = { ...ROW, network: prefix('2001:db8:1:1::', 96) };
  const well = through({ tcp: connected, icmp: reply });
  expect(judge({ remembered: [row], through: well }, [], shared)).toMatch(
    /^note: nothing came back to one in 2001:db8:1:1::\/96/,
  );
});
