/**
 * THE reason table: every outcome a packet can have is one row here.
 *
 * From a row come the integer the hot path returns, the name in reports, the counter and metric label, the word in
 * the log and the text of `clatd explain`. To add an outcome, add a row; no other file of src/ lists them.
 */

export type Verdict = 'translated' | 'hairpinned' | 'replied' | 'dropped' | 'ignored';

/** An ICMP error to send back (subject to GERR-1 and GERR-4). */
export interface IcmpReply {
  readonly type: number;
  readonly code: number;
}

export interface ReasonRow {
  readonly name: string;
  /** What the packet met, before a reply is considered: a 'dropped' packet whose reply is sent becomes 'replied'. */
  readonly verdict: Verdict;
  /** 46: the packet received was IPv4; 64: IPv6; 0: neither. */
  readonly direction: 46 | 64 | 0;
  /** Spec ID. */
  readonly spec: string;
  /** RFC and section. */
  readonly rfc: string;
  /** ICMP error of the received packet's own family, or null. */
  readonly reply: IcmpReply | null;
  /** True: also a rate-limited log event (LOG in the spec). */
  readonly log: boolean;
  /** One sentence for the administrator: what happened and, where there is one, the remedy. */
  readonly text: string;
}

const icmp = (type: number, code: number): IcmpReply => ({ type, code });

type Row = readonly [
  name: string,
  spec: string,
  rfc: string,
  text: string,
  reply?: IcmpReply | null,
  log?: 'log',
];

/** IPv4 in, IPv6 out. */
const ROWS46 = [
  // 4.1 Input validation
  ['ShortHeader46', 'T46-IN-1', 'RFC 791 §3.1', 'Fewer than 20 bytes: no whole IPv4 header.'],
  ['BadHeaderLength46', 'T46-IN-2', 'RFC 791 §3.1', 'IHL is below 5 or points past the packet.'],
  ['BadTotalLength46', 'T46-IN-3', 'RFC 791 §3.1', 'Total Length is smaller than the header.'],
  ['Truncated46', 'T46-IN-4', 'RFC 791 §3.1', 'Total Length is larger than the bytes received.'],
  ['BadHeaderChecksum46', 'T46-IN-6', 'RFC 791 §3.1', 'The IPv4 header checksum is wrong.'],
  ['TtlZero46', 'T46-IN-7', 'RFC 791 §3.2', 'Received with TTL 0.'],
  [
    'BadFragmentLength46',
    'T46-IN-9',
    'RFC 791 §3.2',
    'A fragment other than the last is not a multiple of 8 bytes.',
  ],
  ['FragmentOverrun46', 'T46-IN-10', 'RFC 791 §3.2', 'The fragment ends past 65535 bytes.'],
  ['EmptyFragment46', 'T46-IN-11', 'RFC 791 §3.2', 'A fragment without payload.'],
  [
    'FragmentedIcmp46',
    'T46-IN-12',
    'RFC 7915 §1.2',
    'Fragmented ICMPv4 is not translated (its checksum covers the whole).',
  ],
  ['ShortTransport46', 'T46-IN-13', 'RFC 7915 §4.5', 'The TCP, UDP or ICMP header is cut off.'],
  [
    'ForbiddenProtocol46',
    'T46-IN-14',
    'RFC 7915 §4.1',
    'The protocol number would become an IPv6 extension header or ICMPv6.',
  ],
  ['Igmp46', 'T46-IN-14', 'RFC 7915 §4.2', 'IGMP stays on its link.'],
  // 2 Addresses
  [
    'MartianSource46',
    'ADDR-7',
    'RFC 7915 §4.1',
    'The IPv4 source is illegal (0/8, 127/8, multicast or broadcast).',
  ],
  ['LinkLocalSource46', 'ADDR-7', 'RFC 3927 §2.7', 'The IPv4 source is link-local and no EAM maps it.'],
  ['MartianDestination46', 'ADDR-7', 'RFC 7915 §1.2', 'The IPv4 destination is illegal or multicast.'],
  [
    'UnmappedDestination46',
    'ADDR-10',
    'RFC 7915 §4.4',
    'No EAM and no pool6 maps the IPv4 destination.',
    icmp(3, 13),
  ],
  [
    'DeniedDestination46',
    'EAM-5',
    'RFC 7915 §4.4',
    'The denylist excludes the IPv4 destination.',
    icmp(3, 13),
  ],
  [
    'WkpDestination46',
    'ADDR-6',
    'RFC 6052 §3.1',
    'The well-known prefix must not carry this non-global IPv4 destination (see --no-wkpf-strict).',
    icmp(3, 13),
  ],
  [
    'UnmappedSource46',
    'ADDR-10',
    'RFC 7915 §4.4',
    'No EAM maps the IPv4 source, and pool6 does not either or is not for sources (see --no-strict-source).',
    icmp(3, 13),
  ],
  ['DeniedSource46', 'EAM-5', 'RFC 7915 §4.4', 'The denylist excludes the IPv4 source.', icmp(3, 13)],
  [
    'WkpSource46',
    'ADDR-6',
    'RFC 6052 §3.1',
    'The well-known prefix must not carry this non-global IPv4 source (see --no-wkpf-strict).',
    icmp(3, 13),
  ],
  [
    'UnmappedErrorSource46',
    'RSRC-4',
    'RFC 6791 §3',
    'The source of an ICMPv4 error has no mapping and there is no --ipv6-addr to stand in.',
  ],
  // 10 Own addresses
  [
    'SelfIcmp46',
    'SELF-1',
    'RFC 1122 §3.2.2',
    'ICMP to our own IPv4 address that is no well-formed echo request.',
  ],
  [
    'SelfProtocol46',
    'SELF-1',
    'RFC 1122 §3.2.2.1',
    'A protocol that our own IPv4 address does not serve.',
    icmp(3, 2),
  ],
  // 4.2 Header
  ['TtlExpired46', 'T46-HDR-6', 'RFC 7915 §4.1', 'TTL reached 0 here.', icmp(11, 0)],
  ['SourceRoute46', 'T46-OPT-2', 'RFC 7915 §4.1', 'An unexpired source route option.', icmp(3, 5)],
  ['BadOptions46', 'T46-OPT-3', 'RFC 791 §3.1', 'The IPv4 options are malformed.'],
  // 4.3 Sizes
  [
    'TooBig46',
    'T46-DF-1',
    'RFC 7915 §4.4',
    'DF is set and the IPv6 packet would exceed the IPv6 MTU.',
    icmp(3, 4),
  ],
  [
    'FragmentTooBig46',
    'T46-DF-3',
    'RFC 7915 §4.4',
    'DF is set on a first fragment that would exceed the IPv6 MTU.',
    icmp(3, 4),
  ],
  [
    'LaterFragmentTooBig46',
    'T46-DF-3',
    'RFC 7915 §4.4',
    'DF is set on a later fragment that would exceed the IPv6 MTU.',
  ],
  // 4.4 Transport
  [
    'UdpZeroChecksum46',
    'T46-L4-3',
    'RFC 7915 §4.5',
    'UDP without checksum, and --udp-cksum-mode is drop.',
    null,
    'log',
  ],
  [
    'UdpZeroChecksumFragment46',
    'T46-L4-4',
    'RFC 7915 §4.5',
    'A first fragment of UDP without checksum: it cannot be computed (see --udp-cksum-mode fwd).',
    icmp(3, 13),
    'log',
  ],
  [
    'BadUdpLength46',
    'T46-L4-3',
    'RFC 768',
    'UDP Length is impossible, so the missing checksum cannot be computed.',
  ],
  // 5 ICMP
  ['IcmpType46', 'I46-D', 'RFC 7915 §4.2', 'This ICMPv4 type is not translated.'],
  ['IcmpCode46', 'I46-E', 'RFC 7915 §4.2', 'This ICMPv4 code is not translated.'],
  ['IcmpPointer46', 'I46-E', 'RFC 7915 §4.2', 'The Parameter Problem pointer has no counterpart in IPv6.'],
  ['BadIcmpChecksum46', 'I46-C', 'RFC 7915 §4.2', 'The checksum of the ICMPv4 error is wrong.'],
  // 6 Packet in error
  ['InnerShort46', 'IERR-2', 'RFC 7915 §4.3', 'The packet in error is cut off before its protocol header.'],
  ['InnerMalformed46', 'IERR-2', 'RFC 7915 §4.3', 'The packet in error has no valid IPv4 header.'],
  ['InnerIcmp46', 'IERR-1', 'RFC 7915 §4.3', 'The packet in error is itself ICMP other than an echo.'],
  ['InnerFragmentedIcmp46', 'IERR-5', 'RFC 7915 §1.2', 'The packet in error is fragmented ICMP.'],
  [
    'InnerProtocol46',
    'IERR-9',
    'RFC 7915 §4.3',
    'The packet in error has a protocol that is not translated.',
  ],
  ['InnerAddress46', 'IERR-8', 'RFC 7915 §4.3', 'An address of the packet in error has no mapping.'],
  ['IcmpExtension46', 'IEXT-2', 'RFC 4884 §5', 'The RFC 4884 length is larger than the message.'],
  // 11 Offload
  ['BadPartialChecksum46', 'OFF-6', 'virtio 1.2 §5.1.6', 'The checksum offload points past the packet.'],
  [
    'BadGso46',
    'OFF-3',
    'virtio 1.2 §5.1.6',
    'A segmentation type that was never enabled, or one that does not fit the packet.',
  ],
  ['OffloadOnFragment46', 'OFF-7', 'virtio 1.2 §5.1.6', 'An offload on an IP fragment.'],
] as const satisfies readonly Row[];

/** IPv6 in, IPv4 out: the twins, in the same order. */
const ROWS64 = [
  // 7.1 Input validation
  ['ShortHeader64', 'T64-IN-1', 'RFC 8200 §3', 'Fewer than 40 bytes: no whole IPv6 header.'],
  ['Truncated64', 'T64-IN-2', 'RFC 8200 §3', 'Payload Length is larger than the bytes received.'],
  ['Jumbogram64', 'T64-IN-4', 'RFC 2675', 'A jumbogram has no IPv4 counterpart.'],
  ['HopLimitZero64', 'T64-IN-5', 'RFC 8200 §3', 'Received with Hop Limit 0.'],
  ['BadExtensionHeader64', 'T64-IN-6', 'RFC 8200 §4', 'An extension header is cut off.'],
  ['TooManyExtensionHeaders64', 'T64-IN-6', 'RFC 8200 §4', 'More than 16 extension headers.'],
  [
    'BadFragmentLength64',
    'T64-IN-7',
    'RFC 8200 §4.5',
    'A fragment other than the last is not a multiple of 8 bytes.',
  ],
  ['FragmentOverrun64', 'T64-IN-7', 'RFC 8200 §4.5', 'The fragment ends past 65535 bytes.'],
  ['EmptyFragment64', 'T64-IN-7', 'RFC 8200 §4.5', 'A fragment without payload.'],
  [
    'FragmentedIcmp64',
    'T64-IN-7',
    'RFC 7915 §1.2',
    'Fragmented ICMPv6 is not translated (its checksum covers the whole).',
  ],
  ['ShortTransport64', 'T64-IN-8', 'RFC 7915 §5.5', 'The TCP, UDP or ICMPv6 header is cut off.'],
  [
    'ForbiddenProtocol64',
    'T64-IN-9',
    'RFC 7915 §5.1',
    'ICMPv4 or IGMP inside IPv6 would become live in IPv4.',
  ],
  // 2 Addresses
  [
    'MartianSource64',
    'ADDR-8',
    'RFC 7915 §5.1',
    'The IPv6 source is link-local, loopback, unspecified or multicast.',
  ],
  [
    'MartianDestination64',
    'ADDR-8',
    'RFC 7915 §5.1',
    'The IPv6 destination is link-local, loopback or unspecified.',
  ],
  [
    'MulticastDestination64',
    'ADDR-8',
    'RFC 7915 §1.2',
    'Multicast (the kernel\u2019s own MLD and router solicitations end here).',
  ],
  [
    'EmbeddedMartianDestination64',
    'ADDR-11',
    'RFC 7915 §5.1',
    'The IPv4 address inside the destination is illegal.',
  ],
  [
    'UnmappedDestination64',
    'ADDR-10',
    'RFC 7915 §5.4',
    'No EAM and no pool6 maps the IPv6 destination.',
    icmp(1, 1),
  ],
  [
    'DeniedDestination64',
    'EAM-5',
    'RFC 7915 §5.4',
    'The denylist excludes the IPv4 address inside the destination.',
    icmp(1, 1),
  ],
  [
    'WkpDestination64',
    'ADDR-6',
    'RFC 6052 §3.1',
    'The well-known prefix must not carry the IPv4 address inside the destination (see --no-wkpf-strict).',
    icmp(1, 1),
  ],
  [
    'ReservedDestination64',
    'CLAT-13',
    'RFC 6169 §2.1',
    'The destination is the address of a LAN\u2019s router, or its network or broadcast address: not for packets from outside.',
    icmp(1, 1),
  ],
  ['EmbeddedMartianSource64', 'ADDR-11', 'RFC 7915 §5.1', 'The IPv4 address inside the source is illegal.'],
  ['UnmappedSource64', 'ADDR-10', 'RFC 7915 §5.4', 'No EAM and no pool6 maps the IPv6 source.', icmp(1, 1)],
  [
    'DeniedSource64',
    'EAM-5',
    'RFC 7915 §5.4',
    'The denylist excludes the IPv4 address inside the source.',
    icmp(1, 1),
  ],
  [
    'WkpSource64',
    'ADDR-6',
    'RFC 6052 §3.1',
    'The well-known prefix must not carry the IPv4 address inside the source (see --no-wkpf-strict).',
    icmp(1, 1),
  ],
  [
    'SpoofedSource64',
    'CLAT-13',
    'RFC 6169 §2.2',
    'A packet from outside whose source is this host, a network connected to it, or a host that a mapping covers.',
  ],
  // 10 Own addresses
  [
    'SelfIcmp64',
    'SELF-1',
    'RFC 4443 §4.2',
    'ICMPv6 to our own IPv6 address that is no well-formed echo request.',
  ],
  [
    'SelfProtocol64',
    'SELF-1',
    'RFC 4443 §3.4',
    'A protocol that our own IPv6 address does not serve.',
    icmp(4, 1),
  ],
  // 7.2 Extension headers, 7.3 Header
  ['HopLimitExpired64', 'T64-HDR-4', 'RFC 7915 §5.1', 'Hop Limit reached 0 here.', icmp(3, 0)],
  [
    'SegmentsLeft64',
    'T64-EXT-3',
    'RFC 7915 §5.1',
    'A Routing header with Segments Left other than 0.',
    icmp(4, 0),
  ],
  [
    'SegmentsLeftFragment64',
    'T64-EXT-3',
    'RFC 7915 §5.1',
    'A Routing header with Segments Left other than 0, on a later fragment.',
  ],
  [
    'FragmentedExtension64',
    'T64-EXT-4',
    'RFC 7915 §5.1.1',
    'An extension header behind the Fragment Header.',
    icmp(1, 1),
    'log',
  ],
  // 7.3 Sizes
  ['TooBig64', 'T64-MTU-1', 'RFC 7915 §5.1', 'The IPv4 packet would exceed the IPv4 MTU.', icmp(2, 0)],
  [
    'LaterFragmentTooBig64',
    'T64-MTU-1',
    'RFC 7915 §5.1.1',
    'A later fragment that would exceed the IPv4 MTU.',
  ],
  // 4.4 Transport, met while hairpinning
  [
    'UdpZeroChecksumFragment64',
    'T46-L4-4',
    'RFC 7915 §4.5',
    'A hairpinned first fragment of UDP without checksum: it cannot be computed (see --udp-cksum-mode fwd).',
    icmp(1, 1),
    'log',
  ],
  // 8 ICMP
  ['IcmpType64', 'I64-D', 'RFC 7915 §5.2', 'This ICMPv6 type is not translated.'],
  ['IcmpCode64', 'I64-E', 'RFC 7915 §5.2', 'This ICMPv6 code is not translated.'],
  ['IcmpPointer64', 'I64-E', 'RFC 7915 §5.2', 'The Parameter Problem pointer has no counterpart in IPv4.'],
  ['IcmpMtu64', 'I64-PTB', 'RFC 7915 §5.2', 'Packet Too Big with an MTU below 68.'],
  ['BadIcmpChecksum64', 'I64-C', 'RFC 7915 §5.2', 'The checksum of the ICMPv6 error is wrong.'],
  // 6 Packet in error
  ['InnerShort64', 'IERR-2', 'RFC 7915 §5.3', 'The packet in error is cut off before its protocol header.'],
  ['InnerMalformed64', 'IERR-2', 'RFC 7915 §5.3', 'The packet in error has no valid IPv6 header.'],
  ['InnerIcmp64', 'IERR-1', 'RFC 7915 §5.3', 'The packet in error is itself ICMPv6 other than an echo.'],
  ['InnerFragmentedIcmp64', 'IERR-5', 'RFC 7915 §1.2', 'The packet in error is fragmented ICMPv6.'],
  [
    'InnerProtocol64',
    'IERR-9',
    'RFC 7915 §5.3',
    'The packet in error has a protocol or extension that is not translated.',
  ],
  ['InnerLength64', 'IERR-4', 'RFC 7915 §5.3', 'The packet in error claims a length that IPv4 cannot hold.'],
  ['InnerAddress64', 'IERR-8', 'RFC 7915 §5.3', 'An address of the packet in error has no mapping.'],
  ['IcmpExtension64', 'IEXT-2', 'RFC 4884 §5', 'The RFC 4884 length is larger than the message.'],
  // 11 Offload
  ['BadPartialChecksum64', 'OFF-6', 'virtio 1.2 §5.1.6', 'The checksum offload points past the packet.'],
  [
    'BadGso64',
    'OFF-3',
    'virtio 1.2 §5.1.6',
    'A segmentation type that was never enabled, or one that does not fit the packet.',
  ],
  ['OffloadOnFragment64', 'OFF-7', 'virtio 1.2 §5.1.6', 'An offload on an IP fragment.'],
] as const satisfies readonly Row[];

/** Everything that is not a refusal. */
const ROWS_OTHER = [
  ['Translated46', 'translated', 46, 'T46-HDR-1', 'RFC 7915 §4', 'Translated to IPv6.'],
  ['Translated64', 'translated', 64, 'T64-HDR-1', 'RFC 7915 §5', 'Translated to IPv4.'],
  [
    'Hairpinned',
    'hairpinned',
    64,
    'EAM-7',
    'RFC 7757 §4.2',
    'Translated to IPv4 and back: the IPv4 destination is another IPv6 host of ours.',
  ],
  ['EchoReply46', 'replied', 46, 'SELF-1', 'RFC 1122 §3.2.2.6', 'A ping to our own IPv4 address, answered.'],
  ['EchoReply64', 'replied', 64, 'SELF-1', 'RFC 4443 §4.2', 'A ping to our own IPv6 address, answered.'],
  ['NotIp', 'ignored', 0, 'GEN-5', 'RFC 7915 §1', 'Empty, or neither IPv4 nor IPv6.'],
] as const satisfies readonly (readonly [string, Verdict, 46 | 64 | 0, string, string, string])[];

const refusal =
  (direction: 46 | 64) =>
  ([name, spec, rfc, text, reply = null, log]: Row): ReasonRow => ({
    name,
    verdict: 'dropped',
    direction,
    spec,
    rfc,
    reply,
    log: log === 'log',
    text,
  });

/** Indexed by Reason. */
export const REASONS: readonly ReasonRow[] = [
  ...ROWS_OTHER.map(([name, verdict, direction, spec, rfc, text]) => ({
    name,
    verdict,
    direction,
    spec,
    rfc,
    reply: null,
    log: false,
    text,
  })),
  ...ROWS46.map(refusal(46)),
  ...ROWS64.map(refusal(64)),
];

export type ReasonName =
  | (typeof ROWS_OTHER)[number][0]
  | (typeof ROWS46)[number][0]
  | (typeof ROWS64)[number][0];

/** A row's index: what the hot path returns. */
export type Reason = number & { readonly __reason?: never };

export const Reason = Object.fromEntries(REASONS.map((row, index) => [row.name, index])) as {
  readonly [Name in ReasonName]: Reason;
};

/** Not a row: nothing is wrong so far, go on. */
export const PASS = -1;

/**
 * Not a row: the packet must be segmented in software first, then each segment translated (OFF-8..10). Beyond every row
 * rather than below 0, so that its complement is negative as a row's is.
 */
export const SEGMENT = 0x1000;

/** Not a row: a partial checksum that is only carried along must be completed first (OFF-7). As SEGMENT otherwise. */
export const COMPLETE = 0x1001;
