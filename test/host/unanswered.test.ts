/** What is remembered about networks (CLAT-15), on a real disk. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Prefix6 } from '../../src/address/ip.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { type Network, readUnanswered, UnansweredNetworks } from '../../src/host/unanswered.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clatd-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const prefix = (text: string, length: number): Prefix6 => ({ address: parseKernel6(text), length });
const network = (router: string | null, text = '2001:db8:1:1::'): Network => ({
  router,
  network: prefix(text, 64),
  pool6: prefix('64:ff9b::', 96),
});
const ROUTER = '00:00:5e:00:53:01';
const OTHER = '00:00:5e:00:53:02';
const file = (): string => join(folder, 'unanswered.json');
const open = (warn: (text: string) => void = () => {}): UnansweredNetworks =>
  new UnansweredNetworks(folder, warn);

describe('CLAT-15: a network', () => {
  test('is remembered by the next process', () => {
    open().add(network(ROUTER), 1000);
    expect(open().find(network(ROUTER))).toMatchObject({ since: 1000, tried: 1000 });
    open().add(network(ROUTER), 5000);
    expect(open().find(network(ROUTER))).toMatchObject({ since: 1000, tried: 5000 });
    // Tried while the router was not known yet: it is not forgotten.
    open().add(network(null), 6000);
    expect(open().find(network(OTHER))).toBe(null);
    open().forget(network(ROUTER));
    expect(open().find(network(ROUTER))).toBe(null);
  });

  test('is told from others by router, network and prefix; a router not known yet may be the one', () => {
    const networks = open();
    networks.add(network(ROUTER), 1000);
    expect(networks.find(network(OTHER))).toBe(null);
    expect(networks.find(network(ROUTER, '2001:db8:1:2::'))).toBe(null);
    expect(networks.find({ ...network(ROUTER), pool6: prefix('64:ff9b:1::', 96) })).toBe(null);
    expect(networks.find(network(null))).not.toBe(null);
    expect(networks.mayKnow(prefix('64:ff9b::', 96))).toBe(true);
    expect(networks.mayKnow(prefix('64:ff9b:1::', 96))).toBe(false);
  });

  test('of another process is kept', () => {
    const [first, second] = [open(), open()];
    first.add(network(ROUTER), 1000);
    second.add(network(ROUTER, '2001:db8:1:2::'), 2000);
    expect(readUnanswered(folder)).toHaveLength(2);
  });

  test('is forgotten for newer ones beyond a bound', () => {
    const networks = open();
    for (let i = 0; i < 100; i++) networks.add(network(ROUTER, `2001:db8:2:${i.toString(16)}::`), i);
    const left = readUnanswered(folder);
    expect(left).toHaveLength(64);
    expect(Math.min(...left.map(({ tried }) => tried))).toBe(36);
  });
});

describe('a file', () => {
  const good = { router: ROUTER, network: '2001:db8:1:1::/64', prefix: '64:ff9b::/96', since: 1, tried: 2 };
  const withRows = (...networks: unknown[]): void =>
    writeFileSync(file(), JSON.stringify({ version: 1, networks }));

  test('of ours is read', () => {
    withRows(good, { ...good, router: null });
    expect(readUnanswered(folder)).toHaveLength(2);
  });

  test.each<[string, object]>([
    ['a router that is none', { router: '../../etc' }],
    ['a router of another type', { router: 5 }],
    ['a network with bits behind its length', { network: '2001:db8:1:1::1/64' }],
    ['a network that is none', { network: 'x\nroute add default' }],
    ['no prefix', { prefix: undefined }],
    ['a time that is none', { tried: 'yesterday' }],
    ['a time before 1970', { since: -1 }],
    ['a time without end', { tried: 1e300 }],
  ])('with %s: that row is left out', (_, change) => {
    withRows({ ...good, ...change }, good);
    expect(readUnanswered(folder)).toHaveLength(1);
  });

  test.each<[string, string]>([
    ['nothing in it', ''],
    ['something cut off', '{"version":1,"networks":[{"router"'],
    ['another version', '{"version":2,"networks":[]}'],
    ['a row that is none', '{"version":1,"networks":[null,5,"x",[]]}'],
    ['null', 'null'],
    ['more than is ever written', ' '.repeat(70_000)],
  ])('with %s is nothing', (_, text) => {
    writeFileSync(file(), text);
    expect(readUnanswered(folder)).toEqual([]);
  });

  test('that is a pipe, or a link to elsewhere, is not waited for and not followed', () => {
    expect(spawnSync('mkfifo', [file()]).status).toBe(0);
    expect(readUnanswered(folder)).toEqual([]);
    rmSync(file());
    writeFileSync(join(folder, 'other'), JSON.stringify({ version: 1, networks: [good] }));
    symlinkSync(join(folder, 'other'), file());
    expect(readUnanswered(folder)).toEqual([]);
  });

  test('is written whole: nothing else is left beside it', () => {
    open().add(network(ROUTER), 1000);
    expect(readdirSync(folder)).toEqual(['unanswered.json']);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ version: 1 });
  });

  test('that cannot be written is a warning, and remembered all the same', () => {
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    const warned: string[] = [];
    const networks = open((text) => void warned.push(text));
    networks.add(network(ROUTER), 1000);
    networks.add(network(OTHER), 1000);
    expect(warned).toHaveLength(1);
    expect(warned[0]).toMatch(/cannot write .*unanswered\.json: (EEXIST|ENOTDIR)/);
    expect(networks.find(network(ROUTER))).not.toBe(null);
  });
});
