/** When the host is looked at (CLAT-16): looks that take as long as they are told to, on a clock of the test's own. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WatchLoop } from '../../src/daemon/watch-loop.ts';

let began: number[];
let failures: string[];
/** ms a look takes, of which all is reading. */
let takes: number;
let fails: boolean;
let clock: number;
const since = () => performance.now() - clock;

const loop = () =>
  new WatchLoop({
    look: async () => {
      began.push(since());
      if (takes > 0) await new Promise((resolve) => setTimeout(resolve, takes));
      if (fails) throw new Error('no');
      return takes;
    },
    onFailure: ({ message }) => void failures.push(message),
  });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  [began, failures, takes, fails] = [[], [], 0, false];
  clock = performance.now();
});
afterEach(() => {
  vi.useRealTimers();
});

test('looks once for any number of events during a look, and then once more', async () => {
  const one = loop();
  takes = 50;
  one.ring();
  for (let i = 0; i < 5; i++) one.ring();
  await pass(1000);
  expect(began).toEqual([0, 50]);
});

/** Eight looks at once, as a start takes them: each 300 ms, without a rest. */
async function startSlowly(one: WatchLoop): Promise<void> {
  takes = 300;
  one.ring();
  for (let i = 0; i < 8; i++) {
    await pass(10);
    if (i < 7) one.ring();
    await pass(290);
  }
  expect(began).toEqual([0, 300, 600, 900, 1200, 1500, 1800, 2100]);
}

test('rests after a slow reading where there is more to see, and only there', async () => {
  const one = loop();
  await startSlowly(one);
  one.ring();
  await pass(10);
  one.ring();
  await pass(10_000);
  // A tenth of the time beyond the first 100 ms: 9 x 200 ms of rest.
  expect(began.slice(8)).toEqual([2400, 4500]);
  one.ring();
  await pass(0);
  expect(began.length).toBe(11);
});

test('after failures tries again later and later, whatever happens meanwhile; success makes it quick again', async () => {
  const one = loop();
  fails = true;
  one.ring();
  for (let second = 0; second < 200; second++) {
    await pass(1000);
    one.ring();
  }
  expect(began).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000, 183_000]);
  expect(failures.length).toBe(began.length);
  fails = false;
  await pass(43_000);
  expect(began.at(-1)).toBe(243_000);
  fails = true;
  one.ring();
  await pass(1000);
  expect(began.slice(-2)).toEqual([243_000, 244_000]);
});

test('an order to look comes through after a failure', async () => {
  const one = loop();
  fails = true;
  one.ring();
  await pass(500);
  fails = false;
  one.ringAnyway();
  await pass(0);
  expect(began).toEqual([0, 500]);
});

test('of several times asked for the earliest counts', async () => {
  const one = loop();
  one.ringIn(500);
  one.ringIn(300);
  one.ringIn(400);
  await pass(2000);
  expect(began).toEqual([300]);
});

test('stopped, it ends with the look under way, its rest is cut short, and there is none any more', async () => {
  const one = loop();
  await startSlowly(one);
  takes = 5000;
  one.ring();
  one.ring();
  one.ringIn(60_000);
  await pass(5000);
  let stopped = false;
  void one.stop().then(() => {
    stopped = true;
  });
  await pass(0);
  expect(stopped).toBe(true);
  one.ring();
  one.ringAnyway();
  one.ringIn(10);
  await pass(100_000);
  expect(began.slice(8)).toEqual([2400]);
  expect(vi.getTimerCount()).toBe(0);
});

test('settles when the look under way is over, whatever comes next', async () => {
  const one = loop();
  takes = 100;
  one.ring();
  one.ring();
  let settled = 0;
  void one.settled().then(() => {
    settled = since();
  });
  await pass(1000);
  expect(settled).toBe(100);
});
