/**
 * How the prefixes of one side of a list of mappings relate: which are the same, and which lie inside which.
 *
 * Sorted by address and then by length, equal prefixes are neighbours, and a prefix follows those that contain it: one walk
 * with a stack of open prefixes finds both. Radix sort of indices in typed arrays: a list of a million entries takes the
 * same time whatever their lengths (a hash per length in use took 10 s where all lengths were mixed, Node 20.20, 2026-11).
 */
import type { EamList } from '../address/eam.ts';
import { mask32 } from '../address/ip.ts';

export interface Relations {
  /** For each entry the first one with the same prefix, or -1 where that is the entry itself. */
  readonly twin: Int32Array;
  /** For each entry the one with the longest prefix that is shorter and contains its own, or -1; of twins the first. */
  readonly outer: Int32Array;
}

/** Relations of the IPv4 or IPv6 prefixes of `list`; host bits must be 0. */
export function relate(list: EamList, side: 4 | 6): Relations {
  const words = side === 4 ? 1 : 4;
  const address = side === 4 ? list.v4 : list.v6;
  const length = side === 4 ? list.length4 : list.length6;
  const order = sorted(list.size, address, length, words);
  const twin = new Int32Array(list.size).fill(-1);
  const outer = new Int32Array(list.size).fill(-1);
  // Prefixes that contain the present one, shortest first: at most one a length.
  const open = new Int32Array(129);
  let depth = 0;
  for (const entry of order) {
    while (depth > 0 && !contains(open[depth - 1]!, entry, address, length, words)) depth--;
    const around = depth === 0 ? -1 : open[depth - 1]!;
    if (around >= 0 && length[around] === length[entry]) {
      twin[entry] = around;
      outer[entry] = outer[around]!;
    } else {
      outer[entry] = around;
      open[depth++] = entry;
    }
  }
  return { twin, outer };
}

/** Whether prefix `a` contains prefix `b`, which is not shorter. */
function contains(a: number, b: number, address: Int32Array, length: Uint8Array, words: number): boolean {
  for (let word = 0, bits = length[a]!; bits > 0; word++, bits -= 32) {
    if (((address[words * a + word]! ^ address[words * b + word]!) & mask32(bits)) !== 0) return false;
  }
  return true;
}

const DIGITS = 1 << 16;

/** Entries by address, then length; the order of the list where both are the same. */
function sorted(size: number, address: Int32Array, length: Uint8Array, words: number): Int32Array {
  let order = new Int32Array(size);
  for (let i = 0; i < size; i++) order[i] = i;
  if (size < 2) return order;
  let other = new Int32Array(size);
  const starts = new Int32Array(DIGITS);
  /** One stable pass by 16 bits of a column; what comes last weighs most. */
  const pass = (column: Int32Array | Uint8Array, stride: number, at: number, shift: number): void => {
    starts.fill(0);
    for (let i = 0; i < size; i++) starts[(column[stride * i + at]! >>> shift) & 0xffff]!++;
    // All the same, as host addresses of one network mostly are: nothing moves.
    if (starts[(column[at]! >>> shift) & 0xffff] === size) return;
    let next = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const many = starts[digit]!;
      starts[digit] = next;
      next += many;
    }
    for (const entry of order) other[starts[(column[stride * entry + at]! >>> shift) & 0xffff]!++] = entry;
    [order, other] = [other, order];
  };
  pass(length, 1, 0, 0);
  for (let word = words - 1; word >= 0; word--) {
    pass(address, words, word, 0);
    pass(address, words, word, 16);
  }
  return order;
}
