/** How often what somebody undoes is done again (CLAT-16). */
import { beforeEach, expect, test } from 'vitest';
import { Contest } from '../../src/host/contest.ts';

let now: number;
let contest: Contest;
beforeEach(() => {
  now = 1_000_000;
  contest = new Contest(() => now);
});

test('three times in a minute, then it is left and named once', () => {
  const verdicts = Array.from({ length: 6 }, () => {
    now += 1000;
    return contest.again('a route');
  });
  expect(verdicts).toEqual(['again', 'again', 'again', 'lost', 'given-up', 'given-up']);
  expect(contest.open).toBe(true);
  expect(contest.again('another one')).toBe('again');
});

test('what is undone now and then is done again for ever', () => {
  for (let i = 0; i < 100; i++) {
    now += 20_001;
    expect(contest.again('a route')).toBe('again');
  }
  expect(contest.open).toBe(false);
});

test('is tried once more after a pause, twice as long each time, an hour at most; short again after a quiet hour', () => {
  const pauses: number[] = [];
  const fight = (): void => {
    while (contest.again('a route') === 'again') now += 1;
    const from = now;
    while (contest.again('a route') === 'given-up') now += 1000;
    pauses.push(Math.round((now - from) / 60_000));
  };
  for (let i = 0; i < 8; i++) fight();
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  contest.settled('a route');
  now += 2 * 3_600_000;
  fight();
  expect(pauses.at(-1)).toBe(1);
});

test('what is as it should be, or not wanted any more, is not open', () => {
  for (const what of ['one', 'other']) while (contest.again(what) === 'again');
  contest.settled('one');
  expect(contest.open).toBe(true);
  expect([contest.isLeft('one'), contest.isLeft('other')]).toEqual([false, true]);
  contest.keep(() => new Set(['one']));
  expect(contest.open).toBe(false);
  expect([contest.isLeft('one'), contest.isLeft('other')]).toEqual([false, false]);
});
