/**
 * Hairpinning (RFC 7757 §4.2, intrinsic; EAM-7): an IPv6 packet whose IPv4 destination is itself an IPv6 host of ours
 * is translated to IPv4 and straight back. The IPv4 packet exists as facts only: its transport header, adjusted, in
 * the head area, the rest of its payload where it was received.
 */
import { HEADER4 } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { identify64 } from './identify64.ts';
import type { Job } from './job.ts';
import type { Packet } from './packet.ts';
import { Reason } from './reasons.ts';
import type { Tables } from './tables.ts';
import { convey46 } from './translate46.ts';

/**
 * Second pass over `packet`, whose first `inHead` payload bytes in IPv4 form stand at `at`.
 * @param payload bytes behind the IPv4 header to be
 * @returns Hairpinned, or what refused it, as an IPv6 reason about the packet as received
 */
export function hairpin(
  job: Job,
  tables: Tables,
  packet: Packet,
  at: number,
  payload: number,
  inHead: number,
): Reason {
  if (HEADER4 + payload > 0xffff) {
    // No IPv4 packet can be this long, nor an IPv6 one that any MTU allows.
    job.replyArgument = tables.mtu6;
    return packet.fragmentOffset === 0 ? Reason.TooBig64 : Reason.LaterFragmentTooBig64;
  }
  const protocol = packet.protocol === Protocol.icmp6 ? Protocol.icmp4 : packet.protocol;
  identify64(job, packet, payload, protocol);
  const between = job.between;
  between.trafficClass = tables.overrideTos >= 0 ? tables.overrideTos : packet.trafficClass;
  between.hopLimit = packet.hopLimit; // decremented once in all, on the way out
  between.protocol = protocol;
  between.identification = packet.identification;
  between.dontFragment = packet.dontFragment;
  between.moreFragments = packet.moreFragments;
  between.fragmentOffset = packet.fragmentOffset;
  between.source = packet.source;
  between.destination = packet.destination;
  between.headerBytes = HEADER4;
  between.length = HEADER4 + payload;
  // Nothing in the head (a later fragment, another protocol): all of the payload stands where it was received.
  between.transport = inHead === 0 ? packet.transport : at;
  between.payload = payload;
  between.present = payload;
  between.detached = inHead;
  between.body = packet.bodyAfter(inHead);
  job.headNext = (at + inHead + 7) & ~7;
  job.delta = 0; // the second pass maps anew
  const reason = convey46(job, tables, between, true);
  switch (reason) {
    case Reason.Translated46:
      return Reason.Hairpinned;
    // Errors of the second pass are about the packet as received, in its own family.
    case Reason.TooBig46:
    case Reason.FragmentTooBig46:
      job.replyArgument += 20;
      return Reason.TooBig64;
    case Reason.LaterFragmentTooBig46:
      return Reason.LaterFragmentTooBig64;
    case Reason.UnmappedDestination46:
      return Reason.UnmappedDestination64;
    case Reason.DeniedDestination46:
      return Reason.DeniedDestination64;
    case Reason.WkpDestination46:
      return Reason.WkpDestination64;
    case Reason.UnmappedSource46:
      return Reason.UnmappedSource64;
    case Reason.DeniedSource46:
      return Reason.DeniedSource64;
    case Reason.WkpSource46:
      return Reason.WkpSource64;
    case Reason.UdpZeroChecksumFragment46:
      return Reason.UdpZeroChecksumFragment64;
    default:
      return reason;
  }
}
