/** A journal is data of another process: what is read from it, and how it is written. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownerOfThisProcess, readLeftover } from '../../src/host/journal.ts';
import { asJournalError, parseJournal, readJournal, writeJournal } from '../../src/host/journal-file.ts';
import type { Done, Step } from '../../src/host/plan.ts';
import { isDone } from '../../src/host/step-fields.ts';
import { Process } from '../netns/process.ts';
import { command } from '../netns/sandbox.ts';
import { until } from '../netns/wait.ts';

const STEPS = {
  sysctl: {
    kind: 'sysctl',
    key: 'net/ipv6/conf/eth0.100/forwarding',
    value: '1',
    drags: ['net/ipv6/conf/wg-a@1/forwarding'],
  },
  link: { kind: 'link', dev: 'clat', mtu: 1500 },
  address: { kind: 'address', dev: 'clat', family: 4, address: '192.0.0.2', length: 29 },
  routes: {
    kind: 'routes',
    family: 6,
    dev: 'clat',
    to: ['default', '2001:db8::/64', '192.0.2.0/24'],
    metric: 1024,
    gateway: 'fe80::1',
    source: null,
    mtu: 1480,
    table: 64001,
  },
  rule: { kind: 'rule', iif: 'clat', to: '2001:db8::c1a7/128', table: 64001 },
  proxy: { kind: 'proxy', dev: 'eth0', address: '2001:db8::c1a7' },
  accept: {
    kind: 'accept',
    family: 'inet',
    table: 'filter',
    chain: 'ufw6-before-forward',
    comment: 'clatd:clat',
    rules: ['iifname "clat" accept'],
  },
  nft: { kind: 'nft', family: 'ip6', table: 'clatd_clat', rules: 'table ip6 clatd_clat {\n}\n' },
} as const satisfies { [K in Step['kind']]: Extract<Step, { kind: K }> };

const BEFORE = { values: { 'net/ipv6/conf/all/forwarding': '0' }, up: false, mtu: 1500, present: ['::/0'] };

describe('a change in a journal', () => {
  it.each(Object.entries(STEPS))('%s is one as clatd writes it', (_, step) => {
    expect(isDone({ step, before: {} })).toBe(true);
    expect(isDone({ step, before: { ...BEFORE, devs: { eth0: 2 } } })).toBe(true);
  });

  it.each<[string, object, object?]>([
    ['a kind nobody knows', { ...STEPS.link, kind: 'exec' }],
    ['a kind of every object', { ...STEPS.link, kind: 'constructor' }],
    ['a second ip command in a name', { ...STEPS.link, dev: 'x\nlink del eth0' }],
    ['an option in a name', { ...STEPS.link, dev: 'clat mtu 68' }],
    ['a name with a slash', { ...STEPS.link, dev: '../x' }],
    ['a name that is no text', { ...STEPS.link, dev: ['clat'] }],
    ['a field too few', { kind: 'link', dev: 'clat' }],
    ['a field too many', { ...STEPS.link, table: 100 }],
    ['a key that leaves /proc/sys', { ...STEPS.sysctl, key: 'net/../kernel/core_pattern' }],
    ['a key that goes up at its end', { ...STEPS.sysctl, key: 'net/ipv6/..' }],
    ['a key elsewhere below /proc/sys', { ...STEPS.sysctl, key: 'kernel/core_pattern' }],
    ['an absolute key', { ...STEPS.sysctl, key: '/etc/passwd' }],
    ['a key of a dragged one that leaves', { ...STEPS.sysctl, drags: ['net/../../../etc/passwd'] }],
    ['a value of several lines', { ...STEPS.sysctl, value: '1\n2' }],
    ['a key before that leaves', STEPS.sysctl, { values: { '../../etc/shadow': 'x' } }],
    ['a value before of several lines', STEPS.sysctl, { values: { 'net/x': 'a\nb' } }],
    ['an address that is none', { ...STEPS.address, address: '192.0.0.2/29 dev eth0' }],
    ['an address with a command', { ...STEPS.address, address: '192.0.0.2\nlink del eth0' }],
    ['a route with a command', { ...STEPS.routes, to: ['2001:db8::/64\nlink del eth0'] }],
    ['a route of more words', { ...STEPS.routes, to: ['default dev eth0'] }],
    ['a gateway with a command', { ...STEPS.routes, gateway: 'fe80::1\nx' }],
    ['a route before with a command', STEPS.routes, { present: ['x\ny'] }],
    ['a metric that is text', { ...STEPS.routes, metric: '1\nx' }],
    ['a table of somebody else', { ...STEPS.nft, table: 'filter' }],
    ['a table with a command', { ...STEPS.nft, table: 'clatd; flush ruleset' }],
    ['a family with a command', { ...STEPS.nft, family: 'ip; flush ruleset; add table ip' }],
    ['a chain with a command', { ...STEPS.accept, chain: 'x\nflush ruleset' }],
    ['an index that is none', STEPS.link, { devs: { clat: '1' } }],
  ])('%s is none', (_, step, before = {}) => {
    expect(isDone({ step, before })).toBe(false);
  });
});

const CONTENT = {
  version: 1 as const,
  tun: 'clat',
  pid: 1,
  startTime: '1',
  boot: 'b',
  done: [{ step: STEPS.link, before: {} }],
  left: [{ done: { step: STEPS.proxy, before: {} }, tries: 1 }],
};

describe('a journal', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'clatd-journal-file-'));
    path = join(dir, 'clat.json');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is read as it was written', () => {
    writeJournal(path, CONTENT);
    expect(readJournal(path)).toEqual({ is: 'journal', content: CONTENT });
    expect(readdirSync(dir)).toEqual(['clat.json']);
  });

  it('of an earlier version has nothing left', () => {
    const { left: _, ...older } = CONTENT;
    expect(parseJournal(JSON.stringify(older))).toEqual({ is: 'journal', content: { ...CONTENT, left: [] } });
  });

  it('keeps what makes sense beside what does not', () => {
    const strange = { step: { ...STEPS.link, dev: 'x\ny' }, before: {} } as Done;
    const text = JSON.stringify({ ...CONTENT, done: [...CONTENT.done, strange, null, 7] });
    expect(parseJournal(text)).toEqual({
      is: 'bad',
      because: '3 of its changes are none that clatd makes',
      content: CONTENT,
    });
  });

  it.each(['', '{"version":1,', 'null', '[]', '"x"', '{"version":2}', '{"version":1,"done":{}}'])(
    '%s is none',
    (text) => expect(parseJournal(text)).toMatchObject({ is: 'bad', content: null }),
  );

  it.each<[string, (path: string) => void]>([
    ['a directory', mkdirSync],
    ['a FIFO', (name) => void command('mkfifo', [name])],
    ['a symbolic link', (name) => symlinkSync('/dev/zero', name)],
    ['a file without end', (name) => void command('truncate', ['-s', '1T', name])],
  ])('in the place of %s is not waited for', (_, make) => {
    make(path);
    expect(readJournal(path)).toMatchObject({ is: 'bad', content: null });
  });

  it('that cannot be written leaves the one before, and no part of itself', () => {
    writeJournal(path, CONTENT);
    const before = readFileSync(path, 'utf8');
    writeFileSync(join(dir, 'file'), '');
    mkdirSync(`${path}.new`);
    expect(() => writeJournal(path, { ...CONTENT, done: [] })).toThrow(/cannot keep the journal/);
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('of a process that ended and whose parent has not looked is of a dead one', async () => {
    // Its second child, which it does not know, and so never waits for.
    const parent = new Process('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60']);
    try {
      const [, word = ''] = await parent.says(/^(\d+)$/m);
      const pid = Number(word);
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8');
      const owner = { ...ownerOfThisProcess(), pid, startTime: stat().split(' ')[21]! };
      writeJournal(path, { ...CONTENT, ...owner });
      expect(readLeftover(path, ownerOfThisProcess())).toEqual({ is: 'running', pid });
      await until('it to end', () => stat().includes(') Z '));
      expect(readLeftover(path, ownerOfThisProcess())).toMatchObject({ is: 'stale', pid });
    } finally {
      await parent.stop('SIGKILL');
    }
  });

  it.each([
    ['ENOSPC', 'make room there'],
    ['EROFS', 'mount a tmpfs on /run/clatd, or use --no-configure'],
    ['EACCES', 'run as root, or use --no-configure'],
  ])('that is refused with %s names the remedy', (code, remedy) => {
    const { message } = asJournalError('/run/clatd/clat@1.json', Object.assign(new Error(), { code }));
    expect(message).toContain(`${code} (`);
    expect(message).toContain(remedy);
  });
});
