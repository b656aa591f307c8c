#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  process.stderr.write(
    'clatd: not built yet; run `npm ci` (or `npm run build`) in the source folder first\n',
  );
  process.exitCode = 1;
}
