/** `npm run bench:e2e`: contestants in turn, A B A B, in one run; prints, writes JSON, draws. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cannotSandbox, projectRoot } from '../../test/netns/sandbox.ts';
import type { Mapping } from './bed.ts';
import { chart } from './chart.ts';
import { type Contestant, clatd, limit, ownMain, plain, tayga } from './contestants.ts';
import { collections } from './gc.ts';
import { compile } from './load.ts';
import { takeMachine } from './lock.ts';
import { MEASURES, type Measure, type MeasureContext, type Sample } from './measures.ts';
import { Session } from './session.ts';
import type { Results } from './summary.ts';
import { digits, ratioTable, valueTable } from './table.ts';
import { targetLines } from './targets.ts';

const USAGE = `npm run bench:e2e -- [options]     (root; about 8 minutes)

  --rounds N        alternations [5]
  --seconds N       of one transfer [3]
  --quick           2 rounds of 1 second: to see that it works, not to measure
  --only LIST       of ${[...new Set(MEASURES.map(({ group }) => group))].join(', ')}
  --without LIST    of clatd, tayga, plain: leave them out
  --with=OPTIONS    one more clatd with these options, e.g. --with="--workers 1 --no-coalesce"; repeatable
  --workers         more clatds: one worker, two workers, no offload
  --limit           the least that a translator on a TUN device can do, in C (limit.c)
  --clatd MAIN.JS   one more clatd: another build; repeatable
  --tayga PROGRAM   one more TAYGA: another build; repeatable
  --gc SECONDS      nothing but a run at full load under --trace-gc: every collection of garbage is told
  --from FILE.json  print and draw an earlier run
  --svg FILE        where to draw [bench/results/e2e.svg]
`;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    without: { type: 'string', default: '' },
    with: { type: 'string', multiple: true, default: [] },
    limit: { type: 'boolean', default: false },
    workers: { type: 'boolean', default: false },
    clatd: { type: 'string', multiple: true, default: [] },
    tayga: { type: 'string', multiple: true, default: [] },
    gc: { type: 'string' },
    from: { type: 'string' },
    svg: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const folder = join(projectRoot(), 'bench/results');

function contestants(): Contestant[] {
  const without = options.without.split(',');
  const list = [clatd('clatd'), tayga('TAYGA'), plain].filter(({ kind }) => !without.includes(kind));
  if (options.workers) {
    list.push(clatd('clatd, 1 worker', ['--workers', '1']));
    list.push(clatd('clatd, 2 workers', ['--workers', '2']));
    list.push(clatd('clatd, no offload', ['--offload', 'off']));
  }
  if (options.limit) list.push(limit(compile('limit', folder)));
  for (const text of options.with) list.push(clatd(`clatd ${text}`, text.split(/\s+/)));
  // The folder's name is often `dist` for all of them.
  for (const [i, main] of options.clatd.entries()) list.push(clatd(`clatd build ${i + 1}`, [], main));
  for (const program of options.tayga) list.push(tayga(program, program));
  return list;
}

const WARM_UP_SECONDS = 1;

/** A round that is not counted: caches fill, the JIT compiler sees this kind of traffic. `cold` measures without. */
async function warmUp(
  measure: Measure,
  entrants: readonly Contestant[],
  context: (contestant: Contestant) => MeasureContext,
): Promise<void> {
  for (const contestant of entrants) {
    // What fails here fails again where it counts, and is told there.
    await measure.run(contestant, context(contestant)).catch(() => {});
  }
}

async function measure(): Promise<Results> {
  const rounds = options.quick ? 2 : Number(options.rounds);
  const seconds = options.quick ? 1 : Number(options.seconds);
  const only = options.only?.split(',');
  const measures = MEASURES.filter(({ group }) => only === undefined || only.includes(group));
  mkdirSync(folder, { recursive: true });
  const all = contestants();
  const load = loadavg()[0]!;
  const samples: Record<string, Sample[]> = {};
  for (const { name } of all) samples[name] = Array.from({ length: rounds }, () => ({}));
  const udp = compile('udp', folder);
  const sessions = new Map<string, Session>();
  const session = async (contestant: Contestant, mapping: Mapping): Promise<Session> => {
    const key = `${mapping} ${contestant.name}`;
    const open = sessions.get(key) ?? (await Session.open(contestant, mapping, udp));
    sessions.set(key, open);
    return open;
  };
  const context = (contestant: Contestant, seconds: number): MeasureContext => ({
    udp,
    seconds,
    session: (mapping) => session(contestant, mapping),
  });
  try {
    for (const measure of measures) {
      const entrants = all.filter((contestant) => measure.applies(contestant));
      if (measure.steady)
        await warmUp(measure, entrants, (contestant) => context(contestant, WARM_UP_SECONDS));
      for (let round = 0; round < Math.min(rounds, measure.mostRounds ?? rounds); round++) {
        for (const contestant of entrants) {
          const head = `${measure.name}, round ${round + 1}, ${contestant.name}`;
          try {
            const sample = await measure.run(contestant, context(contestant, seconds));
            Object.assign(samples[contestant.name]![round]!, sample);
            process.stderr.write(`${head}: ${Object.values(sample).map(digits).join(' ')}\n`);
          } catch (error) {
            // The others' figures are worth having.
            process.stderr.write(`${head}: failed: ${(error as Error).message}\n`);
          }
        }
      }
    }
  } finally {
    for (const open of sessions.values()) await open.close();
  }
  return {
    date: new Date().toISOString(),
    machine: `${cpus().length} x ${cpus()[0]!.model.trim()}`,
    node: process.version,
    kernel: release(),
    load: [load, loadavg()[0]!],
    rounds,
    seconds,
    contestants: all.map(({ name, kind, command }) => ({ name, kind, command })),
    figures: measures.flatMap(({ figures }) => figures),
    samples,
  };
}

function tell(results: Results): void {
  const { machine, node, kernel, date, rounds, seconds, load } = results;
  console.log(`\n${machine}, Linux ${kernel}, Node ${node}, ${date}`);
  const busy =
    load === undefined ? '' : `; load ${load.map((one) => one.toFixed(1)).join(' before, ')} after`;
  console.log(`medians of ${rounds} rounds of ${seconds} s (least–most)${busy}\n`);
  console.log(valueTable(results).join('\n'));
  for (const kind of ['tayga', 'plain']) {
    const reference = results.contestants.find((contestant) => contestant.kind === kind)?.name;
    if (reference === undefined || results.contestants.length < 2) continue;
    console.log(`\nagainst ${reference}, round by round (↑ more is better, ↓ less)\n`);
    console.log(ratioTable(results, reference).join('\n'));
  }
  for (const { name } of results.contestants.filter(({ kind }) => kind === 'clatd').slice(0, 1)) {
    console.log(`\naims, for ${name}\n`);
    console.log(targetLines(results, name).join('\n'));
  }
}

/**
 * Leaving by exit() lets every sandbox remove its namespaces and end its processes at once, whatever is awaited just then:
 * a sandbox is made without a break, so no signal is seen while one is half made.
 */
function endBySignals(): void {
  const leave = (code: number) => {
    process.stderr.write('\nbench:e2e: interrupted: cleaning up\n');
    process.exit(code);
  };
  // Again and again, not once: a second Ctrl-C would end this process in the middle of its cleaning up.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => leave(128 + constants.signals[signal]));
  // run.js was killed.
  process.on('disconnect', () => leave(1));
  process.channel?.unref();
}

async function main(): Promise<number> {
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  let results: Results;
  if (options.from !== undefined) {
    results = JSON.parse(readFileSync(options.from, 'utf8')) as Results;
  } else {
    endBySignals();
    const reason = cannotSandbox(['iperf3', 'cc', 'ping', 'tayga', 'sysctl']) ?? takeMachine();
    if (reason !== null) {
      process.stderr.write(`bench:e2e: ${reason}\n`);
      return 1;
    }
    process.stderr.write(`clatd is ${ownMain()}\n`);
    if (options.gc !== undefined) {
      mkdirSync(folder, { recursive: true });
      const { gbps, lines, before } = await collections(folder, compile('udp', folder), Number(options.gc));
      console.log(lines.join('\n'));
      console.log(
        `${options.gc} s of TCP in four streams (${gbps.map(digits).join(' Gb/s up, ')} Gb/s down): ${lines.length} collections; ${before} before, while it started and warmed up`,
      );
      return 0;
    }
    results = await measure();
    const file = join(folder, `e2e-${results.date.replace(/[:.]/g, '-')}.json`);
    writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
    process.stderr.write(`written: ${file}\n`);
  }
  tell(results);
  writeFileSync(options.svg ?? join(folder, 'e2e.svg'), chart(results));
  return 0;
}

process.exitCode = await main();
