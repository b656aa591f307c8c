/** T64-HDR-8, OFF-10: where IPv4 Identifications come from. */
import { describe, expect, test } from 'vitest';
import { HashedIdentifications } from '../../src/translate/identification.ts';

const entropy = (seed: number): Uint16Array =>
  Uint16Array.from(
    { length: HashedIdentifications.entropyLength },
    (_, i) => (i * 2654435761 * seed) & 0xffff,
  );

describe('T64-HDR-8', () => {
  test('counts up by one for a flow', () => {
    const ids = new HashedIdentifications(entropy(3));
    const first = ids.reserve(1, 2, 17, 1);
    expect(ids.reserve(1, 2, 17, 1)).toBe(first === 0xffff ? 1 : first + 1);
  });
  test('is never 0', () => {
    const ids = new HashedIdentifications(new Uint16Array(HashedIdentifications.entropyLength).fill(0xfffe));
    expect([1, 2, 3].map(() => ids.reserve(1, 2, 17, 1))).toEqual([0xffff, 1, 2]);
  });
  test('starts at random and differs between flows', () => {
    const ids = new HashedIdentifications(entropy(5));
    const firsts = new Set(Array.from({ length: 100 }, (_, i) => ids.reserve(i, 2, 17, 1)));
    expect(firsts.size).toBeGreaterThan(80);
  });
  test('depends on the key', () => {
    const of = (seed: number): number => new HashedIdentifications(entropy(seed)).reserve(1, 2, 17, 1);
    expect(of(3)).not.toBe(of(7));
  });
});

test('OFF-10: a run of identifications stays within 1..65535', () => {
  const ids = new HashedIdentifications(new Uint16Array(HashedIdentifications.entropyLength).fill(0xfffd));
  expect(ids.reserve(1, 2, 6, 2)).toBe(0xfffe);
  expect(ids.reserve(1, 2, 6, 40)).toBe(1);
  expect(ids.reserve(1, 2, 6, 1)).toBe(41);
});
