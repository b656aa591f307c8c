/** Addresses from and to text. */
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

describe('RFC 5952', () => {
  test.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
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
