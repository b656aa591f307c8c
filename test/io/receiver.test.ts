/** What becomes of a socket's messages where the socket fails: against a socket that does as it is told. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Native, Received } from '../../src/io/native.ts';
import { type Receiver, receive } from '../../src/io/receiver.ts';

const EAGAIN = -11;
const EBADF = -9;
const ENOBUFS = -105;
const EMFILE = -24;

let open: number[];
let queue: (string | number)[];
let wake: ((status: number) => void) | null;
let refuse: number;
let next: number;
let heard: string[];

const io = {
  watch: (_fd: number, callback: (status: number) => void) => {
    wake = callback;
    return 1;
  },
  unwatch: () => {
    wake = null;
    return 0;
  },
  closeFd: (fd: number) => {
    expect(open).toContain(fd);
    open = open.filter((one) => one !== fd);
    return 0;
  },
  recvMsg: (fd: number, buffer: Uint8Array): Received | number => {
    expect(open).toContain(fd);
    const one = queue.shift() ?? EAGAIN;
    if (typeof one === 'number') return one;
    const { written } = new TextEncoder().encodeInto(one, buffer);
    return { length: written, truncated: 0, hopLimit: -1, ifindex: 0, source: null };
  },
} as Partial<Native> as Native;

const source = {
  open: () => {
    if (refuse < 0) return refuse;
    open.push(++next);
    return next;
  },
  message: (message: Uint8Array) => void heard.push(new TextDecoder().decode(message)),
  lost: () => void heard.push('(lost)'),
};

function listen(): Receiver {
  const receiver = receive(source, 64, io);
  if (typeof receiver === 'number') throw new Error(`error ${receiver}`);
  return receiver;
}

beforeEach(() => {
  vi.useFakeTimers();
  [open, queue, heard] = [[], [], []];
  [refuse, next, wake] = [0, 10, null];
});
afterEach(() => {
  vi.useRealTimers();
});

test('each message is passed on as it is', () => {
  const receiver = listen();
  queue = ['one', 'other'];
  wake!(0);
  expect(heard).toEqual(['one', 'other']);
  receiver.close();
  expect(open).toEqual([]);
  expect(wake).toBeNull();
});

test('what cannot be opened is told to whoever asked', () => {
  refuse = EMFILE;
  expect(receive(source, 64, io)).toBe(EMFILE);
});

test.each([
  ['by the event', () => wake!(ENOBUFS), [] as number[]],
  ['by the reading', () => wake!(0), [ENOBUFS]],
])('a loss told %s counts once the queue is empty', (_how, event, first) => {
  listen();
  queue = [...first, 'before the loss', 'and this'];
  event();
  expect(heard).toEqual(['before the loss', 'and this', '(lost)']);
  queue = ['after it'];
  wake!(0);
  expect(heard).toEqual(['before the loss', 'and this', '(lost)', 'after it']);
});

test('a flood leaves the thread to others now and then, and its loss is told at its end', () => {
  listen();
  queue = [ENOBUFS, ...new Array<string>(1000).fill('more')];
  wake!(0);
  expect(queue.length).toBeGreaterThan(500);
  expect(heard).not.toContain('(lost)');
  while (queue.length > 0) wake!(0);
  wake!(0);
  expect(heard.length).toBe(1001);
  expect(heard.at(-1)).toBe('(lost)');
});

test('whoever closes while a message is passed on gets no other one', () => {
  const receiver = receive({ ...source, message: () => close() }, 64, io) as Receiver;
  let closed = 0;
  const close = () => {
    closed++;
    receiver.close();
  };
  queue = ['one', 'other'];
  wake!(0);
  expect(closed).toBe(1);
  expect(open).toEqual([]);
});

test('a descriptor that is dead is opened anew, as often as it takes, never in a hurry', () => {
  const receiver = listen();
  wake!(EBADF);
  expect(open).toEqual([]);
  expect(receiver.fd).toBe(-1);
  refuse = EMFILE;
  vi.advanceTimersByTime(1000);
  expect(heard).toEqual([]);
  refuse = 0;
  vi.advanceTimersByTime(999);
  expect(open).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(heard).toEqual(['(lost)']);
  expect(open).toEqual([receiver.fd]);
  queue = ['one'];
  wake!(0);
  expect(heard).toEqual(['(lost)', 'one']);
});

test('closed while it was dead, it stays closed', () => {
  const receiver = listen();
  wake!(EBADF);
  receiver.close();
  vi.advanceTimersByTime(5000);
  expect(open).toEqual([]);
});
