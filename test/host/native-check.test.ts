/** Which native IPv4 default routes work (--v4-check, CLAT-5): hysteresis, with made-up answers and time. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseV4Check } from '../../src/config/values.ts';
import { findSilent, NativeCheck } from '../../src/host/native-check.ts';
import { nativeIpv4, nativeLinks } from '../../src/host/native4.ts';
import { host } from './made-up.ts';

const CHECK = { address: 0x08080808, port: null };
const ETH0 = { name: 'eth0', index: 2 };
const ETH1 = { name: 'eth1', index: 3 };

describe('hysteresis', () => {
  let answered: boolean;
  let changes: number;
  let said: string[];
  let asked: number[];
  let check: NativeCheck;
  beforeEach(() => {
    vi.useFakeTimers();
    [answered, changes, said, asked] = [true, 0, [], []];
    const say = (text: string): void => void said.push(text);
    check = new NativeCheck(CHECK, {
      log: { debug: say, info: say, warn: say },
      ask: async (_, index) => {
        asked.push(index);
        return answered;
      },
      onChange: () => changes++,
    });
  });
  afterEach(() => {
    check.stop();
    vi.useRealTimers();
  });
  const pass = (seconds: number) => vi.advanceTimersByTimeAsync(1000 * seconds);

  test('alive while nothing is known, and from the first answer', async () => {
    check.watch([ETH0]);
    expect(check.answers('eth0')).toBe(true);
    await pass(30);
    expect(check.answers('eth0')).toBe(true);
    expect([changes, said]).toEqual([0, []]);
    expect(asked).toEqual([2, 2, 2, 2]);
  });

  test('dead after three losses in a row, alive after two answers in a row', async () => {
    answered = false;
    check.watch([ETH0, ETH1]);
    await pass(1.5);
    expect(check.answers('eth0')).toBe(true);
    await pass(1);
    expect(check.answers('eth0')).toBe(false);
    expect(check.answers('eth1')).toBe(false);
    expect(changes).toBe(2);
    answered = true;
    await pass(9.7);
    expect(check.answers('eth0')).toBe(false);
    answered = false;
    await pass(1);
    answered = true;
    await pass(10);
    expect(check.answers('eth0')).toBe(false);
    await pass(1);
    expect(check.answers('eth0')).toBe(true);
    expect(said.filter((text) => text.includes('eth0'))).toEqual([
      '8.8.8.8 (--v4-check) is silent through eth0: its IPv4 default route does not count',
      '8.8.8.8 (--v4-check) answers through eth0: native IPv4',
    ]);
  });

  test('two losses are nothing', async () => {
    check.watch([ETH0]);
    await pass(5);
    answered = false;
    await pass(6.5);
    answered = true;
    await pass(20);
    expect([changes, check.answers('eth0')]).toEqual([0, true]);
  });

  test('nobody is asked about a device that has no route any more', async () => {
    check.watch([ETH0]);
    await pass(1);
    check.watch([]);
    const { length } = asked;
    await pass(60);
    expect(asked).toHaveLength(length);
  });
});

test('asked once, for plan and doctor: silent is who does not answer three times', async () => {
  const asked: number[] = [];
  const silent = await findSilent(CHECK, [ETH0, ETH1], async (_, index) => {
    asked.push(index);
    return index === 3 && asked.filter((one) => one === 3).length === 3;
  });
  expect([...silent]).toEqual(['eth0']);
  expect(asked.filter((one) => one === 2)).toHaveLength(3);
});

test('a dead native route does not count, the next one does', () => {
  const routes4 = ['default via 10.0.0.1 dev eth0 dhcp 100', 'default via 10.1.0.1 dev eth1 dhcp 200'];
  const state = host({ routes4 });
  expect(nativeLinks(state, 'clat').map(({ name }) => name)).toEqual(['eth0', 'eth1']);
  expect(nativeIpv4(state, 'clat', (dev) => dev !== 'eth0')).toBe('eth1');
  expect(nativeIpv4(state, 'clat', () => false)).toBeNull();
});

describe('--v4-check', () => {
  test.each([
    ['off', null],
    ['8.8.8.8', { address: 0x08080808, port: null }],
    ['8.8.8.8:53', { address: 0x08080808, port: 53 }],
  ])('%s', (text, value) => {
    expect(parseV4Check(text)).toEqual({ ok: true, value });
  });
  test.each([
    '',
    'on',
    '8.8.8.8:',
    '8.8.8.8:0',
    '8.8.8.8:65536',
    '8.8.8.8:53:1',
    '2001:db8::1',
    '224.0.0.1',
    ':53',
  ])('%s is refused', (text) => {
    expect(parseV4Check(text).ok).toBe(false);
  });
});
