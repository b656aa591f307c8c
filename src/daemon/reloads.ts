/**
 * Reloading, asked for as often as somebody likes: one runs, at most one waits, and stopping goes before both. What failed
 * for a reason that may pass (a full disk, an address of somebody else's) is tried again by itself, less and less often.
 */
const RETRY_FIRST = 1000;
const RETRY_MOST = 60_000;

/** failed: to be tried again. */
export type Outcome = 'done' | 'failed';

export class Reloads {
  readonly #serial: (work: () => Promise<void>) => Promise<void>;
  readonly #reload: (retryIn: number) => Promise<Outcome>;
  #waiting: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #delay = RETRY_FIRST;
  #ended = false;

  /**
   * @param serial lets the work begin after all that was begun before
   * @param reload does it; told in how many ms it would be tried again
   */
  constructor(
    serial: (work: () => Promise<void>) => Promise<void>,
    reload: (retryIn: number) => Promise<Outcome>,
  ) {
    this.#serial = serial;
    this.#reload = reload;
  }

  /** Resolves when a reload that began after the call has ended, or will not begin any more. */
  ask(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    this.#unsetTimer();
    this.#waiting ??= this.#serial(() => this.#once());
    return this.#waiting;
  }

  /** None begins from here on. */
  end(): void {
    this.#ended = true;
    this.#unsetTimer();
  }

  async #once(): Promise<void> {
    this.#waiting = null;
    if (this.#ended) return;
    const outcome = await this.#reload(this.#delay);
    if (outcome === 'done') {
      this.#delay = RETRY_FIRST;
    } else if (!this.#ended && this.#waiting === null) {
      this.#timer = setTimeout(() => {
        this.ask().catch(() => {}); // reload tells of what goes wrong
      }, this.#delay);
      this.#delay = Math.min(2 * this.#delay, RETRY_MOST);
    }
  }

  #unsetTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
