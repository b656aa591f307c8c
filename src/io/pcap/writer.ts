/** Writes pcap with link type RAW: bare IP packets. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { LinkType } from './link-type.ts';

const MAGIC_MICRO = 0xa1b2c3d4;
const MAGIC_NANO = 0xa1b23c4d;
const SNAP_LENGTH = 262_144;
const BUFFER = 1 << 18;
const RECORD = 16;

/** Collects bytes and writes them in large pieces to a file, or to standard output for "-". */
export class FileSink {
  readonly #fd: number;
  readonly #close: boolean;
  #buffer = Buffer.allocUnsafe(BUFFER);
  #used = 0;

  /** Throws as fs.openSync. */
  constructor(path: string) {
    this.#close = path !== '-';
    this.#fd = this.#close ? openSync(path, 'w') : 1;
  }

  /** A place for `bytes` (at most 128 KiB) to be filled at once. */
  room(bytes: number): Buffer {
    if (this.#used + bytes > BUFFER) this.flush();
    const place = this.#buffer.subarray(this.#used, this.#used + bytes);
    this.#used += bytes;
    return place;
  }

  text(line: string): void {
    this.room(Buffer.byteLength(line)).write(line);
  }

  flush(): void {
    for (let at = 0; at < this.#used; ) {
      try {
        at += writeSync(this.#fd, this.#buffer, at, this.#used - at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        // A pipe that does not block: give its reader a moment.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    this.#used = 0;
  }

  close(): void {
    this.flush();
    if (this.#close) closeSync(this.#fd);
  }
}

export class PcapWriter {
  readonly #sink: FileSink;
  readonly #unit: number;

  /** @param nanoseconds timestamps in nanoseconds instead of microseconds */
  constructor(path: string, nanoseconds: boolean) {
    this.#sink = new FileSink(path);
    this.#unit = nanoseconds ? 1 : 1000;
    const header = this.#sink.room(24);
    header.writeUInt32LE(nanoseconds ? MAGIC_NANO : MAGIC_MICRO, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(0, 8);
    header.writeUInt32LE(0, 12);
    header.writeUInt32LE(SNAP_LENGTH, 16);
    header.writeUInt32LE(LinkType.raw, 20);
  }

  write(packet: Uint8Array, seconds: number, nanoseconds: number): void {
    const record = this.#sink.room(RECORD + packet.length);
    record.writeUInt32LE(seconds >>> 0, 0);
    record.writeUInt32LE(Math.floor(nanoseconds / this.#unit), 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    record.set(packet, RECORD);
  }

  close(): void {
    this.#sink.close();
  }
}
