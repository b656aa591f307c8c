/** What a reload says about options that changed. */
import { expect, test } from 'vitest';
import { changes, inWords } from '../../src/config/changes.ts';
import { loadRun, type RawOptions } from '../../src/config/load.ts';
import { OPTIONS } from '../../src/config/options.ts';

const load = (raw: RawOptions, eamFile = '') => {
  const loaded = loadRun(raw, { read: () => new TextEncoder().encode(eamFile) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  return loaded;
};
const between = (before: RawOptions, after: RawOptions, file = ['', '']) => {
  const [a, b] = [load(before, file[0]), load(after, file[1])];
  return changes(a.config, a.given, b.config, b.given);
};

test.each<[RawOptions, RawOptions, string[], string[]]>([
  [{}, {}, [], []],
  [{}, { workers: 'auto', configure: true, offload: 'auto', tun: 'clat' }, [], []],
  [{}, { workers: '3' }, ['workers'], []],
  [{ 'io-uring': true }, { 'io-uring': false, coalesce: false }, ['coalesce', 'io-uring'], []],
  [
    { tun: 'a', pool6: '2001:db8:64::/96', 'log-level': 'debug' },
    { tun: 'b', pool6: '2001:db8:65::/96', firewall: 'off' },
    ['tun', 'log-level'],
    ['pool6', 'firewall'],
  ],
  [{ eam: ['10.0.0.1=2001:db8::1'] }, { eam: ['10.0.0.2=2001:db8::1'] }, [], ['eam']],
])('%j, then %j', (before, after, restart, now) => {
  expect(between(before, after)).toEqual({ restart, now });
});

test('the EAM file of the same name', () => {
  const file = { 'eam-file': '/e' };
  const one = '10.0.0.1 2001:db8::1\n';
  expect(between(file, file, [one, `# the same\n${one}`]).now).toEqual([]);
  expect(between(file, file, [one, '10.0.0.1 2001:db8::2\n']).now).toEqual(['eam-file']);
  expect(between(file, file, [one, '']).now).toEqual(['eam-file']);
});

test('every option of the daemon itself says that it is read at a start only', () => {
  for (const { name, group, restart } of OPTIONS) {
    expect(restart !== undefined, name).toBe(group === 'Daemon' && name !== 'firewall');
  }
});

test('in words', () => {
  expect(inWords({ restart: [], now: [] })).toEqual({ restart: null, now: 'nothing has changed' });
  expect(inWords({ restart: ['workers'], now: ['pool6', 'lan'] })).toEqual({
    restart: 'workers is read at a start only: restart clatd for the new value',
    now: 'changed: pool6, lan',
  });
  expect(inWords({ restart: ['tun', 'workers'], now: [] }).restart).toBe(
    'tun, workers are read at a start only: restart clatd for the new values',
  );
});
