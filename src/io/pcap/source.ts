/** Bytes of a file or pipe, read in chunks: a capture of any size takes the same small memory. */
import { closeSync, openSync, readSync } from 'node:fs';
import { pause } from './pause.ts';

const CHUNK = 1 << 18;

export class ByteSource {
  /** File name for messages. */
  readonly name: string;
  /** What was read; the next byte is at `at`. Both change with `want`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(CHUNK);
  view = new DataView(this.bytes.buffer);
  at = 0;
  #end = 0;
  /** Offset in the file of bytes[0]. */
  #base = 0;
  readonly #fd: number;
  readonly #close: boolean;

  /** Opens a file, or standard input for "-". Throws as fs.openSync. */
  constructor(path: string) {
    this.#close = path !== '-';
    this.name = this.#close ? path : 'standard input';
    this.#fd = this.#close ? openSync(path, 'r') : 0;
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.#base + this.at;
  }

  /**
   * Sees to it that the next `bytes` are at hand; room for them is made, so a number from the file is checked first.
   * @returns how many are, fewer only at the end of the file
   */
  want(bytes: number): number {
    while (this.#end - this.at < bytes) {
      this.#makeRoom(bytes);
      const got = this.#read();
      if (got === 0) return this.#end - this.at;
      this.#end += got;
    }
    return bytes;
  }

  /** Goes on by `bytes` that were wanted before. */
  skip(bytes: number): void {
    this.at += bytes;
  }

  close(): void {
    if (this.#close) closeSync(this.#fd);
  }

  /** Moves the rest to the front, into a larger buffer where it must be. */
  #makeRoom(bytes: number): void {
    const larger = bytes > this.bytes.length ? Buffer.allocUnsafeSlow(bytes + CHUNK) : this.bytes;
    if (this.at > 0 || larger !== this.bytes) this.bytes.copy(larger, 0, this.at, this.#end);
    this.#base += this.at;
    this.#end -= this.at;
    this.at = 0;
    if (larger === this.bytes) return;
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  #read(): number {
    for (;;) {
      try {
        return readSync(this.#fd, this.bytes, this.#end, this.bytes.length - this.#end, null);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EOF') return 0;
        if (code !== 'EAGAIN') throw error;
        // A standard input that does not block: give its writer a moment.
        pause();
      }
    }
  }
}
