/** One process at a time for a journal: a lock on a file beside it, which the kernel gives back however the process ends. */
import { ftruncateSync, mkdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { native } from '../io/native.ts';
import { asJournalError } from './journal-file.ts';

export class Lock {
  readonly #path: string;
  #fd: number;

  constructor(path: string, fd: number, pid: number) {
    this.#path = path;
    this.#fd = fd;
    try {
      ftruncateSync(fd, 0);
      writeSync(fd, `${pid}\n`);
    } catch {
      // For people only: the lock holds without it, also on a full disk.
    }
  }

  /** Removes the file while it is still ours: whoever waits for it looks whether the name is still that of the file. */
  release(): void {
    if (this.#fd < 0) return;
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // A file that stays is locked by nobody.
    }
    native().closeFd(this.#fd);
    this.#fd = -1;
  }
}

/** The lock of a journal for the process `pid`, which is this one, or the process that has it (0: unknown). Throws JournalError. */
export function takeLock(journal: string, pid: number): Lock | { readonly heldBy: number } {
  const path = journal.replace(/(\.json)?$/, '.lock');
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw asJournalError(journal, error);
  }
  const fd = native().lockFile(path);
  if (fd >= 0) return new Lock(path, fd, pid);
  if (-fd === EWOULDBLOCK) return { heldBy: holder(path) };
  throw asJournalError(journal, Object.assign(new Error(path), { code: getSystemErrorName(fd) }));
}

const { EWOULDBLOCK } = constants.errno;

function holder(path: string): number {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || 0;
  } catch {
    return 0;
  }
}
