/** RFC 7757 §4.2: hairpinning is both translations one after the other, with all their rules. EAM-6, EAM-7. */
import { describe } from 'vitest';
import { as4, as6, error6, pieces } from '../support/expect.ts';
import { because, becomes, drops, hairpins, must, replies } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  icmp4,
  icmp6,
  opaque,
  optionsHeader,
  packet6,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

/** Two IPv6 hosts with mappings: A is 192.0.2.1, B is 10.0.0.2. */
const A6 = '2001:db8:1::1';
const B6 = '2001:db8:2::2';
const A4 = '192.0.2.1';
const B4 = '10.0.0.2';
const viaPool = (address: string): string => `2001:db8:64::${address}`;
const options = { eam: ['192.0.2.1=2001:db8:1::1', '10.0.0.2=2001:db8:2::2'] };
const THERE = { src: A6, dst: viaPool(B4) };
const ARRIVES = { src: viaPool(A4), dst: B6 };
const data = opaque(99, [1, 2, 3, 4]);

describe('which errors are turned back', () => {
  /** B6 complains to A's IPv4 address about a packet from `src` to `dst`. */
  const complaint = (src: string, dst: string): Bytes =>
    v6({
      src: B6,
      dst: viaPool(A4),
      next: 58,
      payload: icmp6(1, 4, u32(0), as6(udp(), { src, dst }), B6, viaPool(A4)),
    });
  const leaves = (src: string): Bytes =>
    v4({
      src: B4,
      dst: A4,
      ttl: 63,
      id: 0xabcd,
      proto: 1,
      payload: icmp4(3, 3, u32(0), as4(udp(), { src, dst: B4, id: 0 })),
    });
  must(
    'EAM-6',
    'an error about a packet whose source is an EAM’s IPv6 address: not',
    complaint(A6, B6),
    becomes(leaves(A4)),
    { options },
  );
  must(
    'EAM-6',
    'an error about a packet whose source has no EAM: not',
    complaint(viaPool('10.0.0.9'), B6),
    becomes(leaves('10.0.0.9')),
    { options },
  );
});

describe('the first translation', () => {
  must(
    'EAM-7',
    'extension headers are left behind',
    v6({
      ...THERE,
      next: 0,
      payload: [...optionsHeader(60), ...optionsHeader(17), ...udp().in6(A6, viaPool(B4))],
    }),
    hairpins(as6(udp(), ARRIVES)),
    { options },
  );
  must(
    'EAM-7',
    'the flow label is lost',
    packet6(data, { ...THERE, flow: 5, tc: 0xb8 }),
    hairpins(as6(data, { ...ARRIVES, tc: 0xb8 })),
    { options },
  );
  must(
    'EAM-7',
    'Traffic Class by both options',
    packet6(data, { ...THERE, tc: 3 }),
    hairpins(as6(data, { ...ARRIVES, tc: 16 })),
    {
      options: { ...options, 'override-tos': '16' },
    },
  );
});

describe('fragments', () => {
  const fragment = (payload: Bytes, next: number, of: Parameters<typeof fh>[1] = {}): Bytes =>
    v6({ ...THERE, next: 44, payload: [...fh(next, of), ...payload] });
  const arrives = (payload: Bytes, next: number, of: Parameters<typeof fh>[1] = {}): Bytes =>
    v6({ ...ARRIVES, hop: 63, next: 44, payload: [...fh(next, of), ...payload] });
  const id = 0x0102beef;
  must(
    'EAM-7',
    'a first one: 16 bits of the identification, checksum adjusted',
    fragment(udp(counting(24)).in6(A6, viaPool(B4)), 17, { more: true, id }),
    hairpins(arrives(udp(counting(24)).in6(viaPool(A4), B6), 17, { more: true, id: 0xbeef })),
    { options },
  );
  must(
    'EAM-7',
    'a last one',
    fragment(counting(13), 17, { offset: 32, id }),
    hairpins(arrives(counting(13), 17, { offset: 32, id: 0xbeef })),
    { options },
  );
  for (const [bytes, size] of [
    [1232, 1232],
    [1240, 1232],
    [1400, 1232],
  ] as const) {
    must(
      'EAM-7',
      `one of ${bytes} bytes, split as T46-FRAG-3 says`,
      fragment(counting(bytes), 99, { offset: 800, id }),
      hairpins(
        ...pieces(counting(bytes), size).map(({ data: piece, offset, last }) =>
          arrives(piece, 99, { offset: 800 + offset, more: !last, id: 0xbeef }),
        ),
      ),
      { options },
    );
  }
  must(
    'EAM-7',
    'a large atomic one, split by its identification: DF was clear',
    fragment(counting(1241), 99, { id }),
    hairpins(
      ...pieces(counting(1241), 1232).map(({ data: piece, offset, last }) =>
        arrives(piece, 99, { offset, more: !last, id: 0xbeef }),
      ),
    ),
    { options },
  );
});

describe('sizes', () => {
  const of = (bytes: number) => opaque(99, counting(bytes));
  for (const bytes of [1239, 1240, 1241, 1460]) {
    must('EAM-7', `${bytes} bytes: whole`, packet6(of(bytes), THERE), hairpins(as6(of(bytes), ARRIVES)), {
      options,
    });
  }
  const large = packet6(of(1461), THERE);
  must('EAM-7', '1461 bytes: Packet Too Big', large, replies('TooBig64', error6(large, 2, 0, 1500, A6)), {
    options,
  });

  // RFC 791: Total Length has 16 bits. mtu6 would allow what IPv6 received.
  const wide = { ...options, 'ipv6-mtu': '65535' };
  const fragment = (bytes: number, offset: number): Bytes =>
    v6({ ...THERE, next: 44, payload: [...fh(99, { offset, more: false, id: 7 }), ...counting(bytes)] });
  const [first, later] = [fragment(65_516, 0), fragment(65_516, 8)];
  must(
    'EAM-7',
    'more than an IPv4 packet can have: Packet Too Big',
    first,
    replies('TooBig64', error6(first, 2, 0, 65_535, A6)),
    { options: wide },
  );
  must('EAM-7', 'the same on a later fragment: silence', later, drops('LaterFragmentTooBig64'), {
    options: wide,
  });
  must('EAM-7', 'the longest later fragment there can be', fragment(65_512, 8), because('Hairpinned'), {
    options: wide,
  });
});

describe('the second translation', () => {
  const bare = (payload: Bytes): Bytes => [...payload.slice(0, 6), 0, 0, ...payload.slice(8)];
  const zero = v6({ ...THERE, next: 17, payload: bare(udp().in6()) });
  must(
    'EAM-7',
    'T46-L4-3: UDP without checksum stays without on demand',
    zero,
    hairpins(as6(opaque(17, bare(udp().in6())), ARRIVES)),
    {
      options: { ...options, 'udp-cksum-mode': 'fwd' },
    },
  );
  const strict = packet6(data, { src: A6, dst: '64:ff9b::8.8.8.8' });
  must(
    'EAM-7',
    'a source that the well-known prefix must not carry is an ICMPv6 error',
    strict,
    replies('WkpSource64', error6(strict, 1, 1, 0, A6)),
    {
      options: { pool6: '64:ff9b::/96', eam: ['192.0.2.1=2001:db8:1::1', '8.8.8.8=2001:db8:2::2'] },
    },
  );
  must(
    'EAM-7',
    'Traffic Class 0 on demand',
    packet6(data, { ...THERE, tc: 3 }),
    hairpins(as6(data, ARRIVES)),
    {
      options: { ...options, 'zeroize-traffic-class': true },
    },
  );
});
