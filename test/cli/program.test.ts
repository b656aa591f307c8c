/** The built program as a process: exit codes, streams, and what it reads to start. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

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
  test('nowhere to print to is a failure, in one line', () => {
    const { status, stderr } = shell('"$0" "$1" run --help >/dev/full', process.execPath, program);
    expect(status).toBe(70);
    expect(stderr).toMatch(/^clatd: unexpected: ENOSPC.*\n$/);
  });
  test('closed streams', () => {
    expect(shell('"$0" "$1" check >&- 2>&-', process.execPath, program).status).toBe(0);
  });
  test('a mistake of ours: one line; with --log-level debug its place', () => {
    const broken = 'data:text/javascript,process.stdout.write=()=>{throw new Error("made up")}';
    const run = (...level: string[]) =>
      shell('exec "$0" "$@"', process.execPath, '--import', broken, program, 'check', ...level);
    expect(run()).toMatchObject({
      status: 70,
      stderr: 'clatd: unexpected: made up (--log-level debug says where)\n',
    });
    expect(run('--log-level', 'debug')).toMatchObject({
      status: 70,
      stderr: expect.stringMatching(/^clatd: unexpected: Error: made up\n {4}at /),
    });
  });
});
