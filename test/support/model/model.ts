/**
 * The specification as a program: what one packet becomes, written from the text alone, slowly and without any of
 * src/. Tests compare the translator with it (test/properties/model.test.ts). Knows no offload and no rate limit.
 */
import { REASONS, type ReasonName, type Verdict } from '../../../src/translate/reasons.ts';
import type { Bytes } from '../packets.ts';
import {
  hasEam4,
  linkLocal4,
  type Mapped,
  martian4,
  martian6,
  multicast6,
  never4,
  to4,
  to6,
} from './addresses.ts';
import { errorAbout, FIXED_ID, type Refusal, refuse, self4, self6 } from './answers.ts';
import { lengthAndNext, put16, same, sum, word } from './bytes.ts';
import { error46, error64, target46, target64 } from './icmp-errors.ts';
import { type Four, parse4, parse6, type Six } from './parse.ts';
import { BEHIND_FRAGMENT, fragmentHeader, ipv4Header, ipv6Header } from './quote.ts';
import type { Settings } from './settings.ts';
import {
  clamped,
  echo46,
  echo64,
  ICMP4,
  ICMP6,
  isEcho4,
  isEcho6,
  TCP,
  UDP,
  withAddresses,
} from './transport.ts';

export interface Expected {
  verdict: Verdict;
  reason: ReasonName;
  /** Another fault of an ICMP error dropped in silence: GEN-3 does not say when the packet in error is looked at. */
  or?: ReasonName | undefined;
  outputs: Bytes[];
}
const isRefusal = (outcome: Bytes[] | Refusal): outcome is Refusal => !Array.isArray(outcome);

/** GEN-3, from the beginning. */
export function expected(of: Settings, packet: Bytes): Expected {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4) return expected4(of, packet);
  if (version === 6) return expected6(of, packet);
  return { verdict: 'ignored', reason: 'NotIp', outputs: [] };
}
const dropped = (reason: ReasonName): Expected => ({ verdict: 'dropped', reason, outputs: [] });
function refused(of: Settings, packet: Four | Six, refusal: Refusal): Expected {
  const outputs = errorAbout(of, packet, refusal);
  const verdict = outputs.length > 0 ? 'replied' : 'dropped';
  return { verdict, reason: refusal.reason, or: refusal.or, outputs };
}

/** ICMPv4 errors: I46-E's types. */
const isError4 = ({ proto, offset, payload }: Four): boolean =>
  proto === ICMP4 && offset === 0 && [3, 11, 12].includes(payload[0]!);
const isError6 = ({ next, payload }: Six): boolean => next === ICMP6 && [1, 2, 3, 4].includes(payload[0]!);

function expected4(of: Settings, bytes: Bytes): Expected {
  const packet = parse4(bytes);
  if (typeof packet === 'string') return dropped(packet);
  if (sum(packet.raw.slice(0, 20), packet.options) !== 0xffff) return dropped('BadHeaderChecksum46');
  const { src, dst } = packet;
  if (isError4(packet) ? never4(src) : martian4(src)) return dropped('MartianSource46');
  if (!isError4(packet) && linkLocal4(src) && !hasEam4(of, src)) return dropped('LinkLocalSource46');
  if (martian4(dst)) return dropped('MartianDestination46');
  if (same(dst, of.ipv4Addr)) {
    const self = self4(of, packet);
    if (!('reply' in self)) return refused(of, packet, self);
    return { verdict: 'replied', reason: self.reason, outputs: [self.reply] };
  }
  if (packet.ttl === 1) return refused(of, packet, refuse('TtlExpired46', 11));
  const route = options(packet);
  if (route !== null) return refused(of, packet, route);
  const outcome = fromStep7(of, { ...packet, ttl: packet.ttl - 1 }, of.hairpin === 'simple', of.strictSource);
  if (isRefusal(outcome)) return refused(of, packet, outcome);
  return { verdict: 'translated', reason: 'Translated46', outputs: outcome };
}

/** T46-OPT. */
function options({ options: area }: Four): Refusal | null {
  for (let at = 0; at < area.length; ) {
    const type = area[at]!;
    if (type === 0) return null;
    if (type === 1) {
      at++;
      continue;
    }
    const length = area[at + 1] ?? 0;
    if (length < 2 || at + length > area.length) return refuse('BadOptions46');
    if (type === 131 || type === 137) {
      if (length < 3) return refuse('BadOptions46');
      if (area[at + 2]! <= length) return refuse('SourceRoute46', 3, 5);
    }
    at += length;
  }
  return null;
}

/**
 * Section 4 from step 7 of GEN-3. The TTL is that of the output. `restricted`: the lookups of EAM-7 apply; `covered`: so
 * does CLAT-12's.
 */
function fromStep7(of: Settings, packet: Four, restricted: boolean, covered: boolean): Bytes[] | Refusal {
  const { proto, payload, offset, src, dst } = packet;
  const isFragment = packet.mf || offset > 0;
  if (proto === ICMP4 && isFragment) return refuse('FragmentedIcmp46');
  const least = proto === TCP ? 20 : proto === UDP || proto === ICMP4 ? 8 : 0;
  if (offset === 0 && payload.length < least) return refuse('ShortTransport46');
  if ([0, 43, 44, 58, 60].includes(proto)) return refuse('ForbiddenProtocol46');
  if (proto === 2) return refuse('Igmp46');
  const isError = isError4(packet);
  if (proto === ICMP4 && !isEcho4(payload[0]!)) {
    const target = target46(payload);
    if (typeof target === 'string') return refuse(target);
  }

  const to = to6(of, dst);
  const from = to6(of, src, {
    withoutEam: restricted && (!isError || same(src, payload.slice(24, 28))),
    errorSource: isError,
    covered,
  });
  const src6 = from.is === 'mapped' ? from.address : isError ? of.ipv6Addr : null;
  let fault: Refusal | null = null;
  if (to.is !== 'mapped') fault = refuse(unmapped46(to, 'Destination'), 3, 13);
  else if (src6 === null && isError) fault = refuse('UnmappedErrorSource46');
  else if (src6 === null) fault = refuse(unmapped46(from, 'Source'), 3, 13);

  const tc = of.zeroTrafficClass ? 0 : packet.tos;
  const next = proto === ICMP4 ? ICMP6 : proto;
  const between: [Bytes, Bytes] = [src6 ?? src, to.is === 'mapped' ? to.address : dst];
  if (isError) {
    const translated = error46(of, payload, ...between, restricted);
    if (typeof translated === 'string')
      return fault === null ? refuse(translated) : { ...fault, or: translated };
    if (fault !== null) return fault;
    const { message } = translated;
    return [[...ipv6Header(tc, message.length, next, packet.ttl, ...between), ...message]];
  }
  if (fault !== null) return fault;

  const plain = 40 + payload.length;
  let limit = of.lim6;
  if (packet.df) {
    limit = of.mtu6;
    if (plain > of.mtu6) {
      if (!isFragment) return refuse('TooBig46', 3, 4, of.mtu6 - 20);
      return offset === 0 ? refuse('FragmentTooBig46', 3, 4, of.mtu6 - 28) : refuse('LaterFragmentTooBig46');
    }
  }
  const segment = carried46(of, packet, ...between);
  if (!Array.isArray(segment)) return segment;
  const header = (length: number, first: number): Bytes =>
    ipv6Header(tc, length, first, packet.ttl, ...between);
  if (!isFragment && plain <= limit) return [[...header(segment.length, next), ...segment]];
  const chunk = plain + 8 <= limit ? segment.length : limit - 48 - ((limit - 48) % 8);
  const outputs: Bytes[] = [];
  for (let at = 0; at < segment.length; at += chunk) {
    const piece = segment.slice(at, at + chunk);
    const last = at + chunk >= segment.length;
    const fh = fragmentHeader(next, offset + at, !last || packet.mf, packet.id);
    outputs.push([...header(8 + piece.length, 44), ...fh, ...piece]);
  }
  return outputs;
}

const unmapped46 = (how: Mapped, which: 'Source' | 'Destination'): ReasonName =>
  how.is === 'denied' ? `Denied${which}46` : how.is === 'wkp' ? `Wkp${which}46` : `Unmapped${which}46`;

/** Section 4.4, the echo of section 5, MSS. */
function carried46(of: Settings, packet: Four, src6: Bytes, dst6: Bytes): Bytes | Refusal {
  const { proto, payload } = packet;
  if (packet.offset > 0) return payload;
  if (proto === ICMP4) return echo46(payload, payload.length, src6, dst6);
  if (proto === UDP && word(payload, 6) === 0 && of.udpChecksum !== 'fwd') {
    if (packet.mf) return refuse('UdpZeroChecksumFragment46', 3, 13);
    if (of.udpChecksum === 'drop') return refuse('UdpZeroChecksum46');
    const length = word(payload, 4);
    if (length < 8 || length > payload.length) return refuse('BadUdpLength46');
    const pseudo = [...src6, ...dst6, ...lengthAndNext(length, UDP)];
    const fresh = 0xffff - sum(pseudo, payload.slice(0, length));
    return put16(payload, 6, fresh === 0 ? 0xffff : fresh);
  }
  const segment = withAddresses(proto, payload, [...packet.src, ...packet.dst], [...src6, ...dst6]);
  return proto === TCP ? clamped(segment, of.mss) : segment;
}

function expected6(of: Settings, bytes: Bytes): Expected {
  const packet = parse6(bytes);
  if (typeof packet === 'string') return dropped(packet);
  const { src, dst } = packet;
  if (multicast6(dst)) return dropped('MulticastDestination64');
  if (martian6(src)) return dropped('MartianSource64');
  if (martian6(dst)) return dropped('MartianDestination64');
  if (same(dst, of.ipv6Addr)) {
    const self = self6(packet);
    if (!('reply' in self)) return refused(of, packet, self);
    return { verdict: 'replied', reason: self.reason, outputs: [self.reply] };
  }
  const outcome = translate64(of, packet);
  if (!('packets' in outcome)) return refused(of, packet, outcome);
  const { packets, hairpin } = outcome;
  if (hairpin) return { verdict: 'hairpinned', reason: 'Hairpinned', outputs: packets };
  return { verdict: 'translated', reason: 'Translated64', outputs: packets };
}

const unmapped64 = (how: Mapped, which: 'Source' | 'Destination'): Refusal => {
  if (how.is === 'martian') return refuse(`EmbeddedMartian${which}64`);
  return refuse(
    how.is === 'denied' ? `Denied${which}64` : how.is === 'wkp' ? `Wkp${which}64` : `Unmapped${which}64`,
    1,
    1,
  );
};

/** Section 7 from step 5, section 8. */
function translate64(of: Settings, packet: Six): Refusal | { packets: Bytes[]; hairpin: boolean } {
  const { next, payload, fragment, segmentsLeftAt, src, dst } = packet;
  const offset = fragment?.offset ?? 0;
  const isFragment = offset > 0 || (fragment?.more ?? false);
  if (packet.hop === 1) return refuse('HopLimitExpired64', 3);
  if (segmentsLeftAt !== null) {
    return offset > 0 ? refuse('SegmentsLeftFragment64') : refuse('SegmentsLeft64', 4, 0, segmentsLeftAt);
  }
  if (fragment !== null && BEHIND_FRAGMENT.includes(next)) return refuse('FragmentedExtension64', 1, 1);
  if (next === ICMP6 && isFragment) return refuse('FragmentedIcmp64');
  const least = next === TCP ? 20 : next === UDP || next === ICMP6 ? 8 : 0;
  if (offset === 0 && payload.length < least) return refuse('ShortTransport64');
  if (next === ICMP4 || next === 2) return refuse('ForbiddenProtocol64');
  const isError = isError6(packet);
  if (next === ICMP6 && !isEcho6(payload[0]!)) {
    const target = target64(payload);
    if (typeof target === 'string') return refuse(target);
  }

  const to = to4(of, dst);
  const from = to4(of, src);
  const fault =
    to.is !== 'mapped'
      ? unmapped64(to, 'Destination')
      : from.is !== 'mapped' && !isError
        ? unmapped64(from, 'Source')
        : null;
  const translated = isError ? error64(of, payload, src, dst) : null;
  if (typeof translated === 'string')
    return fault === null ? refuse(translated) : { ...fault, or: translated };
  if (fault !== null || to.is !== 'mapped') return fault!;
  const src4 = from.is === 'mapped' ? from.address : of.errorSource;

  let segment = payload;
  let hairpin = to.by === 'pool6' && hasEam4(of, to.address);
  if (translated !== null) {
    segment = translated.message;
    hairpin = translated.quote.sourceBy === 'pool6' && hasEam4(of, translated.quote.src4);
  }
  hairpin &&= of.hairpin === 'intrinsic';
  const total = 20 + segment.length;
  const tooBig = total > of.mtu4 && !hairpin;
  if (tooBig && !isError && packet.raw.length > 1280) {
    return offset > 0
      ? refuse('LaterFragmentTooBig64')
      : refuse('TooBig64', 2, 0, Math.max(1280, of.mtu4 + 20));
  }
  if (!isError && offset === 0) {
    if (next === ICMP6) segment = echo64(payload, payload.length, src, dst);
    else segment = withAddresses(next, payload, [...src, ...dst], [...src4, ...to.address]);
    if (next === TCP) segment = clamped(segment, of.mss);
  }
  const df = fragment === null && total > 1260;
  const result: Four = {
    is: 4,
    raw: [],
    options: [],
    tos: of.tos ?? packet.tc,
    id: fragment !== null ? fragment.id % 65536 : df ? 0 : FIXED_ID,
    df,
    mf: fragment?.more ?? false,
    offset,
    ttl: packet.hop - 1,
    proto: next === ICMP6 ? ICMP4 : next,
    src: src4,
    dst: to.address,
    payload: segment,
  };
  if (hairpin) {
    // EAM-7: an IPv4 packet that cannot exist.
    if (total > 65535)
      return offset > 0 ? refuse('LaterFragmentTooBig64') : refuse('TooBig64', 2, 0, of.mtu6);
    const outcome = fromStep7(of, result, true, false);
    return isRefusal(outcome) ? asIcmp6(outcome) : { packets: outcome, hairpin };
  }
  const chunk = tooBig ? of.mtu4 - 20 - ((of.mtu4 - 20) % 8) : Math.max(1, segment.length);
  const packets: Bytes[] = [];
  for (let at = 0; at === 0 || at < segment.length; at += chunk) {
    const piece = segment.slice(at, at + chunk);
    const flags = { df, mf: result.mf || at + chunk < segment.length, offset: offset + at };
    const { tos, id, ttl, proto } = result;
    const header = ipv4Header(tos, 20 + piece.length, id, flags, ttl, proto, src4, to.address);
    packets.push([...header, ...piece]);
  }
  return { packets, hairpin };
}

/** EAM-7: errors of the second pass are sent as ICMPv6 about the packet as received. */
function asIcmp6({ reason, or, error }: Refusal): Refusal {
  // The counters of the direction received, where there is a twin.
  const name = reason.replace(/46$/, '64');
  const twin = REASONS.find((row) => row.name === name) === undefined ? reason : (name as ReasonName);
  if (error === undefined) return { reason: twin, or };
  if (error.code === 4) return refuse(twin, 2, 0, (error.argument ?? 0) + 20);
  return refuse(twin, 1, 1);
}
