/** RFC 6169: a translator is a way around what a firewall or the kernel's own checks would stop. CLAT-13. */
import { describe, expect, test } from 'vitest';
import { insideOf } from '../../src/address/inside.ts';
import type { RawOptions } from '../../src/config/load.ts';
import { as4, as6, error6 } from '../support/expect.ts';
import {
  because,
  becomes,
  drops,
  hairpins,
  type MustOptions,
  must,
  replies,
  translator,
} from '../support/must.ts';
import { type Bytes, counting, icmp6, ip4, opaque, packet6, u32, udp, v6 } from '../support/packets.ts';

/** A router: 192.168.1.1/24 towards its LAN, 10.1.2.3/8 elsewhere, itself 192.0.0.2 behind the translator. */
const LAN6 = '2001:db8:12:3401:';
const CLAT6 = '2001:db8:1::1';
const pool = (v4: string): string => `2001:db8:64::${v4}`;
const lan = (v4: string): string => `${LAN6}:${v4}`;
const word = (v4: string): number => {
  const [a, b, c, d] = ip4(v4) as [number, number, number, number];
  return (a << 24) | (b << 16) | (c << 8) | d;
};
const prefix = (text: string) => {
  const [address = '', length = '32'] = text.split('/');
  return { address: word(address), length: Number(length) };
};
const inside = insideOf(
  [
    '192.0.0.1',
    '192.0.0.2',
    '192.0.0.0/29',
    '192.168.1.1',
    '192.168.1.0/24',
    '10.1.2.3',
    '10.0.0.0/8',
    '172.20.0.0/16',
  ].map(prefix),
  ['192.168.1.1', '192.168.1.0', '192.168.1.255'].map(word),
);
const OPTIONS: RawOptions = {
  eam: [`192.0.0.2=${CLAT6}`],
  lan: [`192.168.1.0/24=${LAN6}:/96`],
  'ipv4-addr': '192.0.0.1',
  'ipv6-addr': undefined,
};
const KNOWN: MustOptions = { options: OPTIONS, inside };
const UNKNOWN: MustOptions = { options: OPTIONS };

const data = opaque(99, counting(8));
const packet = (src: string, dst = CLAT6): Bytes => packet6(data, { src, dst });

/** Who the packet says it is from, and why that is a lie. */
const LIES = [
  [pool('192.0.0.1'), 'the translator itself'],
  [pool('192.0.0.2'), 'this host, behind the translator'],
  [pool('192.0.0.5'), 'the network on the TUN'],
  [pool('192.168.1.1'), 'the router, on its LAN'],
  [pool('192.168.1.5'), 'a host of the LAN, by its IPv4 address'],
  [pool('10.1.2.3'), 'this host, elsewhere'],
  [pool('10.200.0.1'), 'a network connected to this host'],
  [pool('172.20.9.9'), 'hosts behind this one that share its address'],
  [lan('192.168.1.5'), 'a host of the LAN, by its IPv6 address'],
  [CLAT6, 'this host, by its IPv6 address'],
] as const;

describe.each([
  ['this host', CLAT6],
  ['a host of the LAN', lan('192.168.1.77')],
])('from outside to %s', (_to, dst) => {
  for (const [src, who] of LIES) {
    must('CLAT-13', `as from ${who}`, packet(src, dst), drops('SpoofedSource64'), KNOWN);
    must(
      'CLAT-13',
      `as from ${who}, in replay and with --no-configure`,
      packet(src, dst),
      because('Translated64'),
      UNKNOWN,
    );
  }
  must('CLAT-13', 'from the internet', packet(pool('198.51.100.2'), dst), because('Translated64'), KNOWN);
  must(
    'CLAT-13',
    'from a private network that is none of ours',
    packet(pool('192.168.2.5'), dst),
    because('Translated64'),
    KNOWN,
  );
  must(
    'CLAT-13',
    'from an IPv6 host (CLAT-12)',
    packet('2001:db8:f::1', dst),
    because('UnmappedSource64'),
    KNOWN,
  );
});

describe('destinations', () => {
  for (const [v4, what] of [
    ['192.168.1.1', 'the router’s address'],
    ['192.168.1.0', 'the network’s address'],
    ['192.168.1.255', 'broadcast'],
  ] as const) {
    const to = packet(pool('198.51.100.2'), lan(v4));
    must(
      'CLAT-13',
      `a LAN’s ${what} is none`,
      to,
      replies('ReservedDestination64', error6(to, 1, 1, 0, pool('198.51.100.2'), lan(v4))),
      KNOWN,
    );
    must('CLAT-13', `a LAN’s ${what}, in replay`, to, because('Translated64'), UNKNOWN);
    const error = v6({
      src: pool('198.51.100.2'),
      dst: lan(v4),
      next: 58,
      payload: icmp6(
        1,
        4,
        u32(0),
        as6(udp(), { src: lan(v4), dst: pool('198.51.100.2') }),
        pool('198.51.100.2'),
        lan(v4),
      ),
    });
    must('CLAT-13', `a LAN’s ${what}: not of errors either`, error, drops('ReservedDestination64'), KNOWN);
  }
  must(
    'CLAT-13',
    'the destination is asked first',
    packet(pool('192.168.1.5'), lan('192.168.1.1')),
    because('ReservedDestination64'),
    KNOWN,
  );
});

describe('ICMPv6 errors', () => {
  /** About a packet of this host’s to the server. */
  const error = (src: string): Bytes =>
    v6({
      src,
      dst: CLAT6,
      next: 58,
      payload: icmp6(3, 0, u32(0), as6(udp(), { src: CLAT6, dst: pool('198.51.100.2') }), src, CLAT6),
    });
  // Routers behind the NAT64 may have any private address.
  for (const v4 of ['192.168.1.1', '10.200.0.1', '172.20.9.9']) {
    must(
      'CLAT-13',
      `from a router with the private address ${v4}`,
      error(pool(v4)),
      because('Translated64'),
      KNOWN,
    );
  }
  must('CLAT-13', 'from an IPv6 router', error('2001:db8:f::1'), because('Translated64'), KNOWN);
  for (const [src, who] of [
    [lan('192.168.1.5'), 'a host of the LAN'],
    [CLAT6, 'this host'],
  ] as const) {
    must('CLAT-13', `as from ${who}, by its IPv6 address`, error(src), drops('SpoofedSource64'), KNOWN);
    must('CLAT-13', `as from ${who}, in replay`, error(src), because('Translated64'), UNKNOWN);
  }
});

describe('hairpinning', () => {
  const A6 = '2001:db8:1::1';
  const B6 = '2001:db8:2::2';
  const options: RawOptions = { eam: [`192.0.2.1=${A6}`, `10.0.0.2=${B6}`] };
  const known: MustOptions = { options, inside };
  must(
    'CLAT-13',
    'an IPv6 host with a mapping reaches another by its IPv4 address',
    packet(A6, pool('10.0.0.2')),
    hairpins(as6(data, { src: pool('192.0.2.1'), dst: B6 })),
    known,
  );
  must(
    'CLAT-13',
    'its error comes back',
    v6({
      src: B6,
      dst: pool('192.0.2.1'),
      next: 58,
      payload: icmp6(1, 4, u32(0), as6(udp(), { src: pool('192.0.2.1'), dst: B6 }), B6, pool('192.0.2.1')),
    }),
    because('Hairpinned'),
    known,
  );
  must('CLAT-13', 'what is not turned back is', packet(A6, B6), drops('SpoofedSource64'), known);
  must(
    'CLAT-13',
    'nothing is turned back with mode off',
    packet(A6, pool('10.0.0.2')),
    drops('SpoofedSource64'),
    {
      options: { ...options, 'eam-hairpin-mode': 'off' },
      inside,
    },
  );
});

describe('caches', () => {
  test('CLAT-13: refused the second time too, and the honest pair between', () => {
    const engine = translator(OPTIONS, 0, inside);
    const reason = (src: string) => engine.translate(Uint8Array.from(packet(src))).reason;
    const honest = pool('198.51.100.2');
    const reasons = [pool('10.1.2.3'), honest, pool('10.1.2.3'), honest, lan('192.168.1.5'), honest].map(
      reason,
    );
    expect(reasons).toEqual([
      ...[
        'SpoofedSource64',
        'Translated64',
        'SpoofedSource64',
        'Translated64',
        'SpoofedSource64',
        'Translated64',
      ],
    ]);
  });
  test('CLAT-13: an error of a private router does not open the way for its packets', () => {
    const engine = translator(OPTIONS, 0, inside);
    const src = pool('10.1.2.4');
    const error = v6({
      src,
      dst: CLAT6,
      next: 58,
      payload: icmp6(3, 0, u32(0), as6(udp(), { src: CLAT6, dst: pool('198.51.100.2') }), src, CLAT6),
    });
    expect(engine.translate(Uint8Array.from(error)).reason).toBe('Translated64');
    expect(engine.translate(Uint8Array.from(packet(src))).reason).toBe('SpoofedSource64');
    expect(engine.translate(Uint8Array.from(error)).reason).toBe('Translated64');
  });
});

must(
  'CLAT-13',
  'what the translator refuses it does not touch otherwise',
  packet(pool('198.51.100.2')),
  becomes(as4(data, { src: '198.51.100.2', dst: '192.0.0.2' })),
  KNOWN,
);
