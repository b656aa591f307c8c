/**
 * How many ICMP errors may leave (GERR-4; RFC 4443 §2.4(f), RFC 1812 §4.3.2.8): token buckets per family, one for all
 * offenders together and one for each, so that one of them cannot use up the rest's. "Too big" errors have buckets of
 * their own: path MTU discovery must not starve.
 */
export interface ErrorLimiter {
  /** @param family 0: IPv4, 1: IPv6. @param source the offender's address, hashed or whole. @param nowMs any steady clock */
  allowError(family: 0 | 1, tooBig: boolean, source: number, nowMs: number): boolean;
  /** Echo replies of our own addresses count against the global bucket only. */
  allowEcho(family: 0 | 1, nowMs: number): boolean;
}

const GLOBAL_PER_MS = 1;
const GLOBAL_BURST = 50;
const SOURCE_PER_MS = 10 / 1000;
const SOURCE_BURST = 10;
const SOURCES = 1024;
/** A set is one global bucket followed by those of the sources. */
const SET = SOURCES + 1;

/** Limits as GERR-4 says. */
export class TokenBuckets implements ErrorLimiter {
  /** Four sets: family * 2 + tooBig. */
  readonly #tokens = new Float64Array(4 * SET).fill(SOURCE_BURST);
  readonly #filledAt = new Float64Array(4 * SET).fill(Number.NEGATIVE_INFINITY);

  allowError(family: 0 | 1, tooBig: boolean, source: number, nowMs: number): boolean {
    const set = (family * 2 + (tooBig ? 1 : 0)) * SET;
    const slot = set + 1 + (Math.imul(source ^ (source >>> 15), 0x9e3779b1 | 0) >>> 22);
    if (this.#available(slot, SOURCE_PER_MS, SOURCE_BURST, nowMs) < 1) return false;
    if (this.#available(set, GLOBAL_PER_MS, GLOBAL_BURST, nowMs) < 1) return false;
    this.#tokens[slot]! -= 1;
    this.#tokens[set]! -= 1;
    return true;
  }

  allowEcho(family: 0 | 1, nowMs: number): boolean {
    const set = family * 2 * SET;
    if (this.#available(set, GLOBAL_PER_MS, GLOBAL_BURST, nowMs) < 1) return false;
    this.#tokens[set]! -= 1;
    return true;
  }

  /** Fills a bucket up to now and returns what is in it. */
  #available(bucket: number, perMs: number, burst: number, nowMs: number): number {
    const elapsed = nowMs - this.#filledAt[bucket]!;
    if (elapsed > 0) {
      this.#tokens[bucket] = Math.min(
        burst,
        elapsed === Number.POSITIVE_INFINITY ? burst : this.#tokens[bucket]! + elapsed * perMs,
      );
      this.#filledAt[bucket] = nowMs;
    }
    return this.#tokens[bucket]!;
  }
}

/** `icmp-errors unlimited`. */
export const UNLIMITED: ErrorLimiter = { allowError: () => true, allowEcho: () => true };

/** `icmp-errors off`: no errors; pings to our own addresses are still answered, within their limit. */
export class NoErrors implements ErrorLimiter {
  readonly #buckets = new TokenBuckets();

  allowError(): boolean {
    return false;
  }

  allowEcho(family: 0 | 1, nowMs: number): boolean {
    return this.#buckets.allowEcho(family, nowMs);
  }
}

/** The limiter that the option `icmp-errors` names. */
export function createLimiter(mode: 'limited' | 'unlimited' | 'off'): ErrorLimiter {
  return mode === 'limited' ? new TokenBuckets() : mode === 'off' ? new NoErrors() : UNLIMITED;
}
