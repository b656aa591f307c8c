/**
 * The address space cut into ranges with one longest match each, sorted; a lookup is a binary search. Nested prefixes are
 * taken apart when the table is built, so lengths do not matter to a lookup.
 */
import type { EamList } from '../../src/address/eam.ts';
import { mask32 } from '../../src/address/ip.ts';
import { byAddress4, byAddress6 } from './order.ts';
import { bytesOf, type Structure } from './structure.ts';

/** Sorts unsigned numbers that are kept signed. */
const FLIP = 0x80000000 | 0;

/** Addresses of `words` words, compared as unsigned. Returns the starts (flipped, so that signed comparison sorts them) and the entry from each on. */
function cut(
  words: 1 | 4,
  order: Int32Array,
  addresses: Int32Array,
  lengths: Uint8Array,
): { starts: Int32Array; entries: Int32Array; count: number } {
  const starts = new Int32Array((order.length * 2 + 1) * words);
  const entries = new Int32Array(order.length * 2 + 1);
  let count = 0;
  const begin = (address: readonly number[], entry: number): void => {
    const same = count > 0 && address.every((word, i) => starts[(count - 1) * words + i] === (word ^ FLIP));
    if (!same) count++;
    address.forEach((word, i) => {
      starts[(count - 1) * words + i] = word ^ FLIP;
    });
    entries[count - 1] = entry;
  };
  /** The address after the prefix's last, or null at the end of the space. */
  const after = (entry: number): number[] | null => {
    const next: number[] = [];
    let carry = true;
    for (let word = words - 1; word >= 0; word--) {
      const last = addresses[entry * words + word]! | ~mask32(lengths[entry]! - 32 * word);
      next[word] = carry ? (last + 1) | 0 : last;
      carry = carry && next[word] === 0;
    }
    return carry ? null : next;
  };
  const compare = (x: readonly number[], y: readonly number[]): number => {
    for (let i = 0; i < words; i++) {
      const difference = (x[i]! >>> 0) - (y[i]! >>> 0);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  const open: { entry: number; end: number[] | null }[] = [];
  const closeUpTo = (address: readonly number[] | null): void => {
    for (let top = open.at(-1); top?.end; top = open.at(-1)) {
      if (address !== null && compare(top.end, address) > 0) return;
      open.pop();
      begin(top.end, open.at(-1)?.entry ?? -1);
    }
  };
  begin(new Array<number>(words).fill(0), -1);
  for (const entry of order) {
    const address = [...addresses.subarray(entry * words, (entry + 1) * words)];
    closeUpTo(address);
    begin(address, entry);
    open.push({ entry, end: after(entry) });
  }
  closeUpTo(null);
  return { starts: starts.slice(0, count * words), entries: entries.slice(0, count), count };
}

export const sortedRanges: Structure = {
  name: 'sorted ranges',
  build(list: EamList) {
    const four = cut(1, byAddress4(list), list.v4, list.length4);
    const six = cut(4, byAddress6(list), list.v6, list.length6);
    const starts4 = four.starts;
    const entries4 = four.entries;
    const starts6 = six.starts;
    const entries6 = six.entries;
    return {
      find4(address) {
        const key = address ^ FLIP;
        let low = 0;
        let high = entries4.length - 1;
        while (low < high) {
          const middle = (low + high + 1) >> 1;
          if (starts4[middle]! <= key) low = middle;
          else high = middle - 1;
        }
        return entries4[low]!;
      },
      find6(a, b, c, d) {
        const ka = a ^ FLIP;
        const kb = b ^ FLIP;
        const kc = c ^ FLIP;
        const kd = d ^ FLIP;
        let low = 0;
        let high = entries6.length - 1;
        while (low < high) {
          const middle = (low + high + 1) >> 1;
          const at = middle * 4;
          const wa = starts6[at]!;
          const wb = starts6[at + 1]!;
          const wc = starts6[at + 2]!;
          const notAfter =
            wa !== ka ? wa < ka : wb !== kb ? wb < kb : wc !== kc ? wc < kc : starts6[at + 3]! <= kd;
          if (notAfter) low = middle;
          else high = middle - 1;
        }
        return entries6[low]!;
      },
      bytes: bytesOf(starts4, entries4, starts6, entries6),
    };
  },
};
