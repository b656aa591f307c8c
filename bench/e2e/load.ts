/** The programs that make traffic: iperf3 for TCP, udp.c for datagrams and latency. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Process } from '../../test/netns/process.ts';
import { type Namespace, projectRoot } from '../../test/netns/sandbox.ts';

/** Compiles bench/e2e/NAME.c into `folder` and returns the program's path. */
export function compile(name: 'udp' | 'limit', folder: string): string {
  const program = join(folder, name);
  const source = join(projectRoot(), `bench/e2e/${name}.c`);
  const compiled = spawnSync('cc', ['-O2', '-Wall', '-o', program, source], { encoding: 'utf8' });
  if (compiled.error) throw new Error(`a C compiler is needed (cc): ${compiled.error.message}`);
  if (compiled.status !== 0) throw new Error(`cc: ${compiled.stderr}`);
  return program;
}

/** Ends well or throws with what it said; its output is one line of JSON, possibly after a word. */
export async function result<T>(child: Process, seconds = 70): Promise<T> {
  const { code, stdout, stderr } = await child.finished(seconds * 1000);
  if (code !== 0) throw new Error(`\`${child.command}\` ended with ${code}: ${stderr || stdout}`);
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as T;
}

export interface Sunk {
  packets: number;
  bytes: number;
  firstNs: number;
  lastNs: number;
}

/** Where a program can be started. */
type Place = Pick<Namespace, 'start'>;

export interface FloodOptions {
  from: Place;
  to: Place;
  dest: string;
  bytes: number;
  seconds: number;
  /** Datagrams a second; 0: as many as possible. */
  rate?: number;
  dests?: number;
  source?: string;
  sources?: number;
}

export interface Flooded {
  /** Datagrams a second that arrived. */
  perSecond: number;
  delivered: number;
  sent: number;
}

const SINK_PORT = 4300;
/** A sink that is told to end needs 300 ms of silence (udp.c). */
const SINK_ENDS_SECONDS = 10;

/** Sends datagrams and counts those that arrive, also those still on their way when the last one is sent. */
export async function flood(udp: string, options: FloodOptions): Promise<Flooded> {
  const { from, to, dest, bytes, seconds, rate = 0, dests = 1, source = dest, sources = 0 } = options;
  const sink = to.start(udp, ['sink', `${SINK_PORT}`]);
  try {
    await sink.says(/ready/);
    const words = [dest, SINK_PORT, bytes, seconds, rate, dests, source, sources].map(String);
    const { sent } = await result<{ sent: number }>(from.start(udp, ['flood', ...words]));
    sink.signal('SIGTERM');
    const { packets, firstNs, lastNs } = await result<Sunk>(sink, SINK_ENDS_SECONDS);
    return {
      delivered: packets,
      sent,
      perSecond: packets / Math.max((lastNs - firstNs) / 1e9, 0.001),
    };
  } finally {
    // After a failure: the next flood needs its port.
    await sink.stop('SIGKILL');
  }
}

export interface Latency {
  count: number;
  lost: number;
  /** Microseconds. */
  p50: number;
  p99: number;
  p999: number;
}

interface IperfReport {
  end: { sum_received: { bits_per_second: number; bytes: number; seconds: number } };
  error?: string;
}

/** A TCP transfer; 'down' is from the server to the client. Bytes are those received. */
export async function iperf(
  from: Namespace,
  dest: string,
  port: number,
  { seconds, streams, direction }: { seconds: number; streams: number; direction: 'up' | 'down' },
): Promise<{ gbps: number; bytes: number }> {
  const args = ['-c', dest, '-p', `${port}`, '-t', `${seconds}`, '-P', `${streams}`, '-J'];
  if (direction === 'down') args.push('-R');
  const report = await result<IperfReport>(from.start('iperf3', args), seconds + 20);
  if (report.error !== undefined) throw new Error(`iperf3: ${report.error}`);
  const { bits_per_second, bytes } = report.end.sum_received;
  return { gbps: bits_per_second / 1e9, bytes };
}
