/** Addresses from and to text. */
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp4, formatIp6 } from '../../src/address/format.ts';
import type { Ip6 } from '../../src/address/ip.ts';
import { parseIp4, parseIp6, parsePrefix4, parsePrefix6 } from '../../src/address/parse.ts';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

test('format and parse are inverse, IPv4', () => {
  fc.assert(
    fc.property(int32, (address) => {
      expect(parseIp4(formatIp4(address))).toEqual({ ok: true, value: address });
    }),
  );
});
test('format and parse are inverse, IPv6', () => {
  // Zero groups are common in real addresses.
  const word = fc.oneof(int32, fc.constantFrom(0, 1, 0x10000, 0x00010001));
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), (address) => {
      expect(parseIp6(formatIp6(address as Ip6))).toEqual({ ok: true, value: address });
    }),
  );
});

describe('another parser agrees (that of the C library)', () => {
  const digits = fc.oneof(
    fc.nat(300).map(String),
    fc.constantFrom('', '00', '01', '0x1', ' 1', '1 ', '+1', '-1'),
  );
  const quad = fc.oneof(
    fc.ipV4(),
    fc.array(digits, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.')),
  );
  const group = fc.oneof(
    fc.nat(0xffff).map((n) => n.toString(16)),
    fc.constantFrom('', '0', '0000', '00001', 'FFFF', 'g', '::'),
  );
  const groups = fc.array(group, { maxLength: 9 }).map((parts) => parts.join(':'));
  const six = fc.oneof(
    fc.ipV6(),
    fc.ipV6().map((text) => text.toUpperCase()),
    groups,
    fc.tuple(groups, groups).map(([a, b]) => `${a}::${b}`),
    fc.tuple(groups, fc.constantFrom(':', '::'), quad).map((parts) => parts.join('')),
  );
  test('IPv4', () => {
    fc.assert(
      fc.property(quad, (text) => {
        const parsed = parseIp4(text);
        expect(parsed.ok).toBe(isIPv4(text));
        if (parsed.ok) expect(formatIp4(parsed.value)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
  test('IPv6', () => {
    fc.assert(
      fc.property(six, (text) => {
        const parsed = parseIp6(text);
        expect(parsed.ok).toBe(isIPv6(text));
        // URLs write an address as RFC 5952 does.
        if (parsed.ok) expect(`[${formatIp6(parsed.value)}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('RFC 5952', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['2001:db8::00A0', '2001:db8::a0'],
  ])('%s is written %s', (text, canonical) => {
    const parsed = parseIp6(text);
    expect(parsed.ok && formatIp6(parsed.value)).toBe(canonical);
  });
});

describe('refused', () => {
  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '0x1.2.3.4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '010.1.1.1',
    '0x7f.1',
    '1.2.3.4%eth0',
    '１.2.3.4',
    '1.2.3.-4',
    '1..2.3',
    '16909060',
  ])('IPv4 "%s"', (text) => {
    expect(parseIp4(text).ok).toBe(false);
  });
  test.each([
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    'fe80::1%eth0',
    ' ::1',
    '1:2:3:4:5:6:7:8::',
    '::1.2.3',
    '::1.2.3.256',
    '1.2.3.4::',
  ])('IPv6 "%s"', (text) => {
    expect(parseIp6(text).ok).toBe(false);
  });
  test.each(['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.1/8', '10.0.0.0/-1'])(
    'prefix "%s"',
    (text) => {
      expect(parsePrefix4(text).ok).toBe(false);
    },
  );
  test.each(['2001:db8::', '2001:db8::/129', '2001:db8::1/64', '2001:db8::/x'])('prefix "%s"', (text) => {
    expect(parsePrefix6(text).ok).toBe(false);
  });
});
