import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIp4, formatIp6 } from '../../src/address/format.ts';
import type { Ip6 } from '../../src/address/ip.ts';
import { parseKernel4, parseKernel6 } from '../../src/host/text.ts';

test.each([
  ['::', [0, 0, 0, 0]],
  ['::1', [0, 0, 0, 1]],
  ['2001:db8::', [0x2001_0db8, 0, 0, 0]],
  ['2001:db8:0:1:0:1:0:1', [0x2001_0db8, 1, 1, 1]],
  ['2001:db8:0:1:1::', [0x2001_0db8, 1, 0x1_0000, 0]],
  ['1:0:0:2::3', [0x1_0000, 2, 0, 3]],
  ['fe80::ffff:ffff', [0xfe80_0000 | 0, 0, 0, -1]],
] as [string, Ip6][])('%s', (text, address) => {
  expect(formatIp6(address)).toBe(text);
  expect(parseKernel6(text)).toEqual(address);
});

test('a dotted quad and a zone are understood', () => {
  expect(parseKernel6('64:ff9b::192.0.2.1')).toEqual([0x64_ff9b, 0, 0, 0xc000_0201 | 0]);
  expect(parseKernel6('fe80::1%eth0')).toEqual([0xfe80_0000 | 0, 0, 0, 1]);
});

test('what is written is read back', () => {
  const word = fc.oneof(
    fc.constant(0),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.integer({ min: 0, max: 65535 }),
  );
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), (address) => {
      expect(parseKernel6(formatIp6(address))).toEqual(address);
    }),
  );
  fc.assert(
    fc.property(word, (address) => {
      expect(parseKernel4(formatIp4(address))).toBe(address);
    }),
  );
});
