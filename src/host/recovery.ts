/**
 * The first thing of a start: this process takes the journal of its TUN, and what dead predecessors left is undone, theirs
 * of other TUNs too, since they are changes of the same host.
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Host, type HostLog, undo } from './apply.ts';
import {
  AlreadyRunningError,
  Journal,
  journalPath,
  type Left,
  type Leftover,
  type Owner,
  otherJournals,
  ownerOfThisProcess,
  putAside,
  readLeftover,
} from './journal.ts';
import { Lock, takeLock } from './lock.ts';
import { type Done, describe, undoCommands } from './plan.ts';

/** Starts that try to undo the same thing. */
export const MOST_TRIES = 3;
/** ms; for another start that is undoing at this moment. */
const PATIENCE = 10_000;
const PAUSE = 20;

/** Throws AlreadyRunningError where the predecessor lives, JournalError where the journal cannot be kept. */
export async function openJournal(
  tun: string,
  host: Host,
  log: HostLog,
  path: string = journalPath(tun),
): Promise<Journal> {
  const owner = ownerOfThisProcess();
  const lock = await ownLock(tun, path, owner);
  const others: Taken[] = [];
  try {
    const leftover = readLeftover(path, owner);
    if (leftover.is === 'running') throw new AlreadyRunningError(tun, leftover.pid);
    const left = await recover(path, leftover, host, log);
    for (const other of otherJournals(path)) {
      const taken = await takeOver(other, owner, log);
      if (taken === null) continue;
      others.push(taken);
      left.push(...(await recover(other, taken.leftover, host, log)));
    }
    const journal = new Journal(path, tun, owner, lock, left);
    for (const other of others) rmSync(other.path, { force: true });
    return journal;
  } catch (error) {
    lock.release();
    throw error;
  } finally {
    for (const other of others) other.lock.release();
  }
}

/** Who has just taken it may not have written yet who it is. */
async function ownLock(tun: string, path: string, { pid }: Owner): Promise<Lock> {
  for (let tries = 0; ; tries++) {
    const lock = takeLock(path, pid);
    if (lock instanceof Lock) return lock;
    if (lock.heldBy !== 0 || tries === 10) throw new AlreadyRunningError(tun, lock.heldBy);
    await sleep(PAUSE);
  }
}

interface Taken {
  readonly path: string;
  readonly lock: Lock;
  readonly leftover: Leftover;
}

/** The journal of another TUN, where nobody lives that keeps it; null: it is not for us to touch. */
async function takeOver(path: string, owner: Owner, log: HostLog): Promise<Taken | null> {
  for (let waited = 0; ; waited += PAUSE) {
    let taken: Taken | null = null;
    try {
      const lock = takeLock(path, owner.pid);
      const leftover = readLeftover(path, owner);
      if (lock instanceof Lock) taken = { path, lock, leftover };
      if (leftover.is === 'stale' || leftover.is === 'useless') {
        if (taken !== null) return taken;
      } else {
        taken?.lock.release();
        return null;
      }
    } catch (error) {
      log.warn((error as Error).message);
      return null;
    }
    // Its own next start, or another one, is undoing just now: the host is to be looked at when that is over.
    if (waited >= PATIENCE) return null;
    await sleep(PAUSE);
  }
}

/** Undoes what a dead process left. @returns what could not be undone and is to be tried again */
async function recover(path: string, leftover: Leftover, host: Host, log: HostLog): Promise<Left[]> {
  if (leftover.is === 'none' || leftover.is === 'running') return [];
  if (leftover.is === 'useless') {
    const aside = leftover.bad ? `put aside as ${putAside(path)}` : 'ignored';
    log.warn(`the journal ${path} is of no use (${leftover.because}): ${aside}`);
    return [];
  }
  const later = await undoLeftover(path, leftover, host, log);
  // Only now: whoever is killed while it undoes leaves the journal where the next start finds it.
  if (leftover.bad !== null) log.warn(`the journal ${path} was put aside as ${putAside(path)}`);
  return later;
}

async function undoLeftover(
  path: string,
  { pid, done, left, bad }: Extract<Leftover, { is: 'stale' }>,
  host: Host,
  log: HostLog,
): Promise<Left[]> {
  if (bad !== null)
    log.warn(`the journal ${path} is not as clatd writes it (${bad}): what of it makes sense is undone`);
  const changes = [...left.map((one) => one.done), ...done];
  if (changes.length === 0) return [];
  const what = changes.length === 1 ? 'the change' : `the ${changes.length} changes`;
  log.warn(
    done.length > 0
      ? `process ${pid} was killed: undoing ${what} it left (${path})`
      : `process ${pid} could not undo all it did: trying ${what} again (${path})`,
  );
  return tryLater(await undo(changes, host, log), left, log);
}

/** Each start is a try; after the last it is for the administrator. */
function tryLater(failed: readonly Done[], before: readonly Left[], log: HostLog): Left[] {
  const tries = new Map(before.map((one) => [JSON.stringify(one.done), one.tries]));
  const later: Left[] = [];
  for (const done of failed) {
    const count = (tries.get(JSON.stringify(done)) ?? 0) + 1;
    if (count < MOST_TRIES) later.push({ done, tries: count });
    else
      log.warn(
        `${describe(done.step)} could not be undone by ${count} starts and is left so; by hand: ${undoCommands(done).join('; ')}`,
      );
  }
  return later;
}
