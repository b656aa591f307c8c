/** A network namespace of the test's own, with an uplink to a router namespace: the least a plan needs. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { Process } from '../netns/process.ts';
import { projectRoot } from '../netns/sandbox.ts';
import type { DriverAnswer, DriverOrder } from './driver.ts';

export const isRoot = process.getuid?.() === 0;

export interface Machine {
  readonly name: string;
  /** The namespace of the router, with `down0`, fe80::1. */
  readonly router: string;
  /** Directory for journals, removed with the machine. */
  readonly dir: string;
  /** Runs a command inside; throws with its output where it fails. */
  run(command: string): string;
  /** The same in the router's namespace. */
  inRouter(command: string): string;
  /** `wrapper`: a program to start the driver with. */
  drive(order: Omit<DriverOrder, 'journal'>, ...wrapper: string[]): DriverAnswer & { killed: boolean };
  /** Starts it and goes on; its answer is its output. */
  start(order: Omit<DriverOrder, 'journal'>): Process;
  snapshot(): Record<string, string>;
  remove(): void;
}

let built: string | null = null;
let count = 0;

/** The driver as one file, since Node 20 runs no TypeScript. */
function driver(): string {
  if (built === null) {
    // In dist/, from where the addon is found.
    const dist = join(projectRoot(), 'dist');
    mkdirSync(dist, { recursive: true });
    built = join(mkdtempSync(join(dist, 'driver-')), 'driver.mjs');
    buildSync({
      entryPoints: [new URL('./driver.ts', import.meta.url).pathname],
      outfile: built,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'warning',
    });
    process.once('exit', () => rmSync(built!.replace(/\/driver.mjs$/, ''), { recursive: true, force: true }));
  }
  return built;
}

function shell(command: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}\n${stdout}${stderr}`);
  return stdout;
}

/**
 * A machine with an uplink `up0` to a router, an IPv6 address on it and a default route through it.
 * `setup` runs inside, before anything is looked at.
 */
export function makeMachine(setup = ''): Machine {
  const name = `clatd-host-${process.pid}-${count++}`;
  const router = `${name}r`;
  const dir = mkdtempSync(join(tmpdir(), 'clatd-host-'));
  const remove = () => {
    for (const ns of [name, router]) spawnSync('ip', ['netns', 'del', ns]);
    rmSync(dir, { recursive: true, force: true });
  };
  const inside = (ns: string) => (command: string) =>
    shell(`exec ip netns exec ${ns} sh -ec '${command.replaceAll("'", "'\\''")}'`);
  const run = inside(name);
  const argumentsFor = (order: Omit<DriverOrder, 'journal'>, ...wrapper: string[]): string[] => {
    const text = JSON.stringify({ journal: `${dir}/${order.tun}.json`, ...order });
    return ['netns', 'exec', name, ...wrapper, process.execPath, driver(), text];
  };
  try {
    shell(`
      ip netns add ${name}; ip netns add ${router}
      ip -n ${name} link set lo up; ip -n ${router} link set lo up
      for ns in ${name} ${router}; do ip netns exec $ns sh -c "echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits"; done
      ip link add up0 netns ${name} type veth peer name down0 netns ${router}
      ip -n ${router} address add fe80::1/64 dev down0 nodad
      ip -n ${router} link set down0 up
      ip -n ${name} link set up0 up
      ip -n ${name} address add 2001:db8:1:1::5/64 dev up0 nodad
      ip -n ${name} -6 route add default via fe80::1 dev up0 metric 1024
    `);
    if (setup !== '') run(setup);
    // An address may be tentative for a moment even without duplicate detection, and snapshots would differ.
    for (let i = 0; i < 100 && /tentative/.test(run('ip address')); i++) spawnSync('sleep', ['0.05']);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    name,
    router,
    dir,
    run,
    inRouter: inside(router),
    drive(order, ...wrapper) {
      const { stdout, stderr, signal, status } = spawnSync('ip', argumentsFor(order, ...wrapper), {
        encoding: 'utf8',
        // Nothing else runs meanwhile: what waits for ever would keep the whole run.
        timeout: 60_000,
      });
      const killed = signal === 'SIGKILL' || status === 137;
      if (killed) return { log: [], killed };
      if (status !== 0) throw new Error(`driver: ${stderr}`);
      return { ...(JSON.parse(stdout) as DriverAnswer), killed };
    },
    start: (order) => new Process('ip', argumentsFor(order)),
    snapshot: () => ({
      addresses: run('ip address'),
      routes4: run('ip route show table all'),
      routes6: run('ip -6 route show table all'),
      proxies: run('ip -6 neigh show proxy'),
      tables: run('nft list ruleset'),
      sysctls: run(
        'cd /proc/sys/net; grep -r . ipv4/conf ipv6/conf ipv4/ip_forward 2>/dev/null | grep -v stable_secret | sort',
      ),
    }),
    remove,
  };
}

/**
 * For checks that need a TUN nobody serves: a persistent one. Up and down once, since the kernel attaches the default
 * queueing discipline the first time and keeps it.
 */
export const PERSISTENT_TUN = 'ip tuntap add dev clat mode tun; ip link set clat up; ip link set clat down';
