/** Writes pcap with link type RAW: bare IP packets. */
import { LinkType } from './link-type.ts';
import { FileSink } from './sink.ts';

const MAGIC_MICRO = 0xa1b2c3d4;
const MAGIC_NANO = 0xa1b23c4d;
const VERSION = { major: 2, minor: 4 } as const;
const SNAP_LENGTH = 262_144;
const HEADER = 24;
const RECORD = 16;

export class PcapWriter {
  readonly #sink: FileSink;
  readonly #unit: number;

  /**
   * @param path a file, or "-": standard output
   * @param nanoseconds timestamps in nanoseconds instead of microseconds
   * Throws SinkError; so do the others.
   */
  constructor(path: string, nanoseconds: boolean) {
    this.#sink = new FileSink(path);
    this.#unit = nanoseconds ? 1 : 1000;
    const header = this.#sink.room(HEADER).fill(0);
    header.writeUInt32LE(nanoseconds ? MAGIC_NANO : MAGIC_MICRO, 0);
    header.writeUInt16LE(VERSION.major, 4);
    header.writeUInt16LE(VERSION.minor, 6);
    header.writeUInt32LE(SNAP_LENGTH, 16);
    header.writeUInt32LE(LinkType.raw, 20);
  }

  /**
   * @param packet at most 128 KiB
   * @param present how much of it is known: the rest is left out, as a capture that was cut leaves it out
   */
  write(packet: Uint8Array, seconds: number, nanoseconds: number, present = packet.length): void {
    const record = this.#sink.room(RECORD + present);
    // The field has 32 bits: times before 1970 and after 2106 wrap.
    record.writeUInt32LE(seconds >>> 0, 0);
    record.writeUInt32LE(Math.floor(nanoseconds / this.#unit), 4);
    record.writeUInt32LE(present, 8);
    record.writeUInt32LE(packet.length, 12);
    record.set(packet.subarray(0, present), RECORD);
  }

  close(): void {
    this.#sink.close();
  }
}
