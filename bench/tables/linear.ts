/** The thing to be compared with: TAYGA's list, searched from one end to the other, longest prefix first. */
import type { EamList } from '../../src/address/eam.ts';
import { mask32 } from '../../src/address/ip.ts';

export class Linear {
  readonly #addresses: Int32Array;
  readonly #masks: Int32Array;
  readonly #entries: Int32Array;

  constructor(list: EamList) {
    const order = Array.from({ length: list.size }, (_, i) => i).sort(
      (a, b) => list.length4[b]! - list.length4[a]!,
    );
    this.#addresses = Int32Array.from(order, (i) => list.v4[i]!);
    this.#masks = Int32Array.from(order, (i) => mask32(list.length4[i]!));
    this.#entries = Int32Array.from(order);
  }

  get bytes(): number {
    return this.#addresses.byteLength * 3;
  }

  find(address: number): number {
    const addresses = this.#addresses;
    const masks = this.#masks;
    for (let i = 0; i < addresses.length; i++) {
      if (((address ^ addresses[i]!) & masks[i]!) === 0) return this.#entries[i]!;
    }
    return -1;
  }
}
