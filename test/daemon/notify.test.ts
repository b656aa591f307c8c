/** sd_notify: what a status may hold, and a real socket that receives it. */
import { describe, expect, it, vi } from 'vitest';
import { createNotifier, message, Outbox } from '../../src/daemon/notify.ts';
import { native } from '../../src/io/native.ts';
import { Process } from '../netns/process.ts';

const LIMIT = 4095;

describe('a notification', () => {
  it('is one line an assignment: none comes in with a message', () => {
    expect(message(['READY=1', 'STATUS=failed:\nRTNETLINK\r\n\tanswers\0: MAINPID=1\nMAINPID=1'])).toBe(
      'READY=1\nSTATUS=failed: RTNETLINK answers : MAINPID=1 MAINPID=1',
    );
  });

  it.each([
    ['fits to the byte', 'x'.repeat(LIMIT - 7), 'x'.repeat(LIMIT - 7)],
    ['is a byte too long', 'x'.repeat(LIMIT - 6), `${'x'.repeat(LIMIT - 10)}…`],
    // 2 bytes each; an odd number of them is left.
    ['would be cut inside a character', 'é'.repeat(4000), `${'é'.repeat(2042)}…`],
    ['would be cut inside a pair of surrogates', '😀'.repeat(2000), `${'😀'.repeat(1021)}…`],
  ])('%s', (_, status, kept) => {
    const text = message([`STATUS=${status}`]);
    expect(text).toBe(`STATUS=${kept}`);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LIMIT);
  });

  it('arrives, however long it was', async () => {
    const path = `@clatd-test-notify-${process.pid}`;
    const receiver = new Process('python3', [
      '-c',
      `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + sys.argv[1][1:])
s.settimeout(10)
print('bound', flush=True)
print(len(s.recv(10000)), s.recv(10000).decode(), flush=True)`,
      path,
    ]);
    await receiver.says(/^bound$/m);
    const notify = createNotifier(path, () => 0n);
    notify.status('no CLAT: '.repeat(1000));
    notify.ready('translating\non clat');
    expect((await receiver.finished()).stdout).toMatch(
      /^bound\n409\d READY=1\nSTATUS=translating on clat\n$/,
    );
  });

  it('waits while the manager’s queue is full, and nothing of it is lost', async () => {
    const path = `@clatd-test-notify-full-${process.pid}`;
    const receiver = new Process('python3', [
      '-c',
      `import signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + sys.argv[1][1:])
s.settimeout(10)
print('bound', flush=True)
signal.sigwait([signal.SIGUSR1])
text = b'filler'
while text != b'STOPPING=1':
  if text != b'filler': print(text.decode().replace('\\n', ' '), flush=True)
  text = s.recv(10000)`,
      path,
    ]);
    await receiver.says(/^bound$/m);
    let sent = 0;
    while (native().sdNotify(path, 'filler') === 0 && sent < 100_000) sent++;
    const notify = createNotifier(path, () => 7n);
    notify.ready('one');
    for (let i = 0; i < 100; i++) notify.status(`number ${i}`);
    notify.reloading();
    notify.ready('two');
    notify.stopping();
    receiver.signal('SIGUSR1');
    expect((await receiver.finished(20_000)).stdout).toBe(
      [
        'bound',
        'READY=1 STATUS=one',
        'STATUS=number 99',
        'RELOADING=1 MONOTONIC_USEC=7',
        'READY=1 STATUS=two',
        '',
      ].join('\n'),
    );
  });

  it('keeps no more than a few while nobody listens, the latest', () => {
    let full = true;
    const got: string[] = [];
    const outbox = new Outbox((text) => {
      if (full) return -11;
      got.push(text);
      return 0;
    });
    vi.useFakeTimers();
    try {
      for (let i = 0; i < 1000; i++) outbox.send(`READY=1\nSTATUS=${i}`);
      full = false;
      vi.advanceTimersByTime(1000);
    } finally {
      vi.useRealTimers();
    }
    expect(got.length).toBeLessThan(50);
    expect(got.at(-1)).toBe('READY=1\nSTATUS=999');
  });

  it('a socket whose path is no socket path does not end the program', () => {
    expect(() => createNotifier(`/${'x'.repeat(200)}`, () => 0n).ready('translating')).not.toThrow();
  });
});
