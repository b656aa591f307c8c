/** One end-to-end benchmark at a time; a killed one blocks nobody. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Process } from '../netns/process.ts';

/** Stands for a run of the benchmark: says whether it has the machine, then stays or ends. */
const RUN = `
  import { takeMachine } from './lock.ts';
  const reason = takeMachine(process.argv[2]);
  console.log(reason ?? 'measures');
  if (reason === null && process.argv[3] === 'stays') setInterval(() => {}, 1000);
`;

let programs: string;
let folder: string;
let runs: Process[];

beforeAll(async () => {
  programs = mkdtempSync(join(tmpdir(), 'clatd-test-'));
  await build({
    stdin: { contents: RUN, resolveDir: fileURLToPath(new URL('../../bench/e2e', import.meta.url)) },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: join(programs, 'run.mjs'),
  });
});
afterAll(() => rmSync(programs, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clatd-test-'));
  runs = [];
});
afterEach(async () => {
  await Promise.all(runs.map((run) => run.stop('SIGKILL')));
  rmSync(folder, { recursive: true });
});

function start(how: 'stays' | 'ends'): Process {
  const run = new Process(process.execPath, [join(programs, 'run.mjs'), folder, how]);
  runs.push(run);
  return run;
}

const measured = async () => (await start('ends').finished()).stdout;

test('a second run is refused and told the pid of the first', async () => {
  const first = start('stays');
  await first.says(/measures/);
  expect(await measured()).toMatch(
    new RegExp(`^another run is measuring \\(pid ${first.pid}\\).* kill ${first.pid}\n$`),
  );
  expect(first.running).toBe(true);
  // Nor does the refused one block anybody.
  expect(readdirSync(folder)).toEqual([expect.stringContaining(`-${first.pid}-`)]);
});

test('a run that has ended leaves nothing', async () => {
  expect(await measured()).toBe('measures\n');
  expect(readdirSync(folder)).toEqual([]);
});

test('a killed run does not block', async () => {
  const killed = start('stays');
  await killed.says(/measures/);
  await killed.stop('SIGKILL');
  expect(readdirSync(folder)).toHaveLength(1);
  expect(await measured()).toBe('measures\n');
  expect(readdirSync(folder)).toEqual([]);
});

test('another process with the pid of a killed run does not block', async () => {
  writeFileSync(join(folder, `clatd-bench-e2e-${process.pid}-1`), '');
  expect(await measured()).toBe('measures\n');
});

test('other files stay', async () => {
  writeFileSync(join(folder, 'clatd-bench-e2e-notes'), '');
  expect(await measured()).toBe('measures\n');
  expect(readdirSync(folder)).toEqual(['clatd-bench-e2e-notes']);
});
