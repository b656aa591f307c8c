/**
 * The long fuzz run: npm run fuzz -- [--count N | --model N] [--seed N]. Prints seeds; the same seed gives the
 * same packets. --model compares N packets with the specification as a program instead.
 */
import { parseArgs } from 'node:util';
import { configure } from '../support/options.ts';
import { CONFIGS, MODEL_CONFIGS } from './configs.ts';
import { fuzz } from './fuzz-core.ts';
import { firstDifference } from './model-core.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000000' },
    seed: { type: 'string' },
    model: { type: 'string' },
  },
});
const count = Number(values.model ?? values.count);
const seed = values.seed === undefined ? Date.now() % 0x7fffffff : Number(values.seed);
const runs = CONFIGS.length * 2;
const all = new Map<string, number>();
const begin = Date.now();
console.log(`${count} packets, seed ${seed}`);
if (values.model === undefined) withoutModel();
else withModel();

function withModel(): void {
  for (const [i, options] of MODEL_CONFIGS.entries()) {
    const difference = firstDifference(options, Math.ceil(count / MODEL_CONFIGS.length), seed + i);
    if (difference !== null) throw new Error(difference);
    console.log(`  configuration ${i + 1} of ${MODEL_CONFIGS.length} (seed ${seed + i}): as specified`);
  }
}

function withoutModel(): void {
  for (let run = 0; run < runs; run++) {
    const { reasons } = fuzz(
      configure(CONFIGS[run >> 1]!),
      Math.ceil(count / runs),
      seed + run,
      run % 2 === 0 ? 0 : 10,
    );
    for (const [name, n] of reasons) all.set(name, (all.get(name) ?? 0) + n);
    console.log(`  run ${run + 1} of ${runs} (seed ${seed + run}): right`);
  }
  for (const [name, n] of [...all].sort((a, b) => b[1] - a[1]))
    console.log(`${String(n).padStart(10)} ${name}`);
  console.log(
    `${count} packets, ${all.size} different outcomes, no violation, ${((Date.now() - begin) / 1000).toFixed(0)} s`,
  );
}
