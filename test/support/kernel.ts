/**
 * What the kernel does with a packet that it gets with a virtio_net header: segment it and complete its checksums. By
 * hand, for TCP and UDP right behind an IP header without extension headers.
 */
import { type Bytes, checksum, u16, u32 } from './packets.ts';

export interface Vnet {
  flags?: number;
  gso?: number;
  hdrLen?: number;
  gsoSize?: number;
  start?: number;
  offset?: number;
}
const le = (value: number): Bytes => [value & 255, value >> 8];
/** struct virtio_net_hdr, little-endian, 10 bytes. */
export const vnet = ({
  flags = 0,
  gso = 0,
  hdrLen = 0,
  gsoSize = 0,
  start = 0,
  offset = 0,
}: Vnet = {}): Bytes => [flags, gso, ...[...le(hdrLen), ...le(gsoSize), ...le(start), ...le(offset)]];

const put = (bytes: Bytes, at: number, value: Bytes): Bytes => [
  ...bytes.slice(0, at),
  ...value,
  ...bytes.slice(at + value.length),
];

/** An IP packet with right lengths and checksums, whatever they were. Addresses and protocol stand in the header. */
function seal(header: Bytes, segment: Bytes): Bytes {
  const isV6 = header[0]! >> 4 === 6;
  const proto = isV6 ? header[6]! : header[9]!;
  const at = proto === 6 ? 16 : 6;
  const blank = put(segment, at, [0, 0]);
  const addresses = isV6 ? header.slice(8, 40) : header.slice(12, 20);
  const value = checksum([...addresses, ...u32(segment.length), 0, 0, 0, proto], blank);
  const sealed = put(blank, at, u16(value === 0 && proto === 17 ? 0xffff : value));
  if (isV6) return [...put(header, 4, u16(segment.length)), ...sealed];
  const sized = put(put(header, 2, u16(header.length + segment.length)), 10, [0, 0]);
  return [...put(sized, 10, u16(checksum(sized))), ...sealed];
}

/** The IP packets that leave the machine for one write of `packet` with its 10 bytes of virtio_net header. */
export function segments(packet: Bytes): Bytes[] {
  const [flags, type, ...rest] = packet as [number, number, ...number[]];
  const gsoSize = rest[2]! + rest[3]! * 256;
  const start = rest[4]! + rest[5]! * 256;
  const field = start + rest[6]! + rest[7]! * 256;
  const ip = packet.slice(10);
  const isV6 = ip[0]! >> 4 === 6;
  const l3 = isV6 ? 40 : (ip[0]! & 15) * 4;
  if (type === 0) {
    if ((flags & 1) === 0) return [ip];
    const value = checksum(ip.slice(start));
    const isUdp = field - start === 6;
    return [put(ip, field, u16(value === 0 && isUdp ? 0xffff : value))];
  }
  const isTcp = (type & 0x7f) !== 5;
  const l4 = isTcp ? (ip[l3 + 12]! >> 4) * 4 : 8;
  const data = ip.slice(l3 + l4);
  const list: Bytes[] = [];
  for (let at = 0; at < data.length; at += gsoSize) {
    let header = ip.slice(0, l3);
    if (!isV6) header = put(header, 4, u16((ip[4]! * 256 + ip[5]! + list.length) & 0xffff));
    let transport = ip.slice(l3, l3 + l4);
    const chunk = data.slice(at, at + gsoSize);
    if (isTcp) {
      const seq =
        (((transport[4]! << 24) | (transport[5]! << 16) | (transport[6]! << 8)) + transport[7]! + at) >>> 0;
      transport = put(transport, 4, u32(seq));
      if (at + gsoSize < data.length) transport = put(transport, 13, [transport[13]! & ~0x09]);
      if (at > 0) transport = put(transport, 13, [transport[13]! & ~0x80]);
    } else transport = put(transport, 4, u16(8 + chunk.length));
    list.push(seal(header, [...transport, ...chunk]));
  }
  return list;
}
