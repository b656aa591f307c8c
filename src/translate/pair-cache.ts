/**
 * A small cache in front of the tables: what the address pairs seen last map to, and by how much a checksum changes with
 * them. One a direction, never shared: what one direction accepts (say, a nonzero suffix, ADDR-5) the other must not
 * produce. The key is the whole of both addresses, so a hit is exactly what the tables would say; a new table empties it.
 *
 * Direct-mapped: a flow of its own slot costs about 10 ns where the tables cost 40 to 60 (Node 20.20, 2026-11).
 */

const SLOTS = 256;
const HASH_SHIFT = 24;

function slotOf(a: number, b: number): number {
  return Math.imul(a ^ Math.imul(b, 0x85ebca6b | 0), 0x9e3779b1 | 0) >>> HASH_SHIFT;
}

/** The first two words of each slot that is not empty. */
function pairsOf(deltas: Int32Array, words: Int32Array, stride: number): Int32Array {
  const found: number[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    if (deltas[slot] !== 0) found.push(words[stride * slot]!, words[stride * slot + 1]!);
  }
  return Int32Array.from(found);
}

/** IPv4 pair -> IPv6 pair. */
export class PairCache46 {
  /** source, destination */
  readonly #keys = new Int32Array(SLOTS * 2);
  /** source (4 words), destination (4 words) */
  readonly #words = new Int32Array(SLOTS * 8);
  /** 0: the slot is empty. */
  readonly #deltas = new Int32Array(SLOTS);

  clear(): void {
    this.#deltas.fill(0);
  }

  /** Source and destination of each pair in it, one after the other. Not for the hot path. */
  pairs(): Int32Array {
    return pairsOf(this.#deltas, this.#keys, 2);
  }

  /** Writes the IPv6 pair (32 bytes, source first) at `at`. @returns the checksum delta (job.delta), or 0: not known */
  find(source: number, destination: number, view: DataView, at: number): number {
    const slot = slotOf(source, destination);
    const keys = this.#keys;
    const delta = this.#deltas[slot]!;
    if (keys[2 * slot] !== source || keys[2 * slot + 1] !== destination || delta === 0) return 0;
    const words = this.#words;
    const from = slot * 8;
    // Reading before writing: V8 checks the array once for reads in a row, and again after every write.
    const a = words[from]!;
    const b = words[from + 1]!;
    const c = words[from + 2]!;
    const d = words[from + 3]!;
    const e = words[from + 4]!;
    const f = words[from + 5]!;
    const g = words[from + 6]!;
    const h = words[from + 7]!;
    view.setInt32(at, a);
    view.setInt32(at + 4, b);
    view.setInt32(at + 8, c);
    view.setInt32(at + 12, d);
    view.setInt32(at + 16, e);
    view.setInt32(at + 20, f);
    view.setInt32(at + 24, g);
    view.setInt32(at + 28, h);
    return delta;
  }

  /** Remembers the IPv6 pair that stands at `at`. */
  remember(source: number, destination: number, view: DataView, at: number, delta: number): void {
    const slot = slotOf(source, destination);
    this.#keys[2 * slot] = source;
    this.#keys[2 * slot + 1] = destination;
    for (let i = 0; i < 8; i++) this.#words[slot * 8 + i] = view.getInt32(at + 4 * i);
    this.#deltas[slot] = delta;
  }
}

/** IPv6 pair -> IPv4 pair, and how the destination was mapped. */
export class PairCache64 {
  /** source (4 words), destination (4 words) */
  readonly #keys = new Int32Array(SLOTS * 8);
  /** source, destination, MapOutcome of the destination */
  readonly #values = new Int32Array(SLOTS * 4);
  /** 0: the slot is empty. */
  readonly #deltas = new Int32Array(SLOTS);
  // The last hit.
  source = 0;
  destination = 0;
  outcome = 0;

  clear(): void {
    this.#deltas.fill(0);
  }

  /** Source and destination, in IPv4, of each pair in it, one after the other. Not for the hot path. */
  pairs(): Int32Array {
    return pairsOf(this.#deltas, this.#values, 4);
  }

  /** Looks the pair at `at` (32 bytes, source first) up. @returns the checksum delta, or 0: not known */
  find(view: DataView, at: number): number {
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    const g = view.getInt32(at + 24);
    const h = view.getInt32(at + 28);
    // The prefixes are few: the low halves tell pairs apart.
    const slot = slotOf(c ^ d, g ^ h);
    const keys = this.#keys;
    const from = slot * 8;
    const delta = this.#deltas[slot]!;
    if (
      delta === 0 ||
      keys[from + 3] !== d ||
      keys[from + 7] !== h ||
      keys[from + 2] !== c ||
      keys[from + 6] !== g ||
      keys[from] !== view.getInt32(at) ||
      keys[from + 1] !== view.getInt32(at + 4) ||
      keys[from + 4] !== view.getInt32(at + 16) ||
      keys[from + 5] !== view.getInt32(at + 20)
    ) {
      return 0;
    }
    const values = this.#values;
    this.source = values[slot * 4]!;
    this.destination = values[slot * 4 + 1]!;
    this.outcome = values[slot * 4 + 2]!;
    return delta;
  }

  /** Remembers what the pair at `at` maps to. */
  remember(
    view: DataView,
    at: number,
    source: number,
    destination: number,
    outcome: number,
    delta: number,
  ): void {
    const slot = slotOf(
      view.getInt32(at + 8) ^ view.getInt32(at + 12),
      view.getInt32(at + 24) ^ view.getInt32(at + 28),
    );
    for (let i = 0; i < 8; i++) this.#keys[slot * 8 + i] = view.getInt32(at + 4 * i);
    this.#values[slot * 4] = source;
    this.#values[slot * 4 + 1] = destination;
    this.#values[slot * 4 + 2] = outcome;
    this.#deltas[slot] = delta;
  }
}
