/** RFC 7915 §4.5: transport checksums, IPv4 to IPv6. T46-L4. */
import { describe } from 'vitest';
import { as6, error4 } from '../support/expect.ts';
import { becomes, drops, must, passes, replies } from '../support/must.ts';
import {
  type Bytes,
  counting,
  dccp,
  fh,
  HOST6,
  opaque,
  PEER6,
  packet4,
  tcp,
  udp,
  udpLite,
  v4,
  v6,
} from '../support/packets.ts';

/** The UDP datagram without checksum. */
const bare = (data: Bytes, length = 8 + data.length): Bytes => {
  const datagram = udp(data, 40000, 53, length).in4();
  return [...datagram.slice(0, 6), 0, 0, ...datagram.slice(8)];
};

for (const [name, of] of [
  ['TCP', tcp({ data: counting(11) })],
  ['UDP', udp(counting(11))],
  ['DCCP', dccp()],
  ['UDP-Lite', udpLite()],
] as const) {
  must('T46-L4-1', `${name} is adjusted`, packet4(of), becomes(as6(of)));
  const wrong = (bytes: Bytes): Bytes => bytes.with(-1, bytes.at(-1)! ^ 0x55);
  must(
    'T46-L4-1',
    `${name} that was wrong stays wrong by as much`,
    wrong(packet4(of)),
    becomes(wrong(as6(of))),
  );
}
must(
  'T46-L4-1',
  'DCCP of 7 bytes is left alone',
  v4({ proto: 33, payload: counting(7) }),
  becomes(as6(opaque(33, counting(7)))),
);
must(
  'T46-L4-1',
  'a later fragment is left alone',
  v4({ proto: 17, offset: 8, payload: counting(20) }),
  becomes(
    v6({ src: HOST6, dst: PEER6, hop: 63, next: 44, payload: [...fh(17, { offset: 8 }), ...counting(20)] }),
  ),
);
describe('a result of 0', () => {
  // The data word is chosen so that the sum over IPv6 comes out as 0xffff, the field as 0.
  const zeroing = (of: (word: Bytes) => ReturnType<typeof udp>, at: number): Bytes => {
    const field = of([0, 0]).in6();
    const sum = field[at]! * 256 + field[at + 1]!;
    return [sum >> 8, sum & 255];
  };
  const udpZero = udp(zeroing((word) => udp(word), 6));
  must('T46-L4-2', 'is 0xffff in UDP', packet4(udpZero), becomes(as6(udpZero)));
  const liteOf = (word: Bytes) => udpLite(word);
  const liteZero = udpLite(zeroing(liteOf, 6));
  must('T46-L4-2', 'is 0xffff in UDP-Lite', packet4(liteZero), becomes(as6(liteZero)));
  const tcpOf = (word: Bytes) => tcp({ data: word });
  const tcpZero = tcp({ data: zeroing(tcpOf, 16) });
  must('T46-L4-2', 'stays 0 in TCP', packet4(tcpZero), becomes(as6(tcpZero)));
});

describe('UDP without checksum', () => {
  const packet = v4({ proto: 17, payload: bare(counting(5)) });
  must('T46-L4-3', 'is computed', packet, becomes(as6(udp(counting(5)))));
  must(
    'T46-L4-3',
    'is computed for an odd length',
    v4({ proto: 17, payload: bare(counting(8)) }),
    becomes(as6(udp(counting(8)))),
  );
  must('T46-L4-3', 'and dropped on demand', packet, drops('UdpZeroChecksum46'), {
    options: { 'udp-cksum-mode': 'drop' },
  });
  must('T46-L4-3', 'and forwarded on demand', packet, becomes(as6(opaque(17, bare(counting(5))))), {
    options: { 'udp-cksum-mode': 'fwd' },
  });
  must('T46-L4-3', 'UDP Length 7', v4({ proto: 17, payload: bare(counting(5), 7) }), drops('BadUdpLength46'));
  must(
    'T46-L4-3',
    'UDP Length past the packet',
    v4({ proto: 17, payload: bare(counting(5), 14) }),
    drops('BadUdpLength46'),
  );
  must(
    'T46-L4-3',
    'UDP Length below the packet: the sum covers what it says',
    v4({ proto: 17, payload: [...bare(counting(5)), 9, 9] }),
    becomes(as6(opaque(17, [...udp(counting(5)).in6(), 9, 9]))),
  );
  must(
    'T46-L4-3',
    'with a checksum, a wrong UDP Length is nobody’s business',
    v4({ proto: 17, payload: udp(counting(5), 1, 2, 7).in4() }),
    passes,
  );
  const first = v4({ proto: 17, mf: true, payload: bare(counting(16)) });
  must('T46-L4-4', 'a first fragment', first, replies('UdpZeroChecksumFragment46', error4(first, 3, 13)));
  must(
    'T46-L4-4',
    'a first fragment, mode drop',
    first,
    replies('UdpZeroChecksumFragment46', error4(first, 3, 13)),
    {
      options: { 'udp-cksum-mode': 'drop' },
    },
  );
  must('T46-L4-4', 'a first fragment, mode fwd', first, passes, { options: { 'udp-cksum-mode': 'fwd' } });
  must(
    'T46-L4-4',
    'a later fragment passes',
    v4({ proto: 17, offset: 24, payload: bare(counting(16)) }),
    passes,
  );
});

for (const proto of [4, 41, 47, 50, 59, 89, 132]) {
  must(
    'T46-L4-5',
    `protocol ${proto} is forwarded as it is`,
    packet4(opaque(proto)),
    becomes(as6(opaque(proto))),
  );
}
