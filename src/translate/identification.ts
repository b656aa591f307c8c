/**
 * IPv4 Identification for packets made from IPv6 ones without a Fragment Header (T64-HDR-8, RFC 7739 §5.3): 2048
 * counters, chosen by a keyed hash of the flow, each started at random; never 0, since kernels replace a 0.
 */
import type { Identifications } from './job.ts';

const COUNTERS = 2048;

export class HashedIdentifications implements Identifications {
  readonly #counters = new Uint16Array(COUNTERS);
  readonly #key0: number;
  readonly #key1: number;

  /** @param entropy at least COUNTERS + 4 random 16-bit numbers */
  constructor(entropy: Uint16Array) {
    this.#counters.set(entropy.subarray(0, COUNTERS));
    this.#key0 = (entropy[COUNTERS]! << 16) | entropy[COUNTERS + 1]!;
    this.#key1 = (entropy[COUNTERS + 2]! << 16) | entropy[COUNTERS + 3]!;
  }

  /** Random 16-bit numbers the constructor needs. */
  static readonly entropyLength = COUNTERS + 4;

  reserve(source: number, destination: number, protocol: number, count: number): number {
    let hash = Math.imul(source ^ this.#key0, 0x9e3779b1 | 0);
    hash = Math.imul((hash ^ (hash >>> 15)) + (destination ^ this.#key1), 0x85ebca6b | 0);
    hash = Math.imul(hash ^ (hash >>> 13) ^ protocol, 0xc2b2ae35 | 0);
    const slot = (hash >>> 21) & (COUNTERS - 1);
    let first = this.#counters[slot]! + 1;
    // The kernel counts upward per segment: keep the whole run within 1..65535.
    if (first + count - 1 > 0xffff) first = 1;
    this.#counters[slot] = first + count - 1;
    return first;
  }
}

/** Always the same: for tests and vectors. */
export class FixedIdentification implements Identifications {
  readonly #value: number;

  constructor(value: number) {
    this.#value = value;
  }

  reserve(): number {
    return this.#value;
  }
}
