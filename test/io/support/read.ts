/** Reading captures from bytes, with what went wrong as a value. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureError } from '../../../src/io/pcap/capture.ts';
import { openCapture } from '../../../src/io/pcap/reader.ts';
import { ByteSource } from '../../../src/io/pcap/source.ts';

export interface Read {
  packets: { bytes: number[]; linkType: number; seconds: number; nanoseconds: number }[];
  nanoseconds: boolean;
  /** Message of the CaptureError met, without the file's name. */
  error: string | null;
}

/** A folder of its own, made when first asked for; `remove` takes it away. */
export function scratch(): {
  path(name: string): string;
  put(name: string, bytes: ArrayLike<number>): string;
  remove(): void;
} {
  let folder = '';
  const path = (name: string): string => {
    if (folder === '') folder = mkdtempSync(join(tmpdir(), 'clatd-capture-'));
    return join(folder, name);
  };
  return {
    path,
    put: (name, bytes) => {
      writeFileSync(path(name), Uint8Array.from(bytes));
      return path(name);
    },
    remove: () => {
      if (folder !== '') rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Reads a capture file to its end or its damage. Anything thrown that is no CaptureError goes on. */
export function readAll(file: string): Read {
  const source = new ByteSource(file);
  const read: Read = { packets: [], nanoseconds: false, error: null };
  try {
    const capture = openCapture(source);
    read.nanoseconds = capture.nanoseconds;
    for (const { bytes, start, end, linkType, seconds, nanoseconds } of capture.packets) {
      read.packets.push({ bytes: [...bytes.subarray(start, end)], linkType, seconds, nanoseconds });
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    read.error = error.message.replace(`${file}: `, '');
  } finally {
    source.close();
  }
  return read;
}
