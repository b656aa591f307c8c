/** One contestant in one network, ready to be measured again and again. */
import { readFileSync } from 'node:fs';
import { until } from '../../test/netns/wait.ts';
import { addresses, type Bed, type Mapping, makeBed } from './bed.ts';
import type { Contestant, Running } from './contestants.ts';

export const ECHO_PORT = 4301;
export const IPERF_PORT = 4302;

/** Clock ticks a second in /proc (getconf CLK_TCK; 100 on every Linux). */
const TICKS = 100;

export class Session {
  readonly contestant: Contestant;
  readonly bed: Bed;
  readonly running: Running | null;

  private constructor(contestant: Contestant, bed: Bed, running: Running | null) {
    this.contestant = contestant;
    this.bed = bed;
    this.running = running;
  }

  /** Resolves when the far end answers. */
  static async open(contestant: Contestant, mapping: Mapping, udp: string): Promise<Session> {
    const bed = await makeBed(mapping);
    try {
      const session = new Session(contestant, bed, contestant.start(bed));
      const echo = bed.far.start(udp, ['echo', addresses.far6, `${ECHO_PORT}`]);
      const server = bed.far.start('iperf3', ['-s', '-p', `${IPERF_PORT}`, '--forceflush']);
      await Promise.all([echo.says(/ready/), server.says(/listening/)]);
      await session.#answers(udp);
      return session;
    } catch (error) {
      await bed.sandbox.close();
      throw error;
    }
  }

  get isPlain(): boolean {
    return this.contestant.kind === 'plain';
  }

  /** The far end as a program in the host reaches it. */
  get far(): string {
    return this.isPlain ? addresses.far6 : addresses.far4;
  }

  /** The first of many servers. */
  get many(): string {
    return this.isPlain ? addresses.many6 : addresses.many4;
  }

  /** The host as the far end reaches it. */
  get host(): string {
    return this.isPlain ? addresses.host6 : addresses.clat6;
  }

  async #answers(udp: string): Promise<void> {
    const { bed, running, far } = this;
    let ended = false;
    await until(`an answer through ${this.contestant.name}`, async () => {
      ended = running !== null && !running.process.running;
      return ended || (await bed.host.run(udp, ['first', far, `${ECHO_PORT}`, '0.3'])).code === 0;
    });
    if (ended) throw new Error(`${this.contestant.name} ended:\n${running?.process.output}`);
  }

  /** Runs `work` and returns what it took besides its result. */
  async costOf<T>(work: () => Promise<T>): Promise<{ result: T; daemon: number; system: number }> {
    const daemon = this.#daemonSeconds();
    const system = systemSeconds();
    const result = await work();
    return { result, daemon: this.#daemonSeconds() - daemon, system: systemSeconds() - system };
  }

  /** CPU seconds of all the daemon's threads. */
  #daemonSeconds(): number {
    if (this.running === null) return 0;
    const stat = readFileSync(`/proc/${this.running.process.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }

  /** Resident set of the daemon in MB (10^6 bytes), 0 where there is none. */
  residentMB(): number {
    if (this.running === null) return 0;
    const status = readFileSync(`/proc/${this.running.process.pid}/status`, 'latin1');
    return (Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024) / 1e6;
  }

  close(): Promise<void> {
    return this.bed.sandbox.close();
  }
}

/** CPU seconds of the whole machine, idle time and waiting left out. */
function systemSeconds(): number {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user! + nice! + system! + irq! + softirq!) / TICKS;
}
