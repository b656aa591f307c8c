/** RFC 7915 §4.3: the packet in an ICMPv4 error. IERR-*. */
import { describe } from 'vitest';
import { inner4, inner6, message, result } from '../support/errors46.ts';
import { becomes, drops, type MustOptions, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  dccp,
  fh,
  icmp4,
  icmp6,
  opaque,
  type Transport,
  tcp,
  u32,
  udp,
  udpLite,
  type V4,
  type V6,
  v4,
  v6,
} from '../support/packets.ts';

const quoted = (
  of: Transport = udp(),
  options: MustOptions = {},
  what = 'a quote',
  four: V4 = {},
  six: V6 = {},
): void =>
  must(
    'IERR-1',
    what,
    message(3, 1, u32(0), inner4(of, four)),
    becomes(result(1, 0, u32(0), inner6(of, six))),
    options,
  );

describe('the packet in error', () => {
  quoted(udp(), {}, 'UDP');
  quoted(tcp({ data: counting(9) }), {}, 'TCP');
  quoted(opaque(50), {}, 'ESP');
  quoted(udp(), {}, 'IERR-3: TTL and TOS are copied', { ttl: 1, tos: 0xb8 }, { hop: 1, tc: 0xb8 });
  quoted(
    udp(),
    { options: { 'zeroize-traffic-class': true } },
    'IERR-3: with the option',
    { tos: 0xb8 },
    { tc: 0 },
  );
  quoted(udp(), {}, 'IERR-3: its header checksum is not looked at', { headerChecksum: 1 });
  quoted(udp(), {}, 'IERR-4: options are left behind', { options: [1, 1, 1, 0] });
  must(
    'IERR-1',
    'an error about an error',
    message(3, 1, u32(0), v4({ proto: 1, payload: icmp4(3, 3, u32(0), inner4()) })),
    drops('InnerIcmp46'),
  );
  must(
    'IERR-1',
    'an error about a timestamp',
    message(3, 1, u32(0), v4({ proto: 1, payload: icmp4(13, 0, u32(0), counting(8)) })),
    drops('InnerIcmp46'),
  );
  const cut = (bytes: number, of = udp()): Bytes => inner4(of).slice(0, bytes);
  must('IERR-2', 'a quote of 19 bytes', message(3, 1, u32(0), cut(19)), drops('InnerShort46'));
  must('IERR-2', 'no quote', message(3, 1, u32(0), []), drops('InnerShort46'));
  must(
    'IERR-2',
    'IHL past the quote',
    message(3, 1, u32(0), inner4(udp(), { ihl: 15 }).slice(0, 28)),
    drops('InnerMalformed46'),
  );
  must(
    'IERR-2',
    'version 6 inside',
    message(3, 1, u32(0), inner4(udp(), { version: 6 })),
    drops('InnerMalformed46'),
  );
  must(
    'IERR-2',
    'Total Length below the header',
    message(3, 1, u32(0), inner4(udp(), { totalLength: 19 })),
    drops('InnerMalformed46'),
  );
  must(
    'IERR-2',
    'cut inside UDP: the rest passes through',
    message(3, 1, u32(0), cut(25)),
    becomes(
      result(
        1,
        0,
        u32(0),
        inner6()
          .slice(0, 45)
          .map((byte, i) => (i === 44 ? cut(25)[24]! : byte)),
      ),
    ),
  );
  const tcp8 = message(3, 1, u32(0), cut(28, tcp()));
  must(
    'IERR-2',
    'TCP cut at 8 bytes (RFC 792)',
    tcp8,
    becomes(result(1, 0, u32(0), inner6(tcp()).slice(0, 48))),
  );
  must(
    'IERR-2',
    'ICMP of 7 bytes inside',
    message(3, 1, u32(0), v4({ proto: 1, payload: icmp4(8, 0, u32(1)) }).slice(0, 27)),
    drops('InnerShort46'),
  );
  must(
    'IERR-4',
    'the claimed length is translated',
    message(3, 1, u32(0), inner4(udp(), { totalLength: 1000 })),
    becomes(result(1, 0, u32(0), inner6(udp(), { payloadLength: 980 }))),
  );
  const fragment = (fields: V4, payload: Bytes): Bytes =>
    v4({ ttl: 9, proto: 17, id: 0x77, payload, ...fields });
  must(
    'IERR-5',
    'a first fragment',
    message(11, 1, u32(0), fragment({ mf: true }, udp(counting(16)).in4())),
    becomes(
      result(
        3,
        1,
        u32(0),
        v6({ hop: 9, next: 44, payload: [...fh(17, { more: true, id: 0x77 }), ...udp(counting(16)).in6()] }),
      ),
    ),
  );
  must(
    'IERR-5',
    'a later fragment: its bytes are left alone',
    message(11, 1, u32(0), fragment({ offset: 8 }, counting(16))),
    becomes(
      result(
        3,
        1,
        u32(0),
        v6({ hop: 9, next: 44, payload: [...fh(17, { offset: 8, id: 0x77 }), ...counting(16)] }),
      ),
    ),
  );
  must(
    'IERR-5',
    'fragmented ICMP',
    message(3, 1, u32(0), v4({ proto: 1, mf: true, payload: icmp4(8, 0, u32(1)) })),
    drops('InnerFragmentedIcmp46'),
  );
  const echo = v4({ ttl: 9, proto: 1, payload: icmp4(8, 3, u32(5), counting(9)) });
  must(
    'IERR-7',
    'an echo inside',
    message(11, 0, u32(0), echo),
    becomes(result(3, 0, u32(0), v6({ hop: 9, next: 58, payload: icmp6(128, 0, u32(5), counting(9)) }))),
  );
  const bare = [...udp().in4().slice(0, 6), 0, 0, ...udp().in4().slice(8)];
  must(
    'IERR-7',
    'UDP 0 stays 0',
    message(3, 3, u32(0), v4({ ttl: 9, proto: 17, payload: bare })),
    becomes(result(1, 4, u32(0), v6({ hop: 9, next: 17, payload: bare }))),
  );
  for (const src of ['127.0.0.1', '0.0.0.0', '224.0.0.1', '169.254.0.1', '255.255.255.255']) {
    must(
      'IERR-8',
      `inner source ${src}`,
      message(3, 1, u32(0), inner4(udp(), { src })),
      drops('InnerAddress46'),
    );
    must(
      'IERR-8',
      `inner destination ${src}`,
      message(3, 1, u32(0), inner4(udp(), { dst: src })),
      drops('InnerAddress46'),
    );
  }
  must(
    'IERR-8',
    'an inner address that is denied',
    message(3, 1, u32(0), inner4()),
    drops('InnerAddress46'),
    { options: { denylist4: ['198.51.100.0/24'] } },
  );
  for (const proto of [0, 2, 43, 44, 58, 60]) {
    must(
      'IERR-9',
      `inner protocol ${proto}`,
      message(3, 1, u32(0), v4({ proto, payload: counting(16) })),
      drops('InnerProtocol46'),
    );
  }
});

/** Where the checksum stands that covers the addresses. */
const TRANSPORTS = [
  ['TCP', tcp({ data: counting(9) }), 16],
  ['UDP', udp(counting(9)), 6],
  ['DCCP', dccp(counting(9)), 6],
  ['UDP-Lite', udpLite(counting(9)), 6],
] as const;
describe.each(TRANSPORTS)('a quote of %s cut anywhere', (_name, of, at) => {
  for (let present = 0; present <= of.in4().length; present++) {
    // A checksum that is not there whole is passed through like any byte.
    const segment = present < at + 2 ? of.in4() : of.in6();
    must(
      'IERR-7',
      `after ${present} bytes`,
      message(3, 1, u32(0), inner4(of).slice(0, 20 + present)),
      becomes(result(1, 0, u32(0), [...inner6(of).slice(0, 40), ...segment.slice(0, present)])),
    );
  }
});

describe('more of the packet in error', () => {
  for (let present = 0; present < 8; present++) {
    must(
      'IERR-2',
      `an echo of ${present} bytes inside`,
      message(3, 1, u32(0), inner4(opaque(1, icmp4(8, 0, u32(1)))).slice(0, 20 + present)),
      drops('InnerShort46'),
    );
  }
  for (let length = 0; length < 20; length++) {
    must(
      'IERR-2',
      `a quote of ${length} bytes`,
      message(11, 0, u32(0), inner4().slice(0, length)),
      drops('InnerShort46'),
    );
  }
  must('IERR-2', 'IHL 4 inside', message(3, 1, u32(0), inner4(udp(), { ihl: 4 })), drops('InnerMalformed46'));
  must(
    'IERR-2',
    'Total Length of the header alone is enough',
    message(3, 1, u32(0), inner4(opaque(99, []))),
    becomes(result(1, 0, u32(0), inner6(opaque(99, [])))),
  );
  must(
    'IERR-3',
    'TTL 0 inside is copied',
    message(11, 0, u32(0), inner4(udp(), { ttl: 0 })),
    becomes(result(3, 0, u32(0), inner6(udp(), { hop: 0 }))),
  );
  must(
    'IERR-5',
    'neither DF nor the size inside matters',
    message(3, 4, [0, 0, 5, 220], inner4(udp(), { df: true, totalLength: 9000 })),
    becomes(result(2, 0, u32(1500), inner6(udp(), { payloadLength: 8980 }))),
  );
  const longest = message(
    3,
    1,
    u32(0),
    v4({ ...{ ttl: 9, proto: 17, mf: true, id: 1, totalLength: 65535 } }),
  );
  must(
    'IERR-4',
    'the longest claim, with a Fragment Header',
    longest,
    becomes(
      result(
        1,
        0,
        u32(0),
        v6({ hop: 9, next: 44, payloadLength: 65523, payload: fh(17, { more: true, id: 1 }) }),
      ),
    ),
  );
  const private4 = { src: '192.0.2.1', dst: '10.0.0.1' };
  must(
    'IERR-8',
    'an inner address that the well-known prefix must not carry',
    message(3, 1, u32(0), inner4(udp(), private4), { src: '8.8.8.8' }),
    drops('InnerAddress46'),
    { options: { pool6: '64:ff9b::/96' } },
  );
  must(
    'IERR-8',
    'an inner address without mapping',
    message(3, 1, u32(0), inner4(), { src: '10.0.0.9' }),
    drops('InnerAddress46'),
    { options: { pool6: undefined, eam: ['192.0.2.1=2001:db8:1::1', '10.0.0.9=2001:db8:1::9'] } },
  );
  const both = ['192.0.2.1=2001:db8:1::1', '198.51.100.2=2001:db8:2::2'];
  must(
    'EAM-8',
    'simple: the inner destination goes by RFC 6052, the source by EAM',
    message(3, 1, u32(0), inner4()),
    becomes(result(1, 0, u32(0), inner6())),
    { options: { eam: both, 'eam-hairpin-mode': 'simple' } },
  );
  must(
    'EAM-8',
    'off: both by EAM',
    message(3, 1, u32(0), inner4()),
    becomes(result(1, 0, u32(0), inner6(udp(), { dst: '2001:db8:2::2' }))),
    { options: { eam: both, 'eam-hairpin-mode': 'off' } },
  );
  for (const [what, src, src6] of [
    ['who received the packet itself: by RFC 6052', '198.51.100.2', '2001:db8:64::198.51.100.2'],
    ['a router on the way: by EAM', '203.0.113.9', '2001:db8:3::3'],
  ] as const) {
    must(
      'EAM-8',
      `simple: an error from ${what}`,
      message(3, 3, u32(0), inner4(), { src }),
      becomes(result(1, 4, u32(0), inner6(), { src: src6 })),
      { options: { eam: [...both, '203.0.113.9=2001:db8:3::3'], 'eam-hairpin-mode': 'simple' } },
    );
  }
});
