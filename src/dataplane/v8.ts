/**
 * How V8 compiles the translator. Its small functions, one an idea, only cost nothing where they are inlined, and the
 * default budget for inlining (920 bytes of bytecode a function) is spent before a packet's way is. With 4,000 a 64-byte
 * TCP packet takes 89 ns where it took 158 (least of 11 rounds; Node 20.20, 2026-11). More gains nothing, and costs:
 * with 20,000 the resident memory grew by 20 MB and every recompilation took longer.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Call before the first packet. The flag is the process's, and harmless to other code. */
export function tuneV8(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=4000');
}

/** Collected when so much may be garbage, in bytes: a collection takes some milliseconds, in which a thread passes no packet. */
const COLLECT_AT = 8 << 20;

/**
 * Garbage in shared memory, which V8 does not see (address/shared.ts): 200,000 mappings left 15 MB behind with every
 * reload, in each thread that had ever seen them and hardly allocates anything else.
 */
export class SharedGarbage {
  #bytes = 0;
  #collect: (() => void) | null = null;

  /** So much may have become garbage: call it when nothing refers to it any more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COLLECT_AT) return;
    this.#bytes = 0;
    this.#collect ??= collector();
    this.#collect();
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
