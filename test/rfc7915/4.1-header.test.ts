/** RFC 7915 §4.1: IPv4 headers into IPv6 headers; what is refused before. T46-IN, T46-HDR, T46-OPT, GEN-5, GEN-7. */
import { describe } from 'vitest';
import { as6, error4 } from '../support/expect.ts';
import { becomes, drops, ignores, must, passes, replies } from '../support/must.ts';
import { counting, HOST4, icmp4, opaque, PEER4, packet4, tcp, u32, udp, v4 } from '../support/packets.ts';

const whole = packet4(udp());

describe('input validation', () => {
  must('GEN-5', 'an empty packet is not IP', [], ignores);
  must('GEN-5', 'version 5 is not IP', [0x55, ...whole.slice(1)], ignores);
  must('T46-IN-1', '19 bytes', whole.slice(0, 19), drops('ShortHeader46'));
  must('T46-IN-1', 'one byte', [0x45], drops('ShortHeader46'));
  must('T46-IN-2', 'IHL 4', v4({ ihl: 4, payload: counting(20) }), drops('BadHeaderLength46'));
  must('T46-IN-2', 'IHL past the packet', v4({ ihl: 15 }), drops('BadHeaderLength46'));
  must(
    'T46-IN-3',
    'Total Length 19',
    v4({ totalLength: 19, payload: counting(8) }),
    drops('BadTotalLength46'),
  );
  must(
    'T46-IN-3',
    'Total Length 0 (BIG TCP)',
    v4({ totalLength: 0, payload: counting(8) }),
    drops('BadTotalLength46'),
  );
  must(
    'T46-IN-3',
    'Total Length below IHL 6',
    v4({ totalLength: 23, options: [1, 1, 1, 0] }),
    drops('BadTotalLength46'),
  );
  must('T46-IN-4', 'one byte missing', whole.slice(0, -1), drops('Truncated46'));
  must('T46-IN-5', 'bytes after Total Length are no part', [...whole, 9, 9, 9], becomes(as6(udp())));
  must('T46-IN-6', 'wrong header checksum', v4({ headerChecksum: 0x1234 }), drops('BadHeaderChecksum46'));
  must(
    'T46-IN-6',
    'wrong header checksum in the options',
    ((packet) => packet.with(21, 0x44))(v4({ options: [1, 1, 1, 1] })),
    drops('BadHeaderChecksum46'),
  );
  must('T46-IN-7', 'TTL 0', v4({ ttl: 0 }), drops('TtlZero46'));
  must(
    'T46-IN-8',
    'the reserved flag is ignored',
    v4({ reservedFlag: true, payload: [1] }),
    becomes(as6(opaque(99, [1]))),
  );
  must('T46-IN-9', 'MF with 12 bytes', v4({ mf: true, payload: counting(12) }), drops('BadFragmentLength46'));
  must(
    'T46-IN-10',
    'a fragment past 65535',
    v4({ offset: 65528, payload: counting(8) }),
    drops('FragmentOverrun46'),
  );
  must('T46-IN-10', 'a fragment up to 65535', v4({ offset: 65528, payload: counting(7) }), passes);
  must('T46-IN-11', 'an empty first fragment', v4({ mf: true }), drops('EmptyFragment46'));
  must('T46-IN-11', 'an empty last fragment', v4({ offset: 8 }), drops('EmptyFragment46'));
  must(
    'T46-IN-12',
    'ICMP with MF',
    v4({ proto: 1, mf: true, payload: icmp4(8, 0, u32(1)) }),
    drops('FragmentedIcmp46'),
  );
  must(
    'T46-IN-12',
    'ICMP with offset',
    v4({ proto: 1, offset: 8, payload: counting(8) }),
    drops('FragmentedIcmp46'),
  );
  must('T46-IN-13', 'TCP of 19 bytes', v4({ proto: 6, payload: counting(19) }), drops('ShortTransport46'));
  must('T46-IN-13', 'UDP of 7 bytes', v4({ proto: 17, payload: counting(7) }), drops('ShortTransport46'));
  must('T46-IN-13', 'ICMP of 7 bytes', v4({ proto: 1, payload: counting(7) }), drops('ShortTransport46'));
  must(
    'T46-IN-13',
    'a later TCP fragment of 4 bytes',
    v4({ proto: 6, offset: 24, payload: counting(4) }),
    passes,
  );
  for (const proto of [0, 43, 44, 58, 60]) {
    must('T46-IN-14', `protocol ${proto}`, v4({ proto, payload: counting(8) }), drops('ForbiddenProtocol46'));
  }
  must('T46-IN-14', 'IGMP', v4({ proto: 2, payload: counting(8) }), drops('Igmp46'));
  for (const proto of [50, 51, 135, 139, 140]) {
    must('T46-IN-14', `protocol ${proto} passes`, packet4(opaque(proto)), becomes(as6(opaque(proto))));
  }
  must('T46-IN-15', 'no payload', v4({}), becomes(as6(opaque(99, []))));
});

describe('header', () => {
  must('T46-HDR-1', 'version 6, flow label 0 [T46-HDR-3]', whole, becomes(as6(udp(), { flow: 0 })));
  for (const tos of [0, 1, 0x2e << 2, 0xff]) {
    must(
      'T46-HDR-2',
      `TOS ${tos} is the Traffic Class`,
      packet4(udp(), { tos }),
      becomes(as6(udp(), { tc: tos })),
    );
  }
  must('T46-HDR-2', 'or 0 on demand', packet4(udp(), { tos: 0xb8 }), becomes(as6(udp(), { tc: 0 })), {
    options: { 'zeroize-traffic-class': true },
  });
  must(
    'T46-HDR-4',
    'Payload Length without options',
    packet4(udp(), { options: [1, 1, 1, 0] }),
    becomes(as6(udp())),
  );
  must('T46-HDR-5', 'Next Header is the protocol', packet4(opaque(47)), becomes(as6(opaque(47))));
  must('T46-HDR-6', 'TTL 2 leaves as 1', packet4(udp(), { ttl: 2 }), becomes(as6(udp(), { hop: 1 })));
  must('T46-HDR-6', 'TTL 255 leaves as 254', packet4(udp(), { ttl: 255 }), becomes(as6(udp(), { hop: 254 })));
  const expired = packet4(udp(), { ttl: 1 });
  must('T46-HDR-6', 'TTL 1: Time Exceeded', expired, replies('TtlExpired46', error4(expired, 11, 0)));
  must(
    'T46-HDR-7',
    'addresses',
    packet4(udp(), { src: PEER4, dst: HOST4 }),
    becomes(as6(udp(), { src: '2001:db8:64::198.51.100.2', dst: '2001:db8:1::1' })),
  );
});

describe('options', () => {
  const withOptions = (options: number[]): number[] => packet4(tcp(), { options });
  must('T46-OPT-1', 'options are left behind', withOptions([7, 7, 4, 0, 0, 0, 0, 0]), becomes(as6(tcp())));
  must('T46-OPT-1', 'sixty bytes of header', withOptions(new Array<number>(40).fill(1)), becomes(as6(tcp())));
  for (const type of [131, 137]) {
    const unexpired = withOptions([type, 7, 4, 1, 2, 3, 4, 0]);
    must(
      'T46-OPT-2',
      `option ${type} unexpired`,
      unexpired,
      replies('SourceRoute46', error4(unexpired, 3, 5)),
    );
    const justUnexpired = withOptions([type, 7, 7, 1, 2, 3, 4, 0]);
    must(
      'T46-OPT-2',
      `option ${type} pointer = length`,
      justUnexpired,
      replies('SourceRoute46', error4(justUnexpired, 3, 5)),
    );
    must(
      'T46-OPT-2',
      `option ${type} expired`,
      withOptions([type, 7, 8, 1, 2, 3, 4, 0]),
      becomes(as6(tcp())),
    );
    must('T46-OPT-3', `option ${type} of length 2`, withOptions([type, 2, 0, 0]), drops('BadOptions46'));
  }
  must('T46-OPT-3', 'length 1', withOptions([7, 1, 0, 0]), drops('BadOptions46'));
  must('T46-OPT-3', 'length 0', withOptions([7, 0, 0, 0]), drops('BadOptions46'));
  must('T46-OPT-3', 'length past the header', withOptions([7, 5, 0, 0]), drops('BadOptions46'));
  must('T46-OPT-3', 'no room for a length', withOptions([1, 1, 1, 7]), drops('BadOptions46'));
  must('T46-OPT-3', 'EOL ends the scan', withOptions([0, 7, 1, 0]), becomes(as6(tcp())));
  must('T46-OPT-3', 'NOP is one byte', withOptions([1, 7, 3, 4]), becomes(as6(tcp())));
  must(
    'T46-OPT-3',
    'the first finding decides: malformed',
    withOptions([7, 1, 131, 3]),
    drops('BadOptions46'),
  );
  const routeFirst = withOptions([131, 3, 3, 7, 9, 0, 0, 0]);
  must(
    'T46-OPT-2',
    'the first finding decides: route',
    routeFirst,
    replies('SourceRoute46', error4(routeFirst, 3, 5)),
  );
});

describe('size', () => {
  must('GEN-7', 'the largest IPv4 packet, in fragments', packet4(opaque(99, counting(65515))), passes, {
    options: { 'ipv6-mtu': '65535', 'lowest-ipv6-mtu': '1280' },
  });
});

describe('just enough', () => {
  must('T46-IN-1', '20 bytes', v4(), becomes(as6(opaque(99, []))));
  must(
    'T46-IN-2',
    'a header as long as the packet',
    v4({ options: [1, 1, 1, 1] }),
    becomes(as6(opaque(99, []))),
  );
  must('T46-IN-13', 'TCP of 20 bytes', packet4(tcp()), becomes(as6(tcp())));
  must('T46-IN-13', 'UDP of 8 bytes', packet4(udp([])), becomes(as6(udp([]))));
  must('T46-IN-13', 'an echo of 8 bytes', v4({ proto: 1, payload: icmp4(8, 0, u32(1)) }), passes);
  must('T46-IN-9', 'MF with 16 bytes', v4({ mf: true, payload: counting(16) }), passes);
  must('T46-IN-9', 'the last with 12', v4({ offset: 8, payload: counting(12) }), passes);
  for (const offset of [8, 65512]) {
    must(
      'T46-IN-12',
      `ICMP at ${offset}`,
      v4({ proto: 1, offset, payload: counting(8) }),
      drops('FragmentedIcmp46'),
    );
  }
  const forbidden = new Set([0, 2, 43, 44, 58, 60]);
  const known = new Set([1, 6, 17, 33, 136]);
  for (let proto = 0; proto < 256; proto++) {
    if (forbidden.has(proto) || known.has(proto)) continue;
    must('T46-L4-5', `protocol ${proto}`, packet4(opaque(proto)), becomes(as6(opaque(proto))));
  }
  for (const proto of [33, 136]) {
    must(
      'T46-L4-1',
      `protocol ${proto} of 7 bytes`,
      packet4(opaque(proto, counting(7))),
      becomes(as6(opaque(proto, counting(7)))),
    );
  }
  must(
    'T46-OPT-3',
    'an option that fills the area',
    packet4(tcp(), { options: [7, 4, 0, 0] }),
    becomes(as6(tcp())),
  );
  must('T46-OPT-3', 'one byte more', packet4(tcp(), { options: [7, 5, 0, 0] }), drops('BadOptions46'));
  must('T46-OPT-2', 'a route behind EOL', packet4(tcp(), { options: [0, 131, 3, 3] }), becomes(as6(tcp())));
  const behind = packet4(tcp(), { options: [1, 7, 4, 0, 0, 137, 3, 3] });
  must('T46-OPT-2', 'a route behind others', behind, replies('SourceRoute46', error4(behind, 3, 5)));
});
