/** Captures, packet by packet: pcap (either byte order, µs or ns) and pcapng, told apart by their first bytes. */
import { type Capture, type Captured, CaptureError, checkLinkType, damaged, MOST_FRAME } from './capture.ts';
import { readPcapng } from './pcapng.ts';
import type { ByteSource } from './source.ts';

const PCAPNG = 0x0a0d0d0a;

/** Looks at the file's head. Throws CaptureError where it is no capture; so do the packets, where damage is met. */
export function openCapture(source: ByteSource): Capture {
  const got = source.want(4);
  if (got === 0) throw new CaptureError(`${source.name}: the file is empty`);
  if (got < 4) throw new CaptureError(`${source.name}: not a capture (only ${got} bytes)`);
  const magic = source.peek(4).readUInt32BE(0);
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
  if (magic >>> 16 === 0x1f8b) {
    throw new CaptureError(
      `${source.name}: looks like gzip; unpack it first (zcat ${source.name} | clatd replay -)`,
    );
  }
  throw new CaptureError(`${source.name}: not a capture (neither pcap nor pcapng)`);
}

const HEADER = 24;
const RECORD = 16;

/** @param unit nanoseconds in one unit of the records' second field */
function readPcap(source: ByteSource, little: boolean, unit: number): Capture {
  if (source.want(HEADER) < HEADER) throw new CaptureError(`${source.name}: cut off inside the file header`);
  const header = source.peek(HEADER);
  // The upper bits may hold a frame check sequence's length.
  const linkType = (little ? header.readUInt32LE(20) : header.readUInt32BE(20)) & 0xffff;
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
  const captured: Captured = { frame: new Uint8Array(0), linkType, seconds: 0, nanoseconds: 0 };
  for (let packet = 1; ; packet++) {
    const got = source.want(RECORD);
    if (got === 0) return;
    if (got < RECORD) throw damaged(source, packet, 'the capture is cut off inside a record header');
    const record = source.peek(RECORD);
    const word = (at: number): number => (little ? record.readUInt32LE(at) : record.readUInt32BE(at));
    captured.seconds = word(0);
    captured.nanoseconds = word(4) * unit;
    const length = word(8);
    if (length > MOST_FRAME)
      throw damaged(source, packet, `a length of ${length} bytes: the capture is damaged here`);
    const available = source.want(RECORD + length) - RECORD;
    if (available < length) {
      throw damaged(source, packet, `the capture is cut off: ${length} bytes announced, ${available} there`);
    }
    captured.frame = source.peek(RECORD + length).subarray(RECORD);
    yield captured;
    source.skip(RECORD + length);
  }
}
