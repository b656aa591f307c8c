/** The journal's file: written whole and in one move, read as what somebody else may have written. */
import { closeSync, constants, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { MOST_SMALL_FILE, readRegularFile } from '../io/regular-file.ts';
import type { Done } from './plan.ts';
import { isDone } from './step-fields.ts';

/** Whose changes these are: enough to tell a living process from a dead one whose pid was given out again. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks since boot, /proc/PID/stat field 22. */
  readonly startTime: string;
  readonly boot: string;
}

/** A change that could not be undone: kept for the next start, which tries again. */
export interface Left {
  readonly done: Done;
  /** How many starts have tried in vain. */
  readonly tries: number;
}

export interface Content extends Owner {
  readonly version: 1;
  readonly tun: string;
  /** In the order they were done. */
  readonly done: readonly Done[];
  /** Of earlier processes, or of this one; older than `done`. */
  readonly left: readonly Left[];
}

export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export type Read =
  | { readonly is: 'none' }
  | { readonly is: 'journal'; readonly content: Content }
  /** Not as this program writes it. `content`: what of it can be used; null: nothing. */
  | { readonly is: 'bad'; readonly because: string; readonly content: Content | null };

/** Throws JournalError where the file is there and cannot be read. */
export function readJournal(path: string): Read {
  let text: string;
  try {
    text = readRegularFile(path, MOST_SMALL_FILE).toString();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { is: 'none' };
    if (code === undefined) return bad(message);
    throw asJournalError(path, error);
  }
  return parseJournal(text);
}

const bad = (because: string, content: Content | null = null): Read => ({ is: 'bad', because, content });

/** The text of a journal. */
export function parseJournal(text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('it is cut or no JSON');
  }
  if (typeof value !== 'object' || value === null) return bad('it is no journal');
  const { version, tun, pid, startTime, boot, done, left = [] } = value as Partial<Content>;
  if (version !== 1) return bad('it is of a version this clatd does not know');
  const known =
    Number.isInteger(pid) &&
    typeof startTime === 'string' &&
    typeof boot === 'string' &&
    Array.isArray(done) &&
    Array.isArray(left);
  if (!known) return bad('it is no journal');
  const owner = { pid: pid!, startTime: startTime!, boot: boot! };
  const content: Content = {
    version,
    tun: typeof tun === 'string' ? tun : '',
    ...owner,
    done: done!.filter(isDone),
    left: (left as unknown[]).filter(isLeft),
  };
  const strange = done!.length + left.length - content.done.length - content.left.length;
  if (strange === 0) return { is: 'journal', content };
  return bad(`${strange} of its changes are none that clatd makes`, content);
}

function isLeft(value: unknown): value is Left {
  const { done, tries } = (value ?? {}) as Partial<Left>;
  return isDone(done) && Number.isInteger(tries);
}

/** Replaces the file in one move; afterwards it is on the disk, or what was there before is. Throws JournalError. */
export function writeJournal(path: string, content: Content): void {
  const next = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    const file = openSync(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644);
    try {
      writeAll(file, Buffer.from(`${JSON.stringify(content)}\n`));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
    syncDirectory(dirname(path));
  } catch (error) {
    discard(next);
    throw asJournalError(path, error);
  }
}

/** A part of a file is of no use, and takes room where there is none. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where nothing can be removed, nothing could be written either.
  }
}

/** write(2) may take a part only: the rest of a disk that is nearly full. */
function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    const written = writeSync(file, bytes, at);
    if (written === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
    at += written;
  }
}

/** The name is on the disk only when its directory is. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

export function asJournalError(path: string, error: unknown): JournalError {
  const { code, message } = error as NodeJS.ErrnoException;
  const remedy =
    code === 'EACCES' || code === 'EPERM'
      ? ' (run as root, or use --no-configure)'
      : code === 'ENOSPC' || code === 'EDQUOT'
        ? ` (${dirname(path)} is full: make room there)`
        : code === 'EROFS'
          ? ` (mount a tmpfs on ${dirname(path)}, or use --no-configure)`
          : '';
  return new JournalError(`cannot keep the journal of host changes in ${path}: ${code ?? message}${remedy}`);
}
