/**
 * The journal: what has been changed on the host so far, in a file, so that a later start can undo it when this process
 * was killed. Written (new file, fsync, rename) before each step, so the step it names last may or may not have been
 * done; undoing copes with both. A file that says more than is true does no harm, one that says less would.
 *
 * Addresses and routes on a TUN of our own vanish with the process; sysctls, proxies, unreachable routes, nftables tables and
 * everything on an attached device do not.
 *
 * The file's name carries the network namespace, since namespaces usually share /run; its content the boot, since a
 * directory given by hand may outlive one.
 */
import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  asJournalError,
  type Content,
  type Left,
  type Owner,
  readJournal,
  syncDirectory,
  writeJournal,
} from './journal-file.ts';
import type { Lock } from './lock.ts';
import type { Done } from './plan.ts';

export { JournalError, type Left, type Owner } from './journal-file.ts';

export const JOURNAL_DIR = '/run/clatd';

export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
  readonly pid: number;
  constructor(tun: string, pid: number) {
    const who = pid === 0 ? '' : ` (process ${pid})`;
    super(`clatd is already running for ${tun}${who}: stop it first, or choose another device with --tun`);
    this.pid = pid;
  }
}

/** The journal of this process for one TUN. */
export class Journal {
  readonly path: string;
  readonly tun: string;
  readonly #owner: Owner;
  readonly #lock: Lock;
  #done: readonly Done[] = [];
  #left: readonly Left[];

  /** Writes it, which makes it this process's. Throws JournalError. @param left what earlier processes left */
  constructor(path: string, tun: string, owner: Owner, lock: Lock, left: readonly Left[]) {
    this.path = path;
    this.tun = tun;
    this.#owner = owner;
    this.#lock = lock;
    this.#left = left;
    this.write([]);
  }

  /** In the order they were done. */
  get done(): readonly Done[] {
    return this.#done;
  }

  /** What could not be undone, older than `done`. */
  get left(): readonly Left[] {
    return this.#left;
  }

  /** Records a change of the host; call it before making the change. Throws JournalError. */
  write(done: readonly Done[]): void {
    writeJournal(this.path, this.#content(done));
    this.#done = done;
  }

  /** Records what is so already, changes undone above all: a file that cannot be written says too much, no more. */
  note(done: readonly Done[], left: readonly Left[] = this.#left): Error | null {
    this.#left = left;
    try {
      this.write(done);
      return null;
    } catch (error) {
      this.#done = done;
      return error as Error;
    }
  }

  /** The end: all has been undone but `left`, for which the file stays. Throws JournalError. */
  end(left: readonly Left[]): void {
    try {
      if (left.length > 0) {
        this.#left = left;
        this.write([]);
      } else {
        this.#done = [];
        this.#left = [];
        rmSync(this.path, { force: true });
        syncDirectory(dirname(this.path));
      }
    } catch (error) {
      throw asJournalError(this.path, error);
    } finally {
      this.#lock.release();
    }
  }

  #content(done: readonly Done[]): Content {
    return { version: 1, tun: this.tun, ...this.#owner, done, left: this.#left };
  }
}

/** What an earlier process left. */
export type Leftover =
  | { readonly is: 'none' }
  /** Of a process that lives. */
  | { readonly is: 'running'; readonly pid: number }
  /** Of a process that died, or of ourselves: to be rolled back. `bad`: what is wrong with the rest of the file. */
  | {
      readonly is: 'stale';
      readonly pid: number;
      readonly done: readonly Done[];
      readonly left: readonly Left[];
      readonly bad: string | null;
    }
  /** Not readable as a journal, or of an earlier boot: nothing to do but to put it away. */
  | { readonly is: 'useless'; readonly because: string; readonly bad: boolean };

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

/** Throws JournalError where the file is there and cannot be read. */
export function readLeftover(path: string, self: Owner): Leftover {
  const read = readJournal(path);
  if (read.is === 'none') return read;
  const bad = read.is === 'bad' ? read.because : null;
  if (read.content === null) return { is: 'useless', because: bad!, bad: true };
  const { pid, startTime, boot, done, left } = read.content;
  if (boot !== self.boot) return { is: 'useless', because: 'the machine was rebooted since', bad: false };
  if (pid !== self.pid && startTimeOf(pid) === startTime) return { is: 'running', pid };
  return { is: 'stale', pid, done, left, bad };
}

/** Puts a file that is no journal out of the way, for people to look at. @returns its new name. Throws JournalError. */
export function putAside(path: string): string {
  const name = `${path}.bad`;
  try {
    rmSync(name, { recursive: true, force: true });
    renameSync(path, name);
  } catch (error) {
    throw asJournalError(path, error);
  }
  return name;
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

/** Null: there is no such process, or it has ended and its parent has not looked yet, as in containers without an init. */
function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return /^[ZX]/.test(behindName(stat)) ? null : startTimeIn(stat);
  } catch {
    return null;
  }
}

/** From field 3 on; the command's name (field 2) stands in parentheses and may contain anything. */
const behindName = (stat: string): string => stat.slice(stat.lastIndexOf(')') + 2);

/** Field 22 */
const startTimeIn = (stat: string): string => behindName(stat).split(' ')[19] ?? '';
