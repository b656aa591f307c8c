/** Alternative: a multibit trie, 8 bits a level, entries pushed down to the leaves. IPv4 side. */
import type { EamList } from '../../src/address/eam.ts';

export class Trie {
  /** 256 slots a node: 0 nothing, > 0 entry + 1, < 0 minus the node below. */
  #slots = new Int32Array(256 * 64);
  #nodes = 1;

  constructor(list: EamList) {
    // Short prefixes first, so that longer ones overwrite what they cover.
    const order = Array.from({ length: list.size }, (_, i) => i).sort(
      (a, b) => list.length4[a]! - list.length4[b]!,
    );
    for (const i of order) this.#insert(list.v4[i]!, list.length4[i]!, i + 1);
  }

  get bytes(): number {
    return this.#nodes * 1024;
  }

  #insert(address: number, length: number, value: number): void {
    let node = 0;
    let shift = 24;
    for (; length > 32 - shift; shift -= 8) {
      const at = node * 256 + ((address >>> shift) & 255);
      const slot = this.#slots[at]!;
      if (slot >= 0) {
        const below = this.#allocate();
        this.#slots.fill(slot, below * 256, below * 256 + 256);
        this.#slots[at] = -below;
        node = below;
      } else {
        node = -slot;
      }
    }
    const first = node * 256 + ((address >>> shift) & 255);
    this.#slots.fill(value, first, first + (1 << (32 - shift - length)));
  }

  #allocate(): number {
    if ((this.#nodes + 1) * 256 > this.#slots.length) {
      const larger = new Int32Array(this.#slots.length * 2);
      larger.set(this.#slots);
      this.#slots = larger;
    }
    return this.#nodes++;
  }

  find(address: number): number {
    const slots = this.#slots;
    let slot = slots[address >>> 24]!;
    if (slot < 0) slot = slots[((address >>> 16) & 255) - slot * 256]!;
    if (slot < 0) slot = slots[((address >>> 8) & 255) - slot * 256]!;
    if (slot < 0) slot = slots[(address & 255) - slot * 256]!;
    return slot - 1;
  }
}
