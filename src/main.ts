/** The program: argv in, exit code out. The only file that touches `process`. */
import { readFileSync } from 'node:fs';
import { main } from './cli/args.ts';

/** EX_SOFTWARE of sysexits.h: a mistake of ours, not of the user's. */
const EXIT_SOFTWARE = 70;

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

// A reader that has seen enough (`clatd --help | head -1`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const argv = process.argv.slice(2);
try {
  process.exitCode = await main(argv, {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    version: version(),
    columns: process.stdout.columns,
    files: { read: (path) => readFileSync(path) },
    monotonicUs: () => process.hrtime.bigint() / 1000n,
    onSignal: (signal, handler) => {
      process.on(signal, handler);
    },
  });
} catch (error) {
  const { message, stack } = error as Error;
  const debug = argv.includes('debug') || argv.includes('--log-level=debug');
  process.stderr.write(`clatd: unexpected: ${debug ? stack : message}\n`);
  process.exitCode = EXIT_SOFTWARE;
}
