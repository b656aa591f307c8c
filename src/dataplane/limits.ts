/**
 * What the data-plane threads may say together, in shared memory: n threads send no more ICMP errors than one, and log
 * no more (GERR-4, STAT-1). It lives as long as the process: a reload or a new thread fills no bucket anew.
 *
 * Times are 32-bit milliseconds of one clock that never goes back (clock.ts); where they wrap around, after 49 days,
 * what is older than any bucket takes to fill counts as full.
 */
import { REASONS } from '../translate/reasons.ts';
import { KEY_WORDS } from './keyed-hash.ts';

/** Slots that the offenders' addresses are hashed into. */
export const SOURCES = 1024;
/** A set is one global bucket followed by those of the sources. */
export const SET = SOURCES + 1;
/** By family, and "too big" apart from the rest. */
const SETS = 4;

export interface SharedLimits {
  /** For each bucket, when it will be full again; 0: nobody has taken from it. */
  readonly buckets: Int32Array;
  /** For each reason, when it was last logged; 0: never. */
  readonly logged: Int32Array;
  /** Keys the hash of addresses. */
  readonly key: Int32Array;
}

/** Full buckets. `entropy`: at least KEY_WORDS random numbers of 32 bits. */
export function createLimits(entropy: ArrayLike<number>): SharedLimits {
  const shared = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
  const key = shared(KEY_WORDS);
  for (let i = 0; i < KEY_WORDS; i++) key[i] = entropy[i]!;
  return { buckets: shared(SETS * SET), logged: shared(REASONS.length), key };
}

const LOG_INTERVAL_MS = 1000;

/** True at most once a second for each reason, whichever thread asks. */
export function mayLog(logged: Int32Array, reason: number, nowMs: number): boolean {
  const now = Math.floor(nowMs) | 0 || 1;
  const last = Atomics.load(logged, reason);
  // Another thread may have read the clock a moment later: the distance counts, either way.
  if (last !== 0 && Math.abs((now - last) | 0) < LOG_INTERVAL_MS) return false;
  return Atomics.compareExchange(logged, reason, last, now) === last;
}
