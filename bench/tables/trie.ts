/**
 * A multibit trie with a stride of 8 bits, compressed in both directions: runs of equal children are kept once, found by
 * counting bits (as in Lulea's), and bytes in which all entries below agree are skipped and checked at once.
 *
 * A node is NODE words: the byte it looks at, an entry below it that has the skipped bytes, the entry that holds where
 * those bytes differ, where its children begin, eight words of bits that mark where a run of equal children starts, and
 * how many runs start before each word. A child >= 0 is a node, else it is ~(entry + 1).
 */
import type { EamList } from '../../src/address/eam.ts';
import { mask32 } from '../../src/address/ip.ts';
import { byAddress4, byAddress6 } from './order.ts';
import { bytesOf, type Structure } from './structure.ts';

const NODE = 16;
const BYTE = 0;
const SAMPLE = 1;
const OTHERWISE = 2;
const CHILDREN = 3;
const BITS = 4;
/** Counts before each of the eight words, a byte each. */
const COUNTS = 12;

function ones(bits: number): number {
  bits -= (bits >>> 1) & 0x55555555;
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

class Growing {
  array = new Int32Array(1024);
  length = 0;
  room(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.array.length) {
      const larger = new Int32Array(Math.max(this.length, this.array.length * 2));
      larger.set(this.array);
      this.array = larger;
    }
    return at;
  }
}

interface Trie {
  readonly nodes: Int32Array;
  readonly children: Int32Array;
  readonly root: number;
}

const asChild = (entry: number): number => ~(entry + 1);

function plant(words: 1 | 4, order: Int32Array, addresses: Int32Array, lengths: Uint8Array): Trie {
  const nodes = new Growing();
  const children = new Growing();
  const byteAt = (entry: number, byte: number): number =>
    (addresses[entry * words + (byte >> 2)]! >>> (24 - 8 * (byte & 3))) & 0xff;

  /** Scratch memory by byte: the best entry of each slot, and its child. */
  const bests = Array.from({ length: 4 * words }, () => new Int32Array(256));
  const slotsOf = Array.from({ length: 4 * words }, () => new Int32Array(256));

  /** Of the sorted entries from..to, all longer than 8 * byte bits and alike up to there. Returns a child. */
  const grow = (from: number, to: number, byte: number, otherwise: number): number => {
    if (from === to) return asChild(otherwise);
    const first = order[from]!;
    const last = order[to - 1]!;
    // Bytes in which all agree, and that none of them ends in, need no node.
    let at = byte;
    let shortest = 128;
    for (let i = from; i < to; i++) shortest = Math.min(shortest, lengths[order[i]!]!);
    while (shortest > 8 * (at + 1) && byteAt(first, at) === byteAt(last, at)) at++;
    // Sorted by address, then length: a prefix comes before what it holds, so the longer overwrites the shorter.
    const best = bests[at]!.fill(otherwise);
    for (let i = from; i < to; i++) {
      const entry = order[i]!;
      const length = lengths[entry]! - 8 * at;
      if (length > 8) continue;
      const start = byteAt(entry, at);
      best.fill(entry, start, start + (1 << (8 - length)));
    }
    const slots = slotsOf[at]!;
    for (let slot = 0; slot < 256; slot++) slots[slot] = asChild(best[slot]!);
    // In each slot the prefixes that end in it come first, and all that lie deeper are neighbours.
    for (let i = from; i < to; ) {
      const slot = byteAt(order[i]!, at);
      let end = i;
      while (end < to && byteAt(order[end]!, at) === slot) {
        if (lengths[order[end]!]! - 8 * at <= 8) i = end + 1;
        end++;
      }
      slots[slot] = grow(i, end, at + 1, best[slot]!);
      i = end;
    }
    const node = nodes.room(NODE);
    let runs = 0;
    let previous = Number.NaN;
    const start = children.length;
    for (let slot = 0; slot < 256; slot++) {
      if (slots[slot] !== previous) {
        previous = slots[slot]!;
        const place = children.room(1);
        children.array[place] = previous;
        nodes.array[node + BITS + (slot >> 5)]! |= 1 << (slot & 31);
        runs++;
      }
      // At most 224 before the eighth word: a byte is enough.
      if ((slot & 31) === 31 && slot < 255) {
        const word = (slot >> 5) + 1;
        nodes.array[node + COUNTS + (word >> 2)]! |= runs << (8 * (word & 3));
      }
    }
    nodes.array[node + BYTE] = at;
    nodes.array[node + SAMPLE] = at > byte ? first : -1;
    nodes.array[node + OTHERWISE] = otherwise;
    nodes.array[node + CHILDREN] = start;
    return node;
  };
  // A prefix of length 0 holds everywhere.
  const everywhere = order.length > 0 && lengths[order[0]!] === 0 ? order[0]! : -1;
  const root = grow(everywhere >= 0 ? 1 : 0, order.length, 0, everywhere);
  return {
    nodes: nodes.array.slice(0, nodes.length),
    children: children.array.slice(0, children.length),
    root,
  };
}

function childOf(nodes: Int32Array, children: Int32Array, node: number, byte: number): number {
  const word = byte >> 5;
  const before = (nodes[node + COUNTS + (word >> 2)]! >>> (8 * (word & 3))) & 0xff;
  const run = before + ones(nodes[node + BITS + word]! & (-1 >>> (31 - (byte & 31))));
  return children[nodes[node + CHILDREN]! + run - 1]!;
}

export const multibitTrie: Structure = {
  name: 'compressed trie',
  build(list: EamList) {
    const four = plant(1, byAddress4(list), list.v4, list.length4);
    const six = plant(4, byAddress6(list), list.v6, list.length6);
    const { v4, v6, size } = list;
    const keys4 = v4.subarray(0, size);
    const keys6 = v6.subarray(0, size * 4);
    return {
      find4(address) {
        const { nodes, children } = four;
        let child = four.root;
        while (child >= 0) {
          const byte = nodes[child + BYTE]!;
          const sample = nodes[child + SAMPLE]!;
          if (sample >= 0 && ((keys4[sample]! ^ address) & mask32(8 * byte)) !== 0)
            return nodes[child + OTHERWISE]!;
          child = childOf(nodes, children, child, (address >>> (24 - 8 * byte)) & 0xff);
        }
        return ~child - 1;
      },
      find6(a, b, c, d) {
        const { nodes, children } = six;
        let child = six.root;
        while (child >= 0) {
          const byte = nodes[child + BYTE]!;
          const sample = nodes[child + SAMPLE]!;
          if (sample >= 0) {
            const at = sample * 4;
            const bits = 8 * byte;
            const differs =
              ((keys6[at]! ^ a) & mask32(bits)) |
              ((keys6[at + 1]! ^ b) & mask32(bits - 32)) |
              ((keys6[at + 2]! ^ c) & mask32(bits - 64)) |
              ((keys6[at + 3]! ^ d) & mask32(bits - 96));
            if (differs !== 0) return nodes[child + OTHERWISE]!;
          }
          const word = byte < 8 ? (byte < 4 ? a : b) : byte < 12 ? c : d;
          child = childOf(nodes, children, child, (word >>> (24 - 8 * (byte & 3))) & 0xff);
        }
        return ~child - 1;
      },
      bytes: bytesOf(four.nodes, four.children, six.nodes, six.children),
    };
  },
};
