/** The program: argv in, exit code out. The only file that touches `process`. */
import { fstatSync, readFileSync } from 'node:fs';
import { main } from './cli/args.ts';
import { readRegularFile, systemReason } from './cli/files.ts';

const EXIT_FAILED = 1;
/** EX_SOFTWARE of sysexits.h: a mistake of ours, not of the user's. */
const EXIT_SOFTWARE = 70;
/** ms to undo what was done to the host after a mistake of ours. */
const PATIENCE = 5000;
const STDERR = 2;

const argv = process.argv.slice(2);
let failed = false;
/** Some of the output could not be written: a full disk. */
let lost = false;

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** One line; with --log-level debug where it came from, too. */
function unexpected(error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const debug = argv.some(
    (word, i) => word === '--log-level=debug' || (word === 'debug' && argv[i - 1] === '--log-level'),
  );
  const text = debug ? (stack ?? message) : `${message.split('\n')[0]} (--log-level debug says where)`;
  process.stderr.write(`clatd: unexpected: ${text}\n`);
  process.exitCode = EXIT_SOFTWARE;
  // A running daemon ends as if it had been told to, so that the host is as before; once, and not for ever.
  if (failed || process.listenerCount('SIGTERM') === 0) process.exit(EXIT_SOFTWARE);
  failed = true;
  setTimeout(() => process.exit(EXIT_SOFTWARE), PATIENCE).unref();
  process.emit('SIGTERM');
}

/** The environment; JOURNAL_STREAM only where our stderr is that stream: programs inherit it, redirected or not. */
function environment(): Readonly<Record<string, string | undefined>> {
  const { dev, ino } = fstatSync(STDERR);
  const { JOURNAL_STREAM: journal, ...others } = process.env;
  return journal === `${dev}:${ino}` ? process.env : others;
}

process.on('uncaughtException', unexpected);
process.on('unhandledRejection', unexpected);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`clatd --help | head -1`) is no error; what is written later is for nobody.
  if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
  if (error.syscall === undefined) return unexpected(error);
  if (!lost) process.stderr.write(`clatd: cannot write standard output: ${systemReason(error)}\n`);
  lost = true;
  process.exitCode ||= EXIT_FAILED;
});
// A daemon goes on when nobody reads its log.
process.stderr.on('error', () => {});

try {
  const code = await main(argv, {
    stdout: process.stdout,
    stderr: process.stderr,
    env: environment(),
    version: version(),
    runtime: `Node ${process.versions.node}`,
    columns: process.stdout.columns,
    files: { read: readRegularFile },
    inherited: async (tun) => (await import('./cli/inherited.ts')).inheritedOptions(tun),
    monotonicUs: () => process.hrtime.bigint() / 1000n,
    onSignal: (signal, handler) => {
      process.on(signal, handler);
    },
  });
  process.exitCode = failed ? EXIT_SOFTWARE : code === 0 && lost ? EXIT_FAILED : code;
} catch (error) {
  unexpected(error);
}
