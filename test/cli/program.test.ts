/** The built program as a process: exit codes, streams, and what it reads to start. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Enough for `check` to be content. */
const MAPPING = '--pool6 2001:db8:64::/96 --eam 192.0.0.2=2001:db8::2';
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Never without a command that only prints: without one clatd would translate on this host. */
function clatd(...argv: [string, ...string[]]) {
  return shell(`exec "$0" "$@"`, process.execPath, program, ...argv);
}
function shell(script: string, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, ...argv], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe.skipIf(!existsSync(program))('the built program (skipped: npm run build first)', () => {
  test('--version', () => {
    expect(clatd('--version')).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^clatd \d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  });
  test('wrong options', () => {
    expect(clatd('check', '--pool6', 'x', '--eam')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^clatd: --eam: .*\nclatd: --pool6: .*\nclatd: nothing was done; .*\n$/),
    });
  });
  test('a reader that has seen enough', () => {
    const { stdout, stderr } = shell(
      '"$0" "$1" run --help | head -n 1; echo "$PIPESTATUS"',
      process.execPath,
      program,
    );
    expect(stdout).toMatch(/^Usage: clatd run.*\n0\n$/);
    expect(stderr).toBe('');
  });
  /** Every command that prints, with what it prints without touching or asking anything. */
  const PRINTING = [
    '--version',
    '--help',
    'help',
    'run --help',
    'explain',
    'explain TtlExpired46',
    'explain --packet 45',
    `check ${MAPPING}`,
    'address query 192.0.0.2',
    `replay ${fileURLToPath(new URL('../../package.json', import.meta.url))} ${MAPPING}`,
  ];
  test.each(PRINTING)('a full disk is a failure, in one line: %s', (line) => {
    const script = `"$0" "$1" ${line} >/dev/full`;
    const { status, stderr } = shell(script, process.execPath, program);
    expect(status).toBe(1);
    // What is no capture is said before anything is printed.
    expect(stderr).toMatch(
      /^clatd: (cannot write standard output: no space left on device|.* not a capture .*)\n$/,
    );
  });
  test('a full disk for the log is nobody’s failure', () => {
    expect(shell(`"$0" "$1" check ${MAPPING} 2>/dev/full`, process.execPath, program).status).toBe(0);
    expect(shell('"$0" "$1" check --pool6 x 2>/dev/full', process.execPath, program).status).toBe(2);
  });
  test.each(['explain', 'explain TtlExpired46', `check ${MAPPING}`])(
    'a reader that was never there: %s',
    (line) => {
      const script = `exec 3> >(exec true); wait $!; "$0" "$1" ${line} >&3; echo "$?" >&2`;
      expect(shell(script, process.execPath, program)).toMatchObject({ stderr: '0\n' });
    },
  );
  test('a FIFO, a device or a folder as configuration or EAM file is a mistake, told at once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'clatd-fifo-'));
    try {
      const fifo = join(folder, 'fifo');
      expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
      for (const [option, path, what] of [
        ['--config', fifo, 'a pipe (FIFO)'],
        ['--eam-file', fifo, 'a pipe (FIFO)'],
        ['--config', '/dev/zero', 'a device'],
        ['--eam-file', folder, 'a directory'],
      ] as const) {
        const run = spawnSync(process.execPath, [program, 'check', option, path], {
          encoding: 'utf8',
          timeout: 20_000,
        });
        expect(run).toMatchObject({
          status: 2,
          stdout: '',
          stderr: `clatd: ${option}: cannot read ${path}: it is ${what}; only regular files are read\nclatd: nothing was done; see clatd check --help\n`,
        });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  test('a configuration of 40,000 keys that are no options is read in a second', { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'clatd-keys-'));
    try {
      const file = join(folder, 'c.toml');
      writeFileSync(
        file,
        Array.from({ length: 40_000 }, (_, i) => `${i === 0 ? 'wrkers' : `key-${i}`} = ${i}\n`).join(''),
      );
      const report =
        'data:text/javascript,process.on("exit",()=>{const{userCPUTime,systemCPUTime}=process.resourceUsage();' +
        'console.log(userCPUTime+systemCPUTime)})';
      const { stdout, stderr } = shell(
        'exec "$0" "$@"',
        process.execPath,
        ...['--import', report, program, 'check', '--config', file],
      );
      // Time of the processor; it took 42 s.
      expect(Number(stdout) / 1e6).toBeLessThan(3);
      const lines = stderr.trim().split('\n');
      expect(lines[0]).toBe(
        `clatd: ${file}:1: wrkers: is not an option; did you mean workers? (clatd run --help lists all)`,
      );
      expect(lines.at(-2)).toBe(`clatd: ${file}:21: key-20: and 39,980 more unknown names`);
      expect(lines).toHaveLength(22);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  test('closed streams', () => {
    expect(shell(`"$0" "$1" check ${MAPPING} >&- 2>&-`, process.execPath, program).status).toBe(0);
  });
  test.skipIf(process.getuid?.() !== 0)('run without privilege says so first, in one line', () => {
    const { status, stdout, stderr } = shell(
      'exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$0" "$1" run',
      process.execPath,
      program,
    );
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^clatd: error: needs root \(CAP_NET_ADMIN\): start it with sudo.*\n$/),
    });
  });
  test('a mistake of ours: one line; with --log-level debug its place', () => {
    const broken = 'data:text/javascript,process.stdout.write=()=>{throw new Error("made up")}';
    const run = (...level: string[]) =>
      shell(`exec "$0" "$@" ${MAPPING}`, process.execPath, '--import', broken, program, 'check', ...level);
    expect(run()).toMatchObject({
      status: 70,
      stderr: 'clatd: unexpected: made up (--log-level debug says where)\n',
    });
    expect(run('--log-level', 'debug')).toMatchObject({
      status: 70,
      stderr: expect.stringMatching(/^clatd: unexpected: Error: made up\n {4}at /),
    });
  });

  test('EAM-4: a million mappings are read and checked in 3 s and 100 MB', { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'clatd-million-'));
    try {
      const lines = Array.from({ length: 1_000_000 }, (_, i) => {
        const [high, low] = [i >>> 16, i & 0xffff];
        return `10.${high}.${low >> 8}.${low & 255}=2001:db8:1:${high.toString(16)}::${low.toString(16)}\n`;
      });
      const [none, all] = [join(folder, 'none'), join(folder, 'all')];
      writeFileSync(none, '');
      writeFileSync(all, lines.join(''));
      const report =
        'data:text/javascript,process.on("exit",()=>{const{maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();' +
        'console.error(JSON.stringify({kb:maxRSS,us:userCPUTime+systemCPUTime}))})';
      const check = (file: string) => {
        const argv = ['--import', report, program, 'check', '--eam-file', file];
        const { stdout, stderr } = shell('exec "$0" "$@"', process.execPath, ...argv);
        return {
          stdout,
          ...(JSON.parse(stderr.trimEnd().split('\n').at(-1)!) as { kb: number; us: number }),
        };
      };
      const before = check(none);
      const after = check(all);
      expect(after.stdout).toContain('1,000,000 explicit address mappings');
      // Time of the processor, not of the clock: other tests run at the same time.
      expect((after.us - before.us) / 1e6).toBeLessThan(3);
      expect((after.kb - before.kb) / 1000).toBeLessThan(100);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
