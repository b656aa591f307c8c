/** The benchmark's datagrams: whatever arrives is counted, and nothing waits for ever. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { compile, flood, result, type Sunk } from '../../bench/e2e/load.ts';
import { Process } from '../netns/process.ts';

/** Longer than the silence that ends a sink. */
const STALL_MS = 600;

let folder: string;
let udp: string;
let started: Process[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clatd-test-'));
  udp = compile('udp', folder);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((child) => child.stop('SIGKILL')));
});

/** Where flood() starts its programs: here, instead of in a namespace. */
const here = {
  start(program: string, args: readonly string[]): Process {
    const child = new Process(program, args);
    started.push(child);
    return child;
  },
};
const loopback = { from: here, to: here, dest: '127.0.0.1', bytes: 64, seconds: 0.2, rate: 200 };

test('a flood over a way that loses nothing arrives whole', async () => {
  const { sent, delivered, perSecond } = await flood(udp, loopback);
  expect(sent).toBeGreaterThan(0);
  expect(delivered).toBe(sent);
  // Of the time between the first and the last datagram: the wait for silence is not in it.
  expect(perSecond).toBeGreaterThan(sent / 0.4);
});

test('a stall in the middle of a flood does not cut the count', async () => {
  const stalling = {
    start(program: string, args: readonly string[]): Process {
      const sender = here.start(program, args);
      setTimeout(() => sender.signal('SIGSTOP'), 100);
      setTimeout(() => sender.signal('SIGCONT'), 100 + STALL_MS);
      return sender;
    },
  };
  const { sent, delivered } = await flood(udp, { ...loopback, from: stalling, seconds: 1 });
  expect(sent).toBeGreaterThan(100);
  expect(delivered).toBe(sent);
});

/** Its sink listens on another port than the flood goes to. */
const deaf = {
  start: (program: string, [command]: readonly string[]) => here.start(program, [command!, '4399']),
};

test('a flood that does not arrive: nothing is counted, nobody waits', async () => {
  const { sent, delivered, perSecond } = await flood(udp, { ...loopback, to: deaf });
  expect(sent).toBeGreaterThan(0);
  expect([delivered, perSecond]).toEqual([0, 0]);
});

test('after a flood that fails the next one can be counted', async () => {
  await expect(flood(udp, { ...loopback, dest: 'nowhere' })).rejects.toThrow('nowhere is not an address');
  expect((await flood(udp, loopback)).delivered).toBeGreaterThan(0);
});

test('a sink counts what waits in its socket when it is told to end', async () => {
  const sink = here.start(udp, ['sink', '4398']);
  await sink.says(/ready/);
  sink.signal('SIGSTOP');
  const socket = createSocket('udp4');
  socket.connect(4398, '127.0.0.1');
  await once(socket, 'connect');
  for (let i = 0; i < 50; i++) await new Promise((sent) => socket.send('ten bytes.', sent));
  socket.close();
  sink.signal('SIGTERM');
  sink.signal('SIGCONT');
  expect(await result<Sunk>(sink, 5)).toMatchObject({ packets: 50, bytes: 500 });
});
