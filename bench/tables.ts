/**
 * What finding an address's mapping costs: several structures, tables of 1 to 1,000,000 entries, both directions. Also
 * how long the largest table takes to load from a file, and how much memory.
 *
 *   npm run bench tables            node bench/run.js tables
 */

import { EamList } from '../src/address/eam.ts';
import { compileEam } from '../src/address/eam-table.ts';
import { formatIp4, formatIp6 } from '../src/address/format.ts';
import type { Ip6 } from '../src/address/ip.ts';
import { readEamFile } from '../src/config/eam-file.ts';
import { machine } from './support.ts';
import {
  type Lengths,
  makeList,
  makeQuestions,
  type Pattern,
  QUESTIONS,
  type Questions,
} from './tables/entries.ts';
import { cachedHash, hashPerLength, keyedHash } from './tables/hash.ts';
import { linear } from './tables/linear.ts';
import { sortedRanges } from './tables/ranges.ts';
import { type Built, bytesOf } from './tables/structure.ts';
import { multibitTrie } from './tables/trie.ts';

const STRUCTURES = [hashPerLength, keyedHash, cachedHash, sortedRanges, multibitTrie, linear];
const SIZES = [1, 1000, 100_000, 1_000_000];
const PATTERNS: readonly Pattern[] = ['random', 'skewed', 'absent'];
const ROUNDS = 9;
/** A slow structure is asked less: about so many entries may be looked at in a round. */
const PATIENCE = 20_000_000;

/** Questions whose answers are compared. */
const CHECKED = 100;

type Loop = (built: Built, questions: Questions, count: number) => number;

/**
 * A fresh copy for every structure: the calls in one copy only ever meet one function, which V8 inlines, as the
 * translator's do.
 */
function loops(): { four: Loop; six: Loop } {
  const four =
    'let s = 0; const q = questions.v4; for (let i = 0; i < count; i++) s += built.find4(q[i]); return s;';
  const six =
    'let s = 0; const q = questions.v6; for (let i = 0; i < count * 4; i += 4) s += built.find6(q[i], q[i + 1], q[i + 2], q[i + 3]); return s;';
  const make = (body: string) => new Function('built', 'questions', 'count', body) as Loop;
  return { four: make(four), six: make(six) };
}

/** Nanoseconds a lookup: the least of several rounds, since whatever else the machine does only adds. */
function time(loop: Loop, built: Built, questions: Questions, count: number): number {
  loop(built, questions, count);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = process.hrtime.bigint();
    loop(built, questions, count);
    least = Math.min(least, Number(process.hrtime.bigint() - begin) / count);
  }
  return least;
}

function digits(ns: number): string {
  return ns >= 1000 ? Math.round(ns).toLocaleString('en') : ns.toFixed(ns < 100 ? 1 : 0);
}

/** What all must answer alike; a faster wrong answer is none. */
function sums(built: Built, questions: Questions, count: number): string {
  const { four, six } = loops();
  return `${four(built, questions, count)} ${six(built, questions, count)}`;
}

function compare(size: number, lengths: Lengths): void {
  const list = makeList(size, lengths);
  const questions = PATTERNS.map((pattern) => makeQuestions(list, pattern));
  console.log(`\n${size.toLocaleString('en')} entries, ${lengths} lengths; ns a lookup 4 -> 6 / 6 -> 4`);
  console.log(
    `  ${''.padEnd(23)} ${PATTERNS.map((p) => p.padStart(15)).join(' ')}  ${'memory'.padStart(9)} ${'build'.padStart(8)}`,
  );
  const expected: string[] = [];
  for (const structure of STRUCTURES) {
    if (size > (structure.most ?? size)) continue;
    const begin = process.hrtime.bigint();
    const built = structure.build(list);
    const ms = Number(process.hrtime.bigint() - begin) / 1e6;
    const count =
      structure.most === undefined ? QUESTIONS : Math.min(QUESTIONS, Math.ceil(PATIENCE / size / ROUNDS));
    const { four, six } = loops();
    const cells = questions.map(
      (q) => `${digits(time(four, built, q, count))} / ${digits(time(six, built, q, count))}`,
    );
    const memory = `${(built.bytes / 1e6).toFixed(1)} MB`;
    console.log(
      `  ${structure.name.padEnd(23)} ${cells.map((cell) => cell.padStart(15)).join(' ')}  ${memory.padStart(9)} ${`${ms.toFixed(0)} ms`.padStart(8)}`,
    );
    questions.forEach((q, i) => {
      const answer = sums(built, q, CHECKED);
      expected[i] ??= answer;
      if (answer !== expected[i]) throw new Error(`${structure.name} answers otherwise than the others`);
    });
  }
}

/** A file of a million lines to tables ready for use. */
function load(size: number): void {
  const made = makeList(size, 'equal');
  const lines: string[] = [];
  for (let i = 0; i < size; i++) {
    const v6 = [...made.v6.subarray(4 * i, 4 * i + 4)] as unknown as Ip6;
    lines.push(`${formatIp4(made.v4[i]!)} ${formatIp6(v6)}`);
  }
  const file = new TextEncoder().encode(`${lines.join('\n')}\n`);
  lines.length = 0;
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const begin = process.hrtime.bigint();
  const list = new EamList();
  const mistakes = readEamFile(file, 'eam.txt', list);
  const read = Number(process.hrtime.bigint() - begin) / 1e6;
  const table = compileEam(list);
  const compiled = Number(process.hrtime.bigint() - begin) / 1e6 - read;
  const grown = (process.resourceUsage().maxRSS * 1024 - before) / 1e6;
  if (mistakes.length > 0 || table.size !== made.size) throw new Error('the file was not read whole');
  const kept =
    bytesOf(table.v4, table.length4, table.v6, table.length6, table.slots4, table.keys6, table.entries6) /
    1e6;
  console.log(
    `\nloading ${size.toLocaleString('en')} entries from a file of ${(file.length / 1e6).toFixed(0)} MB: ${read.toFixed(0)} ms to read, ` +
      `${compiled.toFixed(0)} ms to compile; at most ${grown.toFixed(0)} MB more resident, ${kept.toFixed(0)} MB of tables`,
  );
}

console.log(`EAM tables, ${machine()}`);
load(1_000_000);
for (const lengths of ['equal', 'mixed'] as const) for (const size of SIZES) compare(size, lengths);
