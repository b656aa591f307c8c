/** plan, discover and doctor begin with the options of the clatd in use. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../src/cli/args.ts';
import { besideOthers, serviceOptions } from '../../src/cli/inherited.ts';
import { wordsOf } from '../../src/host/running.ts';
import { MOST_SMALL_FILE } from '../../src/io/regular-file.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'clatd-inherited-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each<[string, string[] | null]>([
  [
    'node\0/usr/local/bin/clatd\0run\0--config\0/etc/clatd/clatd.toml\0',
    ['run', '--config', '/etc/clatd/clatd.toml'],
  ],
  ['/usr/bin/node\0--import\0x.js\0dist/main.js\0--eam\0a b\0', ['--eam', 'a b']],
  ['node\0/usr/local/lib/clatd/bin/clatd.js\0', []],
  ['tayga\0-d\0', null],
])('%j', (cmdline, words) => expect(wordsOf(cmdline)).toEqual(words));

test('the service’s files, where they are', () => {
  const [config, environment] = [join(dir, 'clatd.toml'), join(dir, 'default')];
  expect(serviceOptions(config, environment)).toBeNull();
  writeFileSync(environment, 'CLATD_OPTS=""\n');
  expect(serviceOptions(config, environment)).toBeNull();
  writeFileSync(environment, 'CLATD_OPTS="--tun x --dns64-servers 2001:db8::64"\n');
  expect(serviceOptions(config, environment)?.argv).toEqual([
    '--tun',
    'x',
    '--dns64-servers',
    '2001:db8::64',
  ]);
  writeFileSync(config, '');
  expect(serviceOptions(config, environment)).toMatchObject({
    argv: ['--config', config, '--tun', 'x', '--dns64-servers', '2001:db8::64'],
    said: `clatd does not run; the options of its service count here too: ${config}, CLATD_OPTS of ${environment}`,
  });
});

test('an environment file is read as any other: a regular one of bounded size, or none', () => {
  const environment = join(dir, 'large');
  writeFileSync(environment, 'CLATD_OPTS="--tun x"\n');
  expect(serviceOptions(join(dir, 'none'), environment)).not.toBeNull();
  truncateSync(environment, MOST_SMALL_FILE + 1);
  expect(serviceOptions(join(dir, 'none'), environment)).toBeNull();
});

test('several clatd, none of them named: that is said, whatever counts', () => {
  const service = {
    argv: ['--tun', 'x'],
    cwd: '/',
    said: 'clatd does not run; the options of its service count here too: y',
  };
  expect(besideOthers([], service)).toBe(service);
  expect(besideOthers(['clat'], service)).toBe(service);
  expect(besideOthers(['clat', 'b'], service)).toEqual({
    ...service,
    said: 'several clatd run here (on clat, b; --tun names one); the options of its service count here too: y',
  });
  expect(besideOthers(['a', 'b'], null)).toEqual({
    argv: [],
    cwd: '/',
    said: 'several clatd run here (on a, b; --tun names one); the options of none count here',
  });
});

test.each<[string[], string, string]>([
  [['--nonsense'], 'its options count here too: --tun x\n', ''],
  [
    ['--defaults', '--nonsense'],
    'clatd runs here already (process 4711); its options do not count here (--defaults)\n',
    '',
  ],
  [
    ['--config', '/c.toml', '--nonsense'],
    'clatd runs here already (process 4711); its options do not count here (--config)\n',
    '',
  ],
  [['--json', '--nonsense'], '', 'clatd: its options count here too: --tun x\n'],
])('plan %j says first that clatd runs', async (argv, onOut, onErr) => {
  let [out, err] = ['', ''];
  // The mistake keeps it from reading the host.
  const code = await main(['plan', ...argv], {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env: {},
    version: '9.9.9',
    monotonicUs: () => 0n,
    onSignal: () => {},
    files: { read: () => new Uint8Array() },
    inherited: async () => ({
      argv: ['--tun', 'x'],
      cwd: '/',
      said: 'its options count here too: --tun x',
      pid: 4711,
    }),
  });
  expect({ code, out }).toEqual({ code: 2, out: onOut });
  expect(err.startsWith(onErr)).toBe(true);
  expect(err).toContain('--nonsense');
});
