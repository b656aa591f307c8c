/** What there is no event of is looked at every half a minute (CLAT-16). */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Done, Step } from '../../src/host/plan.ts';
import { isQuietlyUndone, watchQuiet } from '../../src/host/quiet.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { host } from './made-up.ts';

const done = (...steps: Step[]): Done[] => steps.map((step) => ({ step, before: {} }));
const sysctl = (key: string, value: string): Step => ({ kind: 'sysctl', key, value, drags: [] });
const ACCEPT = sysctl('net/ipv6/conf/eth0/accept_ra', '2');
const DELAY = sysctl('net/ipv6/neigh/eth0/proxy_delay', '0');
const PROXY: Step = { kind: 'proxy', dev: 'eth0', address: '2001:db8:1:1::c1a7' };

test.each<[string, Step[], Record<string, string>, string[], boolean]>([
  ['all is as it was done', [ACCEPT, DELAY, PROXY], {}, ['eth0 2001:db8:1:1::c1a7'], false],
  ['accept_ra was set back', [ACCEPT], { 'net/ipv6/conf/eth0/accept_ra': '1' }, [], true],
  [
    'accept_ra was turned off: somebody else listens',
    [ACCEPT],
    { 'net/ipv6/conf/eth0/accept_ra': '0' },
    [],
    false,
  ],
  ['proxy_delay was set', [DELAY], { 'net/ipv6/neigh/eth0/proxy_delay': '80' }, [], true],
  ['the proxy entry is gone', [PROXY], {}, ['eth0 2001:db8:1:1::1'], true],
  ['the proxy entry is on another interface', [PROXY], {}, ['eth1 2001:db8:1:1::c1a7'], true],
])('%s', async (_what, steps, sysctls, proxies, expected) => {
  const state = host({
    sysctls: { 'net/ipv6/conf/eth0/accept_ra': '2', 'net/ipv6/neigh/eth0/proxy_delay': '0', ...sysctls },
    proxies,
  });
  expect(await isQuietlyUndone(done(...steps), state.sysctls, async () => state.proxies)).toBe(expected);
});

test('without a proxy entry of ours no program is started', async () => {
  const { sysctls } = host({ sysctls: { 'net/ipv6/conf/eth0/accept_ra': '2' } });
  const proxies = vi.fn(async () => [{ dev: 'eth0', address: parseKernel6('::1') }]);
  await isQuietlyUndone(done(ACCEPT), sysctls, proxies);
  expect(proxies).not.toHaveBeenCalled();
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('every 30 s, one look at a time, whatever fails, until the end', async () => {
  const answers: ((due: boolean | Error) => void)[] = [];
  let acted = 0;
  const end = watchQuiet(
    () =>
      new Promise((resolve, reject) => {
        answers.push((due) => (due instanceof Error ? reject(due) : resolve(due)));
      }),
    () => {
      acted++;
    },
  );
  await vi.advanceTimersByTimeAsync(29_999);
  expect(answers).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(60_001);
  expect(answers).toHaveLength(1);
  for (const [i, answer] of [true, false, new Error('no ip'), true].entries()) {
    answers[i]!(answer);
    await vi.advanceTimersByTimeAsync(30_000);
  }
  expect([answers.length, acted]).toEqual([5, 2]);
  end();
  answers[4]!(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([answers.length, acted]).toEqual([5, 2]);
});
