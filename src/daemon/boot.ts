/** What belongs to this boot of the machine: its clock, and bytes that stay the same until the next. */
import { createHash } from 'node:crypto';
import { hostname, uptime } from 'node:os';
import type { StableBytes } from '../host/clat-address.ts';
import { MOST_SMALL_FILE, readRegularFile } from '../io/regular-file.ts';

/** ms since boot, time asleep included: lifetimes of prefixes go on while the machine sleeps. */
export const bootClock = (): number => uptime() * 1000;

/** Secret enough that nobody outside can tell which addresses of a network are a CLAT's (RFC 7217's reason). */
export function stableBytes(): StableBytes {
  const secret = [read('/proc/sys/kernel/random/boot_id'), read('/etc/machine-id'), hostname()].join(' ');
  return (text) => createHash('sha256').update(`clatd ${secret} ${text}`).digest();
}

function read(path: string): string {
  try {
    return readRegularFile(path, MOST_SMALL_FILE).toString().trim();
  } catch {
    return '';
  }
}
