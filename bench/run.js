// Runs the benchmarks: bundles bench/*.ts as the program itself is bundled, then starts each in a process of its own.
//   node bench/run.js [hot-path|tables …]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../bundle.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const all = ['hot-path', 'tables'];
const asked = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const names = asked.length > 0 ? asked : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')} (there are ${all.join(', ')})`);
  process.exit(2);
}
const out = mkdtempSync(join(tmpdir(), 'clatd-bench-'));
let status = 0;
try {
  await bundle({
    entryPoints: names.map((name) => join(here, `${name}.ts`)),
    outdir: out,
    outExtension: { '.js': '.mjs' },
  });
  for (const name of names) {
    const flags = name === 'tables' ? ['--expose-gc'] : [];
    const { status: code } = spawnSync(process.execPath, [...flags, join(out, `${name}.mjs`)], {
      stdio: 'inherit',
    });
    if (code !== 0) status = 1;
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exitCode = status;
