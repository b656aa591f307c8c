import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { formatPrefix6 } from '../../src/address/format.ts';
import { type Ip6, inPrefix4, inPrefix6 } from '../../src/address/ip.ts';
import { coverEam6, networksEam4 } from '../../src/host/cover.ts';
import { parseKernel6 } from '../../src/host/text.ts';

const listOf = (...prefixes: string[]): EamList => {
  const list = new EamList();
  for (const prefix of prefixes) {
    const [address, length] = prefix.split('/') as [string, string];
    list.add(0, 32, parseKernel6(address), Number(length));
  }
  return list;
};
const cover = (...prefixes: string[]) => coverEam6(listOf(...prefixes)).map(formatPrefix6);

test('one EAM is one route', () => {
  expect(cover('2001:db8::1/128')).toEqual(['2001:db8::1/128']);
});

test('neighbours become one prefix, however they are ordered', () => {
  expect(cover('2001:db8::3/128', '2001:db8::/128', '2001:db8::2/128', '2001:db8::1/128')).toEqual([
    '2001:db8::/126',
  ]);
});

test('adjacent but not halves of one prefix: two routes', () => {
  expect(cover('2001:db8::1/128', '2001:db8::2/128')).toEqual(['2001:db8::1/128', '2001:db8::2/128']);
});

test('what another contains needs no route of its own', () => {
  expect(cover('2001:db8::/64', '2001:db8::5/128')).toEqual(['2001:db8::/64']);
});

test('covers exactly what the list covers', () => {
  const small = fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 122, max: 128 }));
  fc.assert(
    fc.property(fc.array(small, { maxLength: 20 }), (entries) => {
      const list = new EamList();
      for (const [low, length] of entries)
        list.add(0, 32, [0x2001_0db8, 0, 0, low & (-1 << (128 - length))], length);
      const found = coverEam6(list);
      for (let low = 0; low < 64; low++) {
        const address: Ip6 = [0x2001_0db8, 0, 0, low];
        const inList = entries.some(([at, length]) => (at ^ low) >> (128 - length) === 0);
        expect(found.filter((prefix) => inPrefix6(address, prefix)).length).toBe(inList ? 1 : 0);
      }
    }),
  );
});

test('the networks of the IPv4 side cover exactly what the list covers, each address once', () => {
  const small = fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 26, max: 32 }));
  // On both sides of 128.0.0.0, where signed numbers turn.
  const base = fc.constantFrom(0x7fff_ffc0, 0x8000_0000 | 0);
  fc.assert(
    fc.property(base, fc.array(small, { maxLength: 20 }), (first, entries) => {
      const list = new EamList();
      list.add(0, 0, [0, 0, 0, 0], 96);
      for (const [low, length] of entries)
        list.add(first | (low & (-1 << (32 - length))), length, [0, 0, 0, 0], 96);
      const { addresses, lengths } = networksEam4(list);
      expect([...addresses].sort((a, b) => (a >>> 0) - (b >>> 0))).toEqual([...addresses]);
      for (let low = 0; low < 64; low++) {
        const inList = entries.some(([at, length]) => (at ^ low) >> (32 - length) === 0);
        const found = [...addresses].filter((address, i) =>
          inPrefix4(first | low, { address, length: lengths[i]! }),
        );
        expect(found.length).toBe(inList ? 1 : 0);
      }
    }),
  );
});

test('a list is sorted once, and anew when it has grown', () => {
  const list = listOf('2001:db8::1/128');
  const found = coverEam6(list);
  expect(coverEam6(list)).toBe(found);
  expect(networksEam4(list)).toBe(networksEam4(list));
  list.add(0, 32, parseKernel6('2001:db8::'), 128);
  expect(coverEam6(list).map(formatPrefix6)).toEqual(['2001:db8::/127']);
});
