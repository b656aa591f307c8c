/** One hash table per prefix length in use, longest first: what clatd uses (src/address/eam-table.ts). */
import { compileEam, find4, find6 } from '../../src/address/eam-table.ts';
import { mask32 } from '../../src/address/ip.ts';
import { bytesOf, type Structure } from './structure.ts';

export const hashPerLength: Structure = {
  name: 'hash per length',
  build(list) {
    const table = compileEam(list);
    return {
      find4: (address) => find4(table, address),
      find6: (a, b, c, d) => find6(table, a, b, c, d),
      bytes: bytesOf(
        table.slots4,
        table.starts4,
        table.keys6,
        table.entries6,
        table.starts6,
        table.lengths4,
        table.lengths6,
      ),
    };
  },
};

const CACHE_BITS = 13;

/** The same behind a direct-mapped cache of 8,192 addresses a direction (TAYGA's size). */
export const cachedHash: Structure = {
  name: 'cache, then hash',
  build(list) {
    const table = compileEam(list);
    const size = 1 << CACHE_BITS;
    const key4 = new Int32Array(size);
    const entry4 = new Int32Array(size).fill(-2);
    const key6 = new Int32Array(size * 4);
    const entry6 = new Int32Array(size).fill(-2);
    return {
      find4(address) {
        const slot = Math.imul(address, 0x9e3779b1 | 0) >>> (32 - CACHE_BITS);
        if (key4[slot] === address && entry4[slot] !== -2) return entry4[slot]!;
        const entry = find4(table, address);
        key4[slot] = address;
        entry4[slot] = entry;
        return entry;
      },
      find6(a, b, c, d) {
        const mixed = d ^ Math.imul(c, 0x85ebca6b | 0) ^ Math.imul(b, 0xc2b2ae35 | 0) ^ a;
        const slot = Math.imul(mixed, 0x9e3779b1 | 0) >>> (32 - CACHE_BITS);
        const at = slot * 4;
        if (
          key6[at + 3] === d &&
          key6[at + 2] === c &&
          key6[at + 1] === b &&
          key6[at] === a &&
          entry6[slot] !== -2
        )
          return entry6[slot]!;
        const entry = find6(table, a, b, c, d);
        key6[at] = a;
        key6[at + 1] = b;
        key6[at + 2] = c;
        key6[at + 3] = d;
        entry6[slot] = entry;
        return entry;
      },
      bytes:
        bytesOf(table.slots4, table.starts4, table.keys6, table.entries6, table.starts6) +
        bytesOf(key4, entry4, key6, entry6),
    };
  },
};

function mix(key: number): number {
  key = Math.imul(key ^ (key >>> 16), 0x7feb352d);
  key = Math.imul(key ^ (key >>> 15), 0x846ca68b | 0);
  return key ^ (key >>> 16);
}

function mix6(a: number, b: number, c: number, d: number): number {
  return mix(d ^ Math.imul(c, 0x9e3779b1 | 0) ^ Math.imul(b, 0x85ebca6b | 0) ^ Math.imul(a, 0xc2b2ae35 | 0));
}

interface Keyed {
  readonly lengths: readonly number[];
  readonly starts: Int32Array;
  /** Pairs: the key (IPv4) or its hash (IPv6), then entry + 1, 0 for empty. */
  readonly slots: Int32Array;
}

function keyed(
  size: number,
  lengths: Uint8Array,
  keyOf: (entry: number) => number,
  hashOf: (key: number) => number,
): Keyed {
  const counts = new Int32Array(129);
  for (let i = 0; i < size; i++) counts[lengths[i]!]!++;
  const used: number[] = [];
  for (let length = 128; length >= 0; length--) if (counts[length]! > 0) used.push(length);
  const starts = new Int32Array(used.length + 1);
  const indexOf = new Map<number, number>();
  used.forEach((length, i) => {
    indexOf.set(length, i);
    starts[i + 1] = starts[i]! + (1 << (32 - Math.clz32(counts[length]! * 2 - 1)));
  });
  const slots = new Int32Array(starts[used.length]! * 2);
  for (let entry = 0; entry < size; entry++) {
    const table = indexOf.get(lengths[entry]!)!;
    const start = starts[table]!;
    const mask = starts[table + 1]! - start - 1;
    const key = keyOf(entry);
    let slot = hashOf(key) & mask;
    while (slots[2 * (start + slot) + 1] !== 0) slot = (slot + 1) & mask;
    slots[2 * (start + slot)] = key;
    slots[2 * (start + slot) + 1] = entry + 1;
  }
  return { lengths: used, starts, slots };
}

/** The key (or a hash of it) stands in the slot beside the entry: a probe that fails touches one line of memory, not two. */
export const keyedHash: Structure = {
  name: 'hash, IPv6 hash in slot',
  build({ v4, length4, v6, length6, size }) {
    const four = keyed(size, length4, (i) => v4[i]!, mix);
    const six = keyed(
      size,
      length6,
      (i) => mix6(v6[4 * i]!, v6[4 * i + 1]!, v6[4 * i + 2]!, v6[4 * i + 3]!),
      (hash) => hash,
    );
    return {
      find4(address) {
        const { lengths, starts, slots } = four;
        for (let i = 0; i < lengths.length; i++) {
          const key = address & mask32(lengths[i]!);
          const start = starts[i]!;
          const mask = starts[i + 1]! - start - 1;
          let at = 2 * (start + (mix(key) & mask));
          for (let entry = slots[at + 1]!; entry !== 0; entry = slots[at + 1]!) {
            if (slots[at] === key) return entry - 1;
            at = 2 * (start + (((at >> 1) - start + 1) & mask));
          }
        }
        return -1;
      },
      find6(a, b, c, d) {
        const { lengths, starts, slots } = six;
        for (let i = 0; i < lengths.length; i++) {
          const length = lengths[i]!;
          const ka = a & mask32(length);
          const kb = b & mask32(length - 32);
          const kc = c & mask32(length - 64);
          const kd = d & mask32(length - 96);
          const hash = mix6(ka, kb, kc, kd);
          const start = starts[i]!;
          const mask = starts[i + 1]! - start - 1;
          let at = 2 * (start + (hash & mask));
          for (let entry = slots[at + 1]!; entry !== 0; entry = slots[at + 1]!) {
            if (slots[at] === hash) {
              const row = (entry - 1) * 4;
              if (v6[row + 3] === kd && v6[row + 2] === kc && v6[row + 1] === kb && v6[row] === ka)
                return entry - 1;
            }
            at = 2 * (start + (((at >> 1) - start + 1) & mask));
          }
        }
        return -1;
      },
      bytes: bytesOf(four.slots, four.starts, six.slots, six.starts),
    };
  },
};
