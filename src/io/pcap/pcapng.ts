/** pcapng (draft-ietf-opsawg-pcapng): sections in either byte order, several interfaces, their own clocks. */
import { type Capture, type Captured, checkLinkType, damaged, emptyCaptured, MOST_FRAME } from './capture.ts';
import { Clock } from './pcapng-clock.ts';
import type { ByteSource } from './source.ts';

/** Block types. `packet` is the obsolete one. All others are skipped. */
const Block = { section: 0x0a0d0d0a, interface: 1, packet: 2, simple: 3, enhanced: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const Option = { end: 0, resolution: 9, offset: 14 } as const;
/** Type and length before, the length again behind. */
const FRAME = 12;
/** Bytes before the options of an interface, and before the data of a packet. */
const INTERFACE = 16;
const PACKET = 28;
const SIMPLE = 12;
/** Other blocks hold names and secrets, and may be larger than packets. */
const MOST_BLOCK = 1 << 24;
/** Options behind a packet: at most two bytes of length each, in practice some comments. */
const MOST_PACKET_BLOCK = MOST_FRAME + (1 << 20);

interface Interface {
  readonly linkType: number;
  /** bytes; 0: no limit */
  readonly snapLength: number;
  readonly clock: Clock;
}

export function readPcapng(source: ByteSource): Capture {
  // Resolutions are the interfaces' own and may come late; nanoseconds hold them all.
  return { nanoseconds: true, packets: blocks(source) };
}

function* blocks(source: ByteSource): Generator<Captured> {
  const captured = emptyCaptured(0);
  let little = false;
  let interfaces: Interface[] = [];
  let packet = 1;
  for (;;) {
    const got = source.want(FRAME);
    if (got === 0) return;
    if (got < FRAME) {
      throw damaged(
        source,
        packet,
        `the capture is cut off: ${got} of ${FRAME} bytes of a block header there`,
      );
    }
    // The section's type reads the same in either order.
    if (source.view.getUint32(source.at) === Block.section) {
      little = byteOrder(source, packet);
      interfaces = [];
    }
    const type = source.view.getUint32(source.at, little);
    const length = source.view.getUint32(source.at + 4, little);
    const isPacket = type === Block.enhanced || type === Block.packet || type === Block.simple;
    if (length < FRAME || length % 4 !== 0 || length > (isPacket ? MOST_PACKET_BLOCK : MOST_BLOCK)) {
      throw damaged(source, packet, `a block of ${length} bytes: the capture is damaged here`);
    }
    const present = source.want(length);
    if (present < length) {
      throw damaged(
        source,
        packet,
        `the capture is cut off: ${present} of ${length} bytes of the block there`,
      );
    }
    if (source.view.getUint32(source.at + length - 4, little) !== length) {
      throw damaged(source, packet, 'a block whose two lengths differ: the capture is damaged here');
    }
    if (isPacket) {
      readPacket(source, type, length, little, interfaces, packet, captured);
      yield captured;
      packet++;
    } else if (type === Block.interface) {
      if (length < INTERFACE + 4) throw damaged(source, packet, 'an interface block that is too short');
      interfaces.push(readInterface(source, length, little));
    }
    source.skip(length);
  }
}

/** @returns true: little-endian */
function byteOrder(source: ByteSource, packet: number): boolean {
  const at = source.at + 8;
  if (source.view.getUint32(at, true) === BYTE_ORDER_MAGIC) return true;
  if (source.view.getUint32(at) === BYTE_ORDER_MAGIC) return false;
  throw damaged(source, packet, 'a section header without byte order: the capture is damaged here');
}

function readInterface({ view, at, bytes }: ByteSource, length: number, little: boolean): Interface {
  let resolution = Clock.MICROSECONDS;
  let offset = 0n;
  const end = at + length - 4;
  for (let option = at + INTERFACE; option + 4 <= end; ) {
    const code = view.getUint16(option, little);
    const size = view.getUint16(option + 2, little);
    const value = option + 4;
    if (code === Option.end || value + size > end) break;
    if (code === Option.resolution && size >= 1) resolution = bytes[value]!;
    if (code === Option.offset && size >= 8) offset = view.getBigInt64(value, little);
    option = value + ((size + 3) & ~3);
  }
  return {
    linkType: view.getUint16(at + 8, little),
    snapLength: view.getUint32(at + 12, little),
    clock: new Clock(resolution, Number(offset)),
  };
}

function readPacket(
  source: ByteSource,
  type: number,
  size: number,
  little: boolean,
  interfaces: readonly Interface[],
  packet: number,
  into: Captured,
): void {
  const { view, at } = source;
  const header = type === Block.simple ? SIMPLE : PACKET;
  const room = size - header - 4;
  if (room < 0) throw damaged(source, packet, 'a packet block that is too short');
  const id =
    type === Block.enhanced
      ? view.getUint32(at + 8, little)
      : type === Block.packet
        ? view.getUint16(at + 8, little)
        : 0;
  const from = interfaces[id];
  if (from === undefined) {
    throw damaged(source, packet, `a packet of interface ${id}, which was not described before`);
  }
  checkLinkType(source, from.linkType);
  let length: number;
  let original: number;
  if (type === Block.simple) {
    // No captured length and no time of its own: the original length, cut at the snap length.
    original = view.getUint32(at + 8, little);
    length = original;
    if (from.snapLength > 0) length = Math.min(length, from.snapLength);
    into.seconds = 0;
    into.nanoseconds = 0;
  } else {
    length = view.getUint32(at + 20, little);
    original = view.getUint32(at + 24, little);
    from.clock.read(view.getUint32(at + 12, little), view.getUint32(at + 16, little), into);
  }
  if (length > room) {
    throw damaged(source, packet, `a packet of ${length} bytes in a block that holds ${room}`);
  }
  into.linkType = from.linkType;
  into.bytes = source.bytes;
  into.start = at + header;
  into.end = into.start + length;
  into.original = Math.max(length, original);
}
