/** Captures, packet by packet: pcap (either byte order, µs or ns) and pcapng, told apart by their first bytes. */
import {
  type Capture,
  type Captured,
  CaptureError,
  checkLinkType,
  damaged,
  emptyCaptured,
  MOST_FRAME,
} from './capture.ts';
import { readPcapng } from './pcapng.ts';
import type { ByteSource } from './source.ts';

const PCAPNG = 0x0a0d0d0a;
/** The first bytes of what people hand in by mistake, and what unpacks it. */
const COMPRESSED: readonly (readonly [magic: number, bytes: number, name: string, command: string])[] = [
  [0x1f8b, 2, 'gzip', 'zcat'],
  [0x425a68, 3, 'bzip2', 'bzcat'],
  [0xfd377a58, 4, 'xz', 'xzcat'],
  [0x28b52ffd, 4, 'zstd', 'zstdcat'],
  [0x04224d18, 4, 'lz4', 'lz4cat'],
];

/** Looks at the file's head. Throws CaptureError where it is no capture; so do the packets, where damage is met. */
export function openCapture(source: ByteSource): Capture {
  const got = source.want(4);
  if (got === 0) throw new CaptureError(`${source.name}: the file is empty`);
  if (got < 4) throw new CaptureError(`${source.name}: not a capture (only ${got} bytes)`);
  const magic = source.view.getUint32(source.at);
  switch (magic) {
    case PCAPNG:
      return readPcapng(source);
    case 0xa1b2c3d4:
      return readPcap(source, false, 1000);
    case 0xa1b23c4d:
      return readPcap(source, false, 1);
    case 0xd4c3b2a1:
      return readPcap(source, true, 1000);
    case 0x4d3cb2a1:
      return readPcap(source, true, 1);
  }
  for (const [head, bytes, name, command] of COMPRESSED) {
    if (magic >>> (32 - 8 * bytes) !== head) continue;
    const file = source.name === 'standard input' ? 'FILE' : source.name;
    throw new CaptureError(
      `${source.name}: looks like ${name}; unpack it: ${command} ${file} | clatd replay -`,
    );
  }
  throw new CaptureError(`${source.name}: not a capture (neither pcap nor pcapng)`);
}

const HEADER = 24;
const RECORD = 16;

/** @param unit nanoseconds in one unit of the records' second field */
function readPcap(source: ByteSource, little: boolean, unit: number): Capture {
  const got = source.want(HEADER);
  if (got < HEADER) {
    throw new CaptureError(`${source.name}: cut off inside the file header, after ${got} of ${HEADER} bytes`);
  }
  // The upper bits may hold a frame check sequence's length.
  const linkType = source.view.getUint32(source.at + 20, little) & 0xffff;
  checkLinkType(source, linkType);
  source.skip(HEADER);
  return { nanoseconds: unit === 1, packets: pcapPackets(source, little, unit, linkType) };
}

function* pcapPackets(
  source: ByteSource,
  little: boolean,
  unit: number,
  linkType: number,
): Generator<Captured> {
  const captured = emptyCaptured(linkType);
  for (let packet = 1; ; packet++) {
    const got = source.want(RECORD);
    if (got === 0) return;
    if (got < RECORD) {
      throw damaged(
        source,
        packet,
        `the capture is cut off: ${got} of ${RECORD} bytes of a record header there`,
      );
    }
    const length = source.view.getUint32(source.at + 8, little);
    if (length > MOST_FRAME) {
      throw damaged(source, packet, `a length of ${length} bytes: the capture is damaged here`);
    }
    const present = source.want(RECORD + length) - RECORD;
    if (present < length) {
      throw damaged(
        source,
        packet,
        `the capture is cut off: ${present} of ${length} bytes of the packet there`,
      );
    }
    const { at, view } = source;
    captured.seconds = view.getUint32(at, little);
    captured.nanoseconds = view.getUint32(at + 4, little) * unit;
    captured.bytes = source.bytes;
    captured.start = at + RECORD;
    captured.end = at + RECORD + length;
    // Less than what is there is what careless writers put.
    captured.original = Math.max(length, view.getUint32(at + 12, little));
    yield captured;
    source.skip(RECORD + length);
  }
}
