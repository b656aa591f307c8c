/**
 * A super-packet cut as its sender's hardware (TSO, USO) would have cut it, or as it came before the receiver joined it
 * (GRO, LRO): OFF-9 on plain packets.
 */
import { fold, sumBytes } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Shape } from './shape.ts';

const FIN_PSH = 0x09;
const CWR = 0x80;

/**
 * Writes the segment that carries `data` bytes from `from` on.
 * @param headers bytes of the IP and the transport header
 * @param size data bytes of a whole segment
 * @returns the segment, a part of `into`
 */
export function writeSegment(
  packet: Uint8Array,
  shape: Shape,
  headers: number,
  size: number,
  from: number,
  data: number,
  into: Uint8Array,
): Uint8Array {
  const { version, protocol, jumboBytes } = shape;
  const ipBytes = shape.ipBytes - jumboBytes;
  const transport = headers - shape.ipBytes;
  const length = ipBytes + transport + data;
  into.set(packet.subarray(0, ipBytes));
  into.set(packet.subarray(shape.ipBytes, headers), ipBytes);
  into.set(packet.subarray(headers + from, headers + from + data), ipBytes + transport);
  const view = new DataView(into.buffer, into.byteOffset, length);
  if (version === 4) {
    view.setUint16(2, length);
    view.setUint16(4, view.getUint16(4) + Math.floor(from / size));
    view.setUint16(10, 0);
    view.setUint16(10, ~sumBytes(view, 0, ipBytes, 0) & 0xffff);
  } else {
    view.setUint16(4, length - ipBytes);
    view.setUint8(6, protocol);
  }
  if (protocol === Protocol.tcp) {
    view.setInt32(ipBytes + 4, (view.getInt32(ipBytes + 4) + from) | 0);
    let flags = view.getUint8(ipBytes + 13);
    if (headers + from + data < shape.total) flags &= ~FIN_PSH;
    if (from > 0) flags &= ~CWR;
    view.setUint8(ipBytes + 13, flags);
  } else {
    view.setUint16(ipBytes + 4, transport + data);
  }
  writeChecksum(view, version, ipBytes, protocol);
  return into.subarray(0, length);
}

/**
 * True where the TCP or UDP checksum field holds the sum over the pseudo-header alone: the packet was captured before the
 * hardware completed it. A complete checksum looks like that once in 65,536 packets, so that one is computed then.
 */
export function isPartial(view: DataView, { version, ipBytes, protocol }: Shape): boolean {
  const field = view.getUint16(ipBytes + fieldOf(protocol));
  if (field !== pseudoSum(view, version, ipBytes, protocol)) return false;
  return sumBytes(view, ipBytes, view.byteLength - ipBytes, field) !== 0xffff;
}

/** Writes the checksum of the whole packet in `view`. */
export function writeChecksum(view: DataView, version: 4 | 6, ipBytes: number, protocol: number): void {
  const field = ipBytes + fieldOf(protocol);
  view.setUint16(field, 0);
  const pseudo = pseudoSum(view, version, ipBytes, protocol);
  const checksum = ~sumBytes(view, ipBytes, view.byteLength - ipBytes, pseudo) & 0xffff;
  view.setUint16(field, checksum === 0 && protocol === Protocol.udp ? 0xffff : checksum);
}

const fieldOf = (protocol: number): number => (protocol === Protocol.tcp ? 16 : 6);

function pseudoSum(view: DataView, version: 4 | 6, ipBytes: number, protocol: number): number {
  const addresses = version === 4 ? sumBytes(view, 12, 8, 0) : sumBytes(view, 8, 32, 0);
  return fold(addresses + protocol + (view.byteLength - ipBytes));
}
