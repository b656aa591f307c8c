/** GEN-3: where a packet has two faults, the earlier step wins. */
import { drops, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  icmp4,
  packet4,
  packet6,
  routing,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

const bad = (packet: Bytes): Bytes => packet.with(10, packet[10]! ^ 1);

must('GEN-3', '1 before 2: TTL 0 and a wrong header checksum', bad(v4({ ttl: 0 })), drops('TtlZero46'));
must(
  'GEN-3',
  '1 before 2: a malformed fragment',
  bad(v4({ mf: true, payload: counting(3) })),
  drops('BadFragmentLength46'),
);
must(
  'GEN-3',
  '2 before 3: a wrong checksum and a martian',
  bad(v4({ src: '127.0.0.1' })),
  drops('BadHeaderChecksum46'),
);
must(
  'GEN-3',
  '3 before 4: a martian to our own address',
  v4({ src: '127.0.0.1', dst: '192.0.2.254' }),
  drops('MartianSource46'),
);
must(
  'GEN-3',
  '3 before 5: a martian with TTL 1',
  packet4(udp(), { src: '0.1.2.3', ttl: 1 }),
  drops('MartianSource46'),
);
must(
  'GEN-3',
  '5 before 6: TTL 1 and a malformed option',
  v4({ ttl: 1, options: [7, 1, 0, 0] }),
  (outcome) => {
    if (outcome.reason !== 'TtlExpired46') throw new Error(outcome.reason);
  },
);
must(
  'GEN-3',
  '5 before 9: TTL 1 and no mapping',
  v4({ ttl: 1, dst: '203.0.113.1' }),
  (outcome) => {
    if (outcome.reason !== 'TtlExpired46') throw new Error(outcome.reason);
  },
  { options: { pool6: undefined } },
);
must(
  'GEN-3',
  '6 before 7: malformed options and IGMP',
  v4({ proto: 2, options: [131, 1, 4, 0] }),
  drops('BadOptions46'),
);
must(
  'GEN-3',
  '7 before 8: a fragment of an unknown ICMP type',
  v4({ proto: 1, mf: true, payload: icmp4(13, 0, u32(0)) }),
  drops('FragmentedIcmp46'),
);
must(
  'GEN-3',
  '8 before 9: an ICMP type that is not translated, no mapping',
  v4({ proto: 1, payload: icmp4(13, 0, u32(0)) }),
  drops('IcmpType46'),
  {
    options: { pool6: undefined },
  },
);
must(
  'GEN-3',
  '7 before 9: short TCP, no mapping',
  v4({ proto: 6, payload: counting(3) }),
  drops('ShortTransport46'),
  { options: { pool6: undefined } },
);
must(
  'GEN-3',
  '9 before 10: the destination is named',
  v4({ src: '203.0.113.1', dst: '203.0.113.2' }),
  (outcome) => {
    if (outcome.reason !== 'UnmappedDestination46') throw new Error(outcome.reason);
  },
  { options: { pool6: undefined } },
);
must(
  'GEN-3',
  '10 before 11: no mapping and too big',
  v4({ df: true, dst: '203.0.113.1', payload: counting(2000) }),
  (outcome) => {
    if (outcome.reason !== 'UnmappedDestination46') throw new Error(outcome.reason);
  },
  { options: { pool6: undefined } },
);
const bare = [...udp(counting(2000)).in4().slice(0, 6), 0, 0, ...udp(counting(2000)).in4().slice(8)];
must(
  'GEN-3',
  '11 before 12: too big and no UDP checksum',
  v4({ proto: 17, df: true, payload: bare }),
  (outcome) => {
    if (outcome.reason !== 'TooBig46') throw new Error(outcome.reason);
  },
  { options: { 'udp-cksum-mode': 'drop' } },
);

must(
  'GEN-3',
  '1 before 3 in IPv6: a broken chain and a martian',
  v6({ src: '::1', next: 60, payload: [0] }),
  drops('BadExtensionHeader64'),
);
must(
  'GEN-3',
  '3 before 5 in IPv6: a martian with Hop Limit 1',
  packet6(udp(), { src: 'fe80::1', hop: 1 }),
  drops('MartianSource64'),
);
must(
  'GEN-3',
  '5 before 6 in IPv6: Hop Limit 1 and Segments Left',
  v6({ hop: 1, next: 43, payload: [...routing(17, 1), ...udp().in6()] }),
  (outcome) => {
    if (outcome.reason !== 'HopLimitExpired64') throw new Error(outcome.reason);
  },
);
must(
  'GEN-3',
  'Segments Left before what lies behind a Fragment Header',
  v6({ next: 43, payload: [...routing(44, 1), ...fh(60), ...counting(8)] }),
  (outcome) => {
    if (outcome.reason !== 'SegmentsLeft64') throw new Error(outcome.reason);
  },
);
must(
  'GEN-3',
  '6 before 7 in IPv6: an extension behind a fragment of ICMPv6',
  v6({ next: 44, payload: [...fh(60, { offset: 8 }), ...counting(8)] }),
  drops('FragmentedExtension64'),
);
