/** Bytes of a file or pipe, read in chunks: a capture of any size takes the same small memory. */
import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
/** How long to wait for more where standard input does not block, in ms. */
const PAUSE_MS = 5;

export class ByteSource {
  /** File name for messages. */
  readonly name: string;
  /** Offset in the file of the next byte. */
  offset = 0;
  readonly #fd: number;
  readonly #close: boolean;
  #buffer = Buffer.allocUnsafe(CHUNK);
  #at = 0;
  #end = 0;

  /** Opens a file, or standard input for "-". Throws as fs.openSync. */
  constructor(path: string) {
    this.#close = path !== '-';
    this.name = this.#close ? path : 'standard input';
    this.#fd = this.#close ? openSync(path, 'r') : 0;
  }

  /** Sees to it that `bytes` (at most a few MiB) are at hand. @returns how many are, fewer only at the end of the file */
  want(bytes: number): number {
    while (this.#end - this.#at < bytes) {
      if (this.#at > 0) {
        this.#buffer.copyWithin(0, this.#at, this.#end);
        this.#end -= this.#at;
        this.#at = 0;
      }
      if (this.#buffer.length < bytes) {
        const larger = Buffer.allocUnsafe(Math.max(bytes, this.#buffer.length * 2));
        this.#buffer.copy(larger, 0, 0, this.#end);
        this.#buffer = larger;
      }
      const got = this.#read();
      if (got === 0) break;
      this.#end += got;
    }
    return Math.min(bytes, this.#end - this.#at);
  }

  /** The next bytes, wanted before; valid until the next `want`. */
  peek(bytes: number): Buffer {
    return this.#buffer.subarray(this.#at, this.#at + bytes);
  }

  /** Goes on by `bytes` that were wanted before. */
  skip(bytes: number): void {
    this.#at += bytes;
    this.offset += bytes;
  }

  close(): void {
    if (this.#close) closeSync(this.#fd);
  }

  #read(): number {
    for (;;) {
      try {
        return readSync(this.#fd, this.#buffer, this.#end, this.#buffer.length - this.#end, null);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EOF') return 0;
        if (code !== 'EAGAIN') throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      }
    }
  }
}
