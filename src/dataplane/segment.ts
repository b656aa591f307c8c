/**
 * Software segmentation (OFF-8, OFF-9, OFF-10): a super-packet is cut, before translation, into the packets or smaller
 * super-packets that the kernel would have made of it. Each piece is built in scratch memory and then translated like
 * any other, so that every rule of translation holds for it without knowing. So it is with a packet in which a checksum
 * has to be completed that lies beyond its headers (OFF-7).
 */

import type { Job } from '../translate/job.ts';
import { fold, sumBytes } from '../wire/checksum.ts';
import { HEADER4, setIdentification4, setTotalLength4 } from '../wire/ipv4.ts';
import { setPayloadLength6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import {
  setTcpFlags,
  setTcpSequence,
  setUdpLength,
  TCP_CHECKSUM,
  TcpFlag,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  UDP_CHECKSUM,
  UDP_HEADER,
} from '../wire/transport.ts';
import { clearVnet, GsoType, NEEDS_CSUM, writeVnet } from '../wire/vnet.ts';

/** The facts of a super-packet that its segments need; copied, since translating a segment parses anew. */
export interface SuperPacket {
  start: number;
  version: 4 | 6;
  ipBytes: number;
  protocol: number;
  headerBytes: number;
  dataBytes: number;
  gsoSize: number;
  gsoType: number;
  identification: number;
}

/** Reads the facts of job.outer, whose offload was just checked. */
export function describeSuperPacket(job: Job, version: 4 | 6, into: SuperPacket): void {
  const packet = job.outer;
  into.start = packet.start;
  into.version = version;
  into.ipBytes = packet.headerBytes;
  into.protocol = packet.protocol;
  into.headerBytes =
    packet.protocol === Protocol.udp ? UDP_HEADER : tcpHeaderBytes(job.view, packet.transport);
  into.dataBytes = packet.payload - into.headerBytes;
  into.gsoSize = job.gsoSize;
  into.gsoType = job.gsoType | job.gsoEcn;
  into.identification = packet.identification;
}

/** Bytes of scratch memory that a piece of `data` bytes takes (virtio_net header and alignment included). */
export function pieceBytes(job: Job, superPacket: SuperPacket, data: number): number {
  return (job.vnetBytes + superPacket.ipBytes + superPacket.headerBytes + data + 15) & ~7;
}

/** Bytes of scratch memory that a copy of job.outer takes (virtio_net header and alignment included). */
export function copyBytes(job: Job): number {
  return (job.vnetBytes + job.outer.length + 15) & ~7;
}

/**
 * Builds a copy of job.outer in which the partial checksum that is carried along (OFF-6) is complete, so that the packet
 * can be split (OFF-7).
 * @param scratch where the copy's virtio_net header begins
 * @returns the copy's length from its IP header on; that header stands at scratch + job.vnetBytes
 */
export function buildCompleted(job: Job, scratch: number): number {
  const { view, bytes, vnetBytes, csumStart, csumOffset } = job;
  const { start, length, headerBytes } = job.outer;
  const ip = scratch + vnetBytes;
  bytes.copyWithin(ip, start, start + length);
  clearVnet(view, scratch, vnetBytes);
  const from = ip + headerBytes + csumStart;
  const checksum = ~sumBytes(view, from, ip + length - from, 0) & 0xffff;
  // Whose checksum it is, only its place tells.
  view.setUint16(from + csumOffset, checksum === 0 && csumOffset === UDP_CHECKSUM ? 0xffff : checksum);
  return length;
}

/**
 * Builds the piece that carries `data` bytes from `from` of the super-packet's data.
 * @param scratch where the piece's virtio_net header begins
 * @returns the piece's length from its IP header on; that header stands at scratch + job.vnetBytes
 */
export function buildPiece(
  job: Job,
  superPacket: SuperPacket,
  from: number,
  data: number,
  scratch: number,
): number {
  const { view, bytes, vnetBytes } = job;
  const { start, ipBytes, headerBytes, gsoSize, version, protocol } = superPacket;
  const ip = scratch + vnetBytes;
  const transport = ip + ipBytes;
  const headers = ipBytes + headerBytes;
  bytes.copyWithin(ip, start, start + headers);
  bytes.copyWithin(ip + headers, start + headers + from, start + headers + from + data);
  const transportBytes = headerBytes + data;
  if (version === 4) {
    setTotalLength4(view, ip, headers + data);
    setIdentification4(view, ip, (superPacket.identification + from / gsoSize) & 0xffff);
    view.setUint16(ip + 10, 0);
    view.setUint16(ip + 10, ~sumBytes(view, ip, ipBytes, 0) & 0xffff);
  } else {
    setPayloadLength6(view, ip, ipBytes - 40 + transportBytes);
  }
  if (protocol === Protocol.tcp) {
    setTcpSequence(view, transport, (tcpSequence(view, transport) + from) | 0);
    let flags = tcpFlags(view, transport);
    if (from + data < superPacket.dataBytes) flags &= ~(TcpFlag.fin | TcpFlag.psh);
    if (from > 0) flags &= ~TcpFlag.cwr;
    setTcpFlags(view, transport, flags);
  } else {
    setUdpLength(view, transport, transportBytes);
  }
  const addresses = version === 4 ? sumBytes(view, ip + 12, HEADER4 - 12, 0) : sumBytes(view, ip + 8, 32, 0);
  const pseudo = fold(addresses + protocol + transportBytes);
  const field = transport + (protocol === Protocol.tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  if (vnetBytes !== 0) clearVnet(view, scratch, vnetBytes);
  if (data > gsoSize) {
    // Still several segments: the kernel cuts it, and completes this sum.
    view.setUint16(field, pseudo);
    const type = protocol === Protocol.udp ? GsoType.udp : superPacket.gsoType;
    writeVnet(view, scratch, NEEDS_CSUM, type, headers, gsoSize, ipBytes, field - transport);
  } else {
    view.setUint16(field, 0);
    const checksum = ~sumBytes(view, transport, transportBytes, pseudo) & 0xffff;
    view.setUint16(field, checksum === 0 && protocol === Protocol.udp ? 0xffff : checksum);
  }
  return headers + data;
}
