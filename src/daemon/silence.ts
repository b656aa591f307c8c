/** Packets go out, and nothing comes back: since when, and for long enough to look into it (CLAT-7, CLAT-15)? Pure. */

/** ms from the first unanswered packet to the last. */
export const SILENCE = 10_000;

export class Silence {
  /** ms; of the first packet that nothing followed; null: there was none. */
  #first: number | null = null;
  #last = 0;
  #answered = false;

  /** Something has come back once. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Packets went out, and nothing has come back since. */
  get doubtful(): boolean {
    return this.#first !== null;
  }

  /** For so long that it is no matter of one lost answer. */
  get lasting(): boolean {
    return this.#first !== null && this.#last - this.#first >= SILENCE;
  }

  /** What there was since the last time. @param now ms */
  hear(now: number, sent: boolean, received: boolean): void {
    if (received) this.answer();
    else if (sent) {
      this.#first ??= now;
      this.#last = now;
    }
  }

  answer(): void {
    this.#first = null;
    this.#answered = true;
  }
}
