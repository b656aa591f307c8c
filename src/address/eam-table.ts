/**
 * The EAM compiled for lookup: longest prefix match by one hash table per prefix length in use, longest first.
 *
 * Real tables use few lengths (most have one: /32 with /128), so a lookup is one or two probes however many entries
 * there are. All arrays may lie in shared memory: the data-plane threads read one copy. Figures and the structures
 * compared: bench/README.md.
 */
import type { EamList } from './eam.ts';
import { mask32 } from './ip.ts';
import { shared8, shared32 } from './shared.ts';

export interface EamTable {
  readonly size: number;
  /** Entry columns, as in EamList. */
  readonly v4: Int32Array;
  readonly length4: Uint8Array;
  readonly v6: Int32Array;
  readonly length6: Uint8Array;
  /** Prefix lengths in use, longest first. */
  readonly lengths4: Uint8Array;
  readonly lengths6: Uint8Array;
  /**
   * The hash tables: what is compared and entry + 1, or 0 for empty, so that a lookup in a large table waits for memory
   * once. IPv4: both side by side, two values a slot. IPv6: four words a slot, and the entries in an array of their own,
   * which is read at the same time. Table i holds slots [starts[i], starts[i + 1]).
   */
  readonly slots4: Int32Array;
  readonly starts4: Int32Array;
  readonly keys6: Int32Array;
  readonly entries6: Int32Array;
  readonly starts6: Int32Array;
}

/** Bytes that a table keeps in memory. */
export const eamBytes = (table: EamTable): number =>
  Object.values(table).reduce(
    (sum: number, column: number | ArrayBufferView) =>
      sum + (typeof column === 'number' ? 0 : column.byteLength),
    0,
  );

/** Mixes the bits of a 32-bit key (two rounds of multiply and shift). */
function mix(key: number): number {
  key = Math.imul(key ^ (key >>> 16), 0x7feb352d);
  key = Math.imul(key ^ (key >>> 15), 0x846ca68b | 0);
  return key ^ (key >>> 16);
}

function hash6(a: number, b: number, c: number, d: number): number {
  return mix(d ^ Math.imul(c, 0x9e3779b1 | 0) ^ Math.imul(b, 0x85ebca6b | 0) ^ Math.imul(a, 0xc2b2ae35 | 0));
}

/** IPv4: at most half full, a power of two, so that finding and wrapping are a mask. */
const slotsFor4 = (count: number): number => 1 << (32 - Math.clz32(count * 2 - 1));

/** IPv6: any size, since memory is what lookups in large tables wait for; never full, so that every probe ends. */
const slotsFor6 = (count: number): number => Math.ceil(count * 1.75) + 1;

/** The slot of a hash among `slots`: the hash as a fraction of 2^32. */
const slotOf = (hash: number, slots: number): number => ((hash >>> 0) * slots * 2 ** -32) | 0;

/** Prefix lengths in use, longest first, and where each one's hash table starts. */
function plan(
  lengths: Uint8Array,
  size: number,
  slotsFor: (count: number) => number,
): { lengths: Uint8Array; starts: Int32Array } {
  const counts = new Int32Array(129);
  for (let i = 0; i < size; i++) counts[lengths[i]!]!++;
  const used: number[] = [];
  for (let length = 128; length >= 0; length--) if (counts[length]! > 0) used.push(length);
  const result = shared8(used.length);
  const starts = shared32(used.length + 1);
  let at = 0;
  used.forEach((length, i) => {
    result[i] = length;
    starts[i] = at;
    at += slotsFor(counts[length]!);
  });
  starts[used.length] = at;
  return { lengths: result, starts };
}

/** Compiles a list whose entries are checked and distinct. O(n); the columns are the list's own. */
export function compileEam(list: EamList): EamTable {
  const size = list.size;
  const v4 = list.v4.subarray(0, size);
  const length4 = list.length4.subarray(0, size);
  const v6 = list.v6.subarray(0, size * 4);
  const length6 = list.length6.subarray(0, size);
  const { lengths: lengths4, starts: starts4 } = plan(length4, size, slotsFor4);
  const { lengths: lengths6, starts: starts6 } = plan(length6, size, slotsFor6);
  const slots4 = shared32(starts4[lengths4.length]! * 2);
  const entries6 = shared32(starts6[lengths6.length]!);
  const keys6 = shared32(entries6.length * 4);
  const index4 = new Uint8Array(129);
  const index6 = new Uint8Array(129);
  lengths4.forEach((length, i) => {
    index4[length] = i;
  });
  lengths6.forEach((length, i) => {
    index6[length] = i;
  });
  for (let i = 0; i < size; i++) {
    const t4 = index4[length4[i]!]!;
    let slot = starts4[t4]! + (mix(v4[i]!) & (starts4[t4 + 1]! - starts4[t4]! - 1));
    while (slots4[2 * slot + 1] !== 0) slot = next(slot, starts4, t4);
    slots4[2 * slot] = v4[i]!;
    slots4[2 * slot + 1] = i + 1;

    const t6 = index6[length6[i]!]!;
    const a = v6[4 * i]!;
    const b = v6[4 * i + 1]!;
    const c = v6[4 * i + 2]!;
    const d = v6[4 * i + 3]!;
    slot = starts6[t6]! + slotOf(hash6(a, b, c, d), starts6[t6 + 1]! - starts6[t6]!);
    while (entries6[slot] !== 0) slot = next(slot, starts6, t6);
    keys6[4 * slot] = a;
    keys6[4 * slot + 1] = b;
    keys6[4 * slot + 2] = c;
    keys6[4 * slot + 3] = d;
    entries6[slot] = i + 1;
  }
  return { size, v4, length4, v6, length6, lengths4, lengths6, slots4, starts4, keys6, entries6, starts6 };
}

/** The slot after this one in table i, the first after the last. */
const next = (slot: number, starts: Int32Array, i: number): number =>
  slot + 1 === starts[i + 1] ? starts[i]! : slot + 1;

/** Longest match for an IPv4 address: the entry's index, or -1. */
export function find4(table: EamTable, address: number): number {
  const { lengths4, starts4, slots4 } = table;
  for (let i = 0; i < lengths4.length; i++) {
    const key = address & mask32(lengths4[i]!);
    const start = starts4[i]!;
    const mask = starts4[i + 1]! - start - 1;
    let slot = mix(key) & mask;
    let entry = slots4[2 * (start + slot) + 1]!;
    while (entry !== 0) {
      if (slots4[2 * (start + slot)] === key) return entry - 1;
      slot = (slot + 1) & mask;
      entry = slots4[2 * (start + slot) + 1]!;
    }
  }
  return -1;
}

/** Longest match for an IPv6 address of words a..d: the entry's index, or -1. */
export function find6(table: EamTable, a: number, b: number, c: number, d: number): number {
  const { lengths6, starts6, keys6, entries6 } = table;
  for (let i = 0; i < lengths6.length; i++) {
    const length = lengths6[i]!;
    const ka = a & mask32(length);
    const kb = b & mask32(length - 32);
    const kc = c & mask32(length - 64);
    const kd = d & mask32(length - 96);
    const start = starts6[i]!;
    const end = starts6[i + 1]!;
    let slot = start + slotOf(hash6(ka, kb, kc, kd), end - start);
    let entry = entries6[slot]!;
    while (entry !== 0) {
      const at = slot << 2;
      if (keys6[at + 3] === kd && keys6[at + 2] === kc && keys6[at + 1] === kb && keys6[at] === ka)
        return entry - 1;
      if (++slot === end) slot = start;
      entry = entries6[slot]!;
    }
  }
  return -1;
}

/** `bits << shift` where shift may be negative (a right shift) or 32 and beyond (0). */
function shifted(bits: number, shift: number): number {
  if (shift >= 32 || shift <= -32) return 0;
  return shift >= 0 ? bits << shift : bits >>> -shift;
}

/** Writes the IPv6 address of `v4` by entry `entry` at `at`: the IPv4 suffix right after the IPv6 prefix (EAM-2). */
export function apply46(table: EamTable, entry: number, v4: number, view: DataView, at: number): void {
  const { v6 } = table;
  const word = entry << 2;
  const suffixBits = 32 - table.length4[entry]!;
  if (suffixBits === 0) {
    view.setInt32(at, v6[word]!);
    view.setInt32(at + 4, v6[word + 1]!);
    view.setInt32(at + 8, v6[word + 2]!);
    view.setInt32(at + 12, v6[word + 3]!);
    return;
  }
  const suffix = v4 & ~mask32(32 - suffixBits);
  // The suffix ends at this bit; in word k its lowest bit stands 32 * (k + 1) - end places from the right.
  const end = table.length6[entry]! + suffixBits;
  view.setInt32(at, v6[word]! | shifted(suffix, 32 - end));
  view.setInt32(at + 4, v6[word + 1]! | shifted(suffix, 64 - end));
  view.setInt32(at + 8, v6[word + 2]! | shifted(suffix, 96 - end));
  view.setInt32(at + 12, v6[word + 3]! | shifted(suffix, 128 - end));
}

/** The IPv4 address of words a..d by entry `entry`; bits beyond the suffix are ignored (EAM-2). */
export function apply64(table: EamTable, entry: number, a: number, b: number, c: number, d: number): number {
  const suffixBits = 32 - table.length4[entry]!;
  if (suffixBits === 0) return table.v4[entry]!;
  const end = table.length6[entry]! + suffixBits;
  const suffix = shifted(a, end - 32) | shifted(b, end - 64) | shifted(c, end - 96) | shifted(d, end - 128);
  return table.v4[entry]! | (suffix & ~mask32(32 - suffixBits));
}
