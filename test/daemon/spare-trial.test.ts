/** The daily trial of a spare address (CLAT-15): no network, no real time. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { formatIp6 } from '../../src/address/format.ts';
import type { Prefix6 } from '../../src/address/ip.ts';
import { type Spare, SpareTrial } from '../../src/daemon/spare-trial.ts';
import { parseKernel4, parseKernel6 } from '../../src/host/text.ts';
import { host } from '../host/made-up.ts';

const DAY = 86_400_000;
const ADDRESS = '2001:db8:1:1::bad';
const pool6: Prefix6 = { address: parseKernel6('64:ff9b::'), length: 96 };

function setUp(answering: readonly string[]) {
  const verdicts: string[] = [];
  const asked: string[] = [];
  const the = { sending: true };
  let bytes = 0;
  const trial: SpareTrial = new SpareTrial({
    bytes46: () => (the.sending ? ++bytes : bytes),
    exchange: async () => ({ sent: [parseKernel4('198.51.100.1')], received: true }),
    ping: async (from) => {
      asked.push(formatIp6(from));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return answering.includes(formatIp6(from));
    },
    wall: () => Date.now(),
    // As a look does: what is wanted is put on the uplink, and seen.
    onWanted: () => {
      const there = trial.wanted === null ? [] : [`eth0 ${ADDRESS}/128`];
      trial.see(host({ addresses: ['eth0 2001:db8:1:1::5/64', ...there] }));
    },
    onVerdict: (verdict) => void verdicts.push(verdict),
  });
  const spare = (tried: number): Spare => ({
    address: parseKernel6(ADDRESS),
    own: parseKernel6('2001:db8:1:1::5'),
    clat4: parseKernel4('192.0.0.2'),
    pool6,
    ifindex: 2,
    tried,
  });
  return { trial, the, asked, verdicts, spare };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 10 * DAY });
});
afterEach(() => {
  vi.useRealTimers();
});

test('CLAT-15: once a day, and not before', async () => {
  const { trial, spare, asked, verdicts } = setUp(['2001:db8:1:1::5']);
  trial.watch(spare(Date.now()));
  await vi.advanceTimersByTimeAsync(DAY - 1000);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toEqual([0, 1, 2].flatMap(() => [ADDRESS, '2001:db8:1:1::5']));
  expect(verdicts).toEqual(['unanswered']);
  expect(trial.wanted).toBe(null);
  trial.watch(null);
});

test('an answer is told, and ends it', async () => {
  const { trial, spare, verdicts } = setUp(['2001:db8:1:1::5', ADDRESS]);
  trial.watch(spare(Date.now() - 2 * DAY));
  await vi.advanceTimersByTimeAsync(15_000);
  expect(verdicts).toEqual(['answered']);
  trial.watch(null);
});

test('waits for traffic: nobody is asked who is not in use', async () => {
  const { trial, the, spare, asked } = setUp([]);
  the.sending = false;
  trial.watch(spare(0));
  await vi.advanceTimersByTimeAsync(DAY);
  expect(asked).toEqual([]);
  the.sending = true;
  await vi.advanceTimersByTimeAsync(15_000);
  expect(asked.length).toBeGreaterThan(0);
  trial.watch(null);
});

test('the same again, as after every look, changes nothing; a clock that was set back does not stop it', async () => {
  const { trial, spare, verdicts } = setUp(['2001:db8:1:1::5']);
  const future = Date.now() + 1000 * DAY;
  for (let i = 0; i < 20; i++) {
    trial.watch(spare(future));
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(verdicts).toEqual(['unanswered']);
  trial.watch(null);
});

test('an address that never becomes usable is given up after a while', async () => {
  const { trial, spare, verdicts } = setUp([]);
  vi.spyOn(trial, 'see').mockImplementation(() => {});
  trial.watch(spare(0));
  await vi.advanceTimersByTimeAsync(11_000);
  expect(trial.wanted).not.toBe(null);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(trial.wanted).toBe(null);
  expect(verdicts).toEqual(['nobody']);
  trial.watch(null);
});
