import { describe, expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { formatIp4, formatIp6 } from '../../src/address/format.ts';
import { isAutomatic } from '../../src/config/config.ts';
import { parseLan, parseNat44, withLan } from '../../src/config/lan.ts';
import { type Files, loadRun, loadTranslation } from '../../src/config/load.ts';

const LAN = '192.168.1.0/24=2001:db8:12:3401::/96';
const EAM = '192.168.1.0/24=2001:db8:12:3401::c0a8:100/120';

/** The list as the option writes it. */
const entries = ({ size, v4, length4, v6, length6 }: EamList): string[] =>
  Array.from({ length: size }, (_, i) => {
    const [a = 0, b = 0, c = 0, d = 0] = v6.subarray(4 * i, 4 * i + 4);
    return `${formatIp4(v4[i]!)}/${length4[i]}=${formatIp6([a, b, c, d])}/${length6[i]}`;
  });

const files = (text = ''): Files => ({ read: () => new TextEncoder().encode(text) });

function run(raw: Record<string, string | string[]>, file = '') {
  const loaded = loadRun(raw, files(file));
  if (!loaded.ok)
    throw new Error(loaded.mistakes.map(({ where, message }) => `${where}: ${message}`).join('\n'));
  return loaded;
}

function mistakes(raw: Record<string, string | string[]>, file = ''): string {
  const loaded = loadRun(raw, files(file));
  return loaded.ok ? '' : loaded.mistakes.map(({ where, message }) => `${where}: ${message}`).join('\n');
}

describe('--lan', () => {
  test('is the mapping with the IPv4 address at the end of the prefix', () => {
    const lan = loadTranslation({ lan: LAN }, files());
    const eam = loadTranslation({ eam: EAM }, files());
    if (!lan.ok || !eam.ok) throw new Error('not loaded');
    expect(entries(lan.config.eam)).toEqual(entries(eam.config.eam));
  });

  test.each([
    ['192.168.1.5/32=2001:db8::/96', '2001:db8::c0a8:105', 128],
    ['10.0.0.0/8=2001:db8::/96', '2001:db8::a00:0', 104],
    ['172.16.0.0/12 2001:db8:0:1:2:3::/96', '2001:db8:0:1:2:3:ac10:0', 108],
  ])('%s', (text, v6, length6) => {
    const parsed = parseLan(text);
    if (!parsed.ok) throw new Error(parsed.message);
    expect([formatIp6(parsed.value.v6), parsed.value.length6]).toEqual([v6, length6]);
  });

  test.each([
    ['192.168.1.0/24', /is not a LAN: write V4PREFIX=V6PREFIX\/96, for instance/],
    ['192.168.1.0/24=2001:db8::/96=x', /is not a LAN/],
    ['192.168.1.0=2001:db8::/96', /no prefix length/],
    ['192.168.1.0/24=2001:db8::', /no prefix length/],
    ['192.168.1.5/24=2001:db8::/96', /did you mean 192\.168\.1\.0\/24/],
    ['192.168.1.0/24=2001:db8:1::/64', /must be a \/96.*for instance 2001:db8:1::\/96/],
    ['192.168.1.0/24=2001:db8::c0a8:100/120', /must be a \/96.*give a whole \/96/],
    ['192.168.1.0/24=fe80::/96', /link-local/],
    ['224.0.0.0/8=2001:db8::/96', /multicast/],
    ['0.0.0.0/0=2001:db8::/96', /must be 8 to 32/],
    ['192.0.0.0/24=2001:db8::/96', /overlaps 192\.0\.0\.0\/29/],
  ])('refuses %s', (text, message) => {
    expect(mistakes({ lan: text })).toMatch(/^--lan: /);
    expect(mistakes({ lan: text })).toMatch(message);
  });

  test('is held to the rules of all mappings, and named by its own option', () => {
    expect(mistakes({ lan: LAN, eam: '192.168.1.0/24=2001:db8:ff::/120' })).toMatch(
      /^--lan: 192\.168\.1\.0\/24 has another partner already.*\(--eam\)/,
    );
    expect(mistakes({ lan: LAN, 'eam-file': 'x' } as never, '\n192.168.1.0/24 2001:db8:ff::/120\n')).toMatch(
      /^x:2: 192\.168\.1\.0\/24 has another partner already.*\(--lan\)/,
    );
    expect(run({ lan: [LAN, LAN] }).warnings.join()).toMatch(/--lan: .* is given twice/);
  });

  test('stays beside the other mappings for run, which it does not make by hand', () => {
    const { config } = run({ lan: [LAN, '10.0.0.0/24=2001:db8:12:3401::/96'] });
    expect(config.translation.eam.size).toBe(0);
    expect(isAutomatic(config)).toBe(true);
    expect(entries(config.lan)).toEqual([EAM, '10.0.0.0/24=2001:db8:12:3401::a00:0/120']);
    const found = new EamList();
    found.add(0xc000_0002 | 0, 32, [0x2001_0db8, 0, 0, 1], 128);
    const both = withLan({ ...config.translation, eam: found }, config.lan);
    expect(entries(both.eam)).toEqual(['192.0.0.2/32=2001:db8::1/128', ...entries(config.lan)]);
    expect(found.size).toBe(1);
    expect(withLan(both, new EamList())).toBe(both);
    // A look at the host makes no other list.
    expect(withLan({ ...config.translation, eam: found }, config.lan).eam).toBe(both.eam);
  });
});

describe('--nat44', () => {
  test('takes prefixes', () => {
    expect(run({ nat44: ['192.168.1.0/24', '10.0.0.0/8'] }).config.nat44).toEqual([
      { address: 0xc0a8_0100 | 0, length: 24 },
      { address: 0x0a00_0000, length: 8 },
    ]);
    expect(run({}).config.nat44).toEqual([]);
    expect(parseNat44('192.168.1.7/32').ok).toBe(true);
  });

  test.each([
    ['192.168.1.0', /no prefix length/],
    ['0.0.0.0/0', /must be 8 to 32/],
    ['127.0.0.0/8', /where no hosts are/],
    ['239.0.0.0/8', /where no hosts are/],
    ['192.0.0.0/29', /overlaps 192\.0\.0\.0\/29/],
  ])('refuses %s', (text, message) => {
    expect(mistakes({ nat44: text })).toMatch(message);
  });

  test('and --lan are either or', () => {
    expect(mistakes({ lan: LAN, nat44: '192.168.0.0/16' })).toMatch(
      /^--nat44: 192\.168\.0\.0\/16 overlaps 192\.168\.1\.0\/24 \(--lan\)/,
    );
    expect(mistakes({ lan: LAN, nat44: '192.168.2.0/24' })).toBe('');
  });
});

test('--firewall', () => {
  expect(run({}).config.firewall).toBe('accept');
  expect(run({ firewall: 'off' }).config.firewall).toBe('off');
  expect(mistakes({ firewall: 'yes' })).toMatch(/^--firewall: /);
});
