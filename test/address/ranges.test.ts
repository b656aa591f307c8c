/** Sets of IPv4 addresses. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inPrefix4, mask32 } from '../../src/address/ip.ts';
import { inRanges, rangesOf, sameRanges } from '../../src/address/ranges.ts';

const prefix = fc
  .tuple(fc.integer(), fc.integer({ min: 0, max: 32 }))
  .map(([word, length]) => ({ address: (word | 0) & mask32(length), length }));

test('an address is in the ranges exactly where it is in one of the prefixes', () => {
  fc.assert(
    fc.property(
      fc.array(prefix, { maxLength: 30 }),
      fc.array(fc.integer(), { maxLength: 20 }),
      (prefixes, words) => {
        const ranges = rangesOf(prefixes);
        const edges = prefixes.flatMap(({ address, length }) => {
          const last = address | ~mask32(length);
          return [address, last, (address - 1) | 0, (last + 1) | 0];
        });
        for (const word of [...words.map((one) => one | 0), ...edges, 0, -1, 2 ** 31 - 1, -(2 ** 31)])
          expect(inRanges(ranges, word)).toBe(prefixes.some((one) => inPrefix4(word, one)));
      },
    ),
    { numRuns: 300 },
  );
});

test('neighbours become one, in any order', () => {
  const halves = [
    { address: 0x80000000 | 0, length: 1 },
    { address: 0, length: 1 },
  ];
  expect(rangesOf(halves)).toEqual(rangesOf([{ address: 0, length: 0 }]));
  expect(rangesOf([]).length).toBe(0);
  expect(inRanges(rangesOf([]), 5)).toBe(false);
  expect(sameRanges(rangesOf(halves), rangesOf(halves.toReversed()))).toBe(true);
  expect(sameRanges(rangesOf(halves), rangesOf(halves.slice(1)))).toBe(false);
});
