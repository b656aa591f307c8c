/** The addon's own contract: misuse, threads, and the sockets for the host side. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { addonFile, native } from '../../src/io/native.ts';
import { Process } from '../netns/process.ts';
import { until } from '../netns/wait.ts';
import { blocked, inNetwork } from './support/network.ts';
import { Thread } from './support/thread.ts';

const EBADF = -9;
const EAGAIN = -11;
const ENOENT = -2;
const EPERM = -1;
const ENODEV = -19;
const EINVAL = -22;
const ECONNREFUSED = -111;
const ENOBUFS = -105;
const addon = native();

// biome-ignore lint/suspicious/noExplicitAny: what TypeScript would refuse is what is tested.
const untyped = addon as any;

describe('misuse', () => {
  it.each([
    ['no arguments', () => untyped.readBatch()],
    ['a string for a handle', () => untyped.readBatch('0')],
    ['a number for a name', () => untyped.tunOpen(1, 0, 0, 0, -1)],
    ['a name that does not fit', () => untyped.tunOpen('x'.repeat(16), 0, 0, 0, -1)],
    ['a name with NUL', () => untyped.ifIndex('a\0b')],
    ['an array of another type', () => untyped.recvMsg(0, new Int32Array(1))],
    ['a DataView', () => untyped.recvMsg(0, new DataView(new ArrayBuffer(8)))],
    ['a plain array', () => untyped.netlinkOpen([1])],
    ['an address that is none', () => addon.sendTo(0, new Uint8Array(1), new Uint8Array(4), 1)],
    ['no function', () => untyped.watch(0, null)],
    ['a message too long', () => addon.sdNotify('/x', 'x'.repeat(5000))],
  ])('%s is a TypeError', (_what, call) => {
    expect(call).toThrow(TypeError);
  });

  it.each([-1, 0, 255, 256, 2 ** 31 - 1])('no queue has the handle %i', (handle) => {
    const list = new Int32Array(4);
    const bind = () => addon.bind(handle, new Uint8Array(64), 64, 1, 10, list, list, list, list);
    expect([
      addon.readBatch(handle),
      addon.writeBatch(handle, 0, 1),
      addon.wait(handle, 0),
      addon.closeQueue(handle),
      addon.tunSetOffload(handle, 0),
      addon.tunSetQueue(handle, 1),
      addon.tunSetPersist(handle, 1),
      addon.tunSetSendBuffer(handle, 1),
      bind(),
    ]).toEqual(new Array(9).fill(EBADF));
  });

  it('standard streams and closed descriptors are not closed', () => {
    expect([addon.closeFd(0), addon.closeFd(2), addon.closeFd(1 << 20)]).toEqual([EBADF, EBADF, EBADF]);
  });

  it('names and paths that do not exist', () => {
    expect(addon.ifIndex('no-such-link')).toBe(ENODEV);
    expect(addon.enterNetwork('/no/such/file')).toBe(ENOENT);
    expect(addon.icmp6Open(1 << 30, new Int32Array())).toBeLessThan(0);
    expect(addon.tunSetOffload(0, 0)).toBe(EBADF);
    expect(addon.pinThread(-1)).toBe(EINVAL);
  });
});

describe('watch', () => {
  it('refuses what cannot be polled', () => {
    const file = openSync('/etc/hostname', 'r');
    expect(addon.watch(file, () => {})).toBe(EPERM);
    closeSync(file);
    expect(addon.watch(1 << 20, () => {})).toBe(EBADF);
    expect(addon.unwatch(1 << 20)).toBe(ENOENT);
  });

  it('calls back for as long as there is something to read, until unwatched from the callback itself', async () => {
    const fd = addon.wakeOpen();
    let calls = 0;
    let ended: () => void;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const watch = addon.watch(fd, () => {
      if (++calls < 3) return;
      addon.unwatch(watch);
      ended();
    });
    addon.wake(fd);
    await end;
    // Round the loop once more: nothing may come any more.
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(3);
    expect(addon.unwatch(watch)).toBe(ENOENT);
    addon.closeFd(fd);
  });

  it('runs the promises that a callback resolves', async () => {
    const fd = addon.wakeOpen();
    let watch = 0;
    await new Promise<void>((resolve) => {
      watch = addon.watch(fd, () => resolve());
      addon.wake(fd);
    });
    addon.unwatch(watch);
    addon.closeFd(fd);
  });

  it('ends where the descriptor is broken for good: says so once, and does not keep the thread busy', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clatd-watch-'));
    try {
      const pipe = join(folder, 'pipe');
      expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
      const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      const said: number[] = [];
      const watch = addon.watch(fd, (status) => said.push(status));
      closeSync(reader);
      await until('the end of the watch', () => said.length > 0);
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
      expect(said).toEqual([EBADF]);
      expect(addon.unwatch(watch)).toBe(0);
      closeSync(fd);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('lets a thread end that still watches', async () => {
    const thread = new Thread(`
      const fd = native.wakeOpen();
      native.watch(fd, () => {});
      native.watch(native.wakeOpen(), () => {});
      say(native.unwatch(1));`);
    expect(await thread.hear()).toBe(0);
    await thread.stop();
  });

  it('hands an exception of the callback to the thread', async () => {
    const thread = new Thread(`
      process.on('uncaughtException', (error) => { say(error.message); process.exit(0); });
      const fd = native.wakeOpen();
      native.watch(fd, () => { throw new Error('from the callback'); });
      native.wake(fd);`);
    expect(await thread.hear()).toBe('from the callback');
    await thread.ended;
  });
});

describe('threads', () => {
  it('have names', async () => {
    const thread = new Thread(`
      const before = native.threadName('clatd-worker-with-a-long-name');
      say([before, require('node:fs').readFileSync('/proc/thread-self/comm', 'utf8')]);`);
    expect(await thread.hear()).toEqual([0, 'clatd-worker-wi\n']);
  });

  it('can be tied to one CPU', async () => {
    const thread = new Thread(`
      const status = () => require('node:fs').readFileSync('/proc/thread-self/status', 'utf8');
      const cpu = Number(status().match(/Cpus_allowed_list:\\s*(\\d+)/)[1]);
      say([native.pinThread(cpu), status().match(/Cpus_allowed_list:\\s*(.*)/)[1] === String(cpu)]);`);
    expect(await thread.hear()).toEqual([0, true]);
  });
});

describe('sd_notify', () => {
  it('says nothing into a socket that is not there', () => {
    expect(addon.sdNotify('/no/such/socket', 'READY=1')).toBe(ENOENT);
    expect(addon.sdNotify('@no-such-abstract-socket', 'READY=1')).toBe(ECONNREFUSED);
    expect(addon.sdNotify('', 'READY=1')).toBe(EINVAL);
  });

  it.each([`@clatd-test-${process.pid}`, `/tmp/clatd-test-${process.pid}.socket`])('to %s', async (path) => {
    const receiver = new Process('python3', [
      '-c',
      `import socket, os, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + path[1:] if path[0] == '@' else path)
s.settimeout(10)
print('bound', flush=True)
print(s.recv(100).decode(), flush=True)
if path[0] == '/': os.unlink(path)`,
      path,
    ]);
    await receiver.says(/^bound$/m);
    expect(addon.sdNotify(path, 'READY=1\nSTATUS=translating')).toBe(0);
    expect((await receiver.finished()).stdout).toBe('bound\nREADY=1\nSTATUS=translating\n');
  });
});

describe.skipIf(blocked !== null)('sockets', () => {
  const { ip, elsewhere } = inNetwork();
  const buffer = new Uint8Array(65_536);
  const opened: number[] = [];
  const kept = (fd: number) => {
    expect(fd).toBeGreaterThan(2);
    opened.push(fd);
    return fd;
  };
  afterEach(() => {
    for (const fd of opened.splice(0)) addon.closeFd(fd);
  });

  const address = (text: string) =>
    Uint8Array.from(text.match(/../g)!, (octet) => Number.parseInt(octet, 16));
  const ALL_NODES = address('ff020000000000000000000000000001');
  const received = (fd: number) =>
    until('a message', () => {
      const message = addon.recvMsg(fd, buffer);
      if (message === EAGAIN) return null;
      if (typeof message === 'number') throw new Error(`recvMsg: ${message}`);
      return message;
    });
  const linkLocalReady = (show: () => string) =>
    until('a link-local address', () => show().includes('fe80:') && !show().includes('tentative'));

  it('a descriptor for jumps of the clock has nothing to say while there are none', () => {
    const fd = kept(addon.clockOpen());
    expect(fd).toBeGreaterThan(0);
    expect(() => readSync(fd, new Uint8Array(8))).toThrow(/EAGAIN/);
  });

  it('netlink tells of changes in the groups joined, by watch', async () => {
    const RTNLGRP_IPV4_IFADDR = 5;
    const RTM_NEWADDR = 20;
    const fd = kept(addon.netlinkOpen(Int32Array.of(RTNLGRP_IPV4_IFADDR)));
    expect(addon.recvMsg(fd, buffer)).toBe(EAGAIN);
    const message = new Promise<{ type: number; truncated: number; source: unknown }>((resolve) => {
      const watch = addon.watch(fd, () => {
        const got = addon.recvMsg(fd, buffer);
        addon.unwatch(watch);
        if (typeof got === 'number') throw new Error(`recvMsg: ${got}`);
        resolve({ type: new Uint16Array(buffer.buffer)[2]!, truncated: got.truncated, source: got.source });
      });
    });
    ip('address add 198.51.100.1/32 dev lo');
    expect(await message).toEqual({ type: RTM_NEWADDR, truncated: 0, source: null });
    ip('address delete 198.51.100.1/32 dev lo');
  });

  it('netlink goes on after more was to be told than fits into the queue, and says that something was lost', async () => {
    const fd = kept(addon.netlinkOpen(Int32Array.of(5)));
    const said: number[] = [];
    const drain = (): void => {
      for (;;) {
        const got = addon.recvMsg(fd, buffer);
        if (got === EAGAIN) return;
        if (typeof got === 'number') said.push(got);
      }
    };
    const watch = addon.watch(fd, (status) => {
      said.push(status);
      drain();
    });
    // This thread waits for the command, so nobody reads meanwhile.
    const change = 'address add 198.51.100.3/32 dev lo\naddress delete 198.51.100.3/32 dev lo\n';
    ip('-batch -', change.repeat(15_000));
    await until('the loss', () => said.includes(ENOBUFS));
    expect(said.filter((status) => status !== 0)).toEqual([ENOBUFS]);
    said.length = 0;
    ip('address add 198.51.100.3/32 dev lo');
    await until('the next event', () => said.length > 0);
    expect(said).toEqual([0]);
    ip('address delete 198.51.100.3/32 dev lo');
    addon.unwatch(watch);
  });

  it('netlink messages larger than the buffer are marked', async () => {
    const fd = kept(addon.netlinkOpen(Int32Array.of(5)));
    ip('address add 198.51.100.2/32 dev lo');
    const small = new Uint8Array(20);
    const message = await until('a message', () => {
      const got = addon.recvMsg(fd, small);
      return got === EAGAIN ? null : got;
    });
    expect(message).toMatchObject({ length: 20, truncated: 1 });
  });

  it('the groups of the host side can all be joined, an impossible one not', () => {
    kept(addon.netlinkOpen(Int32Array.of(1, 5, 7, 8, 9, 11, 12, 19, 20, 24, 25)));
    expect(addon.netlinkOpen(Int32Array.of(9999))).toBe(EINVAL);
  });

  it('ICMPv6: a router advertisement with its hop limit, source and interface; other types do not come', async () => {
    await linkLocalReady(() => ip('-6 address show dev near'));
    const near = addon.ifIndex('near');
    const fd = kept(addon.icmp6Open(near, Int32Array.of(134)));
    const [sender, far] = elsewhere(() => {
      const index = addon.ifIndex('far');
      return [kept(addon.icmp6Open(index, new Int32Array())), index] as const;
    });
    await linkLocalReady(() => elsewhere(() => ip('-6 address show dev far')));
    const advertisement = Uint8Array.of(134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const echo = Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1);
    expect(addon.sendTo(sender, echo, ALL_NODES, far)).toBe(8);
    expect(addon.sendTo(sender, advertisement, ALL_NODES, far)).toBe(16);
    const message = await received(fd);
    expect(message).toMatchObject({ length: 16, truncated: 0, hopLimit: 255, ifindex: near });
    expect([message.source?.[0], message.source?.[1]]).toEqual([0xfe, 0x80]);
    // The checksum is the kernel's.
    expect([...buffer.subarray(4, 16)]).toEqual([...advertisement.subarray(4)]);
    expect(buffer[2]! | buffer[3]!).not.toBe(0);
    expect(addon.recvMsg(fd, buffer)).toBe(EAGAIN);
  });

  it('a probe for a duplicate address has the unspecified source, and its owner answers', async () => {
    const target = '20010db8000000000000000000000bad';
    elsewhere(() => ip('-6 address add 2001:db8::bad/64 dev far nodad'));
    const near = addon.ifIndex('near');
    const fd = kept(addon.icmp6Open(near, Int32Array.of(136)));
    const sender = kept(addon.ipv6Open(near));
    const group = 'ff0200000000000000000001ff000bad';
    const source = '0'.repeat(32);
    const header = `6000000000183aff${source}${group}`;
    // Checksum by hand: pseudo-header and message in 16-bit words.
    const body = (checksum: string) => `8700${checksum}00000000${target}`;
    const words = `${source}${group}00000018${'0000003a'}${body('0000')}`.match(/..../g)!;
    let sum = words.reduce((total, word) => total + Number.parseInt(word, 16), 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    const packet = address(header + body((~sum & 0xffff).toString(16).padStart(4, '0')));
    expect(addon.sendTo(sender, packet, address(group), near)).toBe(64);
    await received(fd);
    expect([...buffer.subarray(8, 24)]).toEqual([...address(target)]);
  });

  it('a TUN survives its instance only when persistent: what a thread left open goes with it', async () => {
    const thread = new Thread(`
      say(native.tunOpen('left', 0x5000, 3, 0, -1).queue);
      setInterval(() => {}, 1000);`);
    expect(await thread.hear()).toBe(0);
    expect(addon.ifIndex('left')).toBeGreaterThan(0);
    await thread.stop();
    expect(addon.ifIndex('left')).toBe(ENODEV);
  });

  it('bind checks that everything fits, once', () => {
    const opening = addon.tunOpen('bound', 0x5000, 0, 0, -1);
    if ('error' in opening) throw new Error(opening.step);
    const { queue } = opening;
    const slab = new Uint8Array(new SharedArrayBuffer(4096));
    const ints = (count: number) => new Int32Array(new SharedArrayBuffer(count * 4));
    const bind = (
      slotBytes: number,
      slots: number,
      headroom: number,
      lengths = slots,
      writes = 4,
      results = 1,
      state = 2,
    ) =>
      addon.bind(
        queue,
        slab,
        slotBytes,
        slots,
        headroom,
        ints(lengths),
        ints(writes),
        ints(results),
        ints(state),
      );
    expect(addon.readBatch(queue)).toBe(EBADF);
    expect(addon.writeBatch(queue, 0, 0)).toBe(EBADF);
    expect(() => bind(2048, 3, 64)).toThrow(TypeError);
    expect(() => bind(2048, 0, 64)).toThrow(TypeError);
    expect(() => bind(2 ** 31 - 1, 2 ** 31 - 1, 64, 1)).toThrow(TypeError);
    expect(() => bind(2048, 2, 9)).toThrow(TypeError);
    expect(() => bind(64, 2, 64)).toThrow(TypeError);
    expect(() => bind(2048, 2, 64, 1)).toThrow(TypeError);
    expect(() => bind(2048, 2, 64, 2, 3)).toThrow(TypeError);
    expect(() => bind(2048, 2, 64, 2, 4, 0)).toThrow(TypeError);
    expect(() => bind(2048, 2, 64, 2, 4, 1, 1)).toThrow(TypeError);
    expect(addon.exchange(queue, 0)).toBe(EBADF);
    expect(addon.useRing(queue)).toBe(EBADF);
    expect(bind(2048, 2, 64)).toBe(0);
    expect(() => bind(2048, 2, 64)).toThrow(TypeError);
    expect(() => addon.writeBatch(queue, 0, 2)).toThrow(TypeError);
    expect(() => addon.writeBatch(queue, -1, 1)).toThrow(TypeError);
    expect(() => addon.exchange(queue, 2)).toThrow(TypeError);
    expect(() => addon.exchange(queue, -1)).toThrow(TypeError);
    expect(() => addon.writeBatch(queue, 2 ** 31 - 1, 2 ** 31 - 1)).toThrow(TypeError);
    expect(addon.closeQueue(queue)).toBe(0);
    expect(addon.closeQueue(queue)).toBe(EBADF);
  });
});

describe('trimMemory', () => {
  // Code that was never used before, and code that was: both have to come back.
  const script = `
    const resident = () => Number(/VmRSS:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]);
    const before = resident();
    const result = require(process.argv[1]).trimMemory();
    const after = resident();
    const text = new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(0) + require('node:zlib').gzipSync('x').length;
    console.log(JSON.stringify({ result, smaller: after < before, text }));`;
  // With large pages Node's code is no longer the file's.
  it.each([[], ['--use-largepages=silent']])('the program goes on afterwards %s', (...flags) => {
    const { stdout, stderr, signal } = spawnSync(process.execPath, [...flags, '-e', script, addonFile()], {
      encoding: 'utf8',
    });
    expect({ signal, stderr }).toEqual({ signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ result: 0, smaller: true, text: '1/1/197021' });
  });
});
