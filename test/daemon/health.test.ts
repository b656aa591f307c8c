/** Failover between NAT64 prefixes, by pings that a test answers: no network, no real time. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { formatIp6, formatPrefix6 } from '../../src/address/format.ts';
import { type Prefix6, prefixOf6 } from '../../src/address/ip.ts';
import { Health } from '../../src/daemon/health.ts';
import { parseKernel6 } from '../../src/host/text.ts';

const prefix = (text: string): Prefix6 => prefixOf6(parseKernel6(text), 96);
const A = prefix('2001:db8:a::');
const B = prefix('2001:db8:b::');
const C = prefix('2001:db8:c::');
const INTERVAL = 30_000;

function setUp() {
  const log: string[] = [];
  const say = (text: string) => void log.push(text);
  const asked: string[] = [];
  const suspected: string[] = [];
  const answering = new Set<string>();
  const health = new Health(0xc0000201 | 0, INTERVAL, {
    log: { debug: say, info: say, warn: say },
    ping: async (address, ifindex) => {
      expect(ifindex).toBe(2);
      asked.push(formatIp6(address));
      return answering.has(formatIp6(address).slice(0, 10));
    },
    suspect: (one, ms) => void suspected.push(`${formatPrefix6(one)} ${ms / 1000} s`),
  });
  const watch = (active: Prefix6, ...others: Prefix6[]) =>
    health.watch({ ifindex: 2, prefix: active, others: [active, ...others] });
  return { health, log, asked, suspected, answering, watch };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a NAT64 that answers', () => {
  test('is pinged once an interval, at the address embedded in its prefix', async () => {
    const { asked, answering, suspected, watch } = setUp();
    answering.add('2001:db8:a');
    watch(A, B);
    await vi.advanceTimersByTimeAsync(1000 + 3 * INTERVAL);
    expect(asked).toEqual(new Array(4).fill('2001:db8:a::c000:201'));
    expect(suspected).toEqual([]);
  });

  test('may lose two pings in a row', async () => {
    const { answering, suspected, log, watch } = setUp();
    watch(A, B);
    answering.add('2001:db8:b');
    await vi.advanceTimersByTimeAsync(2500);
    answering.add('2001:db8:a');
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(suspected).toEqual([]);
    expect(log).toEqual([]);
  });
});

describe('a NAT64 that is silent', () => {
  test('makes room after three losses for one that answers, and comes last for ten minutes', async () => {
    const { health, asked, answering, suspected, log, watch } = setUp();
    answering.add('2001:db8:c');
    watch(A, B, C);
    await vi.advanceTimersByTimeAsync(3500);
    expect(suspected).toEqual(['2001:db8:b::/96 600 s', '2001:db8:a::/96 600 s']);
    expect(asked.slice(-2)).toEqual(['2001:db8:b::c000:201', '2001:db8:c::c000:201']);
    expect(health.failovers).toBe(1);
    expect(log.join('\n')).toMatch(
      /2001:db8:a::\/96 is silent: 3 pings to 192\.0\.2\.1 were lost; 2001:db8:c::\/96 answers and takes over \(failover 1\)/,
    );
  });

  test('stays where no other answers, said once, and again when it is back', async () => {
    const { answering, suspected, log, watch } = setUp();
    watch(A, B);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(suspected).toEqual([]);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/no other prefix answers: it stays in use/);
    answering.add('2001:db8:a');
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(log[1]).toMatch(/answers again/);
  });

  test('is trusted less each time: twenty minutes, forty, at most an hour', async () => {
    const { answering, suspected, watch } = setUp();
    answering.add('2001:db8:b');
    for (let time = 0; time < 4; time++) {
      watch(A, B);
      await vi.advanceTimersByTimeAsync(3500);
      watch(B, A);
      await vi.advanceTimersByTimeAsync(3500);
    }
    expect(suspected.map((one) => one.split(' ')[1])).toEqual(['600', '1200', '2400', '3600']);
  });

  test('ended while another prefix is asked, it begins nothing more', async () => {
    const quiet = () => {};
    const asked: string[] = [];
    const health = new Health(0xc0000201 | 0, INTERVAL, {
      log: { debug: quiet, info: quiet, warn: quiet },
      ping: async (address) => {
        asked.push(formatIp6(address));
        if (asked.at(-1)!.startsWith('2001:db8:b')) health.stop();
        return false;
      },
      suspect: quiet,
    });
    health.watch({ ifindex: 2, prefix: A, others: [A, B] });
    await vi.advanceTimersByTimeAsync(3500);
    expect(asked.at(-1)).toBe('2001:db8:b::c000:201');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('without a CLAT nobody is pinged', async () => {
    const { health, asked, watch } = setUp();
    watch(A, B);
    await vi.advanceTimersByTimeAsync(1500);
    health.watch(null);
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(asked).toHaveLength(before);
  });
});
