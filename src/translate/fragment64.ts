/** 64 sizes: which packets fit, which are refused, which are split (RFC 7915 §5.1.1; T64-DF-1, T64-MTU-1). */
import { HEADER4, MF, OFFSET_MASK, writeHeader4 } from '../wire/ipv4.ts';
import { GsoType } from '../wire/vnet.ts';
import type { Job } from './job.ts';
import { segmentHeader, writeNoOffload } from './offload.ts';
import type { Packet } from './packet.ts';
import { Reason, SEGMENT } from './reasons.ts';
import { MIN_MTU6 } from './sizes.ts';
import type { Tables } from './tables.ts';

/** The packet fits whole. */
export const WHOLE = 0;

/** The most payload a fragment within `mtu4` bytes can have, a multiple of 8. */
export const fragmentChunk4 = (mtu4: number): number => (mtu4 - HEADER4) & ~7;

/**
 * Payload bytes of each IPv4 fragment, or WHOLE.
 * @param payload bytes behind the IPv4 header to be
 * @returns that, or ~Reason or ~SEGMENT (below 0)
 */
export function fragmentSize64(job: Job, tables: Tables, packet: Packet, payload: number): number {
  const { mtu4 } = tables;
  if (job.gsoType !== GsoType.none) {
    const segment = HEADER4 + segmentHeader(job, packet) + job.gsoSize;
    if (segment > mtu4) {
      // OFF-8: a segment that IPv6 carries at 1280 must get through, in fragments if it has to.
      if (segment + 20 <= MIN_MTU6) return ~SEGMENT;
      job.replyArgument = mtu4 + 20;
      return ~Reason.TooBig64;
    }
    return HEADER4 + payload > 0xffff ? ~SEGMENT : WHOLE; // OFF-10
  }
  if (HEADER4 + payload <= mtu4) return WHOLE;
  if (packet.length <= MIN_MTU6) return fragmentChunk4(mtu4);
  if (packet.fragmentOffset !== 0) return ~Reason.LaterFragmentTooBig64;
  job.replyArgument = Math.max(MIN_MTU6, mtu4 + 20);
  return ~Reason.TooBig64;
}

/**
 * Emits `packet` in IPv4 fragments of `size` payload bytes.
 * @param at where the first job.transportHead bytes of the payload stand, ready; the rest is the packet's own body
 * @param payload bytes behind the IPv4 header (at most 1240)
 */
export function emitFragments64(
  job: Job,
  packet: Packet,
  at: number,
  payload: number,
  tos: number,
  identification: number,
  protocol: number,
  size: number,
): void {
  const { view, vnetBytes } = job;
  // A clamped TCP header may be longer than the first fragment: gather the payload, then cut. Both are rare and
  // small: this path needs an IPv4 MTU below 1260.
  const rest = packet.bodyAfter(job.transportHead);
  job.bytes.copyWithin(at + job.transportHead, rest, rest + payload - job.transportHead);
  job.headNext = (at + payload + 7) & ~7;
  for (let done = 0; done < payload; done += size) {
    const length = payload - done < size ? payload - done : size;
    const more = done + length < payload || packet.moreFragments !== 0 ? MF : 0;
    writeNoOffload(job);
    writeHeader4(
      view,
      job.headNext + vnetBytes,
      tos,
      HEADER4 + length,
      identification,
      more | ((packet.fragmentOffset + (done >>> 3)) & OFFSET_MASK),
      packet.hopLimit - 1,
      protocol,
      packet.source,
      packet.destination,
    );
    job.emit(vnetBytes + HEADER4, at + done, length);
  }
}
