/** Several behind one: the table that hides the CLAT's addresses behind the uplink's. */
import { expect, test } from 'vitest';
import { nat66Entry } from '../../src/host/nat66.ts';
import { parseKernel6 } from '../../src/host/text.ts';

const CLAT6 = parseKernel6('fd00:1:2::c1a7');

/** The nft step, where there is one. */
function table(tun: string, uplink: string, sources = [CLAT6]) {
  const step = nat66Entry(tun, uplink, sources)?.step;
  return step?.kind === 'nft' ? step : null;
}

test('a table of our own: what the translator sends by the uplink gets its address', () => {
  expect(table('clat', 'eth0', [CLAT6, parseKernel6('fd00:1:2::6')])).toEqual({
    kind: 'nft',
    family: 'ip6',
    table: 'clatd_clat',
    rules: `table ip6 clatd_clat {
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "eth0" ip6 saddr { fd00:1:2::c1a7, fd00:1:2::6 } masquerade
  }
}`,
  });
});

test('says why, by the name of the uplink', () => {
  expect(nat66Entry('clat', 'wwan0', [CLAT6])!.why).toMatch(/^wwan0 has no address to spare/);
});

test.each([
  ['clat', 'clatd_clat'],
  ['clat-1.2', 'clatd_clat-1.2'],
  ['4to6', 'clatd_4to6'],
  ['ö$', 'clatd___'],
  ['a{b;c}', 'clatd_a_b_c_'],
])('the name of the table for %s is what nft takes for one', (tun, expected) => {
  const made = table(tun, 'eth0')!;
  expect(made.table).toBe(expected);
  expect(made.rules).toContain(`table ip6 ${expected} {`);
});

// A wildcard would hide the packets of other interfaces too, a quote would end the name.
test.each(['eth*', 'et"h', 'eth\\0', 'eth 0', ''])('no table for an interface named "%s"', (name) => {
  expect(nat66Entry('clat', name, [CLAT6])).toBeNull();
  expect(nat66Entry(name, 'eth0', [CLAT6])).toBeNull();
});

test.each(['eth0.100', 'wg-home', 'br$x', 'ünï'])('%s is a name like any other in quotes', (name) => {
  expect(table('clat', name)!.rules).toContain(`oifname "${name}" `);
});
