/** GERR-4, STAT-1: what several threads may say together. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { keyedHash } from '../../src/dataplane/keyed-hash.ts';
import { createLimiter, TokenBuckets } from '../../src/dataplane/limiter.ts';
import { createLimits, mayLog, type SharedLimits } from '../../src/dataplane/limits.ts';

const THREADS = 4;
const TRIES = 20_000;

let limiterCode: string;
let limitsCode: string;

async function bundled(name: string): Promise<string> {
  const file = fileURLToPath(new URL(`../../src/dataplane/${name}`, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [file], bundle: true, write: false, format: 'cjs' });
  return outputFiles[0]!.text;
}

/** What `count` returned in each of the threads, which begin at the same moment. */
async function inThreads(code: string, limits: SharedLimits, count: string): Promise<number[]> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: THREADS }, (_, index) => {
    const body = `
      const { parentPort, workerData } = require('node:worker_threads');
      const module = { exports: {} };
      ${code}
      const { limits, gate, index } = workerData;
      Atomics.add(gate, 0, 1);
      while (Atomics.load(gate, 0) < ${THREADS});
      parentPort.postMessage(((exported) => { ${count} })(module.exports));`;
    return new Worker(body, { eval: true, workerData: { limits, gate, index } });
  });
  return Promise.all(
    workers.map(
      (worker) =>
        new Promise<number>((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('GERR-4: threads that share the limits', () => {
  beforeAll(async () => {
    [limiterCode, limitsCode] = await Promise.all([bundled('limiter.ts'), bundled('limits.ts')]);
  });

  it.each([
    ['one source: its burst', 'index * 0', 10],
    ['a source a packet: the burst of all', 'index * 1e6 + i', 50],
  ])('%s, whoever asks', async (_what, source, allowed) => {
    const limits = createLimits([0x12345678, 0x0badcafe]);
    const sent = await inThreads(
      limiterCode,
      limits,
      `const limiter = exported.createLimiter('limited', limits);
      let sent = 0;
      for (let i = 0; i < ${TRIES}; i++) if (limiter.allowError(0, false, ${source}, 0, 0, 0, 1000)) sent++;
      return sent;`,
    );
    expect(sum(sent)).toBe(allowed);
  });

  it('echo replies', async () => {
    const sent = await inThreads(
      limiterCode,
      createLimits([1, 2]),
      `const limiter = exported.createLimiter(index % 2 ? 'limited' : 'off', limits);
      let sent = 0;
      for (let i = 0; i < ${TRIES}; i++) if (limiter.allowEcho(1, 1000)) sent++;
      return sent;`,
    );
    expect(sum(sent)).toBe(50);
  });

  it('STAT-1: a log line', async () => {
    const said = await inThreads(
      limitsCode,
      createLimits([1, 2]),
      `let said = 0;
      for (let i = 0; i < ${TRIES}; i++) if (exported.mayLog(limits.logged, 5, 1000 + i / ${TRIES})) said++;
      return said;`,
    );
    expect(sum(said)).toBe(1);
  });
});

describe('GERR-4: limits that outlive a reload', () => {
  it('another limiter finds the buckets as they were', () => {
    const limits = createLimits([3, 4]);
    const send = (mode: 'limited' | 'off' | 'unlimited') =>
      createLimiter(mode, limits).allowError(0, false, 7, 0, 0, 0, 0);
    for (let i = 0; i < 10; i++) expect(send('limited')).toBe(true);
    send('off');
    send('unlimited');
    expect(send('limited')).toBe(false);
  });
  it('a source that is refused uses nothing up of what all have', () => {
    const limiter = new TokenBuckets(createLimits([3, 4]));
    for (let i = 0; i < 1000; i++) limiter.allowError(1, false, 1, 2, 3, 4, 0);
    let others = 0;
    for (let i = 0; i < 1000; i++) if (limiter.allowError(1, false, 9, 9, 9, i, 0)) others++;
    expect(others).toBe(40);
  });
  it('and the other way round: what all used up is not taken from the source', () => {
    const limiter = new TokenBuckets(createLimits([3, 4]));
    for (let i = 0; i < 1000; i++) limiter.allowError(1, false, 9, 9, 9, i, 0);
    for (let i = 0; i < 1000; i++) expect(limiter.allowError(1, false, 1, 2, 3, 4, 0)).toBe(false);
    let sent = 0;
    for (let i = 0; i < 10; i++) if (limiter.allowError(1, false, 1, 2, 3, 4, 50)) sent++;
    expect(sent).toBe(10);
  });
});

describe('GERR-4: a clock of 32 bits', () => {
  const WRAP = 2 ** 32;
  it.each([2 ** 31, WRAP, 3 * WRAP])('goes over %i as over any other time', (edge) => {
    const limiter = new TokenBuckets(createLimits([3, 4]));
    const ask = (at: number): boolean => limiter.allowError(0, false, 7, 0, 0, 0, at);
    for (let i = 0; i < 10; i++) expect(ask(edge - 250)).toBe(true);
    expect([ask(edge - 151), ask(edge - 150), ask(edge - 51), ask(edge - 50)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect([ask(edge + 49), ask(edge + 50), ask(edge + 51)]).toEqual([false, true, false]);
  });
  it.each([20, 30, 40])('after %i days of silence a bucket is full', (days) => {
    const limits = createLimits([3, 4]);
    const limiter = new TokenBuckets(limits);
    for (let i = 0; i < 20; i++) limiter.allowError(0, false, 7, 0, 0, 0, 5000);
    expect(mayLog(limits.logged, 1, 5000)).toBe(true);
    const later = days * 86_400_000;
    let sent = 0;
    for (let i = 0; i < 20; i++) if (limiter.allowError(0, false, 7, 0, 0, 0, later)) sent++;
    expect(sent).toBe(10);
    expect(mayLog(limits.logged, 1, later)).toBe(true);
  });
});

describe('GERR-4: the hash of addresses', () => {
  it('is keyed: who shares a bucket under one key does not under others', () => {
    const slot = (key: number, word: number) => keyedHash(key, ~key, word, 0, 0, 0) >>> 22;
    const together = Array.from({ length: 50_000 }, (_, i) => i).filter((i) => slot(1, i) === slot(1, 0));
    expect(together.length).toBeGreaterThan(30);
    const still = together.filter((i) => slot(2, i) === slot(2, 0));
    expect(still.length).toBeLessThan(together.length / 4);
  });
  it('is the limiter’s: its key decides which bucket a source takes from', () => {
    const buckets = [1, 2, 3, 4, 5, 6, 7, 8].map((key) => {
      const limits = createLimits([key, ~key]);
      new TokenBuckets(limits).allowError(0, false, 7, 0, 0, 0, 1000);
      return limits.buckets.findLastIndex((full) => full !== 0);
    });
    expect(new Set(buckets).size).toBeGreaterThan(4);
  });
  it('sees every bit of an address: none can be made to stand for another by moving bits between its words', () => {
    const words = [0x20010db8, 0, 0x1234, 0x5678] as const;
    const whole = keyedHash(5, 6, ...words);
    for (let word = 0; word < 4; word++) {
      for (let bit = 0; bit < 32; bit++) {
        const other = [...words] as [number, number, number, number];
        other[word]! ^= 1 << bit;
        expect(keyedHash(5, 6, ...other)).not.toBe(whole);
        other[(word + 1) % 4]! ^= 1 << bit; // the exclusive or of all words is the same again
        expect(keyedHash(5, 6, ...other)).not.toBe(whole);
      }
    }
  });
  it('spreads: 4,096 neighbours fill the slots evenly', () => {
    const slots = new Int32Array(1024);
    for (let i = 0; i < 4096; i++) slots[keyedHash(7, 8, 0x20010db8, 0, 0, i) >>> 22]! += 1;
    expect(Math.max(...slots)).toBeLessThan(20);
    expect(slots.filter((n) => n === 0).length).toBeLessThan(60);
  });
});
