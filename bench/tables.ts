/**
 * EAM tables of 1 to 1,000,000 entries: what a lookup costs, both directions, by several structures; what loading a
 * million lines costs. The structure in use is src/address/eam-table.ts; the others live in bench/tables/.
 */
import { EamList } from '../src/address/eam.ts';
import { compileEam, find4, find6 } from '../src/address/eam-table.ts';
import { formatIp4, formatIp6 } from '../src/address/format.ts';
import { loadTranslation } from '../src/config/load.ts';
import { machine } from './support.ts';
import { Linear } from './tables/linear.ts';
import { SortedRanges } from './tables/sorted.ts';
import { Trie } from './tables/trie.ts';

const SIZES = [1, 1_000, 100_000, 1_000_000];
const LOOKUPS = 1_000_000;
const ROUNDS = 5;
/** A list of this many entries takes milliseconds a lookup: beyond, one round of few lookups says enough. */
const LINEAR_LOOKUPS = 2_000;

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state ^ (state >>> 15);
  };
}

/** Scattered /32 = /128 entries; `mixed`: one in ten is a /24 = /120, one in a hundred a /16 = /112. */
function makeList(size: number, mixed: boolean): EamList {
  const draw = random(size);
  const list = new EamList(size);
  const seen = new Set<number>();
  while (list.size < size) {
    const kind = mixed ? (list.size % 100 === 0 ? 16 : list.size % 10 === 0 ? 8 : 0) : 0;
    const address = ((0x0b000000 + ((draw() >>> 3) % 0xc0000000)) & ~((1 << kind) - 1)) | 0;
    const key = (address >>> 0) * 64 + kind;
    if (seen.has(key)) continue;
    seen.add(key);
    list.addWords(
      address,
      32 - kind,
      0x20010db8,
      kind,
      list.size >>> 8,
      (list.size << 24) & ~((1 << kind) - 1),
      128 - kind,
      0,
    );
  }
  return list;
}

/** ns a lookup, the least of several rounds: the machine only ever makes it slower. */
function time(lookups: number, rounds: number, run: (i: number) => number): number {
  let best = Number.POSITIVE_INFINITY;
  let sink = 0;
  for (let round = 0; round < rounds; round++) {
    const begin = process.hrtime.bigint();
    for (let i = 0; i < lookups; i++) sink ^= run(i);
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / lookups);
  }
  if (sink === 0x12345678) console.log('');
  return best;
}

console.log(`EAM tables, ns a lookup (random over all entries; least of ${ROUNDS} rounds), ${machine()}`);
console.log(
  '                          46: hash     ranges       trie     linear | 64: hash |   MB: hash   ranges     trie',
);
for (const mixed of [false, true]) {
  for (const size of SIZES) {
    const list = makeList(size, mixed);
    const table = compileEam(list);
    const sorted = new SortedRanges(list);
    const trie = new Trie(list);
    const linear = new Linear(list);
    const draw = random(7);
    const picks = Int32Array.from({ length: 1 << 16 }, () => (draw() >>> 1) % size);
    const v4 = Int32Array.from(picks, (i) => list.v4[i]!);
    const v6 = picks.map((i) => 4 * i);
    const mask = picks.length - 1;
    for (let i = 0; i < 1000; i++) {
      const address = v4[i]!;
      const expected = find4(table, address);
      const found = [sorted.find(address), trie.find(address), i < 20 ? linear.find(address) : expected];
      if (found.some((entry) => entry !== expected))
        throw new Error(`the structures disagree about ${formatIp4(address)}`);
    }
    const lookups = Math.min(LINEAR_LOOKUPS, LOOKUPS);
    const row = [
      time(LOOKUPS, ROUNDS, (i) => find4(table, v4[i & mask]!)),
      time(LOOKUPS, ROUNDS, (i) => sorted.find(v4[i & mask]!)),
      time(LOOKUPS, ROUNDS, (i) => trie.find(v4[i & mask]!)),
      time(size > 1000 ? lookups : LOOKUPS / 10, size > 1000 ? 1 : ROUNDS, (i) => linear.find(v4[i & mask]!)),
    ];
    const six = time(LOOKUPS, ROUNDS, (i) => {
      const at = v6[i & mask]!;
      return find6(table, list.v6[at]!, list.v6[at + 1]!, list.v6[at + 2]!, list.v6[at + 3]!);
    });
    const hashBytes =
      table.slots4.byteLength +
      table.slots6.byteLength +
      table.v4.byteLength +
      table.v6.byteLength +
      2 * size;
    const cell = (value: number): string => value.toFixed(value < 1000 ? 1 : 0).padStart(11);
    const megabytes = [hashBytes, sorted.bytes, trie.bytes].map((bytes) =>
      (bytes / 1e6).toFixed(1).padStart(9),
    );
    console.log(
      `${`${size} ${mixed ? 'mixed' : '/32'}`.padEnd(22)}${row.map(cell).join('')} |${cell(six)} |${megabytes.join('')}`,
    );
  }
}

const lines: string[] = [];
const list = makeList(1_000_000, false);
for (let i = 0; i < list.size; i++) {
  lines.push(
    `${formatIp4(list.v4[i]!)}=${formatIp6([list.v6[4 * i]!, list.v6[4 * i + 1]!, list.v6[4 * i + 2]!, list.v6[4 * i + 3]!])}`,
  );
}
const text = new TextEncoder().encode(lines.join('\n'));
lines.length = 0;
globalThis.gc?.();
const before = process.memoryUsage();
const begin = performance.now();
const loaded = loadTranslation({ 'eam-file': 'million' }, { read: () => text });
if (!loaded.ok) throw new Error(loaded.mistakes[0]!.message);
const table = compileEam(loaded.config.eam);
const seconds = (performance.now() - begin) / 1000;
globalThis.gc?.();
const after = process.memoryUsage();
const grown = (after.arrayBuffers - before.arrayBuffers + after.heapUsed - before.heapUsed) / 1e6;
console.log(
  `\n${table.size} lines of an EAM file: read, checked and compiled in ${seconds.toFixed(2)} s, ${grown.toFixed(0)} MB`,
);
