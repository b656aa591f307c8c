/** The automatic mode, told to end while it is setting the host up. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadRun } from '../../src/config/load.ts';
import { Clat, type ClatDeps } from '../../src/daemon/clat.ts';
import { host } from '../host/made-up.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('nothing that was begun after the end keeps the process alive', async () => {
  const loaded = loadRun(
    { pool6: '2001:db8:64::/96', 'clat-v6-addr': 'shared', 'health-check': '198.51.100.1' },
    { read: () => expect.unreachable() },
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  let applied: (() => void) | null = null;
  const state = host({});
  const clat = new Clat(loaded.config, {
    log,
    host: { read: async () => state },
    apply: () =>
      new Promise<void>((resolve) => {
        applied = resolve;
      }),
    bytes46: () => 0,
    pairs: async () => [],
    stateDirectory: '/nowhere',
    status: quiet,
    stable: () => new Uint8Array(16),
    now: () => 0,
  } as unknown as ClatDeps);
  clat.look();
  await vi.waitFor(() => expect(applied).not.toBeNull());
  const stopped = clat.stop();
  applied!();
  await stopped;
  expect(vi.getTimerCount()).toBe(0);
});
