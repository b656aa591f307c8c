// Builds dist/ from src/.
import { mkdirSync, rmSync } from 'node:fs';
import { bundle } from './bundle.js';

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
await bundle({
  entryPoints: { main: 'src/main.ts', worker: 'src/dataplane/worker.ts' },
  outdir: 'dist',
  splitting: true,
  sourcemap: 'linked',
});
