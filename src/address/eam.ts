/**
 * Explicit address mappings (RFC 7757) as a list of columns: a million entries are five typed arrays, not a million
 * objects. Entries are checked when added (EAM-1); the list as a whole (EAM-4) by config/compile.ts.
 */
import type { Ip4, Ip6 } from './ip.ts';

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
    this.v4 = new Int32Array(capacity);
    this.length4 = new Uint8Array(capacity);
    this.v6 = new Int32Array(capacity * 4);
    this.length6 = new Uint8Array(capacity);
    this.line = new Int32Array(capacity);
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
    if (this.size === this.v4.length) this.#grow();
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

  #grow(): void {
    const capacity = this.v4.length * 2;
    const copy = <A extends Int32Array | Uint8Array>(from: A, to: A): A => {
      to.set(from);
      return to;
    };
    this.v4 = copy(this.v4, new Int32Array(capacity));
    this.length4 = copy(this.length4, new Uint8Array(capacity));
    this.v6 = copy(this.v6, new Int32Array(capacity * 4));
    this.length6 = copy(this.length6, new Uint8Array(capacity));
    this.line = copy(this.line, new Int32Array(capacity));
  }
}
