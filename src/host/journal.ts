/**
 * The journal: what has been changed on the host so far, in a file, so that a later start can undo it when this process
 * was killed. Written (new file, fsync, rename) before each step, so the step it names last may or may not have been
 * done; undoing copes with both.
 *
 * Addresses and routes on a TUN of our own vanish with the process; sysctls, neighbour proxies, nftables tables and
 * everything on an attached device do not.
 *
 * The file's name carries the network namespace, since namespaces usually share /run; its content the boot, since a
 * directory given by hand may outlive one.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { MOST_SMALL_FILE, readRegularFile } from '../io/regular-file.ts';
import type { Done } from './plan.ts';

export const JOURNAL_DIR = '/run/clatd';

/** Whose changes these are: enough to tell a living process from a dead one whose pid was given out again. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks since boot, /proc/PID/stat field 22. */
  readonly startTime: string;
  readonly boot: string;
}

interface Content extends Owner {
  readonly version: 1;
  readonly tun: string;
  readonly done: readonly Done[];
}

export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
  readonly pid: number;
  constructor(tun: string, pid: number) {
    super(
      `clatd is already running for ${tun} (process ${pid}): stop it first, or choose another device with --tun`,
    );
    this.pid = pid;
  }
}

export class JournalError extends Error {
  override readonly name = 'JournalError';
}

/** The journal of this process for one TUN. */
export class Journal {
  readonly path: string;
  readonly tun: string;
  readonly #owner: Owner;
  #done: readonly Done[] = [];

  constructor(path: string, tun: string, owner: Owner) {
    this.path = path;
    this.tun = tun;
    this.#owner = owner;
  }

  /** In the order they were done. */
  get done(): readonly Done[] {
    return this.#done;
  }

  /** Records a change of the host; call it before making the change. Throws JournalError. */
  write(done: readonly Done[]): void {
    writeFile(this.path, this.#content(done));
    this.#done = done;
  }

  /** Takes the name for this process. Throws AlreadyRunningError where another process was faster. */
  claim(): void {
    const own = `${this.path}.${this.#owner.pid}`;
    writeFile(own, this.#content([]));
    try {
      // link(2), unlike rename(2), refuses to replace: of two starts at once one wins.
      linkSync(own, this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw asJournalError(this.path, error);
      throw new AlreadyRunningError(this.tun, readContent(this.path)?.pid ?? 0);
    } finally {
      rmSync(own, { force: true });
    }
  }

  /** Forgets everything: all has been undone. */
  remove(): void {
    this.#done = [];
    rmSync(this.path, { force: true });
  }

  #content(done: readonly Done[]): Content {
    return { version: 1, tun: this.tun, ...this.#owner, done };
  }
}

/** What an earlier process left. */
export type Leftover =
  | { readonly is: 'none' }
  /** Of a process that lives. */
  | { readonly is: 'running'; readonly pid: number }
  /** Of a process that died, or of ourselves: to be rolled back. */
  | { readonly is: 'stale'; readonly pid: number; readonly done: readonly Done[] }
  /** Not readable as a journal, or of an earlier boot: nothing to do but to put it away. */
  | { readonly is: 'useless'; readonly because: string };

/** Path of the journal for a TUN in this process's network namespace. */
export function journalPath(tun: string, dir: string = JOURNAL_DIR): string {
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '0';
  return `${dir}/${tun}@${namespace}.json`;
}

/** Journals beside this one of other TUNs in the same network namespace. */
export function otherJournals(path: string): string[] {
  const at = path.lastIndexOf('/');
  const suffix = path.slice(path.lastIndexOf('@'));
  if (!suffix.startsWith('@')) return [];
  try {
    return readdirSync(path.slice(0, at))
      .filter((name) => name.endsWith(suffix) && name !== path.slice(at + 1))
      .map((name) => `${path.slice(0, at)}/${name}`);
  } catch {
    return [];
  }
}

export function readLeftover(path: string, self: Owner): Leftover {
  const content = readContent(path);
  if (content === null) return { is: 'none' };
  if (content === undefined) return { is: 'useless', because: 'it is damaged' };
  const { pid, startTime, boot, done } = content;
  if (boot !== self.boot) return { is: 'useless', because: 'the machine was rebooted since' };
  if (pid !== self.pid && startTimeOf(pid) === startTime) return { is: 'running', pid };
  return { is: 'stale', pid, done };
}

export function ownerOfThisProcess(): Owner {
  // /proc/self rather than a pid from outside: right in every pid namespace that has its own /proc.
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return {
    pid: Number.parseInt(stat, 10),
    startTime: startTimeIn(stat),
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  };
}

function startTimeOf(pid: number): string | null {
  try {
    return startTimeIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** Field 22; the command's name (field 2) stands in parentheses and may contain anything. */
function startTimeIn(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** null: no such file; undefined: not a journal. */
function readContent(path: string): Content | null | undefined {
  let text: string;
  try {
    text = readRegularFile(path, MOST_SMALL_FILE).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw asJournalError(path, error);
  }
  try {
    const content = JSON.parse(text) as Content;
    return content.version === 1 && Array.isArray(content.done) ? content : undefined;
  } catch {
    return undefined;
  }
}

function writeFile(path: string, content: Content): void {
  const next = `${path}.new`;
  try {
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o755 });
    const file = openSync(next, 'w', 0o644);
    try {
      writeSync(file, `${JSON.stringify(content)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    throw asJournalError(path, error);
  }
}

function asJournalError(path: string, error: unknown): JournalError {
  const { code, message } = error as NodeJS.ErrnoException;
  const remedy = code === 'EACCES' || code === 'EPERM' ? ' (run as root, or use --no-configure)' : '';
  return new JournalError(`cannot keep the journal of host changes in ${path}: ${code ?? message}${remedy}`);
}
