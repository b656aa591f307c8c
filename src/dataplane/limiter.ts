/**
 * How many ICMP errors may leave (GERR-4; RFC 4443 §2.4(f), RFC 1812 §4.3.2.8): token buckets per family, one for all
 * offenders together and one for each, so that one of them cannot use up the rest's. "Too big" errors have buckets of
 * their own: path MTU discovery must not starve. All threads of a process share them (limits.ts).
 */
import { keyedHash } from './keyed-hash.ts';
import { SET, type SharedLimits, SOURCES } from './limits.ts';

export interface ErrorLimiter {
  /**
   * @param family 0: IPv4, 1: IPv6
   * @param a, b, c, d the offender's address: four words, or the IPv4 address and zeros
   * @param nowMs a steady clock, the same in all threads
   */
  allowError(
    family: 0 | 1,
    tooBig: boolean,
    a: number,
    b: number,
    c: number,
    d: number,
    nowMs: number,
  ): boolean;
  /** Echo replies of our own addresses count against the global bucket only. */
  allowEcho(family: 0 | 1, nowMs: number): boolean;
}

/** ms a token, and tokens that a full bucket holds. */
const GLOBAL_MS = 1;
const GLOBAL_BURST = 50;
const SOURCE_MS = 100;
const SOURCE_BURST = 10;
/** ms; a bucket said to be full only after this is older than the clock's 32 bits. */
const IMPOSSIBLE = 10_000;
/** A bucket nobody has taken from. */
const NEVER = 0;

const SOURCE_SHIFT = 32 - Math.log2(SOURCES);

/** Limits as GERR-4 says. */
export class TokenBuckets implements ErrorLimiter {
  readonly #buckets: Int32Array;
  readonly #key0: number;
  readonly #key1: number;
  /** A clock that goes back (in a capture, say) gives nothing. */
  #latest = Number.NEGATIVE_INFINITY;

  constructor({ buckets, key }: SharedLimits) {
    this.#buckets = buckets;
    this.#key0 = key[0]!;
    this.#key1 = key[1]!;
  }

  allowError(
    family: 0 | 1,
    tooBig: boolean,
    a: number,
    b: number,
    c: number,
    d: number,
    nowMs: number,
  ): boolean {
    const now = this.#now(nowMs);
    const set = (family * 2 + (tooBig ? 1 : 0)) * SET;
    const source = set + 1 + (keyedHash(this.#key0, this.#key1, a, b, c, d) >>> SOURCE_SHIFT);
    if (!this.#take(source, SOURCE_MS, SOURCE_BURST, now)) return false;
    if (this.#take(set, GLOBAL_MS, GLOBAL_BURST, now)) return true;
    Atomics.sub(this.#buckets, source, SOURCE_MS); // not used after all
    return false;
  }

  allowEcho(family: 0 | 1, nowMs: number): boolean {
    return this.#take(family * 2 * SET, GLOBAL_MS, GLOBAL_BURST, this.#now(nowMs));
  }

  #now(nowMs: number): number {
    if (nowMs > this.#latest) this.#latest = nowMs;
    return Math.floor(this.#latest) | 0;
  }

  /** A bucket is kept as the time at which it will be full: one word, so that threads need no lock. */
  #take(bucket: number, ms: number, burst: number, now: number): boolean {
    const buckets = this.#buckets;
    for (;;) {
      const full = Atomics.load(buckets, bucket);
      let lacking = (full - now) | 0;
      if (full === NEVER || lacking < 0 || lacking > IMPOSSIBLE) lacking = 0;
      if (lacking > ms * (burst - 1)) return false;
      const next = (now + lacking + ms) | 0 || 1;
      if (Atomics.compareExchange(buckets, bucket, full, next) === full) return true;
    }
  }
}

/** `icmp-errors unlimited`. */
export const UNLIMITED: ErrorLimiter = { allowError: () => true, allowEcho: () => true };

/** `icmp-errors off`: no errors; pings to our own addresses are still answered, within their limit. */
export class NoErrors implements ErrorLimiter {
  readonly #buckets: TokenBuckets;

  constructor(limits: SharedLimits) {
    this.#buckets = new TokenBuckets(limits);
  }

  allowError(): boolean {
    return false;
  }

  allowEcho(family: 0 | 1, nowMs: number): boolean {
    return this.#buckets.allowEcho(family, nowMs);
  }
}

/** The limiter that the option `icmp-errors` names. */
export function createLimiter(mode: 'limited' | 'unlimited' | 'off', limits: SharedLimits): ErrorLimiter {
  return mode === 'limited' ? new TokenBuckets(limits) : mode === 'off' ? new NoErrors(limits) : UNLIMITED;
}
