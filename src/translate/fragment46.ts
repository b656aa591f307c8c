/** 46 sizes: which packets fit, which are refused, which are split (RFC 7915 §4.1; T46-DF-*, T46-FRAG-*). */
import { FRAGMENT_HEADER, writeFragment6 } from '../wire/extension6.ts';
import { copyAddress6, destination6, HEADER6, source6, writeHeader6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { GsoType } from '../wire/vnet.ts';
import type { Job, Stage } from './job.ts';
import { segmentHeader, writeNoOffload } from './offload.ts';
import type { Packet } from './packet.ts';
import { Reason, SEGMENT } from './reasons.ts';
import type { Tables } from './tables.ts';

/** What a packet's size asks for: 0 and above is the payload bytes of each fragment; WHOLE: no Fragment Header. */
export const WHOLE = 0;

/**
 * Payload bytes of each IPv6 fragment: WHOLE for a packet that leaves without a Fragment Header; for a packet that
 * fits, its own payload. @returns that, or ~Reason or ~SEGMENT (below 0)
 */
export function fragmentSize46(job: Job, tables: Tables, packet: Packet): number {
  const { payload } = packet;
  const { mtu6, lim6 } = tables;
  if (job.gsoType !== GsoType.none) return ~segmentSize46(job, tables, packet);
  const dontFragment = packet.dontFragment !== 0;
  if (!packet.isFragment()) {
    if (HEADER6 + payload <= (dontFragment ? mtu6 : lim6)) return WHOLE; // T46-DF-2, T46-FRAG-1
    if (!dontFragment) return chunk(lim6);
    job.replyArgument = mtu6 - 20;
    return ~Reason.TooBig46; // T46-DF-1
  }
  const withHeader = HEADER6 + FRAGMENT_HEADER + payload;
  if (!dontFragment) return withHeader <= lim6 ? payload : chunk(lim6); // T46-FRAG-2
  if (HEADER6 + payload > mtu6) {
    if (packet.fragmentOffset !== 0) return ~Reason.LaterFragmentTooBig46;
    job.replyArgument = mtu6 - 28;
    return ~Reason.FragmentTooBig46; // T46-DF-3
  }
  return withHeader <= mtu6 ? payload : chunk(mtu6);
}

/** T46-FRAG-3: the most payload a fragment within `limit` bytes can have, a multiple of 8. */
const chunk = (limit: number): number => (limit - HEADER6 - FRAGMENT_HEADER) & ~7;

/** OFF-8: a super-packet is measured by its segments. TCP may be resegmented, UDP datagrams may not. */
function segmentSize46(job: Job, tables: Tables, packet: Packet): Stage {
  const header = segmentHeader(job, packet);
  const segment = HEADER6 + header + job.gsoSize;
  if (packet.dontFragment !== 0) {
    if (segment <= tables.mtu6) return ~WHOLE;
    job.replyArgument = tables.mtu6 - 20;
    return Reason.TooBig46;
  }
  if (segment <= tables.lim6) return ~WHOLE;
  if (job.gsoType === GsoType.udp) return SEGMENT;
  job.gsoSize = tables.lim6 - HEADER6 - header;
  return ~WHOLE;
}

/**
 * Emits `packet` in fragments of `size` payload bytes. The IPv6 addresses and the transport header (its checksum
 * complete) of the first stand already in the head begun at headNext.
 */
export function emitFragments46(
  job: Job,
  packet: Packet,
  trafficClass: number,
  nextHeader: number,
  hopLimit: number,
  size: number,
): void {
  const { view, vnetBytes } = job;
  const headers = HEADER6 + FRAGMENT_HEADER;
  const first = job.headNext + vnetBytes;
  const { payload } = packet;
  let inHead = job.transportHead;
  for (let done = 0; done < payload; done += size) {
    const ip = job.headNext + vnetBytes;
    const length = payload - done < size ? payload - done : size;
    const more = done + length < payload ? 1 : packet.moreFragments;
    writeHeader6(view, ip, trafficClass, FRAGMENT_HEADER + length, Protocol.fragment, hopLimit);
    if (ip !== first) {
      copyAddress6(view, source6(first), source6(ip));
      copyAddress6(view, destination6(first), destination6(ip));
    }
    // T46-FRAG-4: the identification is the IPv4 one, never a random one.
    writeFragment6(
      view,
      ip + HEADER6,
      nextHeader,
      packet.fragmentOffset + (done >>> 3),
      more,
      packet.identification & 0xffff,
    );
    writeNoOffload(job);
    job.emit(vnetBytes + headers + inHead, packet.bodyAfter(done + inHead), length - inHead);
    inHead = 0;
  }
}
