/** A file or standard output, written in large pieces. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { pause } from './pause.ts';

const BUFFER = 1 << 18;

/** Writing failed: the message names the file and says why. Nothing more is written to it. */
export class SinkError extends Error {
  override readonly name = 'SinkError';
}

/** Standard output is a pipe whose reader has seen enough (`| head`). */
export class ReaderGoneError extends SinkError {}

export class FileSink {
  readonly #name: string;
  readonly #fd: number;
  readonly #close: boolean;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER);
  #used = 0;
  #open = true;

  /** Creates or empties the file; "-": standard output. Throws SinkError. */
  constructor(path: string) {
    this.#close = path !== '-';
    this.#name = this.#close ? path : 'standard output';
    try {
      this.#fd = this.#close ? openSync(path, 'w') : 1;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** A place for `bytes` (at most 256 KiB) to be filled before the next call. Throws SinkError. */
  room(bytes: number): Buffer {
    const at = this.#reserve(bytes);
    return this.#buffer.subarray(at, at + bytes);
  }

  /** Adds a short text of ASCII characters. Throws SinkError. */
  ascii(text: string): void {
    this.#buffer.write(text, this.#reserve(text.length), text.length, 'latin1');
  }

  /** Writes out what is there and closes. Throws SinkError, unless writing had failed before. */
  close(): void {
    if (!this.#open) return;
    this.#flush();
    this.#shut();
  }

  #reserve(bytes: number): number {
    if (this.#used + bytes > BUFFER) this.#flush();
    const at = this.#used;
    this.#used += bytes;
    return at;
  }

  #flush(): void {
    const used = this.#used;
    this.#used = 0;
    for (let at = 0; at < used && this.#open; ) {
      try {
        at += writeSync(this.#fd, this.#buffer, at, used - at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          // A pipe that does not block: give its reader a moment.
          pause();
          continue;
        }
        this.#shut();
        throw this.#failed(error);
      }
    }
  }

  #shut(): void {
    this.#open = false;
    if (this.#close) closeSync(this.#fd);
  }

  #failed(error: unknown): SinkError {
    const gone = !this.#close && (error as NodeJS.ErrnoException).code === 'EPIPE';
    return new (gone ? ReaderGoneError : SinkError)(`cannot write ${this.#name}: ${systemReason(error)}`);
  }
}

/** "ENOENT: no such file or directory, open 'x'" without its code and its call. */
export function systemReason(error: unknown): string {
  return (error as Error).message
    .replace(/^[A-Z0-9]+: /, '')
    .replace(/, \w+( '.*')?$/s, '')
    .replace(/^illegal operation on a directory$/, 'it is a directory');
}
