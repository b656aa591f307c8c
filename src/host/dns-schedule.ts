/** When to ask DNS for the prefix again (DISC-6). Pure; delays in ms. */

/** Before the smallest TTL ends, so that there is no gap. */
const EARLY = 10_000;
const NEGATIVE_FIRST = 60_000;
const NEGATIVE_MOST = 3_600_000;
const FAILED_FIRST = 1000;
const FAILED_MOST = 60_000;

export class DnsSchedule {
  #negative = NEGATIVE_FIRST;
  #failed = FAILED_FIRST;

  /** After AAAA records whose clamped TTL is `ttl` seconds. */
  answered(ttl: number): number {
    this.reset();
    return ttl * 1000 - EARLY;
  }

  /** After an answer that there is no DNS64. */
  negative(): number {
    this.#failed = FAILED_FIRST;
    const delay = this.#negative;
    this.#negative = Math.min(this.#negative * 2, NEGATIVE_MOST);
    return delay;
  }

  /** After no answer, or none that says anything. */
  failed(): number {
    const delay = this.#failed;
    this.#failed = Math.min(this.#failed * 2, FAILED_MOST);
    return delay;
  }

  /** The link or the resolvers changed: all patience from the start. */
  reset(): void {
    this.#negative = NEGATIVE_FIRST;
    this.#failed = FAILED_FIRST;
  }
}
