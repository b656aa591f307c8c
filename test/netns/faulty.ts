/** clatd with a fault in it: the whole program, of which one module is another. No such seam is in what is shipped. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from './sandbox.ts';

export interface Faulty {
  /** Its main.js. */
  readonly program: string;
  remove(): void;
}

/** Builds it. A thread about to translate a batch that finds the file `trigger` removes it, and throws. */
export async function buildFaulty(trigger: string): Promise<Faulty> {
  const root = projectRoot();
  mkdirSync(join(root, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(root, 'dist', 'faulty-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'native'), join(folder, 'native'));
    await build({
      entryPoints: {
        main: join(root, 'src/main.ts'),
        worker: join(root, 'src/dataplane/worker.ts'),
      },
      outdir: join(folder, 'dist'),
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'warning',
      banner: {
        js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);",
      },
      plugins: [
        {
          name: 'fault',
          setup({ onLoad }) {
            onLoad({ filter: /src\/dataplane\/engine\.ts$/ }, ({ path }) => ({
              contents: withFault(readFileSync(path, 'utf8'), trigger),
              loader: 'ts',
            }));
          },
        },
      ],
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { program: join(folder, 'dist/main.js'), remove };
}

function withFault(source: string, trigger: string): string {
  const begin = 'newBatch(): void {';
  if (!source.includes(begin)) throw new Error(`engine.ts has no ${begin}`);
  const fault = `
    let found = true;
    try { unlinkSync(${JSON.stringify(trigger)}); } catch { found = false; }
    if (found) throw new RangeError('a fault\\nof the test');`;
  return `import { unlinkSync } from 'node:fs';\n${source.replace(begin, begin + fault)}`;
}
