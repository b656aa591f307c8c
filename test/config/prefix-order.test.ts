/** EAM-4: equal prefixes and prefixes inside others, held against comparing every pair. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { type Ip6, inPrefix4, inPrefix6, mask32 } from '../../src/address/ip.ts';
import { relate } from '../../src/config/prefix-order.ts';

/** Few bits vary, in every half of every word, so that prefixes meet and every pass of the sort has work. */
const word = fc
  .tuple(fc.nat(3), fc.nat(3))
  .map(([high, low]) => (high << 30) | (high << 16) | (low << 14) | low);
const length = (most: number) =>
  fc.oneof(
    fc.nat(most),
    fc.constantFrom(...[0, 1, 16, 18, 31, 32, 34, 64, 66, 96, 98, 127, 128].filter((one) => one <= most)),
  );
const entry = fc
  .record({ v4: word, length4: length(32), v6: fc.tuple(word, word, word, word), length6: length(128) })
  .map(({ v4, length4, v6, length6 }) => ({
    v4: v4 & mask32(length4),
    length4,
    v6: v6.map((one, i) => one & mask32(length6 - 32 * i)) as unknown as Ip6,
    length6,
  }));

/** The first of those for which `better` holds against the ones before it. */
function best(indices: readonly number[], better: (one: number, than: number) => boolean): number {
  return indices.reduce((found, i) => (found < 0 || better(i, found) ? i : found), -1);
}

test.each([4, 6] as const)('IPv%i', (side) => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 24 }), (entries) => {
      const list = new EamList();
      for (const { v4, length4, v6, length6 } of entries) list.add(v4, length4, v6, length6);
      const lengths = entries.map(({ length4, length6 }) => (side === 4 ? length4 : length6));
      const contains = (a: number, b: number): boolean =>
        side === 4
          ? inPrefix4(entries[b]!.v4, { address: entries[a]!.v4, length: lengths[a]! })
          : inPrefix6(entries[b]!.v6, { address: entries[a]!.v6, length: lengths[a]! });
      const all = [...entries.keys()];
      const { twin, outer } = relate(list, side);
      for (const i of all) {
        const twins = all.filter((j) => j < i && lengths[j] === lengths[i] && contains(j, i));
        expect(twin[i]).toBe(twins[0] ?? -1);
        const around = all.filter((j) => lengths[j]! < lengths[i]! && contains(j, i));
        expect(outer[i]).toBe(best(around, (one, than) => lengths[one]! > lengths[than]!));
      }
    }),
    { numRuns: 300 },
  );
});

test('nothing, and one', () => {
  const list = new EamList();
  expect([...relate(list, 4).twin]).toEqual([]);
  list.add(0x0a000001, 32, [0x20010db8, 0, 0, 1], 128);
  expect([...relate(list, 6).twin, ...relate(list, 6).outer]).toEqual([-1, -1]);
});
