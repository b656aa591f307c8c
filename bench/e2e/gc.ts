/** How often clatd collects garbage at full load: a run with V8's --trace-gc, each line of which is one collection. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { clatd, ownMain } from './contestants.ts';
import { iperf } from './load.ts';
import { IPERF_PORT, Session } from './session.ts';

/** Compiling and growing heaps are over by then. */
const WARM_UP_SECONDS = 5;
/** "[12345:0x7f…]   1234 ms: Scavenge 4.1 (5.0) -> …" */
const LINE = /^\[\d+:(0x[0-9a-f]+)\].*?: (Scavenge|Mark-Compact|Minor Mark-Compact).*$/gm;

export interface Collections {
  readonly gbps: readonly number[];
  /** Whole lines, in the seconds measured, of all threads of the daemon. */
  readonly lines: readonly string[];
  /** Before: while it started and warmed up. */
  readonly before: number;
}

/** `seconds` of TCP in four streams, half of it up and half down. */
export async function collections(folder: string, udp: string, seconds: number): Promise<Collections> {
  const wrapper = join(folder, 'trace-gc.js');
  writeFileSync(
    wrapper,
    `import v8 from 'node:v8';\nv8.setFlagsFromString('--trace-gc');\nawait import('${pathToFileURL(ownMain())}');\n`,
  );
  const session = await Session.open(clatd('clatd', [], wrapper), 'usual', udp);
  try {
    const { bed, far, running } = session;
    const load = (length: number, direction: 'up' | 'down') =>
      iperf(bed.host, far, IPERF_PORT, { seconds: length, streams: 4, direction });
    for (const direction of ['up', 'down'] as const) await load(WARM_UP_SECONDS, direction);
    const seen = running!.process.stdout.length;
    const gbps: number[] = [];
    for (const direction of ['up', 'down'] as const)
      gbps.push((await load(Math.ceil(seconds / 2), direction)).gbps);
    const { stdout } = running!.process;
    const count = (text: string): string[] => text.match(LINE) ?? [];
    return { gbps, lines: count(stdout.slice(seen)), before: count(stdout.slice(0, seen)).length };
  } finally {
    await session.close();
  }
}
