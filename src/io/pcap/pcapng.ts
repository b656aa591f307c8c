/** pcapng (draft-ietf-opsawg-pcapng): sections in either byte order, several interfaces, their own clocks. */
import { type Capture, type Captured, checkLinkType, damaged, MOST_FRAME } from './capture.ts';
import type { ByteSource } from './source.ts';

const Block = { section: 0x0a0d0d0a, interface: 1, packet: 2, simple: 3, enhanced: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const Option = { end: 0, resolution: 9, offset: 14 } as const;
/** A block's frame: type, length before and after. */
const FRAME = 12;
const MOST_BLOCK = MOST_FRAME + (1 << 16);
/** if_tsresol where the option is missing: microseconds. */
const DEFAULT_UNITS = 1_000_000n;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Units of a second. */
  readonly units: bigint;
  /** Seconds to add. */
  readonly offset: number;
}

export function readPcapng(source: ByteSource): Capture {
  // Resolutions are the interfaces' own and may come late; nanoseconds hold them all.
  return { nanoseconds: true, packets: blocks(source) };
}

function* blocks(source: ByteSource): Generator<Captured> {
  const captured: Captured = { frame: new Uint8Array(0), linkType: 0, seconds: 0, nanoseconds: 0 };
  let little = false;
  let interfaces: Interface[] = [];
  let packet = 1;
  for (;;) {
    const got = source.want(FRAME);
    if (got === 0) return;
    if (got < FRAME) throw damaged(source, packet, 'the capture is cut off inside a block header');
    const head = source.peek(FRAME);
    const isSection = head.readUInt32BE(0) === Block.section;
    if (isSection) {
      const magic = head.readUInt32BE(8);
      little = magic !== BYTE_ORDER_MAGIC;
      if (little && head.readUInt32LE(8) !== BYTE_ORDER_MAGIC)
        throw damaged(source, packet, 'a section without byte order');
      interfaces = [];
    }
    const type = little ? head.readUInt32LE(0) : head.readUInt32BE(0);
    const length = little ? head.readUInt32LE(4) : head.readUInt32BE(4);
    if (length < FRAME || length % 4 !== 0 || length > MOST_BLOCK) {
      throw damaged(source, packet, `a block of ${length} bytes: the capture is damaged here`);
    }
    const available = source.want(length);
    if (available < length) {
      throw damaged(source, packet, `the capture is cut off: a block of ${length} bytes, ${available} there`);
    }
    const block = new BlockView(source.peek(length), little);
    if (block.word(length - 4) !== length) throw damaged(source, packet, 'a block whose two lengths differ');
    if (type === Block.interface) {
      if (length < 20) throw damaged(source, packet, 'an interface block that is too short');
      interfaces.push(readInterface(block));
    } else if (type === Block.enhanced || type === Block.packet || type === Block.simple) {
      readPacket(source, block, type, interfaces, packet, captured);
      yield captured;
      packet++;
    }
    source.skip(length);
  }
}

class BlockView {
  readonly bytes: Buffer;
  readonly #little: boolean;

  constructor(bytes: Buffer, little: boolean) {
    this.bytes = bytes;
    this.#little = little;
  }

  word(at: number): number {
    return this.#little ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at);
  }

  half(at: number): number {
    return this.#little ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at);
  }

  signed64(at: number): bigint {
    return this.#little ? this.bytes.readBigInt64LE(at) : this.bytes.readBigInt64BE(at);
  }
}

function readInterface(block: BlockView): Interface {
  let units = DEFAULT_UNITS;
  let offset = 0;
  const end = block.bytes.length - 4;
  for (let at = 16; at + 4 <= end; ) {
    const code = block.half(at);
    const length = block.half(at + 2);
    if (code === Option.end || at + 4 + length > end) break;
    if (code === Option.resolution && length >= 1) {
      const value = block.bytes[at + 4]!;
      units = value & 0x80 ? 1n << BigInt(value & 0x7f) : 10n ** BigInt(value);
    } else if (code === Option.offset && length >= 8) {
      offset = Number(block.signed64(at + 4));
    }
    at += 4 + ((length + 3) & ~3);
  }
  return { linkType: block.half(8), snapLength: block.word(12), units, offset };
}

function readPacket(
  source: ByteSource,
  block: BlockView,
  type: number,
  interfaces: readonly Interface[],
  packet: number,
  into: Captured,
): void {
  const size = block.bytes.length;
  const header = type === Block.simple ? 12 : 28;
  if (size < header + 4) throw damaged(source, packet, 'a packet block that is too short');
  const id = type === Block.enhanced ? block.word(8) : type === Block.packet ? block.half(8) : 0;
  const from = interfaces[id];
  if (from === undefined)
    throw damaged(source, packet, `a packet of interface ${id}, which was not described`);
  checkLinkType(source, from.linkType);
  into.linkType = from.linkType;
  let length: number;
  if (type === Block.simple) {
    // No captured length of its own: the original one, cut at the snap length.
    length = block.word(8);
    if (from.snapLength > 0 && length > from.snapLength) length = from.snapLength;
    if (length > size - header - 4) length = size - header - 4;
    into.seconds = 0;
    into.nanoseconds = 0;
  } else {
    length = block.word(20);
    if (length > size - header - 4) throw damaged(source, packet, 'a packet longer than its block');
    const stamp = (BigInt(block.word(12)) << 32n) | BigInt(block.word(16));
    into.seconds = Number(stamp / from.units) + from.offset;
    into.nanoseconds = Number(((stamp % from.units) * 1_000_000_000n) / from.units);
  }
  into.frame = block.bytes.subarray(header, header + length);
}
