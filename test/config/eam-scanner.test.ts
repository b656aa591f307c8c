/** The bulk scanner and the strict parser agree about every line. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { formatIp4, formatIp6 } from '../../src/address/format.ts';
import { readEamFile } from '../../src/config/eam-file.ts';
import { parseEam } from '../../src/config/eam-text.ts';

const scan = (line: string): string => {
  const list = new EamList();
  const mistakes = readEamFile(new TextEncoder().encode(line), 'f', list);
  if (mistakes.length > 0) return mistakes[0]!.message;
  if (list.size === 0) return '';
  return `${formatIp4(list.v4[0]!)}/${list.length4[0]} ${formatIp6([list.v6[0]!, list.v6[1]!, list.v6[2]!, list.v6[3]!])}/${list.length6[0]}`;
};
const strict = (line: string): string => {
  const text = line.replace(/#.*$/s, '').trim();
  if (text === '') return '';
  const parsed = parseEam(text);
  if (!parsed.ok) return parsed.message;
  const { v4, length4, v6, length6 } = parsed.value;
  return `${formatIp4(v4)}/${length4} ${formatIp6(v6)}/${length6}`;
};

const ip4 = fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));
const group = fc.oneof(
  fc.nat(0xffff).map((n) => n.toString(16)),
  fc.constantFrom('', '0', '12345', 'G', 'ABCD', '00'),
);
const ip6 = fc.oneof(
  fc.array(group, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(':')),
  fc
    .tuple(fc.array(group, { maxLength: 5 }), fc.array(group, { maxLength: 5 }))
    .map(([a, b]) => `${a.join(':')}::${b.join(':')}`),
  fc.constantFrom('2001:db8::1', '::', '::1', '2001:db8::1.2.3.4', 'fe80::1', '64:ff9b::/96'),
  // The last groups as an IPv4 address, in their place and out of it.
  fc
    .tuple(fc.array(group, { maxLength: 7 }), fc.constantFrom(':', '::', ''), ip4)
    .map(([a, gap, b]) => `${a.join(':')}${gap}${b}`),
);
const length = fc.oneof(
  fc.constant(''),
  fc.nat(140).map((n) => `/${n}`),
  fc.constantFrom('/', '/00', '/+1', '/024'),
);
const between = fc.constantFrom('=', ' = ', ' ', '\t', '==', '', ' # ');
/** Mostly right, so that the bits behind the length and the reserved ranges get their turn. */
const likely = fc
  .tuple(
    fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
    fc.option(fc.nat(32)),
    fc.constantFrom('2001:db8::', '64:ff9b::', 'fe80::', 'ff02::', '2001:db8:1:2:3:4:', '::', 'fd00::ff00:'),
    fc.oneof(
      fc.constantFrom('', '0', 'ffff:8000'),
      fc.nat(0xffff).map((n) => n.toString(16)),
      fc.ipV4(),
    ),
    fc.option(fc.nat(128)),
  )
  .map(
    ([quad, length4, start, rest, length6]) =>
      `${quad.join('.')}${length4 === null ? '' : `/${length4}`} ${start}${rest}${length6 === null ? '' : `/${length6}`}`,
  );
const odd = fc
  .tuple(ip4, length, between, ip6, length, fc.constantFrom('', ' ', '# x', ' y', '\r'))
  .map((parts) => parts.join(''));
const line = fc.oneof(likely, odd);

test('EAM-1: whatever the line', () => {
  fc.assert(
    fc.property(line, (text) => {
      expect(scan(text)).toBe(strict(text));
    }),
    { numRuns: 5000 },
  );
});
test('any text', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      fc.pre(!/[\n\r\v\f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]/.test(text));
      expect(scan(text)).toBe(strict(text));
    }),
    { numRuns: 3000 },
  );
});
test('EAM-1: what is only counted is wrong indeed', () => {
  // From the twenty-first mistake on, lines the scanner knows to be wrong are not parsed again.
  const before = 'x\n'.repeat(20);
  fc.assert(
    fc.property(line, (text) => {
      const mistakes = readEamFile(new TextEncoder().encode(before + text), 'f', new EamList());
      const right = strict(text) === '' || parseEam(text.replace(/#.*$/s, '')).ok;
      expect(mistakes.slice(20)).toEqual(
        right ? [] : [{ where: 'f:21', message: 'and 1 more line with a mistake' }],
      );
    }),
    { numRuns: 3000 },
  );
});
test.each([
  ['1.2.3.4=2001:db8::1.2.3.4', '1.2.3.4/32 2001:db8::102:304/128'],
  ['1.2.3.4=2001:2:3:4:5:6:1.2.3.4', '1.2.3.4/32 2001:2:3:4:5:6:102:304/128'],
  ['1.2.3.4=2001::3:4:5:6:1.2.3.4', '1.2.3.4/32 2001:0:3:4:5:6:102:304/128'],
  ['1.2.3.0/24=64:ff9b:1::1.2.3.0/120', '1.2.3.0/24 64:ff9b:1::102:300/120'],
])('an IPv4 address at the end: %s', (text, entry) => {
  expect(scan(text)).toBe(entry);
  expect(strict(text)).toBe(entry);
});
