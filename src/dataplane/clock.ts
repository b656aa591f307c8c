/** The clock of the rate limits: the same in all threads (performance.now() counts from each thread's own start). */
import { hrtime } from 'node:process';

const OFFSET = Number(hrtime.bigint() / 1000n) / 1000 - performance.now();

/** Milliseconds, never backwards. */
export const steadyMs = (): number => performance.now() + OFFSET;
