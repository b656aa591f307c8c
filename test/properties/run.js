// Bundles and starts the long fuzz run as the program itself is bundled.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../bundle.js';

const out = mkdtempSync(join(tmpdir(), 'clatd-fuzz-'));
try {
  const file = join(out, 'fuzz.mjs');
  await bundle({ entryPoints: [fileURLToPath(new URL('fuzz.ts', import.meta.url))], outfile: file });
  process.exitCode =
    spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
