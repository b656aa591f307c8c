/** `clatd replay` as a program: pipes on both sides, and memory that does not grow with the capture. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pcap } from '../io/support/captures.ts';
import { scratch } from '../io/support/read.ts';
import { hex } from '../support/packets.ts';
import { EXAMPLES } from './support/examples.ts';
import { readPcap } from './support/replayed.ts';

const SLOW = 120_000;
const files = scratch();
const running = new Set<ChildProcess>();
const OPTIONS = ['--pool6=2001:db8:64::/96', '--eam=192.0.2.1=2001:db8:1::1', '--ipv4-addr=192.0.2.254'];
const A1 = EXAMPLES[0]!;
const SMALL = pcap({ records: [{ bytes: A1.packet, seconds: 7 }] });
let program = '';

beforeAll(async () => {
  // Built for this test, so that no older build is tried.
  mkdirSync(files.path('program/dist'), { recursive: true });
  copyFileSync('package.json', files.path('program/package.json'));
  const { bundle } = await import(new URL('../../bundle.js', import.meta.url).href);
  await bundle({
    entryPoints: { main: 'src/main.ts', worker: 'src/dataplane/worker.ts' },
    outdir: files.path('program/dist'),
    splitting: true,
  });
  program = files.path('program/dist/main.js');
}, SLOW);

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  files.remove();
});

function replaySync(
  words: string[],
  input: Uint8Array,
): { code: number | null; stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'replay', ...words, ...OPTIONS], {
    input,
  });
  return { code: status, stdout, stderr: stderr.toString() };
}

describe('replay in a pipeline', () => {
  it(
    'from standard input to standard output, the table on standard error',
    () => {
      for (const dash of [['--output', '-'], ['--output=-']]) {
        const { code, stdout, stderr } = replaySync(['-', ...dash], Uint8Array.from(SMALL));
        expect(code).toBe(0);
        const { packets } = readPcap(stdout);
        expect(packets.map(({ bytes, seconds }) => [hex(bytes), seconds])).toEqual([[hex(A1.output), 7]]);
        expect(stderr).toMatch(/ 1 +100\.0 % +translated +Translated46 /);
      }
    },
    SLOW,
  );

  it(
    'the report on standard output',
    () => {
      const { code, stdout } = replaySync(['-', '--report', '-'], Uint8Array.from(SMALL));
      expect(code).toBe(0);
      expect(stdout.toString()).toMatch(
        /^\{"index":0,"verdict":"translated","reason":"Translated46","outputs":1,"time":"1970-01-01T00:00:07\..*\}\n$/,
      );
    },
    SLOW,
  );

  it(
    'a reader that has seen enough is no failure, unless another file ends with it',
    () => {
      const input = files.put('seen-enough.pcap', SMALL);
      const gone = (...more: string[]) =>
        spawnSync(
          'bash',
          [
            ...['-c', 'exec 3> >(exec true); wait $!; exec "$0" "$@" >&3', process.execPath, program],
            ...['replay', input, '--report', '-', ...more, ...OPTIONS],
          ],
          { encoding: 'utf8' },
        );
      const alone = gone();
      expect(alone.status).toBe(0);
      expect(alone.stderr).not.toContain('cannot write');
      expect(gone('--output', files.path('other.pcap'))).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(
          'cannot write standard output: broken pipe; the other output ends here',
        ),
      });
    },
    SLOW,
  );

  it(
    'damage is named by "standard input"',
    () => {
      const { code, stderr } = replaySync(['-'], Uint8Array.from(SMALL.slice(0, -1)));
      expect(code).toBe(1);
      expect(stderr).toContain(
        'clatd: standard input: at byte 24, packet 1: the capture is cut off: 32 of 33 bytes',
      );
    },
    SLOW,
  );

  it(
    '--output may not be the file on standard input',
    () => {
      const input = files.put('stdin.pcap', SMALL);
      const fd = openSync(input, 'r');
      const { status, stderr } = spawnSync(
        process.execPath,
        [program, 'replay', '-', '--output', input, ...OPTIONS],
        { stdio: [fd, 'pipe', 'pipe'], encoding: 'utf8' },
      );
      closeSync(fd);
      expect(status).toBe(2);
      expect(stderr).toContain(`--output ${input} is the input`);
      expect([...readFileSync(input)]).toEqual(SMALL);
    },
    SLOW,
  );
});

/** The most memory the process ever had, in MiB. */
function peakMiB(pid: number): number {
  const kib = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

describe('memory', () => {
  it(
    'does not grow with the capture',
    async () => {
      const record = [...pcap({ records: [{ bytes: A1.packet }] }).slice(24)];
      const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => Uint8Array.from(record)));
      const child = spawn(
        process.execPath,
        [program, 'replay', '-', '--output', '/dev/null', '--report', '/dev/null', ...OPTIONS],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      running.add(child);
      let said = '';
      child.stdout.on('data', (data: Buffer) => {
        said += data.toString();
      });
      const ended = once(child, 'close');
      const send = async (times: number): Promise<void> => {
        for (let i = 0; i < times; i++) {
          if (!child.stdin.write(chunk)) await once(child.stdin, 'drain');
        }
      };
      child.stdin.write(Uint8Array.from(pcap({})));
      // All but what the pipe holds has been taken when a write is drained.
      await send(20);
      const early = peakMiB(child.pid!);
      await send(80);
      const late = peakMiB(child.pid!);
      child.stdin.end();
      await ended;
      running.delete(child);
      expect(child.exitCode).toBe(0);
      expect(said).toContain(' 2000000  in all; 2000000 came out');
      // 20 MB against 98 MB of capture: the same, but for what the garbage collector leaves lying.
      expect(late - early).toBeLessThan(24);
      expect(late).toBeLessThan(200);
    },
    SLOW,
  );
});
