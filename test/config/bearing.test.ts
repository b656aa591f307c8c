/** Options given in vain, and modes that do less than they seem to. */
import { describe, expect, test } from 'vitest';
import { loadRun, loadTranslation, type RawOptions } from '../../src/config/load.ts';
import { OPTIONS } from '../../src/config/options.ts';

const files = { read: () => new TextEncoder().encode('# no mapping\n') };
const warnings = (raw: RawOptions): string[] => {
  const loaded = loadRun(raw, files);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  return loaded.warnings;
};
const ONE_ADDRESS =
  'nothing will be translated: without --pool6 packets pass only between addresses that have mappings, and one address has';
const BY_HAND = { pool6: '2001:db8:64::/96', eam: '192.0.0.2=2001:db8:1::2' };

test.each<[RawOptions, string[]]>([
  [{}, []],
  [BY_HAND, []],
  [{ 'plat-dev': 'eth0', 'clat-v6-addr': 'shared', 'health-check': '192.0.2.1', 'health-interval': '5' }, []],
  [{ 'dns64-servers': '2001:db8::64', 'prefix-fallback': '64:ff9b::/96', enable: 'force' }, []],
  [{ ...BY_HAND, 'plat-dev': 'eth0', 'v4-defaultroute-metric': '50' }, []],
  [
    { ...BY_HAND, configure: false, 'plat-dev': 'eth0', 'v4-defaultroute-metric': '50' },
    [
      '--plat-dev has no effect beside --no-configure, which leaves the host alone',
      '--v4-defaultroute-metric has no effect beside --no-configure, which leaves the host alone',
    ],
  ],
  [
    { eam: BY_HAND.eam, 'v4-defaultroute-metric': '50' },
    [ONE_ADDRESS, '--v4-defaultroute-metric has no effect without --pool6'],
  ],
  [{ 'v4-check': '192.0.2.1' }, []],
  [
    { ...BY_HAND, 'v4-check': '192.0.2.1' },
    ['--v4-check has no effect beside mappings that are given (--eam, --eam-file)'],
  ],
  [
    { enable: 'force', 'v4-check': '192.0.2.1' },
    ['--v4-check has no effect beside --enable force: native IPv4 does not matter'],
  ],
  [
    { ...BY_HAND, 'clat-v4-addr': '192.0.0.3' },
    ['--clat-v4-addr has no effect beside mappings that are given (--eam, --eam-file)'],
  ],
  [
    { pool6: '64:ff9b::/96', 'dns64-servers': '2001:db8::64' },
    ['--dns64-servers has no effect beside --pool6: nobody is asked for the prefix'],
  ],
  [{ 'health-interval': '5' }, ['--health-interval has no effect without --health-check']],
  [
    { 'health-interval': '5', 'health-check': 'off' },
    ['--health-interval has no effect without --health-check'],
  ],
  [
    { ...BY_HAND, configure: false, firewall: 'warn' },
    ['--firewall has no effect beside --no-configure, which leaves the host alone'],
  ],
  [
    { ...BY_HAND, configure: false, nat44: '10.0.0.0/8' },
    ['--nat44 has no effect beside --no-configure, which leaves the host alone'],
  ],
  [{ ...BY_HAND, configure: false, enable: 'auto' }, ['--enable has no effect beside --no-configure']],
  [{ 'wkpf-strict': false }, []],
  [{ pool6: '64:ff9b::/96', 'wkpf-strict': false }, []],
  [
    { ...BY_HAND, 'wkpf-strict': false },
    ['--wkpf-strict has no effect beside --pool6 2001:db8:64::/96: it bears on 64:ff9b::/96'],
  ],
  [
    { eam: '192.0.0.2=2001:db8:1::2', 'strict-suffix': true },
    [ONE_ADDRESS, '--strict-suffix has no effect without --pool6'],
  ],
  [{ coalesce: true, offload: 'csum' }, ['--coalesce has no effect beside --offload off or csum']],
])('%j', (raw, expected) => expect(warnings(raw)).toEqual(expected));

test('what is only read by others is no concern of a replay', () => {
  expect(loadTranslation({ denylist4: '10.0.0.0/8' }, files)).toMatchObject({
    warnings: ['--denylist4 has no effect without --pool6'],
  });
});

describe('a mode without mappings', () => {
  test.each<[RawOptions, RegExp | null]>([
    [{ configure: false }, /^nothing will be translated: --no-configure turns the automatic mode off/],
    [
      { 'eam-file': '/e' },
      /^nothing will be translated: \/e \(--eam-file\) turns the automatic mode off and has no/,
    ],
    [
      { 'eam-file': '/e', pool6: '2001:db8:64::/96' },
      /^only between addresses inside 2001:db8:64::\/96 is translated/,
    ],
    [{ eam: '192.0.0.2=2001:db8:1::2' }, /^nothing will be translated: without --pool6 /],
    [{ eam: ['192.0.0.2=2001:db8:1::2', '10.0.0.1=2001:db8:2::1'] }, null],
    [{ eam: '10.0.0.0/8=2001:db8:1::/96' }, null],
    [{ configure: false, ...BY_HAND }, null],
    [{ configure: false, lan: '10.0.0.0/8=2001:db8:1::/96' }, null],
    [{ lan: '10.0.0.0/8=2001:db8:1::/96' }, null],
  ])('%j', (raw, expected) => {
    const said = warnings(raw);
    if (expected === null) expect(said).toEqual([]);
    else expect(said).toEqual([expect.stringMatching(expected)]);
  });
});

test('the table names options of the daemon only where a replay has none of it', () => {
  for (const { name, scope, bearsOn } of OPTIONS) {
    if (scope !== 'translation' || bearsOn === undefined) continue;
    expect(['pool6', 'well-known prefix'], name).toContain(bearsOn);
  }
});
