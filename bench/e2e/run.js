// Bundles the end-to-end benchmark, as the program itself is bundled, and runs it: `npm run bench:e2e -- --help`.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../bundle.js';

// Inside the project: the benchmark looks for the project above its own file.
const out = fileURLToPath(new URL('../results/program/', import.meta.url));
mkdirSync(out, { recursive: true });
await bundle({
  entryPoints: [fileURLToPath(new URL('main.ts', import.meta.url))],
  outdir: out,
});
const child = spawn(process.execPath, [`${out}/main.js`, ...process.argv.slice(2)], { stdio: 'inherit' });
// Ctrl-C reaches the child by the terminal; it removes its namespaces, then ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
