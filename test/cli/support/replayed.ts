/** Runs `replay` in this process on capture bytes, and reads what it wrote, with nothing of src/ but replay itself. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type PacketTranslator, type ReplayArguments, replay } from '../../../src/cli/replay.ts';
import { scratch } from '../../io/support/read.ts';
import { configure, translator } from '../../support/must.ts';

export interface Line {
  index: number;
  verdict: string;
  reason: string;
  outputs: number;
  time: string;
  length: number;
  source?: string;
  destination?: string;
  protocol?: string | number;
  sourcePort?: number;
  destinationPort?: number;
  captured?: number;
  segmented?: number;
  size?: number;
  by?: string;
}

export interface OutputPacket {
  seconds: number;
  fraction: number;
  bytes: number[];
  /** Its length before the capture cut it. */
  original: number;
}

export interface Replayed {
  code: number;
  stdout: string;
  stderr: string;
  report: Line[];
  outputs: OutputPacket[];
  nanoseconds: boolean;
}

export const files = scratch();

/** Fields of a little-endian pcap; every byte of the file must belong to one. */
export function readPcap(bytes: Buffer): { nanoseconds: boolean; linkType: number; packets: OutputPacket[] } {
  const packets: OutputPacket[] = [];
  let at = 24;
  while (at < bytes.length) {
    const length = bytes.readUInt32LE(at + 8);
    const original = bytes.readUInt32LE(at + 12);
    if (original < length || at + 16 + length > bytes.length) {
      throw new Error(`a broken record at ${at}`);
    }
    packets.push({
      seconds: bytes.readUInt32LE(at),
      fraction: bytes.readUInt32LE(at + 4),
      bytes: [...bytes.subarray(at + 16, at + 16 + length)],
      original,
    });
    at += 16 + length;
  }
  return { nanoseconds: bytes.readUInt32LE(0) === 0xa1b23c4d, linkType: bytes.readUInt32LE(20), packets };
}

export function capturedIo(): { stdout: string; stderr: string; io: Parameters<typeof replay>[2] } {
  const said = {
    stdout: '',
    stderr: '',
    io: {
      stdout: { write: (text: string) => (said.stdout += text) },
      stderr: { write: (text: string) => (said.stderr += text) },
    },
  };
  return said;
}

/** Only the command: what it says and its exit code. */
export async function run(
  args: ReplayArguments,
  by: PacketTranslator = translator(),
): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = capturedIo();
  const code = await replay(args, configure(), said.io, by);
  return { code, stdout: said.stdout, stderr: said.stderr };
}

/** Replays a capture with Appendix A's configuration, into both outputs. */
export async function replayed(capture: readonly number[], by?: PacketTranslator): Promise<Replayed> {
  const input = files.put('in', capture);
  const [output, report] = [files.path('out.pcap'), files.path('report.jsonl')];
  for (const old of [output, report]) rmSync(old, { force: true });
  const said = await run({ input, output, report }, by);
  const written = existsSync(output) ? readPcap(readFileSync(output)) : null;
  if (written !== null && written.linkType !== 101) throw new Error(`link type ${written.linkType}`);
  const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line of the report is cut off');
  const lines = text.split('\n').slice(0, -1);
  return {
    ...said,
    report: lines.map((line) => JSON.parse(line) as Line),
    outputs: written?.packets ?? [],
    nanoseconds: written?.nanoseconds ?? false,
  };
}
