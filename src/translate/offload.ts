/**
 * The virtio_net header: what the input asks for (OFF-3, OFF-5..7) and what the output asks for (OFF-4).
 * Offsets in it count from the IP header, which translation makes longer or shorter.
 */
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER, tcpHeaderBytes, UDP_HEADER } from '../wire/transport.ts';
import {
  clearVnet,
  GSO_ECN,
  GsoType,
  NEEDS_CSUM,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
  writeVnet,
} from '../wire/vnet.ts';
import type { Job, Stage } from './job.ts';
import type { Packet } from './packet.ts';
import { PASS, type Reason, SEGMENT } from './reasons.ts';
import { checksumOffset } from './transport.ts';

/** No offload asked for: a device without virtio_net headers, or a segment made in software. */
export function noOffload(job: Job): void {
  job.offloaded = 0;
  job.partial = 0;
  job.carried = 0;
  job.gsoType = GsoType.none;
  job.gsoEcn = 0;
  job.gsoSize = 0;
}

/**
 * Reads the virtio_net header that stands before the IP header at `start`.
 * @returns true where it asks for something, so that checkOffload must be called once the packet is parsed
 */
export function readOffload(job: Job, start: number): boolean {
  if (job.vnetBytes === 0) return false;
  if (job.offloaded !== 0) noOffload(job);
  const { view } = job;
  const at = start - job.vnetBytes;
  const needsChecksum = vnetFlags(view, at) & NEEDS_CSUM;
  const gsoType = vnetGsoType(view, at);
  if (needsChecksum === 0 && gsoType === GsoType.none) return false;
  job.offloaded = 1;
  job.partial = needsChecksum;
  job.gsoType = gsoType & ~GSO_ECN;
  job.gsoEcn = gsoType & GSO_ECN;
  job.gsoSize = vnetGsoSize(view, at);
  job.csumStart = vnetCsumStart(view, at);
  job.csumOffset = vnetCsumOffset(view, at);
  return true;
}

/**
 * Holds the request against the packet just parsed.
 * @param tcpType the TCP segmentation type of this family
 * @param icmp the ICMP protocol of this family
 * @param badChecksum, badGso, onFragment this direction's reasons
 */
export function checkOffload(
  job: Job,
  packet: Packet,
  tcpType: number,
  icmp: number,
  badChecksum: Reason,
  badGso: Reason,
  onFragment: Reason,
): Stage {
  const { protocol, headerBytes } = packet;
  if (packet.isFragment()) return onFragment; // OFF-7
  if (job.partial !== 0) {
    const start = job.csumStart;
    if (start < headerBytes || start + job.csumOffset + 2 > packet.length) return badChecksum; // OFF-6
    job.csumStart = start - headerBytes;
    if (start !== headerBytes) {
      // A checksum inside an encapsulated packet: ours to carry, not to touch.
      job.partial = 0;
      job.carried = 1;
    } else if (protocol !== icmp && job.csumOffset !== checksumOffset(protocol)) {
      return badChecksum;
    }
  }
  switch (job.gsoType) {
    case GsoType.none:
      return PASS;
    case GsoType.udp:
      if (protocol !== Protocol.udp || packet.payload < UDP_HEADER || job.gsoEcn !== 0) return badGso;
      break;
    case tcpType: {
      if (protocol !== Protocol.tcp || packet.payload < TCP_HEADER) return badGso;
      const header = tcpHeaderBytes(job.view, packet.transport);
      if (header < TCP_HEADER || header > packet.payload) return badGso;
      break;
    }
    default:
      return badGso; // OFF-3: UFO, tunnels, the other family
  }
  if (job.gsoSize === 0 || job.gsoSize === 0xffff) return badGso; // OFF-11
  // Segments of a tunnel's packets: the kernel has types of their own for them, and keeps them from us (OFF-3).
  if (job.carried !== 0) return badGso;
  // The checksum of the whole is complete: its segments' checksums are not known without computing them.
  return job.partial === 0 ? SEGMENT : PASS;
}

/** Bytes of the transport header that every segment repeats. */
export function segmentHeader(job: Job, packet: Packet): number {
  return job.gsoType === GsoType.udp ? UDP_HEADER : tcpHeaderBytes(job.view, packet.transport);
}

/**
 * Writes the virtio_net header of the head begun at headNext.
 * @param ipBytes bytes of the IP headers written
 * @param tcpType the TCP segmentation type of the output's family
 */
export function writeOffload(job: Job, packet: Packet, ipBytes: number, tcpType: number): void {
  if (job.vnetBytes === 0) return;
  const { view, headNext } = job;
  if ((job.partial | job.carried | job.gsoType) === 0) {
    clearVnet(view, headNext, job.vnetBytes);
    return;
  }
  const gso = job.gsoType;
  writeVnet(
    view,
    headNext,
    NEEDS_CSUM,
    gso === GsoType.none ? GsoType.none : (gso === GsoType.udp ? gso : tcpType) | job.gsoEcn,
    gso === GsoType.none ? 0 : ipBytes + segmentHeader(job, packet),
    gso === GsoType.none ? 0 : job.gsoSize,
    ipBytes + job.csumStart,
    job.csumOffset,
  );
  if (job.vnetBytes > 10) view.setInt16(headNext + 10, 0);
}

/** The same for an output that asks for nothing. */
export function writeNoOffload(job: Job): void {
  if (job.vnetBytes !== 0) clearVnet(job.view, job.headNext, job.vnetBytes);
}
