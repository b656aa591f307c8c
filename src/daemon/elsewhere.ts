/**
 * The kernel writes from another network of the uplink than the CLAT's: since when (CLAT-7)? A router that renumbers
 * without deprecating leaves both networks looking alike, and this is what tells them apart. Pure.
 */
import { type Prefix6, samePrefix6 } from '../address/ip.ts';

/** ms */
export const ELSEWHERE = 60_000;

export class Elsewhere {
  #network: Prefix6 | null = null;
  #since = 0;

  /** null: the kernel writes from the CLAT's network. */
  get network(): Prefix6 | null {
    return this.#network;
  }

  /** @param now ms */
  hear(now: number, network: Prefix6 | null): void {
    if (network !== null && this.#network !== null && samePrefix6(network, this.#network)) return;
    this.#network = network;
    this.#since = now;
  }

  /** For so long that it is no matter of an address that comes and goes. */
  lasting(now: number): boolean {
    return this.#network !== null && now - this.#since >= ELSEWHERE;
  }
}
