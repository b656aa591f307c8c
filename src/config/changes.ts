/** What a reload changes, by the names of the options: what takes effect now, and what waits for a restart. Pure. */
import type { RunConfig } from './config.ts';
import { OPTIONS } from './options.ts';
import type { RawOptions } from './reader.ts';

export interface Changes {
  /** Read at the start only: changed in vain until then. */
  readonly restart: readonly string[];
  /** In effect from here on. */
  readonly now: readonly string[];
}

/**
 * @param running what is in force; what only a start reads is compared by its values, for a default that is written out
 *   is no change
 * @param before the options in force, as they were given
 */
export function changes(running: RunConfig, before: RawOptions, next: RunConfig, given: RawOptions): Changes {
  const restart: string[] = [];
  const now: string[] = [];
  for (const { name, restart: value } of OPTIONS) {
    if (value !== undefined) {
      if (running[value] !== next[value]) restart.push(name);
    } else if (JSON.stringify(before[name]) !== JSON.stringify(given[name])) {
      now.push(name);
    }
  }
  // The file's name is the same, what is in it is not.
  if (!now.includes('eam-file') && next.eamFile !== null && !sameMappings(running, next))
    now.push('eam-file');
  return { restart, now };
}

function sameMappings(
  { translation: { eam: a } }: RunConfig,
  { translation: { eam: b } }: RunConfig,
): boolean {
  if (a.size !== b.size) return false;
  const same = (x: Int32Array | Uint8Array, y: Int32Array | Uint8Array, length: number): boolean =>
    Buffer.compare(bytes(x, length), bytes(y, length)) === 0;
  return (
    same(a.v4, b.v4, a.size) &&
    same(a.length4, b.length4, a.size) &&
    same(a.v6, b.v6, 4 * a.size) &&
    same(a.length6, b.length6, a.size)
  );
}

const bytes = ({ buffer, byteOffset, BYTES_PER_ELEMENT }: Int32Array | Uint8Array, length: number): Buffer =>
  Buffer.from(buffer, byteOffset, length * BYTES_PER_ELEMENT);

/** For the log. `restart` null: nothing waits for one. */
export function inWords({ restart, now }: Changes): {
  readonly now: string;
  readonly restart: string | null;
} {
  const one = restart.length === 1;
  return {
    now: now.length === 0 ? 'nothing has changed' : `changed: ${now.join(', ')}`,
    restart:
      restart.length === 0
        ? null
        : `${restart.join(', ')} ${one ? 'is' : 'are'} read at a start only: restart clatd for the new ${one ? 'value' : 'values'}`,
  };
}
