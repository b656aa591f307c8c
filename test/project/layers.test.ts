/** Who may import whom: arrows point downward only (CONTRIBUTING.md). */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../src', import.meta.url));

/** Folders each folder may import from, besides itself. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  '.': ['cli'],
  cli: ['replay', 'daemon', 'host', 'dataplane', 'config', 'translate', 'address', 'io'],
  replay: ['config', 'translate', 'address', 'wire', 'io'],
  daemon: ['host', 'dataplane', 'config', 'translate', 'address', 'io'],
  host: ['config', 'address', 'wire', 'io'],
  dataplane: ['config', 'translate', 'address', 'wire', 'io'],
  config: ['address', 'translate', 'io'],
  translate: ['address', 'wire'],
  address: ['wire'],
  io: ['wire'],
  wire: [],
};

/** Layers that know no Node: pure functions on memory. */
const PURE = ['wire', 'address', 'translate'];

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const imports = (file: string): string[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /^(?:import|export)\b[^;]*?from '([^']+)'|\bimport\('([^']+)'\)/gms,
    ),
  ].map(([, statement, call]) => (statement ?? call)!);
/** Without comments. */
const code = (file: string): string =>
  readFileSync(join(root, file), 'utf8').replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/gs, '');
const folderOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '.');

describe('layers', () => {
  it('CONTRIBUTING.md says the same', () => {
    const text = readFileSync(join(root, '../CONTRIBUTING.md'), 'utf8');
    const said = [...text.matchAll(/^\| `src\/(\w*)\S*` \|.*\| (.*) \|$/gm)].map(([, folder, may]) => [
      folder === 'main' ? '.' : folder,
      may === 'nothing' ? [] : may!.split(', ').sort(),
    ]);
    const sorted = Object.entries(MAY).map(([folder, may]) => [folder, [...may].sort()]);
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(sorted));
  });

  it('has no folder but these', () => {
    expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(MAY).sort());
  });

  it.each(files)('%s imports downward', (file) => {
    const from = folderOf(file);
    for (const name of imports(file).filter((one) => one.startsWith('.'))) {
      const to = folderOf(relative(root, join(root, dirname(file), name)));
      if (to !== from) expect(MAY[from], `${file} imports ${name}`).toContain(to);
    }
  });

  it.each(files.filter((file) => PURE.includes(folderOf(file))))('%s needs no Node', (file) => {
    expect(imports(file).filter((name) => name.startsWith('node:'))).toEqual([]);
  });

  it('only main.ts touches process', () => {
    const guilty = files.filter((file) => file !== 'main.ts' && /(?<![.\w'])process\./.test(code(file)));
    expect(guilty).toEqual([]);
  });

  it('has no circle of imports that run', () => {
    const edges = new Map(
      files.map((file) => [
        file,
        [
          ...readFileSync(join(root, file), 'utf8').matchAll(/^import (?!type )[^;]*? from '(\.[^']+)'/gms),
        ].map(([, name]) => relative(root, join(root, dirname(file), name!))),
      ]),
    );
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      expect(path, 'a circle').not.toContain(file);
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });
});
