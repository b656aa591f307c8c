/** The clatd that runs in this network namespace, and the words it was started with. */
import { readFileSync, readlinkSync } from 'node:fs';
import { pidsOf, readDaemon } from './doctor/daemon.ts';
import { readOthers, unrecordedOn } from './doctor/others.ts';
import { stateDirectory } from './unanswered.ts';

export interface Running {
  readonly pid: number;
  /** The words after the program's name. */
  readonly argv: readonly string[];
  /** Paths among them are relative to it; null: not to be seen without root. */
  readonly cwd: string | null;
}

/** Where the clatd that serves `tun` keeps what it found out, or would keep it; without root the usual place. */
export function stateDirectoryFor(tun: string): string {
  const pid = pidFor(tun);
  return stateDirectory(pid === null ? undefined : variableOf(pid, 'STATE_DIRECTORY'));
}

/** @param tun the device it serves, where that is given. @returns null: none, or several of which none is the one */
export function findRunning(tun: string | null): Running | null {
  const pid = pidFor(tun);
  if (pid === null) return null;
  try {
    const argv = wordsOf(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    return argv === null ? null : { pid, argv, cwd: folderOf(pid) };
  } catch {
    return null;
  }
}

/** The devices that every clatd of this network namespace serves. */
export function runningDevices(): string[] {
  const { tun, journal, others } = readDaemon('clat');
  return [...(journal.is === 'running' ? [tun] : []), ...others.map((one) => one.tun)];
}

function pidFor(tun: string | null): number | null {
  const facts = readDaemon(tun ?? 'clat');
  const { journal, others } = facts;
  const recorded =
    journal.is === 'running' ? journal.pid : tun === null && others.length === 1 ? others[0]!.pid : null;
  return recorded ?? unrecordedOn(readOthers(tun ?? 'clat', pidsOf(facts)))?.pid ?? null;
}

/** Of the environment a process was started with; undefined: it has none, or not to be seen without root. */
function variableOf(pid: number, name: string): string | undefined {
  try {
    const all = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return all.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  } catch {
    return undefined;
  }
}

const PROGRAM = /(^|\/)(clatd|clatd\.js|main\.js)$/;

/** The words after the program in /proc/PID/cmdline, whatever runs it; null: it is none of ours. */
export function wordsOf(cmdline: string): string[] | null {
  const words = cmdline.replace(/\0$/, '').split('\0');
  const program = words.findIndex((word) => PROGRAM.test(word));
  return program < 0 ? null : words.slice(program + 1);
}

function folderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}
