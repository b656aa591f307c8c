/**
 * Looking at the host again and again (CLAT-16): after events, once for any number of them; after a failure later and
 * later; at a time asked for. Every look starts from what the host is at that moment, so that no order of events matters
 * and none can be missed for good.
 */

export interface WatchLoopDeps {
  /** Reads the host and acts on it. Resolves with the ms that the reading took. */
  readonly look: () => Promise<number>;
  readonly onFailure: (error: Error) => void;
}

const RETRY_FIRST = 1000; // ms
const RETRY_MOST = 60_000;
/**
 * A border router's table takes seconds to read and changes all the time: beyond the first tenth of a second reading may
 * take a tenth of the time.
 */
const REST = 9;
const QUICK = 100; // ms
/** So many looks within so long need no rest: a start takes several, and on a slow machine all reading is slow. */
const FREE = 8;
const FREE_SPAN = 60_000; // ms

export class WatchLoop {
  readonly #deps: WatchLoopDeps;
  #looking: Promise<void> | null = null;
  #again = false;
  #retry = RETRY_FIRST;
  /** The last look failed; the timer is set for the next. */
  #failed = false;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer ends, ms of performance.now. */
  #due = Number.POSITIVE_INFINITY;
  #resting: { end(): void } | null = null;
  #stopped = false;
  /** When the last FREE looks began, ms of performance.now. */
  #begun: number[] = [];

  constructor(deps: WatchLoopDeps) {
    this.#deps = deps;
  }

  /** Looks soon. After a failure not before the next try: undoing makes events too. */
  ring(): void {
    if (this.#stopped || this.#failed) return;
    if (this.#looking !== null) {
      this.#again = true;
      return;
    }
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = null;
      if (this.#again) this.ring();
    });
  }

  /** Looks at once, also after a failure: what failed may be another matter now. */
  ringAnyway(): void {
    this.#failed = false;
    this.#retry = RETRY_FIRST;
    this.ring();
  }

  /** Looks in `ms` at the latest. */
  ringIn(ms: number): void {
    const due = performance.now() + ms;
    if (this.#stopped || due >= this.#due) return;
    this.#clearTimer();
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#clearTimer();
      this.#failed = false;
      this.ring();
    }, ms);
  }

  /** Resolves when the look under way is over. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  /** Resolves when the look under way is over; there will be no other one. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again = false;
    this.#clearTimer();
    this.#resting?.end();
    await this.settled();
  }

  async #lookOnce(): Promise<void> {
    this.#again = false;
    const now = performance.now();
    const busy = this.#begun.length === FREE && now - this.#begun[0]! < FREE_SPAN;
    this.#begun = [...this.#begun, now].slice(-FREE);
    try {
      const reading = await this.#deps.look();
      this.#retry = RETRY_FIRST;
      const rest = busy ? REST * (reading - QUICK) : 0;
      if (this.#again && rest > 0) await this.#rest(rest);
    } catch (error) {
      if (this.#stopped) return;
      this.#deps.onFailure(error as Error);
      this.#failed = true;
      this.#again = false;
      this.#clearTimer();
      this.ringIn(this.#retry);
      this.#retry = Math.min(2 * this.#retry, RETRY_MOST);
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#resting = null;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#resting = { end };
    });
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#due = Number.POSITIVE_INFINITY;
  }
}
