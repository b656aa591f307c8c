/** Identification and Don't Fragment of an IPv4 packet made from an IPv6 one (RFC 7915 §5.1, §5.1.1). */
import { HEADER4 } from '../wire/ipv4.ts';
import { GsoType } from '../wire/vnet.ts';
import type { Job } from './job.ts';
import { segmentHeader } from './offload.ts';
import type { Packet } from './packet.ts';
import { DF_THRESHOLD } from './sizes.ts';

/**
 * T64-HDR-8, T64-DF-1, T64-FRAG-1: Identification and DF of the IPv4 packet, left in `packet`.
 * @param payload bytes behind the IPv4 header
 */
export function identify64(job: Job, packet: Packet, payload: number, protocol: number): void {
  packet.dontFragment = 0;
  if (packet.fragmentHeader !== 0) {
    packet.identification &= 0xffff;
    return;
  }
  let count = 1;
  let length = HEADER4 + payload;
  if (job.gsoType !== GsoType.none) {
    const header = segmentHeader(job, packet);
    length = HEADER4 + header + job.gsoSize;
    count = Math.ceil((payload - header) / job.gsoSize); // OFF-10
  }
  if (length > DF_THRESHOLD) {
    packet.dontFragment = 1;
    packet.identification = 0;
  } else {
    packet.identification = job.identifications.reserve(packet.source, packet.destination, protocol, count);
  }
}
