/** Entry indices in the orders the structures are built from. */
import type { EamList } from '../../src/address/eam.ts';

/** Prefixes of equal length keep the list's order. */
export function longestFirst(lengths: Uint8Array, size: number): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => i).sort((x, y) => lengths[y]! - lengths[x]! || x - y);
}

/** By address, unsigned; a prefix comes before the longer ones inside it. */
export function byAddress4({ v4, length4, size }: EamList): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => i).sort(
    (x, y) => (v4[x]! >>> 0) - (v4[y]! >>> 0) || length4[x]! - length4[y]!,
  );
}

export function byAddress6({ v6, length6, size }: EamList): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => i).sort((x, y) => {
    for (let word = 0; word < 4; word++) {
      const difference = (v6[4 * x + word]! >>> 0) - (v6[4 * y + word]! >>> 0);
      if (difference !== 0) return difference;
    }
    return length6[x]! - length6[y]!;
  });
}
