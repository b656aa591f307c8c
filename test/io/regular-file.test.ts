/** Files from outside: regular ones up to a bound, and nothing that keeps the thread waiting. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { readRegularFile } from '../../src/io/regular-file.ts';
import { scratch } from './support/read.ts';

const files = scratch();
afterAll(() => files.remove());

describe('what is read', () => {
  test.each([0, 1, 999, 1000])('%i bytes of at most 1000', (size) => {
    const path = files.put(`of-${size}`, new Array<number>(size).fill(7));
    expect([...readRegularFile(path, 1000)]).toEqual(new Array(size).fill(7));
  });
  test('a file of /proc, which claims to have no size', () => {
    expect(readRegularFile('/proc/self/status', 1 << 20).toString()).toMatch(/^Name:/);
  });
  test('through a link', () => {
    const path = files.path('link');
    symlinkSync(files.put('target', [65]), path);
    expect(readRegularFile(path, 10).toString()).toBe('A');
  });
});

describe('what is refused', () => {
  test('more than the bound, claimed or not', () => {
    const path = files.put('large', new Array<number>(1001).fill(7));
    expect(() => readRegularFile(path, 1000)).toThrow('it is larger than 1000 bytes, the most that is read');
    expect(() => readRegularFile('/proc/self/status', 10)).toThrow('larger than 10 bytes');
  });
  test('a hole of a terabyte', () => {
    const path = files.path('sparse');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    expect(() => readRegularFile(path, 4 << 20)).toThrow('larger than 4 MiB');
  });
  test('a FIFO that nobody writes to: at once', () => {
    const path = files.path('fifo');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    expect(() => readRegularFile(path, 1000)).toThrow('it is a pipe (FIFO); only regular files are read');
  });
  test('an endless device', () => {
    expect(() => readRegularFile('/dev/zero', 1000)).toThrow('it is a device; only regular files are read');
  });
  test('a directory', () => {
    const path = files.path('folder');
    mkdirSync(path);
    expect(() => readRegularFile(path, 1000)).toThrow('it is a directory');
  });
  test('a socket', async () => {
    const path = files.path('socket');
    const server = createServer().listen(path);
    try {
      await new Promise((listening) => server.once('listening', listening));
      expect(() => readRegularFile(path, 1000)).toThrow('it is a socket');
    } finally {
      server.close();
    }
  });
  test('a file that is not there, in the words of the system', () => {
    expect(() => readRegularFile(files.path('nowhere'), 1000)).toThrow(/^ENOENT: no such file/);
  });
});
