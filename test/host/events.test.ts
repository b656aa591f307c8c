/** What needs no kernel of the events: bursts, and telling sleep from a clock that was set. The rest: netns/upkeep.test.ts. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { coalesce, sleptBetween } from '../../src/host/events.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a burst is one event, the next burst another one', () => {
  let acted = 0;
  const { ring, stop } = coalesce(() => {
    acted++;
  }, 20);
  for (let i = 0; i < 12; i++) ring();
  expect(acted).toBe(0);
  vi.advanceTimersByTime(20);
  expect(acted).toBe(1);
  ring();
  vi.advanceTimersByTime(19);
  ring();
  vi.advanceTimersByTime(1);
  expect(acted).toBe(2);
  ring();
  stop();
  vi.advanceTimersByTime(1000);
  expect(acted).toBe(2);
});

test.each([
  ['asleep for an hour', { boot: 4_000_000, monotonic: 400_000 }, true],
  ['only the wall clock was set', { boot: 400_010, monotonic: 400_000 }, false],
  ['the clocks are read at different moments', { boot: 400_990, monotonic: 400_000 }, false],
])('%s', (_what, after, slept) => {
  expect(sleptBetween({ boot: 390_000, monotonic: 390_000 }, after)).toBe(slept);
});
