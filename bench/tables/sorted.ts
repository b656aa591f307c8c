/** Alternative: the address space cut into ranges, each with its longest match; found by binary search. IPv4 side. */
import type { EamList } from '../../src/address/eam.ts';

export class SortedRanges {
  /** Where each range begins (unsigned), and its entry or -1. */
  readonly #starts: Uint32Array;
  readonly #entries: Int32Array;

  constructor(list: EamList) {
    // Prefixes nest: sweeping over their ends with a stack gives disjoint ranges.
    const order = Array.from({ length: list.size }, (_, i) => i).sort(
      (a, b) => (list.v4[a]! >>> 0) - (list.v4[b]! >>> 0) || list.length4[a]! - list.length4[b]!,
    );
    const starts: number[] = [0];
    const entries: number[] = [-1];
    const open: { end: number; entry: number }[] = [];
    const begin = (at: number, entry: number): void => {
      if (starts.at(-1) === at) entries[entries.length - 1] = entry;
      else {
        starts.push(at);
        entries.push(entry);
      }
    };
    const close = (until: number): void => {
      while (open.length > 0 && open.at(-1)!.end <= until) {
        const { end } = open.pop()!;
        if (end <= 0xffffffff) begin(end, open.at(-1)?.entry ?? -1);
      }
    };
    for (const i of order) {
      const at = list.v4[i]! >>> 0;
      close(at);
      begin(at, i);
      open.push({ end: at + 2 ** (32 - list.length4[i]!), entry: i });
    }
    close(2 ** 32);
    this.#starts = Uint32Array.from(starts);
    this.#entries = Int32Array.from(entries);
  }

  get bytes(): number {
    return this.#starts.byteLength + this.#entries.byteLength;
  }

  find(address: number): number {
    const key = address >>> 0;
    const starts = this.#starts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= key) low = middle;
      else high = middle - 1;
    }
    return this.#entries[low]!;
  }
}
