// Bundles the end-to-end benchmark, as the program itself is bundled, and runs it: `npm run bench:e2e -- --help`.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../bundle.js';

// Inside the project: the benchmark looks for the project above its own file.
const out = fileURLToPath(new URL('../results/program/', import.meta.url));
mkdirSync(out, { recursive: true });
await bundle({
  entryPoints: [fileURLToPath(new URL('main.ts', import.meta.url))],
  outdir: out,
});
const child = spawn(process.execPath, [`${out}/main.js`, ...process.argv.slice(2)], {
  // Ctrl-C reaches this process only: it would also end the `ip` that is just making a namespace, whose name nobody
  // would know then. The child sees by its channel when this process is killed.
  detached: true,
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
});
// The child removes its namespaces, then ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});
