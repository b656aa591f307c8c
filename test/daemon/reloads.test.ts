/** When reloads begin: asked for in bursts, failing, and beside a stop. No host, no files. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { deferred } from '../../src/daemon/deferred.ts';
import { type Outcome, Reloads } from '../../src/daemon/reloads.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Reloads that end when they are told to, one after the other as the daemon has them. */
function driven() {
  let queue: Promise<unknown> = Promise.resolve();
  const began: { retryIn: number; end: (outcome: Outcome) => void }[] = [];
  const reloads = new Reloads(
    (work) => {
      const result = queue.then(work);
      queue = result.catch(() => {});
      return result;
    },
    (retryIn) => {
      const { promise, resolve } = deferred<Outcome>();
      began.push({ retryIn, end: resolve });
      return promise;
    },
  );
  return { reloads, began, settle: () => vi.advanceTimersByTimeAsync(0) };
}

it('one runs and one waits, however many were asked for', async () => {
  const { reloads, began, settle } = driven();
  for (let i = 0; i < 1000; i++) void reloads.ask();
  await settle();
  expect(began).toHaveLength(1);
  for (let i = 0; i < 1000; i++) void reloads.ask();
  began[0]!.end('done');
  await settle();
  expect(began).toHaveLength(2);
  began[1]!.end('done');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(began).toHaveLength(2);
});

it('what waits does not begin after the end, and nothing after it', async () => {
  const { reloads, began, settle } = driven();
  void reloads.ask();
  await settle();
  const waiting = reloads.ask();
  reloads.end();
  began[0]!.end('failed');
  await waiting;
  await reloads.ask();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(began).toHaveLength(1);
});

it('a failure is tried again after 1, 2, 4 … 60 s, and after a success from 1 s on', async () => {
  const { reloads, began, settle } = driven();
  void reloads.ask();
  await settle();
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    const last = began.length;
    expect(began[last - 1]!.retryIn).toBe(seconds * 1000);
    began[last - 1]!.end('failed');
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
    expect(began).toHaveLength(last);
    await vi.advanceTimersByTimeAsync(1);
    expect(began).toHaveLength(last + 1);
  }
  began.at(-1)!.end('done');
  void reloads.ask();
  await settle();
  expect(began.at(-1)!.retryIn).toBe(1000);
});

it('asking does not wait for the next try, and takes its place', async () => {
  const { reloads, began, settle } = driven();
  void reloads.ask();
  await settle();
  began[0]!.end('failed');
  await settle();
  void reloads.ask();
  await settle();
  expect(began).toHaveLength(2);
  began[1]!.end('done');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(began).toHaveLength(2);
});
