/** `clatd replay`: the translator on a capture. Needs no privilege; streams, so any size will do. */
import { existsSync, statSync } from 'node:fs';
import type { TranslationConfig } from '../config/config.ts';
import { OfflineTranslator, type Outcome } from '../dataplane/offline.ts';
import { type Capture, CaptureError } from '../io/pcap/capture.ts';
import { ipOffset } from '../io/pcap/link-type.ts';
import { openCapture } from '../io/pcap/reader.ts';
import { ByteSource } from '../io/pcap/source.ts';
import { FileSink, PcapWriter } from '../io/pcap/writer.ts';
import { REASONS, type ReasonName, type Verdict } from '../translate/reasons.ts';

export interface ReplayArguments {
  /** A capture, or "-" for standard input. */
  readonly input: string;
  /** Where outputs go (pcap), "-" for standard output. */
  readonly output?: string | undefined;
  /** Where the report goes (JSON lines), "-" for standard output. */
  readonly report?: string | undefined;
}

export interface ReplayIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const NOT_IP: Outcome = { verdict: 'ignored', reason: 'NotIp', outputs: [] };

/**
 * Translates every packet of the capture.
 * @returns exit code 0; 1: the capture is damaged or none, or a file cannot be read or written (what came before the
 *   damage is kept); 2: the same file twice
 */
export async function replay(
  args: ReplayArguments,
  config: TranslationConfig,
  io: ReplayIo,
): Promise<number> {
  const fail = (message: string, code: number): number => {
    io.stderr.write(`clatd: ${message}\n`);
    return code;
  };
  const clash = sameFile(args);
  if (clash !== null) return fail(clash, 2);

  let source: ByteSource;
  try {
    source = new ByteSource(args.input);
  } catch (error) {
    return fail(`cannot read ${args.input}: ${reasonOf(error)}`, 1);
  }
  let writer: PcapWriter | null = null;
  let report: FileSink | null = null;
  const counts = new Map<string, number>();
  let damage: string | null = null;
  try {
    const capture: Capture = openCapture(source);
    let opening = args.output;
    try {
      if (args.output !== undefined) writer = new PcapWriter(args.output, capture.nanoseconds);
      opening = args.report;
      if (args.report !== undefined) report = new FileSink(args.report);
    } catch (error) {
      return fail(`cannot write ${opening}: ${reasonOf(error)}`, 1);
    }
    const translator = new OfflineTranslator(config);
    let index = 0;
    for (const { frame, linkType, seconds, nanoseconds } of capture.packets) {
      const at = ipOffset(frame, linkType);
      // The capture's own clock, so that the same capture always gives the same answers.
      const outcome =
        at < 0 ? NOT_IP : translator.translate(frame.subarray(at), seconds * 1000 + nanoseconds / 1_000_000);
      const { verdict, reason, outputs } = outcome;
      if (writer !== null) for (const output of outputs) writer.write(output, seconds, nanoseconds);
      report?.text(`${JSON.stringify({ index, verdict, reason, outputs: outputs.length })}\n`);
      const key = `${reason} ${verdict}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      index++;
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) damage = `${source.name}: ${reasonOf(error)}`;
    else damage = error.message;
  }
  try {
    writer?.close();
    report?.close();
  } catch (error) {
    return fail(`cannot write: ${reasonOf(error)}`, 1);
  } finally {
    source.close();
  }
  const toStdout = args.output === '-' || args.report === '-';
  (toStdout ? io.stderr : io.stdout).write(summary(counts));
  if (damage === null) return 0;
  return fail(`${damage}; what came before it is kept`, 1);
}

const reasonOf = (error: unknown): string => (error as Error).message.replace(/^[A-Z]+: /, '').replace(/, \w+( '.*')?$/, '');

/** An output that is the input, or the other output, would destroy it. */
function sameFile({ input, output, report }: ReplayArguments): string | null {
  if (output === '-' && report === '-') return '--output and --report cannot both be standard output';
  const identity = (path: string | undefined): string | null => {
    if (path === undefined || path === '-' || !existsSync(path)) return path === '-' ? null : (path ?? null);
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  };
  const [in_, out, rep] = [identity(input), identity(output), identity(report)];
  if (in_ !== null && in_ === out) return `--output ${output} is the input; choose another file`;
  if (in_ !== null && in_ === rep) return `--report ${report} is the input; choose another file`;
  if (out !== null && out === rep) return `--output and --report are both ${output}; choose two files`;
  return null;
}

/** A table by reason, most frequent first. */
function summary(counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const rows = [...counts]
    .map(([key, count]) => {
      const [name, verdict] = key.split(' ') as [ReasonName, Verdict];
      return { row: REASONS.find((one) => one.name === name)!, verdict, count };
    })
    .toSorted((a, b) => b.count - a.count || a.row.name.localeCompare(b.row.name));
  const lines = rows.map(({ row, verdict, count }) => {
    const share = `${((100 * count) / total).toFixed(1)} %`;
    return `${String(count).padStart(10)}  ${share.padStart(7)}  ${verdict.padEnd(10)}  ${row.name.padEnd(28)}  ${row.text} [${row.spec}, ${row.rfc}]`;
  });
  const heading = `${'packets'.padStart(10)}  ${'share'.padStart(7)}  ${'verdict'.padEnd(10)}  reason`;
  return `${[heading, ...lines, `${String(total).padStart(10)}  in all`].join('\n')}\n`;
}
