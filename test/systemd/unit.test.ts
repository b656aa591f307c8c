/** The unit file and the installer, without touching the system: all goes under a folder of the test's own. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const source = new URL('../..', import.meta.url).pathname;
const unit = join(source, 'systemd/clatd.service');
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
if (!hasAnalyze) console.warn('test/systemd: systemd-analyze is not installed: its tests are skipped');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'clatd-unit-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe.skipIf(!hasAnalyze)('clatd.service', () => {
  test('systemd-analyze verify has nothing to say', () => {
    // It wants the program to exist, which is installed later.
    const copy = join(dir, 'clatd.service');
    writeFileSync(copy, readFileSync(unit, 'utf8').replaceAll('/usr/local/bin/clatd', '/bin/true'));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', copy], {
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
  });

  test('is no more exposed than it must be', () => {
    const args = ['security', '--offline=true', '--threshold=45', '--no-pager', unit];
    expect(spawnSync('systemd-analyze', args, { encoding: 'utf8' }).status).toBe(0);
  });
});

test('clatd.service keeps the journal and does not shut out sysctls', () => {
  const text = readFileSync(unit, 'utf8').replaceAll(/^#.*$/gm, '');
  expect(text).toMatch(/^RuntimeDirectory=clatd$/m);
  expect(text).toMatch(/^RuntimeDirectoryPreserve=yes$/m);
  expect(text).toMatch(/^StateDirectory=clatd$/m);
  expect(text).not.toMatch(/ProtectKernelTunables|PrivateDevices|MemoryDenyWriteExecute/);
});

describe('install.sh', () => {
  /** A source folder with the built parts made up. */
  function makeSource(): string {
    const from = join(dir, 'source');
    for (const folder of ['dist', 'bin', 'native/build/Release', 'systemd'])
      mkdirSync(join(from, folder), { recursive: true });
    writeFileSync(join(from, 'dist/main.js'), 'console.log("clatd", process.argv[2]);');
    writeFileSync(join(from, 'native/build/Release/clatd_native.node'), '');
    for (const file of [
      'bin/clatd.js',
      'package.json',
      'systemd/clatd.service',
      'systemd/clatd.default',
      'systemd/clatd.toml',
      'systemd/install.sh',
    ]) {
      spawnSync('cp', ['-p', join(source, file), join(from, file)]);
    }
    return from;
  }
  const install = (from: string, root: string, ...args: string[]) =>
    spawnSync('sh', [join(from, 'systemd/install.sh'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, DESTDIR: root },
    });

  test('installs a program that runs, a unit and files for options; uninstalls all but those files', () => {
    const from = makeSource();
    const root = join(dir, 'root');
    expect(install(from, root)).toMatchObject({ status: 0 });
    const program = join(root, 'usr/local/bin/clatd');
    expect(lstatSync(program).isSymbolicLink()).toBe(true);
    expect(spawnSync(process.execPath, [program, 'hello'], { encoding: 'utf8' }).stdout).toBe(
      'clatd hello\n',
    );
    expect(existsSync(join(root, 'etc/systemd/system/clatd.service'))).toBe(true);

    // A second time: an update, which keeps what the administrator wrote.
    const written = {
      'etc/default/clatd': 'CLATD_OPTS="--tun mine"\n',
      'etc/clatd/clatd.toml': 'tun = "mine"\n',
    };
    for (const [file, text] of Object.entries(written)) {
      expect(existsSync(join(root, file)), file).toBe(true);
      writeFileSync(join(root, file), text);
    }
    expect(install(from, root)).toMatchObject({ status: 0 });
    const kept = (): void => {
      for (const [file, text] of Object.entries(written)) {
        expect(readFileSync(join(root, file), 'utf8'), file).toBe(text);
      }
    };
    kept();

    expect(install(from, root, '--uninstall')).toMatchObject({ status: 0 });
    for (const gone of ['usr/local/bin/clatd', 'usr/local/lib/clatd', 'etc/systemd/system/clatd.service']) {
      expect(existsSync(join(root, gone)), gone).toBe(false);
    }
    kept();
  });

  test('--help says what it does, and does nothing', () => {
    const root = join(dir, 'root');
    const { status, stdout, stderr } = install(makeSource(), root, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Installs clatd from this source folder/);
    expect(stdout).toMatch(/^ {2}sudo systemd\/install\.sh --uninstall /m);
    expect(stdout).toMatch(/another root \(for packages\), and leaves the running system alone\.\n$/);
    expect(existsSync(root)).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0).each([[[]], [['--uninstall']]])(
    'as a user says what it needs: %j',
    (args) => {
      const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
      const script = join(source, 'systemd/install.sh');
      const { status, stderr } = spawnSync('setpriv', [...nobody, 'sh', script, ...args], {
        encoding: 'utf8',
        env: { ...process.env, DESTDIR: '' },
      });
      expect(status).toBe(1);
      expect(stderr).toBe(
        `install.sh: needs root: sudo systemd/install.sh${args.map((one) => ` ${one}`).join('')} (or DESTDIR=FOLDER for another root)\n`,
      );
    },
  );

  test('does not replace another program named clatd', () => {
    const root = join(dir, 'root');
    mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
    writeFileSync(join(root, 'usr/local/bin/clatd'), '#!/usr/bin/perl\n');
    const { status, stderr } = install(makeSource(), root);
    expect(status).toBe(1);
    expect(stderr).toMatch(/not ours/);
  });

  test('says what to do when nothing is built', () => {
    const from = makeSource();
    rmSync(join(from, 'dist'), { recursive: true });
    expect(install(from, join(dir, 'root')).stderr).toMatch(/run `npm ci`/);
  });
});
