/** Whether clatd runs here, and what a clatd that was killed left behind. */
import { readdirSync } from 'node:fs';
import { JOURNAL_DIR, journalPath, type Leftover, ownerOfThisProcess, readLeftover } from '../journal.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import type { Translator } from './others.ts';
import type { Device } from './tun.ts';

export interface DaemonFacts {
  readonly tun: string;
  readonly journal: Leftover | { readonly is: 'unseen'; readonly because: string };
  /** Other devices that a clatd serves in this network namespace. */
  readonly others: readonly { readonly tun: string; readonly pid: number }[];
}

/** Reads the journals of this network namespace. Never throws. */
export function readDaemon(tun: string): DaemonFacts {
  const self = ownerOfThisProcess();
  let journal: DaemonFacts['journal'];
  try {
    journal = readLeftover(journalPath(tun), self);
  } catch (error) {
    journal = { is: 'unseen', because: (error as Error).message };
  }
  const others = otherDevices(tun).flatMap((name) => {
    try {
      const found = readLeftover(journalPath(name), self);
      return found.is === 'running' ? [{ tun: name, pid: found.pid }] : [];
    } catch {
      return [];
    }
  });
  return { tun, journal, others };
}

function otherDevices(tun: string): string[] {
  const end = journalPath('').slice(JOURNAL_DIR.length + 1);
  try {
    return readdirSync(JOURNAL_DIR)
      .filter((name) => name.endsWith(end))
      .map((name) => name.slice(0, -end.length))
      .filter((name) => name !== tun);
  } catch {
    return [];
  }
}

/** Processes of clatd that keep a journal here. */
export const pidsOf = ({ journal, others }: DaemonFacts): number[] => [
  ...(journal.is === 'running' ? [journal.pid] : []),
  ...others.map(({ pid }) => pid),
];

/** @param unrecorded a clatd that keeps no journal (--no-configure) */
export function judgeDaemon(
  { tun, journal, others }: DaemonFacts,
  device: Device | null,
  unrecorded: Translator | null,
): Check {
  const besides = others.map((one) => `; another one on ${one.tun} (process ${one.pid})`).join('');
  switch (journal.is) {
    case 'running': {
      const found = `process ${journal.pid} on ${tun}${besides}`;
      return device === null
        ? problem('daemon', `${found}, but there is no ${tun}`, 'see its log: journalctl -u clatd')
        : ok('daemon', found);
    }
    case 'stale': {
      // One that waited for a network holds its journal too, and has changed nothing.
      const count = journal.done.length + journal.left.length;
      if (count === 0) break;
      const what = count === 1 ? 'a change' : `${count} changes`;
      return problem(
        'daemon',
        journal.done.length > 0
          ? `no: process ${journal.pid} was killed and left ${what} of the host behind${besides}`
          : `no: process ${journal.pid} could not undo ${what} of the host${besides}`,
        `start clatd: it begins with undoing ${count === 1 ? 'it' : 'them'} (systemctl start clatd)`,
      );
    }
    case 'unseen':
      return skipped('daemon', journal.because);
    default:
  }
  if (unrecorded !== null) {
    return ok(
      'daemon',
      `process ${unrecorded.pid} on ${tun}, which leaves the host alone (--no-configure)${besides}`,
    );
  }
  return note(
    'daemon',
    `no${aboutJournal(journal)}${besides}`,
    'systemctl enable --now clatd, or `clatd run`',
  );
}

function aboutJournal(journal: DaemonFacts['journal']): string {
  if (journal.is === 'useless') return ` (there is a journal of no use: ${journal.because})`;
  if (journal.is === 'stale') return ` (process ${journal.pid} was killed, and left nothing behind)`;
  return '';
}
