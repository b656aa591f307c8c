/**
 * Reading whole files whose names come from outside. A FIFO would keep the one thread waiting for its writer, a device or
 * an endless file would fill the memory: so only regular files up to a bound are read, and nothing is waited for.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
/** First guess where a file does not know its size, as those of /proc. */
const CHUNK = 1 << 16;
const KIB = 1024;

/** The most that small files of other programs and of our own may have: resolv.conf, systemd's, the journal. */
export const MOST_SMALL_FILE = 4 * KIB * KIB;

/**
 * @param most bytes
 * Throws as node:fs does, and an Error that says why where the file is no regular one or larger than `most`.
 */
export function readRegularFile(path: string, most: number): Buffer {
  // Before it is opened, too: opening alone does something to some devices.
  checkStats(statSync(path), most);
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const size = checkStats(fstatSync(fd), most);
    return readToEnd(fd, size === 0 ? CHUNK : size + 1, most);
  } finally {
    closeSync(fd);
  }
}

/** @returns the size that the file claims */
function checkStats(stats: Stats, most: number): number {
  const kind = kindOf(stats);
  if (kind !== null) throw new Error(`it is ${kind}; only regular files are read`);
  if (stats.size > most) throw tooLarge(most);
  return stats.size;
}

function kindOf(stats: Stats): string | null {
  if (stats.isFile()) return null;
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe (FIFO)';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function tooLarge(most: number): Error {
  const bound = most >= KIB * KIB ? `${most / KIB / KIB} MiB` : `${most} bytes`;
  return new Error(`it is larger than ${bound}, the most that is read`);
}

function readToEnd(fd: number, guess: number, most: number): Buffer {
  let buffer = Buffer.allocUnsafe(guess);
  let used = 0;
  for (;;) {
    if (used === buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(2 * used, most + 1));
      buffer.copy(larger, 0, 0, used);
      buffer = larger;
    }
    const got = readSync(fd, buffer, used, buffer.length - used, null);
    if (got === 0) return buffer.subarray(0, used);
    used += got;
    if (used > most) throw tooLarge(most);
  }
}
