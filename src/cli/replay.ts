/** `clatd replay`: the translator on a capture. Needs no privilege; streams, so any size will do. */
import type { TranslationConfig } from '../config/config.ts';
import { DEFAULT_MTU, OfflineTranslator } from '../dataplane/offline.ts';
import { type Capture, CaptureError } from '../io/pcap/capture.ts';
import { openCapture } from '../io/pcap/reader.ts';
import { FileSink, ReaderGoneError, SinkError, systemReason } from '../io/pcap/sink.ts';
import { ByteSource } from '../io/pcap/source.ts';
import { PcapWriter } from '../io/pcap/writer.ts';
import { CaptureTranslator, type PacketTranslator } from '../replay/capture-translator.ts';
import { reportLine } from '../replay/report-line.ts';
import { Tally } from '../replay/tally.ts';
import { clash } from './replay-files.ts';

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

export type { PacketTranslator };

/** The same capture gives the same outputs, to the last bit of an Identification. */
const SEED = 1;

/**
 * Translates every packet of the capture.
 * @returns exit code 0; 1: the capture is damaged or none, or a file cannot be read or written (what came before the
 *   damage is kept); 2: the same file twice
 */
export async function replay(
  args: ReplayArguments,
  config: TranslationConfig,
  io: ReplayIo,
  translator: PacketTranslator = new OfflineTranslator(config, { seed: SEED }),
): Promise<number> {
  const twice = clash(args);
  if (twice !== null) {
    io.stderr.write(`clatd: ${twice}\n`);
    return 2;
  }
  const opened: { close(): void }[] = [];
  try {
    const source = new ByteSource(args.input);
    opened.push(source);
    // Before the outputs, so that a wrong input costs no file its content.
    const capture = openCapture(source);
    const writer = args.output === undefined ? null : new PcapWriter(args.output, capture.nanoseconds);
    if (writer !== null) opened.push(writer);
    const report = args.report === undefined ? null : new FileSink(args.report);
    if (report !== null) opened.push(report);

    // Standard output is all there is: a reader that has seen enough ends the work, and that is no failure.
    const only = args.output === undefined || args.report === undefined;
    const tally = new Tally();
    const captured = new CaptureTranslator(translator, {
      mtu4: config.ipv4Mtu ?? DEFAULT_MTU,
      mtu6: config.ipv6Mtu ?? DEFAULT_MTU,
    });
    const problems = [
      attempt(source.name, () => translateAll(capture, captured, writer, report, tally), only),
    ];
    for (const one of opened.splice(0)) problems.push(attempt(source.name, () => one.close(), only));

    const toStdout = args.output === '-' || args.report === '-';
    (toStdout ? io.stderr : io.stdout).write(tally.table());
    const met = problems.filter((problem) => problem !== null);
    for (const problem of met) io.stderr.write(`clatd: ${problem}\n`);
    return met.length === 0 ? 0 : 1;
  } catch (error) {
    for (const one of opened) attempt(args.input, () => one.close());
    io.stderr.write(`clatd: ${beforeTheFirst(error, args.input)}\n`);
    return 1;
  }
}

function translateAll(
  capture: Capture,
  translator: CaptureTranslator,
  writer: PcapWriter | null,
  report: FileSink | null,
  tally: Tally,
): void {
  let index = 0;
  for (const captured of capture.packets) {
    const { seconds, nanoseconds } = captured;
    const fate = translator.take(captured);
    if (writer !== null) {
      for (const [i, output] of fate.outputs.entries()) {
        writer.write(output, seconds, nanoseconds, fate.present[i]);
      }
    }
    tally.count(fate);
    report?.ascii(reportLine(index, fate, seconds, nanoseconds, capture.nanoseconds));
    index++;
  }
}

/**
 * @param only there is one output: nothing else suffers where its reader leaves
 * @returns null, or what went wrong in the middle, as one line
 */
function attempt(input: string, work: () => void, only = false): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof ReaderGoneError)
      return only ? null : `${error.message}; the other output ends here, too`;
    if (error instanceof SinkError) return error.message;
    if (error instanceof CaptureError) return `${error.message}; what came before it is kept`;
    if (isSystemError(error))
      return `cannot read ${input}: ${systemReason(error)}; what came before it is kept`;
    throw error;
  }
}

function beforeTheFirst(error: unknown, input: string): string {
  if (error instanceof SinkError || error instanceof CaptureError) return error.message;
  if (isSystemError(error)) return `cannot read ${input}: ${systemReason(error)}`;
  throw error;
}

const isSystemError = (error: unknown): boolean => (error as NodeJS.ErrnoException).syscall !== undefined;
