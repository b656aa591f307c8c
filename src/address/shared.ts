/**
 * Arrays in memory that threads share. V8 weighs such memory as nothing when it decides whether to collect garbage, so what
 * was allocated is counted here: whoever drops large tables has to see to it (dataplane/v8.ts).
 */
let allocated = 0;

/** Bytes allocated by this thread so far. */
export const sharedBytes = (): number => allocated;

export function shared32(n: number): Int32Array {
  allocated += n * 4;
  return new Int32Array(new SharedArrayBuffer(n * 4));
}

export function shared8(n: number): Uint8Array {
  allocated += n;
  return new Uint8Array(new SharedArrayBuffer(n));
}
