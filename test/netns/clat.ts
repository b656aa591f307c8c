/** What the tests of the automatic mode share: a VM that has nothing yet, and plain `clatd` on it. */
import { join } from 'node:path';
import type { Process } from './process.ts';
import type { Advertisement } from './ra-sender.ts';
import { projectRoot } from './sandbox.ts';
import { buildTopology, map, type Topology, type TopologyOptions } from './topology.ts';
import { until } from './wait.ts';

export const PROGRAM = process.env.CLATD ?? join(projectRoot(), 'dist/main.js');
/** Programs that these tests need besides the topology's. */
export const CLAT_TOOLS = ['ping', 'python3', 'unbound', 'dig', 'nft'];

/** What the router says: addresses for hosts, and where the NAT64 is. */
export const SLAAC: Advertisement = { prefixes: [{ prefix: map.vmSubnet }] };
export const PREF64: Advertisement = { ...SLAAC, pref64: [{ prefix: map.pool6, lifetime: 1800 }] };

export class ClatHost {
  readonly topology: Topology;
  #daemon: Process | null = null;

  private constructor(topology: Topology) {
    this.topology = topology;
  }

  /** A network whose VM has no address but a link-local one; the router speaks when the test lets it. */
  static async build(options: TopologyOptions = {}): Promise<ClatHost> {
    return new ClatHost(await buildTopology({ delivery: 'translator', vmAddress: null, ...options }));
  }

  get stateDirectory(): string {
    return join(this.topology.sandbox.folder, 'state');
  }

  get daemon(): Process {
    if (this.#daemon === null) throw new Error('clatd was not started');
    return this.#daemon;
  }

  start(...options: string[]): Process {
    return this.startWith({}, ...options);
  }

  startWith(env: Record<string, string>, ...options: string[]): Process {
    // What one test's daemon remembers is none of another's.
    const own = { STATE_DIRECTORY: this.stateDirectory };
    this.#daemon = this.topology.vm.start(process.execPath, [PROGRAM, ...options], {
      env: { ...own, ...env },
    });
    return this.#daemon;
  }

  /** One ping to the IPv4-only server. */
  async works(): Promise<boolean> {
    return (await this.topology.vm.run('ping', ['-c1', '-W0.3', map.web])).code === 0;
  }

  /** Resolves when IPv4 works; fails at once when the daemon has ended. */
  async untilWorks(): Promise<void> {
    await this.#until('IPv4 to work', () => this.works());
  }

  /** Resolves when nothing of a CLAT is left on the host but the device. */
  async untilGone(patience?: number): Promise<void> {
    const options = patience === undefined ? undefined : { timeout: patience };
    await this.#until('the CLAT to go', async () => this.traces() === '', options);
  }

  async untilRoute(): Promise<void> {
    const { vm } = this.topology;
    await until('a default route', () => vm.ip('-6 route show default').includes('via'));
  }

  /** What a CLAT leaves in addresses, routes and neighbour proxies. */
  traces(): string {
    const { vm } = this.topology;
    return [
      vm.ip('-4 address show dev clat'),
      vm.ip('-4 route show dev clat'),
      vm.ip('-6 route show dev clat'),
      vm.ip('-6 neighbour show proxy'),
    ]
      .join('')
      .trim();
  }

  /** The IPv6 address in use, from its route. */
  clat6(): string | undefined {
    const routes: { dst: string }[] = this.topology.vm.ipJson('-6 route show dev clat');
    return routes.map(({ dst }) => dst).find((dst) => !dst.includes('/') && dst !== 'default');
  }

  /** Resolves when the daemon has said it, anew where it has said so before `from` characters of its output. */
  async says(pattern: RegExp, from = 0, patience?: number): Promise<void> {
    const options = patience === undefined ? undefined : { timeout: patience };
    await this.#until(`${pattern}`, async () => pattern.test(this.daemon.output.slice(from)), options);
  }

  async close(failed = false): Promise<void> {
    if (failed && this.#daemon !== null) process.stderr.write(`${this.#daemon.output}\n`);
    await this.topology.close();
  }

  async #until(
    what: string,
    reached: () => Promise<boolean>,
    options: { timeout?: number } = {},
  ): Promise<void> {
    const { daemon } = this;
    await until(what, async () => !daemon.running || (await reached()), { interval: 50, ...options });
    if (!daemon.running) throw new Error(`clatd ended:\n${daemon.output}`);
  }
}
