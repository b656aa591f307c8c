/** GEN-3: where a packet has two faults, the earlier step wins. */
import { describe } from 'vitest';
import type { ReasonName } from '../../src/translate/reasons.ts';
import { because, drops, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  HOST6,
  icmp4,
  OWN4,
  OWN6,
  optionsHeader,
  PEER6,
  packet4,
  packet6,
  routing,
  u32,
  udp,
  type V4,
  type V6,
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
  because('TtlExpired46'),
);
must(
  'GEN-3',
  '5 before 9: TTL 1 and no mapping',
  v4({ ttl: 1, dst: '203.0.113.1' }),
  because('TtlExpired46'),
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
  because('UnmappedDestination46'),
  { options: { pool6: undefined } },
);
must(
  'GEN-3',
  '10 before 11: no mapping and too big',
  v4({ df: true, dst: '203.0.113.1', payload: counting(2000) }),
  because('UnmappedDestination46'),
  { options: { pool6: undefined } },
);
const bare = [...udp(counting(2000)).in4().slice(0, 6), 0, 0, ...udp(counting(2000)).in4().slice(8)];
must(
  'GEN-3',
  '11 before 12: too big and no UDP checksum',
  v4({ proto: 17, df: true, payload: bare }),
  because('TooBig46'),
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
  because('HopLimitExpired64'),
);
must(
  'GEN-3',
  'Segments Left before what lies behind a Fragment Header',
  v6({ next: 43, payload: [...routing(44, 1), ...fh(60), ...counting(8)] }),
  because('SegmentsLeft64'),
);
must(
  'GEN-3',
  '6 before 7 in IPv6: an extension behind a fragment of ICMPv6',
  v6({ next: 44, payload: [...fh(60, { offset: 8 }), ...counting(8)] }),
  drops('FragmentedExtension64'),
);

/** Everything has a mapping here, but for the strangers. */
const options = {
  pool6: undefined,
  eam: ['192.0.2.1=2001:db8:1::1', '198.51.100.2=2001:db8:64::198.51.100.2'],
  'udp-cksum-mode': 'drop',
};

describe('every pair of faults in IPv4', () => {
  const faults: readonly (readonly [ReasonName, V4])[] = [
    ['TtlZero46', { ttl: 0 }],
    ['BadFragmentLength46', { mf: true, payload: counting(25) }],
    ['FragmentOverrun46', { offset: 65528, payload: counting(9) }],
    ['EmptyFragment46', { mf: true, payload: [] }],
    ['BadHeaderChecksum46', { headerChecksum: 1 }],
    ['MartianSource46', { src: '127.0.0.1' }],
    ['LinkLocalSource46', { src: '169.254.0.1' }],
    ['MartianDestination46', { dst: '224.0.0.1' }],
    ['SelfProtocol46', { dst: OWN4 }],
    ['TtlExpired46', { ttl: 1 }],
    ['BadOptions46', { options: [7, 1, 0, 0] }],
    ['SourceRoute46', { options: [131, 3, 3, 0] }],
    ['ShortTransport46', { proto: 6, payload: counting(19) }],
    ['ForbiddenProtocol46', { proto: 60 }],
    ['Igmp46', { proto: 2 }],
    ['UnmappedDestination46', { dst: '203.0.113.1' }],
    ['UnmappedSource46', { src: '203.0.113.2' }],
    ['TooBig46', { df: true, payload: counting(1501) }],
    ['UdpZeroChecksum46', { proto: 17, payload: [...counting(6), 0, 0, 9] }],
  ];
  for (const [i, [first, one]] of faults.entries()) {
    must('GEN-3', `${first} alone`, v4({ payload: counting(24), ...one }), because(first), { options });
    for (const [second, other] of faults.slice(i + 1)) {
      if (Object.keys(other).some((key) => key in one)) continue;
      const packet = v4({ payload: counting(24), ...other, ...one });
      must('GEN-3', `${first} before ${second}`, packet, because(first), { options });
    }
  }
});

describe('every pair of faults in IPv6', () => {
  type Fields = V6 & { left?: number; behind?: number; more?: boolean };
  const build = ({ left = 0, behind, more = false, ...fields }: Fields): Bytes => {
    const { next = 99, payload = counting(24) } = fields;
    const inner = behind === undefined ? payload : [...optionsHeader(next), ...payload];
    const chain = [...routing(44, left), ...fh(behind ?? next, { more }), ...inner];
    return v6({ src: HOST6, dst: PEER6, ...fields, next: 43, payload: chain });
  };
  const faults: readonly (readonly [ReasonName, Fields])[] = [
    ['Truncated64', { payloadLength: 2000 }],
    ['HopLimitZero64', { hop: 0 }],
    ['BadFragmentLength64', { more: true, payload: counting(25) }],
    ['MartianSource64', { src: '::1' }],
    ['MartianDestination64', { dst: 'fe80::1' }],
    ['SelfProtocol64', { dst: OWN6 }],
    ['HopLimitExpired64', { hop: 1 }],
    ['SegmentsLeft64', { left: 1 }],
    ['FragmentedExtension64', { behind: 60 }],
    ['ShortTransport64', { next: 6, payload: counting(19) }],
    ['ForbiddenProtocol64', { next: 2 }],
    ['UnmappedDestination64', { dst: '2001:db8:ffff::1' }],
    ['UnmappedSource64', { src: '2001:db8:ffff::2' }],
    ['TooBig64', { payload: counting(1504) }],
  ];
  for (const [i, [first, one]] of faults.entries()) {
    must('GEN-3', `${first} alone`, build(one), because(first), { options });
    for (const [second, other] of faults.slice(i + 1)) {
      if (Object.keys(other).some((key) => key in one)) continue;
      must('GEN-3', `${first} before ${second}`, build({ ...other, ...one }), because(first), { options });
    }
  }
});
