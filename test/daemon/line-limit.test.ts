/** The log is bounded, whoever makes this program talk; time is the test's. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BURST, INTERVAL, LineLimit, MOST_KINDS } from '../../src/daemon/line-limit.ts';
import { createLog, sayAllAgain } from '../../src/daemon/log.ts';
import { remark } from '../../src/host/remark.ts';

let lines: string[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const logTo = (level: 'info' | 'debug' = 'info') =>
  createLog({ write: (text) => lines.push(text.trimEnd()) }, { level, journal: false });

describe('lines of a kind', () => {
  it('two sentences that alternate for ever are bounded, and the last one is told', () => {
    const log = logTo();
    for (let i = 0; i < 10_000; i++) {
      log.info(`IPv4 is set up: NAT64 2001:db8:${i.toString(16)}::/96`);
      log.info('no CLAT any more: no NAT64 prefix on eth0');
    }
    expect(lines).toHaveLength(2 * BURST);
    vi.advanceTimersByTime(INTERVAL + 1);
    expect(lines.slice(2 * BURST)).toEqual([
      `clatd: IPv4 is set up: NAT64 2001:db8:270f::/96 (the last of ${10_000 - BURST} lines like this within a minute; the others were left out)`,
      `clatd: no CLAT any more: no NAT64 prefix on eth0 (the last of ${10_000 - BURST} lines like this within a minute; the others were left out)`,
    ]);
  });

  it('addresses, prefixes, numbers and interfaces make no other kind; other words do', () => {
    const log = logTo();
    for (let i = 0; i < 100; i++)
      log.warn(`fe80::${i} on eth${i} advertises 2001:db8:${i}::/96: a multicast prefix cannot be used`);
    expect(lines).toHaveLength(BURST);
    log.warn('fe80::1 on eth0 advertises fe80::/96: a link-local prefix cannot be used');
    expect(lines).toHaveLength(BURST + 1);
  });

  it('goes on at one line a minute, and is whole again after a quiet time', () => {
    const log = logTo();
    const say = (): void => log.info('the NAT64 is silent');
    for (let i = 0; i < BURST; i++) say();
    for (let minute = 0; minute < 10; minute++) {
      for (let i = 0; i < 60; i++) {
        say();
        vi.advanceTimersByTime(1000);
      }
    }
    expect(lines.length).toBeGreaterThanOrEqual(BURST + 9);
    expect(lines.length).toBeLessThanOrEqual(BURST + 11);
    vi.advanceTimersByTime((BURST + 1) * INTERVAL);
    lines = [];
    for (let i = 0; i < BURST; i++) say();
    expect(lines).toHaveLength(BURST);
  });

  it('a single line that had to wait is told as it is', () => {
    const log = logTo();
    for (let i = 0; i <= BURST; i++) log.info(`line ${i}`);
    vi.advanceTimersByTime(INTERVAL + 1);
    expect(lines.at(-1)).toBe(`clatd: line ${BURST}`);
  });

  it('what the data plane reports of packets goes through it as well', () => {
    const log = logTo();
    for (let i = 0; i < 1000; i++)
      log.warn(
        { packet: `192.0.2.${i} > 198.51.100.1`, reason: 'UnmappedSource46' },
        'the source has no mapping',
      );
    expect(lines).toHaveLength(BURST);
    expect(lines[0]).toMatch(/reason=UnmappedSource46$/);
  });

  it('after a reload everything may be said again, and what was left out is told before', () => {
    const log = logTo();
    for (let i = 0; i < 30; i++) log.error(`clatd.toml:${i}: a mistake`);
    remark(log, 'warn', 'a remark');
    lines = [];
    sayAllAgain(log);
    expect(lines).toEqual([expect.stringMatching(/clatd.toml:29: a mistake \(the last of 10 lines/)]);
    for (let i = 0; i < BURST; i++) log.error(`clatd.toml:${i}: a mistake`);
    remark(log, 'warn', 'a remark');
    expect(lines).toHaveLength(1 + BURST + 1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('whoever debugs gets every line', () => {
    const log = logTo('debug');
    for (let i = 0; i < 100; i++) log.info('the same');
    expect(lines).toHaveLength(100);
  });

  it('kinds without end share one bound', () => {
    const limit = new LineLimit(() => 0);
    let written = 0;
    const letters = (i: number): string =>
      [...i.toString(26).padStart(4, '0')]
        .map((digit) => 'abcdefghijklmnopqrstuvwxyz'[Number.parseInt(digit, 26)])
        .join('');
    for (let i = 0; i < 100_000; i++) limit.line(`word ${letters(i)}`, () => void written++);
    expect(written).toBe(MOST_KINDS + BURST);
  });
});

describe('remarks', () => {
  const remarks: string[] = [];
  const log = {
    info: (text: string) => void remarks.push(text),
    warn: (text: string) => void remarks.push(text),
  };
  beforeEach(() => {
    remarks.length = 0;
  });

  it('each sentence once in an hour, however they alternate', () => {
    for (let i = 0; i < 100; i++) for (const text of ['a', 'b']) remark(log, 'info', text);
    expect(remarks).toEqual(['a', 'b']);
    vi.advanceTimersByTime(3_600_001);
    remark(log, 'warn', 'a');
    expect(remarks).toEqual(['a', 'b', 'a']);
  });

  it('are forgotten beyond a number of them, the oldest first', () => {
    const other = { ...log };
    for (let i = 0; i < 513; i++) remark(other, 'info', `${i}`);
    expect(remarks).toHaveLength(513);
    remark(other, 'info', '512');
    remark(other, 'info', '1');
    expect(remarks).toHaveLength(513);
    remark(other, 'info', '0');
    expect(remarks).toHaveLength(514);
  });
});
