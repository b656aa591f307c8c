/**
 * What translating one packet costs: 64-byte and 1,400-byte TCP, both directions, without any device.
 * Prints ns a packet (median of several rounds), bytes allocated a packet, and collections of garbage in all.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { engineFor, machine, median, PREFIX, tcp4, tcp6 } from './support.ts';

const ROUNDS = 11;
const PACKETS = 2_000_000;
/** As many as a batch has, so that outputs are flushed as often as in the daemon. */
const BATCH = 8;

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const { engine, place } = engineFor({ pool6: PREFIX });
const cases = [
  ['46, 64 bytes', place(0, tcp4(64))],
  ['64, 84 bytes', place(1, tcp6(84))],
  ['46, 1400 bytes', place(2, tcp4(1400))],
  ['64, 1420 bytes', place(3, tcp6(1420))],
] as const;

function run(start: number, length: number, packets: number): number {
  const begin = process.hrtime.bigint();
  for (let i = 0; i < packets; i++) {
    engine.process(start, length);
    if (i % BATCH === BATCH - 1) engine.job.reset();
  }
  return Number(process.hrtime.bigint() - begin) / packets;
}

console.log(`header translation, ${machine()}`);
for (const [, { start, length }] of cases) run(start, length, PACKETS);
const samples = cases.map(() => [] as number[]);
// In turn, so that a slow spell of the machine meets all cases alike.
for (let round = 0; round < ROUNDS; round++) {
  cases.forEach(([, { start, length }], i) => {
    samples[i]!.push(run(start, length, PACKETS));
  });
}
const before = process.memoryUsage().heapUsed;
for (const [, { start, length }] of cases) run(start, length, PACKETS);
const allocated = (process.memoryUsage().heapUsed - before) / (cases.length * PACKETS);
cases.forEach(([name], i) => {
  const sorted = samples[i]!.toSorted((a, b) => a - b);
  console.log(
    `  ${name.padEnd(16)} ${median(sorted).toFixed(1).padStart(7)} ns/packet   (${sorted[0]!.toFixed(1)} … ${sorted.at(-1)!.toFixed(1)})`,
  );
});
console.log(`  allocated        ${allocated.toFixed(4).padStart(7)} bytes/packet`);
// Entries arrive with the event loop.
setImmediate(() =>
  console.log(
    `  collections      ${String(collections).padStart(7)} in ${cases.length * PACKETS * (ROUNDS + 2)} packets`,
  ),
);
