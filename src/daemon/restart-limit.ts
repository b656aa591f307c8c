/** How often something that fails is begun again: so many times in so long a time, and then no more. Pure. */
export class RestartLimit {
  readonly #most: number;
  readonly #within: number;
  #at: number[] = [];

  /** @param within ms */
  constructor(most: number, within: number) {
    this.#most = most;
    this.#within = within;
  }

  /** Told of a failure at `now`, in ms: may it be begun again? */
  allows(now: number): boolean {
    this.#at = this.#at.filter((at) => now - at < this.#within);
    if (this.#at.length >= this.#most) return false;
    this.#at.push(now);
    return true;
  }
}
