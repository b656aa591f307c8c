/** Waiting for a condition, never for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Milliseconds before the wait fails; default 30,000. */
  timeout?: number;
  /** Milliseconds between two looks; default 20. */
  interval?: number;
}

/**
 * Resolves with the first truthy value of `condition`. A condition that throws counts as not met yet; its last error is
 * told when the time is up.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  { timeout = 30_000, interval = 20 }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeout;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`waited ${timeout} ms for ${what}${why}`);
    }
    await sleep(interval);
  }
}
