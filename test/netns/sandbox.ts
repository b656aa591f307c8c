/**
 * Network namespaces that always go away.
 *
 * A sandbox makes namespaces named `clatd-PID-START-N-ROLE` (pid and start time of the process that owns them, so that a
 * later run can tell the namespaces of the living from those of the dead, even where the pid was used again), connects
 * them, and starts processes inside. `close()` undoes everything; so does the end of the owning process; and what a killed
 * owner left behind is removed by the next sandbox on the machine.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Finished, Process, type StartOptions } from './process.ts';
import { until } from './wait.ts';

const NETNS_FOLDER = '/run/netns';
const JOURNALS = '/run/clatd';
const PREFIX = 'clatd';

/** Runs a short command to its end. Throws with what it printed unless it succeeds. */
export function command(name: string, args: readonly string[], input?: string): string {
  const result = spawnSync(name, args, { encoding: 'utf8', input, maxBuffer: 64 << 20 });
  if (result.error !== undefined) throw new Error(`${name}: ${result.error.message}`);
  if (result.status !== 0) {
    const said = (result.stderr + result.stdout).trim();
    throw new Error(`\`${[name, ...args].join(' ')}\` ended with ${result.status ?? result.signal}: ${said}`);
  }
  return result.stdout;
}

/** Why namespaces cannot be made here, in words, or null where they can. */
export function cannotSandbox(tools: readonly string[] = []): string | null {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid?.() !== 0) return 'needs root to create network namespaces (run as root or with sudo)';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun (modprobe tun)';
  for (const tool of ['ip', ...tools]) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
      return `needs the program ${tool} (see test/run)`;
  }
  const trial = `${PREFIX}-trial-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', trial], { encoding: 'utf8' });
  if (made.status !== 0) return `needs to create network namespaces: ${made.stderr.trim()}`;
  const tun = spawnSync('ip', ['-n', trial, 'tuntap', 'add', 'dev', 'trial', 'mode', 'tun'], {
    encoding: 'utf8',
  });
  spawnSync('ip', ['netns', 'del', trial]);
  return tun.status === 0 ? null : `needs to create TUN devices: ${tun.stderr.trim()}`;
}

/** The project's folder, also when this code was bundled into dist/. */
export function projectRoot(): string {
  for (let folder = import.meta.dirname; folder !== '/'; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package-lock.json'))) return folder;
  }
  throw new Error(`no package-lock.json above ${import.meta.dirname}`);
}

/** A helper program of test/netns/parts. */
export function part(name: string): string {
  return join(projectRoot(), 'test/netns/parts', name);
}

export class Namespace {
  readonly name: string;
  readonly #sandbox: Sandbox;

  constructor(sandbox: Sandbox, name: string) {
    this.#sandbox = sandbox;
    this.name = name;
  }

  /** `ip -n NAME …`; arguments in one string, separated by spaces. */
  ip(args: string): string {
    return command('ip', ['-n', this.name, ...args.split(' ')]);
  }

  /** `ip -json -n NAME …` */
  // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON has no schema; tests read a few fields of it.
  ipJson(args: string): any[] {
    const text = command('ip', ['-json', '-n', this.name, ...args.split(' ')]);
    return text.trim() === '' ? [] : JSON.parse(text);
  }

  /** Many `ip` commands, one a line, in one call. */
  ipBatch(lines: string): void {
    command('ip', ['-n', this.name, '-batch', '-'], lines);
  }

  /** Sets sysctls, given as `net.ipv6.conf.all.forwarding=1`; an interface name with dots is written with slashes. */
  sysctl(...settings: string[]): void {
    this.exec('sysctl', ['-q', '-w', ...settings]);
  }

  /** Loads an nftables ruleset. */
  nft(ruleset: string): void {
    command('ip', ['netns', 'exec', this.name, 'nft', '-f', '-'], ruleset);
  }

  /** The resolvers programs in this namespace see. */
  resolvConf(text: string): void {
    const folder = join('/etc/netns', this.name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'resolv.conf'), text);
  }

  /** Runs a short command to its end, blocking. Throws unless it succeeds. */
  exec(program: string, args: readonly string[], input?: string): string {
    return command('ip', ['netns', 'exec', this.name, program, ...args], input);
  }

  /** Starts a process in this namespace; it ends with the sandbox at the latest. */
  start(program: string, args: readonly string[], options?: StartOptions): Process {
    // `ip netns exec` does not fork: its pid is the program's.
    const child = new Process('ip', ['netns', 'exec', this.name, program, ...args], options);
    this.#sandbox.owns(child);
    return child;
  }

  /** Runs a command to its end without blocking this process. Never throws for a bad exit status. */
  run(program: string, args: readonly string[], timeout?: number): Promise<Finished> {
    return this.start(program, args).finished(timeout);
  }

  /** Resolves when no address of the namespace is tentative any more. */
  async addressesReady(): Promise<void> {
    await until(`addresses in ${this.name} to pass duplicate address detection`, () => {
      const tentative = this.ip('-6 address show tentative').trim();
      return tentative === '';
    });
  }
}

/** One end of a link. */
export interface End {
  namespace: Namespace;
  /** Interface name in that namespace. */
  name: string;
  mac?: string;
}

let sandboxes = 0;

export class Sandbox {
  /** A folder for files of this sandbox; removed with it. */
  readonly folder: string;
  readonly #id: string;
  readonly #namespaces: Namespace[] = [];
  readonly #processes = new Set<Process>();
  readonly #atExit = () => this.#removeNow();
  #closed = false;

  constructor() {
    removeStale();
    this.#id = `${PREFIX}-${process.pid}-${startTime(process.pid)}-${++sandboxes}`;
    this.folder = mkdtempSync(join(tmpdir(), `${this.#id}-`));
    process.once('exit', this.#atExit);
  }

  /** A new namespace with its loopback up, addresses usable at once (no duplicate address detection). */
  namespace(role: string): Namespace {
    const namespace = new Namespace(this, `${this.#id}-${role}`);
    command('ip', ['netns', 'add', namespace.name]);
    this.#namespaces.push(namespace);
    // `default` reaches the interfaces made later; those of a new namespace are only lo.
    namespace.sysctl('net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0');
    namespace.ip('link set lo up');
    return namespace;
  }

  /** Connects two namespaces by a veth pair, both ends up. */
  link(a: End, b: End, mtu = 1500): void {
    const mac = (end: End) => (end.mac === undefined ? [] : ['address', end.mac]);
    command('ip', [
      ...['link', 'add', a.name, 'netns', a.namespace.name, 'mtu', `${mtu}`, ...mac(a), 'type', 'veth'],
      ...['peer', 'name', b.name, 'netns', b.namespace.name, 'mtu', `${mtu}`, ...mac(b)],
    ]);
    a.namespace.ip(`link set ${a.name} up`);
    b.namespace.ip(`link set ${b.name} up`);
  }

  /** Writes a file into the sandbox's folder and returns its path. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** Makes a process end with this sandbox. */
  owns(child: Process): void {
    this.#processes.add(child);
    void child.exited.then(() => this.#processes.delete(child));
  }

  /** Ends every process, removes every namespace and file. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await Promise.all([...this.#processes].map((child) => child.stop('SIGTERM', 2000)));
    this.#removeNow();
    process.removeListener('exit', this.#atExit);
  }

  #removeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const child of this.#processes) child.signal('SIGKILL');
    for (const namespace of this.#namespaces) removeNamespace(namespace.name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Removes a namespace with the processes in it (grandchildren that outlived the process that was started). */
function removeNamespace(name: string): void {
  forgetJournals(name);
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? '';
  for (const pid of pids.split('\n').map(Number)) {
    if (pid <= 1 || pid === process.pid) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  spawnSync('ip', ['netns', 'del', name]);
  rmSync(join('/etc/netns', name), { recursive: true, force: true });
}

/** The journals of clatd processes that were killed in a namespace: its inode number will be given to another one. */
function forgetJournals(name: string): void {
  try {
    const { ino } = statSync(join(NETNS_FOLDER, name));
    for (const file of list(JOURNALS)) {
      if (file.includes(`@${ino}.`)) rmSync(join(JOURNALS, file), { force: true });
    }
  } catch {
    // The namespace is gone already.
  }
}

/** Removes what sandboxes of processes that are no more have left behind. */
function removeStale(): void {
  const stale = (name: string) => {
    const owner = name.match(/^clatd-(\d+)-(\d+)-/);
    return owner !== null && startTime(Number(owner[1])) !== Number(owner[2]);
  };
  for (const name of list(NETNS_FOLDER).filter(stale)) removeNamespace(name);
  for (const name of list('/etc/netns').filter(stale))
    rmSync(join('/etc/netns', name), { recursive: true, force: true });
  for (const name of list(tmpdir()).filter(stale))
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** When a process started, in ticks since boot (proc(5), field 22 of stat); 0 where there is none. */
function startTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses and may contain spaces.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return 0;
  }
}
