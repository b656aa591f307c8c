/** Resolvers that change, told by the real inotify: resolv.conf as a file, and as a link to wherever. */
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { watchResolvers } from '../../src/host/events.ts';

let root: string;
let told: number;
let end: () => void;

const at = (path: string): string => join(root, path);
const mkdir = (path: string): void => void mkdirSync(at(path), { recursive: true });
const write = (path: string, text = 'nameserver 2001:db8::53\n'): void => writeFileSync(at(path), text);
/** As network managers do: a new file in place of the old one. */
const replace = (path: string): void => {
  write(`${path}.new`);
  renameSync(at(`${path}.new`), at(path));
};
const link = (target: string, path = 'etc/resolv.conf'): void => {
  symlinkSync(target, at(`${path}.new`));
  renameSync(at(`${path}.new`), at(path));
};
const start = (): void => {
  end = watchResolvers(() => void told++, at('etc/resolv.conf'), [at('run/netif')]);
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The kernel queues events before a change returns, and all that are queued are read in one turn. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await turn();
};

/** Makes the change, and waits until it is told. */
async function tells(change: () => void): Promise<void> {
  const before = told;
  change();
  while (vi.getTimerCount() === 0) await turn();
  await settle();
  vi.advanceTimersByTime(200);
  expect(told).toBe(before + 1);
}

/** Makes the change in `directory`, waits until inotify has told of it, and finds that nobody was called. */
async function tellsNothing(directory: string, change: () => void): Promise<void> {
  const before = told;
  const seen = new Promise<void>((resolve) => {
    const watcher = watch(at(directory), () => {
      watcher.close();
      resolve();
    });
  });
  change();
  await seen;
  await settle();
  vi.advanceTimersByTime(200);
  expect(told).toBe(before);
}

beforeEach(() => {
  // Bursts are held together by a timer; all else here is real.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  root = mkdtempSync(join(tmpdir(), 'clatd-resolvers-'));
  told = 0;
  mkdir('etc');
});
afterEach(() => {
  end();
  vi.useRealTimers();
  rmSync(root, { recursive: true });
});

describe('a file', () => {
  test('written, replaced, deleted, there again', async () => {
    write('etc/resolv.conf');
    start();
    await tells(() => write('etc/resolv.conf'));
    await tells(() => replace('etc/resolv.conf'));
    await tells(() => write('etc/resolv.conf'));
    await tells(() => unlinkSync(at('etc/resolv.conf')));
    await tells(() => write('etc/resolv.conf'));
  });

  test('its neighbours are not it', async () => {
    write('etc/resolv.conf');
    start();
    await tellsNothing('etc', () => write('etc/hosts'));
    await tells(() => write('etc/resolv.conf'));
  });

  test('after the end nothing is told', async () => {
    write('etc/resolv.conf');
    start();
    end();
    await tellsNothing('etc', () => write('etc/resolv.conf'));
  });
});

describe('a link into another directory', () => {
  const TARGET = 'run/resolve/stub-resolv.conf';

  test('what it leads to is written, and replaced again and again', async () => {
    mkdir('run/resolve');
    write(TARGET);
    link(`../${TARGET}`);
    start();
    await tells(() => write(TARGET));
    await tells(() => replace(TARGET));
    await tells(() => replace(TARGET));
    await tells(() => unlinkSync(at(TARGET)));
    await tells(() => write(TARGET));
    await tellsNothing('run/resolve', () => write('run/resolve/other'));
  });

  test('leads elsewhere: the new target counts, the old one no more', async () => {
    for (const name of ['one', 'two']) {
      mkdir(`run/${name}`);
      write(`run/${name}/resolv.conf`);
    }
    link('../run/one/resolv.conf');
    start();
    await tells(() => link(at('run/two/resolv.conf')));
    await tells(() => replace('run/two/resolv.conf'));
    await tells(() => replace('run/two/resolv.conf'));
    await tellsNothing('run/one', () => replace('run/one/resolv.conf'));
  });

  test('a file becomes a link, and a link a file', async () => {
    mkdir('run/resolve');
    write(TARGET);
    write('etc/resolv.conf');
    start();
    await tells(() => link(`../${TARGET}`));
    await tells(() => replace(TARGET));
    await tells(() => replace('etc/resolv.conf'));
    await tellsNothing('run/resolve', () => replace(TARGET));
  });

  test('to another link: each on the way counts', async () => {
    for (const name of ['run/resolve', 'run/middle']) mkdir(name);
    write(TARGET);
    write('run/resolve/other');
    link('../resolve/stub-resolv.conf', 'run/middle/resolv.conf');
    link('../run/middle/resolv.conf');
    start();
    await tells(() => replace(TARGET));
    await tells(() => link('../resolve/other', 'run/middle/resolv.conf'));
    await tells(() => replace('run/resolve/other'));
  });

  test('the directory comes with its service, goes with it, and comes again', async () => {
    link(`../${TARGET}`);
    start();
    for (let i = 0; i < 2; i++) {
      await tells(() => mkdir('run/resolve'));
      await tells(() => write(TARGET));
      await tells(() => replace(TARGET));
      await tells(() => rmSync(at('run'), { recursive: true }));
    }
  });

  test('the directory is made anew before anybody could look', async () => {
    mkdir('run/resolve');
    link(`../${TARGET}`);
    start();
    await tells(() => {
      rmSync(at('run/resolve'), { recursive: true });
      mkdir('run/resolve');
    });
    await tells(() => write(TARGET));
  });

  test('in a circle: once it leads somewhere, that counts', async () => {
    link('resolv.conf');
    start();
    await tells(() => replace('etc/resolv.conf'));
  });
});

test('any file of a directory of link states, also one that comes later', async () => {
  start();
  await tells(() => mkdir('run/netif'));
  await tells(() => write('run/netif/2'));
  await tells(() => write('run/netif/3'));
});
