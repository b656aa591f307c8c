/**
 * Explicit address mappings (RFC 7757) as a list of columns: a million entries are five typed arrays, not a million
 * objects. They lie in shared memory, so that the compiled table and every data-plane thread use these very columns.
 * Entries are checked when added (EAM-1); the list as a whole (EAM-4) by config/compile.ts.
 */
import type { Ip4, Ip6 } from './ip.ts';
import { shared8, shared32 } from './shared.ts';

export class EamList {
  /** Number of entries. */
  size = 0;
  v4: Int32Array;
  length4: Uint8Array;
  /** Four words an entry. */
  v6: Int32Array;
  length6: Uint8Array;
  /** Where the entry was given: 0 for --eam, else the line in the EAM file. */
  line: Int32Array;

  constructor(capacity = 16) {
    this.v4 = shared32(capacity);
    this.length4 = shared8(capacity);
    this.v6 = shared32(capacity * 4);
    this.length6 = shared8(capacity);
    this.line = shared32(capacity);
  }

  /** Appends an entry; host bits must be 0 already. */
  add(v4: Ip4, length4: number, v6: Ip6, length6: number, line = 0): void {
    this.addWords(v4, length4, v6[0], v6[1], v6[2], v6[3], length6, line);
  }

  /** `add` without an Ip6 object, for bulk loading. */
  addWords(
    v4: Ip4,
    length4: number,
    a: number,
    b: number,
    c: number,
    d: number,
    length6: number,
    line: number,
  ): void {
    if (this.size === this.v4.length) this.#grow(Math.max(16, this.size * 2));
    const i = this.size++;
    this.v4[i] = v4;
    this.length4[i] = length4;
    this.v6[4 * i] = a;
    this.v6[4 * i + 1] = b;
    this.v6[4 * i + 2] = c;
    this.v6[4 * i + 3] = d;
    this.length6[i] = length6;
    this.line[i] = line;
  }

  /** Makes room for `more` entries at once: a large file grows the columns once, not twenty times. */
  reserve(more: number): void {
    if (this.size + more > this.v4.length) this.#grow(this.size + more);
  }

  #grow(capacity: number): void {
    const copy = <A extends Int32Array | Uint8Array>(from: A, to: A): A => {
      to.set(from);
      return to;
    };
    this.v4 = copy(this.v4, shared32(capacity));
    this.length4 = copy(this.length4, shared8(capacity));
    this.v6 = copy(this.v6, shared32(capacity * 4));
    this.length6 = copy(this.length6, shared8(capacity));
    this.line = copy(this.line, shared32(capacity));
  }
}
