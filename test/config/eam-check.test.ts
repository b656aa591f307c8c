/** EAM-4: what a list of mappings as a whole gets told. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadRun, type RawOptions } from '../../src/config/load.ts';

function load(lines: readonly string[], raw: RawOptions = {}) {
  const files = { read: () => new TextEncoder().encode(lines.join('\n')) };
  const loaded = loadRun({ 'eam-file': '/etc/my mappings', ...raw }, files);
  return loaded.ok
    ? { size: loaded.config.translation.eam.size, warnings: loaded.warnings, mistakes: [] }
    : { size: 0, warnings: [], mistakes: loaded.mistakes };
}

describe('conflicts', () => {
  test.each([
    ['the same IPv4 prefix', '10.0.0.1=2001:db8::1', '10.0.0.1=2001:db8::2', '10.0.0.1/32'],
    ['the same IPv6 prefix', '10.0.0.1=2001:db8::1', '10.0.0.2=2001:db8::1', '2001:db8::1/128'],
    [
      'the same IPv4 prefix, other lengths',
      '10.0.0.0/24=2001:db8::/120',
      '10.0.0.0/24=2001:db8::/64',
      '10.0.0.0/24',
    ],
  ])('%s', (_title, first, second, side) => {
    const { mistakes } = load([first, '# between', second]);
    expect(mistakes).toEqual([
      {
        where: '/etc/my mappings:3',
        message: expect.stringMatching(
          new RegExp(
            `^${side} has another partner already: .* \\(/etc/my mappings:1\\); remove one of the two$`,
          ),
        ),
      },
    ]);
  });
  test('many are counted', () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `10.0.0.1=2001:db8::${i.toString(16)}`);
    const { mistakes } = load(lines);
    expect(mistakes).toHaveLength(21);
    expect(mistakes.at(-1)!.message).toBe('and 2,979 more such conflicts');
  });
});

describe('warnings', () => {
  test.each<[string, string[], RawOptions, RegExp]>([
    [
      'twice',
      ['10.0.0.1=2001:db8::1', '10.0.0.1/32 2001:DB8::1/128'],
      {},
      /mappings:2: .* given twice \(kept once\)/,
    ],
    ['IPv4 overlap', ['10.0.0.0/24=2001:db8::/120', '10.0.0.1=2001:db9::1'], {}, /longer IPv4 prefix wins/],
    ['IPv6 overlap', ['10.0.0.0/24=2001:db8::/120', '10.1.0.1=2001:db8::1'], {}, /longer IPv6 prefix wins/],
    ['pool6', ['10.0.0.1=64:ff9b::1'], { pool6: '64:ff9b::/96' }, /overlaps pool6: the mapping wins/],
    ['around pool6', ['0.0.0.0/0=64:ff9b::/64'], { pool6: '64:ff9b::/96' }, /overlaps pool6/],
    ['ipv4-addr', ['192.0.0.0/30=2001:db8::/126'], {}, /contains ipv4-addr 192\.0\.0\.1/],
    [
      'ipv6-addr',
      ['10.0.0.0/24=2001:db8::/120'],
      { 'ipv6-addr': '2001:db8::fe' },
      /contains ipv6-addr 2001:db8::fe/,
    ],
    ['rfc6791v4-prefix', ['192.0.0.8=2001:db8::8'], {}, /overlaps rfc6791v4-prefix/],
  ])('%s', (_title, lines, raw, warning) => {
    const { mistakes, warnings } = load(lines, raw);
    expect(mistakes).toEqual([]);
    expect(warnings).toContainEqual(expect.stringMatching(warning));
  });
  test('none where there is nothing to say', () => {
    expect(load(['10.0.0.1=2001:db8::1', '10.0.0.2=2001:db8::2'], { pool6: '64:ff9b::/96' })).toEqual({
      size: 2,
      warnings: [],
      mistakes: [],
    });
  });
  test('many are counted', () => {
    const hosts = Array.from({ length: 4716 }, (_, i) => {
      const low = `${i >> 8}.${i & 255}`;
      return `10.0.${low}=2001:db9::${i.toString(16)}`;
    });
    const { size, warnings } = load(['10.0.0.0/8=2001:db8::/104', ...hosts]);
    expect(size).toBe(4717);
    expect(warnings).toHaveLength(6);
    expect(warnings.at(-1)).toBe('and 4,711 more overlaps between mappings');
  });
});

test('the same as comparing every pair', () => {
  // Few values, so that prefixes meet often.
  const entry = fc
    .record({
      v4: fc.nat(3),
      length4: fc.constantFrom(30, 31, 32),
      v6: fc.nat(3),
      length6: fc.constantFrom(126, 127, 128),
    })
    .filter(({ length4, length6 }) => 32 - length4 <= 128 - length6)
    .map(({ v4, length4, v6, length6 }) => ({
      four: `10.0.0.${v4 & (0xff << (32 - length4))}/${length4}`,
      six: `2001:db8::${v6 & (0xff << (128 - length6)) || ''}/${length6}`,
    }));
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), (entries) => {
      const conflict = entries.some((a, i) =>
        entries.slice(0, i).some((b) => (a.four === b.four) !== (a.six === b.six)),
      );
      const { mistakes, size } = load(entries.map(({ four, six }) => `${four} ${six}`));
      expect(mistakes.length > 0).toBe(conflict);
      if (!conflict) expect(size).toBe(new Set(entries.map(({ four, six }) => four + six)).size);
    }),
    { numRuns: 500 },
  );
});
