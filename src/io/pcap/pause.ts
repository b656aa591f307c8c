/** Waiting where there is no event loop to return to: standard streams that somebody made non-blocking. */
const cell = new Int32Array(new SharedArrayBuffer(4));
const PAUSE_MS = 2;

export function pause(): void {
  Atomics.wait(cell, 0, 0, PAUSE_MS);
}
