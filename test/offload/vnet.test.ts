/** virtio_net headers: partial checksums, segmentation offload. OFF-*. */
import { describe, expect, test } from 'vitest';
import { as4, as6, error4, error6 } from '../support/expect.ts';
import { type Vnet, vnet } from '../support/kernel.ts';
import { ID, translate, translator } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  counting,
  HOST4,
  HOST6,
  hex,
  icmp4,
  icmp6,
  OWN4,
  optionsHeader,
  PEER4,
  PEER6,
  packet4,
  packet6,
  pseudo4,
  pseudo6,
  tcp,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';

/** A transport with a partial checksum: the folded sum of the pseudo-header, not complemented. */
const partial = (segment: Bytes, at: number, pseudo: Bytes): Bytes => {
  const sum = 0xffff - checksum(pseudo);
  return [...segment.slice(0, at), sum >> 8, sum & 255, ...segment.slice(at + 2)];
};
const partial4 = (proto: number, segment: Bytes): Bytes =>
  partial(segment, proto === 6 ? 16 : 6, pseudo4(HOST4, PEER4, proto, segment.length));
const partial6 = (proto: number, segment: Bytes): Bytes =>
  partial(segment, proto === 6 ? 16 : 6, pseudo6(HOST6, PEER6, proto, segment.length));
const run = (packet: Bytes, options = {}) => translate(packet, { vnetBytes: 10, options });
const outputs = (packet: Bytes, options = {}): string[] =>
  run(packet, options).outputs.map((bytes) => hex(bytes));
const reason = (packet: Bytes, options = {}): string => run(packet, options).reason;

/** A TCP super-packet, IPv4 in: `segments` of 1000 bytes. */
const TCP_DATA = counting(2500);
const tcpSegment = tcp({ data: TCP_DATA, flags: 0x99 }).in4();
const super4 = (more: Vnet = {}, fields = {}): Bytes => [
  ...vnet({ flags: 1, gso: 1, hdrLen: 40, gsoSize: 1000, start: 20, offset: 16, ...more }),
  ...v4({ proto: 6, df: true, payload: partial4(6, tcpSegment), ...fields }),
];
const udpSegment = udp(counting(2500)).in4();
const uso4 = (more: Vnet = {}, fields = {}): Bytes => [
  ...vnet({ flags: 1, gso: 5, hdrLen: 28, gsoSize: 1000, start: 20, offset: 6, ...more }),
  ...v4({ proto: 17, df: true, payload: partial4(17, udpSegment), ...fields }),
];
const super6 = (more: Vnet = {}, segment = tcpSegment): Bytes => [
  ...vnet({ flags: 1, gso: 4, hdrLen: 60, gsoSize: 1000, start: 40, offset: 16, ...more }),
  ...v6({ next: 6, payload: partial6(6, segment) }),
];

describe('rewriting', () => {
  test('OFF-4: TCPv4 becomes TCPv6', () => {
    expect(outputs(super4())).toEqual([
      hex([
        ...vnet({ flags: 1, gso: 4, hdrLen: 60, gsoSize: 1000, start: 40, offset: 16 }),
        ...v6({ hop: 63, next: 6, payload: partial6(6, tcpSegment) }),
      ]),
    ]);
  });
  test('OFF-4: the ECN bit is kept', () => {
    expect(run(super4({ gso: 0x81 })).outputs[0]![1]).toBe(0x84);
  });
  test('OFF-4: TCPv6 becomes TCPv4, hdr_len shrinks', () => {
    expect(outputs(super6())).toEqual([
      hex([
        ...vnet({ flags: 1, gso: 1, hdrLen: 40, gsoSize: 1000, start: 20, offset: 16 }),
        ...v4({ ttl: 63, id: ID, proto: 6, payload: partial4(6, tcpSegment) }),
      ]),
    ]);
  });
  test('OFF-4: UDP_L4 stays', () => {
    expect(outputs(uso4())).toEqual([
      hex([
        ...vnet({ flags: 1, gso: 5, hdrLen: 48, gsoSize: 1000, start: 40, offset: 6 }),
        ...v6({ hop: 63, next: 17, payload: partial6(17, udpSegment) }),
      ]),
    ]);
  });
  test('OFF-5: a partial checksum stays partial, also with options before', () => {
    const segment = udp().in4();
    const packet = [
      ...vnet({ flags: 1, start: 24, offset: 6 }),
      ...v4({ proto: 17, options: [1, 1, 1, 0], payload: partial4(17, segment) }),
    ];
    expect(outputs(packet)).toEqual([
      hex([
        ...vnet({ flags: 1, start: 40, offset: 6 }),
        ...v6({ hop: 63, next: 17, payload: partial6(17, segment) }),
      ]),
    ]);
  });
  test('OFF-5: a partial sum of 0 is no missing checksum', () => {
    // The sum of the pseudo-header alone is never 0 for real addresses; the mode shows that the flag is looked at first.
    const segment = [...udp().in4()].with(6, 0).with(7, 0);
    const packet = [...vnet({ flags: 1, start: 20, offset: 6 }), ...v4({ proto: 17, payload: segment })];
    expect(reason(packet, { 'udp-cksum-mode': 'drop' })).toBe('Translated46');
  });
  test('OFF-1: 12 bytes of header: the rest is 0', () => {
    const packet = [
      ...vnet({ flags: 1, start: 20, offset: 6 }),
      0xff,
      0xff,
      ...v4({ proto: 17, payload: partial4(17, udp().in4()) }),
    ];
    const { outputs: out } = translate(packet, { vnetBytes: 12 });
    expect([...out[0]!.subarray(10, 12)]).toEqual([0, 0]);
    expect(out[0]![12]! >>> 4).toBe(6);
  });
  test('OFF-12: without offload all is as without the header', () => {
    for (const packet of [
      packet4(udp()),
      packet4(tcp()),
      packet6(udp()),
      packet4(udp(counting(3000))),
      v4({ ttl: 1 }),
      v4({ dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(1)) }),
    ]) {
      const plain = translate(packet).outputs.map((bytes) => hex([...vnet(), ...bytes]));
      expect(outputs([...vnet(), ...packet])).toEqual(plain);
    }
  });
});

describe('what cannot be', () => {
  test('OFF-3: unknown segmentation types', () => {
    for (const gso of [2, 3, 4, 0x20, 0x40]) expect(reason(super4({ gso }))).toBe('BadGso46');
    for (const gso of [1, 3, 0x20]) expect(reason(super6({ gso }))).toBe('BadGso64');
    expect(reason(uso4({ gso: 0x85 }))).toBe('BadGso46');
  });
  test('OFF-11: segment sizes of 0 and 65535', () => {
    for (const gsoSize of [0, 0xffff]) expect(reason(super4({ gsoSize }))).toBe('BadGso46');
  });
  test('OFF-6: a checksum past the packet', () => {
    expect(reason(super4({ start: 60000 }))).toBe('BadPartialChecksum46');
    expect(reason(super4({ start: 19 }))).toBe('BadPartialChecksum46');
  });
  test('OFF-7: offload on a fragment', () => {
    const packet = [
      ...vnet({ flags: 1, start: 20, offset: 6 }),
      ...v4({ proto: 17, mf: true, payload: udp(counting(16)).in4() }),
    ];
    expect(reason(packet)).toBe('OffloadOnFragment46');
  });
  test('OFF-6: a checksum inside is carried along', () => {
    const payload = counting(60);
    const packet = [...vnet({ flags: 1, start: 20 + 28, offset: 6 }), ...v4({ proto: 4, payload })];
    expect(outputs(packet)).toEqual([
      hex([...vnet({ flags: 1, start: 40 + 28, offset: 6 }), ...v6({ hop: 63, next: 4, payload })]),
    ]);
  });
  test('OFF-6: a partial ICMP checksum is completed', () => {
    const whole = icmp4(8, 0, u32(7), counting(5));
    const packet = [
      ...vnet({ flags: 1, start: 20, offset: 2 }),
      ...v4({ proto: 1, payload: whole.with(2, 0).with(3, 0) }),
    ];
    expect(outputs(packet)).toEqual([
      hex([...vnet(), ...v6({ hop: 63, next: 58, payload: icmp6(128, 0, u32(7), counting(5)) })]),
    ]);
  });
});

describe('sizes', () => {
  test('OFF-8: DF and a segment over the MTU', () => {
    const packet = super4({ gsoSize: 1441 });
    expect(outputs(packet)).toEqual([hex([...vnet(), ...error4(packet.slice(10), 3, 4, 1480)])]);
    expect(reason(super4({ gsoSize: 1440 }))).toBe('Translated46');
  });
  test('OFF-8: without DF TCP is resegmented', () => {
    const [output] = run(super4({ gsoSize: 1400 }, { df: false })).outputs;
    expect(output![4]! + output![5]! * 256).toBe(1280 - 40 - 20);
  });
  test('OFF-8: without DF UDP is segmented here, then fragmented', () => {
    const got = outputs(uso4({ gsoSize: 1300 }, { df: false }));
    const expected = [counting(1300), counting(1200, 1300)].flatMap((data, i) =>
      translate(v4({ proto: 17, id: 0x1234 + i, payload: udp(data).in4() })).outputs.map((bytes) =>
        hex([...vnet(), ...bytes]),
      ),
    );
    expect(got).toEqual(expected);
  });
  test('OFF-8: UDP with DF over the MTU', () => {
    expect(reason(uso4({ gsoSize: 1460 }))).toBe('TooBig46');
  });
  test('OFF-8: 64, a segment over the IPv4 MTU', () => {
    const packet = super6({ gsoSize: 1400 });
    expect(outputs(packet, { 'ipv4-mtu': '1400' })).toEqual([
      hex([...vnet(), ...error6(packet.slice(10), 2, 0, 1420)]),
    ]);
  });
  test('OFF-8: 64, a segment that IPv6 carries at 1280 gets through in fragments', () => {
    const got = run(super6(), { 'ipv4-mtu': '1000' });
    // 1020 bytes of transport twice in two fragments, 520 in one.
    expect(got.outputs.length).toBe(5);
    for (const output of got.outputs) expect(output.length).toBeLessThanOrEqual(1010);
  });
  test('T64-DF-1: decided by the segment', () => {
    expect(run(super6({ gsoSize: 1220 })).outputs[0]![16]).toBe(0);
    expect(run(super6({ gsoSize: 1221 })).outputs[0]![16]).toBe(0x40);
  });
  test('OFF-10: more than IPv4 can hold leaves in two', () => {
    const data = counting(65500);
    const segment = tcp({ data, flags: 0x18 }).in6();
    const { outputs: out } = run(super6({ gsoSize: 1200 }, segment), {
      'ipv6-mtu': '65535',
      'ipv4-mtu': '65535',
    });
    expect(out.length).toBe(2);
    expect(out.map((bytes) => bytes[1])).toEqual([1, 1]);
    expect(hex(out.flatMap((bytes) => [...bytes.subarray(50)]))).toBe(hex(data));
    expect(out[0]![10 + 33]! & 8, 'PSH only on the last').toBe(0);
    expect(out[1]![10 + 33]! & 8).toBe(8);
    expect((out[0]!.length - 50) % 1200, 'on a segment boundary').toBe(0);
  });
});

describe('OFF-9: software segmentation', () => {
  /** What the kernel would make of the super-packet, written down by hand. */
  test('TCP whose checksum is complete: every segment is what the kernel would send', () => {
    const data = counting(2500);
    const flags = 0x99; // CWR, ACK, PSH, FIN
    const packet = [
      ...vnet({ gso: 1, hdrLen: 40, gsoSize: 1000 }),
      ...v4({ proto: 6, df: true, payload: tcp({ data, flags, seq: 0xfffffe00 }).in4() }),
    ];
    const expected = [0, 1000, 2000].map((from, i) => {
      const of = tcp({
        data: data.slice(from, from + 1000),
        seq: (0xfffffe00 + from) >>> 0,
        flags: i === 0 ? 0x90 : i === 1 ? 0x10 : 0x19,
      });
      return hex([...vnet(), ...as6(of)]);
    });
    expect(outputs(packet)).toEqual(expected);
  });
  test('UDP: lengths and checksums are each datagram’s own', () => {
    const data = counting(2500);
    const packet = [
      ...vnet({ gso: 5, hdrLen: 48, gsoSize: 1000 }),
      ...v6({ next: 17, payload: udp(data).in6() }),
    ];
    const expected = [0, 1000, 2000].map((from) =>
      hex([...vnet(), ...as4(udp(data.slice(from, from + 1000)))]),
    );
    expect(outputs(packet)).toEqual(expected);
  });
  test('OFF-7: a split completes the checksum', () => {
    const segment = udp(counting(2000)).in4();
    const packet = [
      ...vnet({ flags: 1, start: 20, offset: 6 }),
      ...v4({ proto: 17, payload: partial4(17, segment) }),
    ];
    const plain = translate(v4({ proto: 17, payload: segment })).outputs.map((bytes) =>
      hex([...vnet(), ...bytes]),
    );
    expect(outputs(packet)).toEqual(plain);
  });
});

test('OFF-7: quotes in errors of our own stay as received', () => {
  const packet = [
    ...vnet({ flags: 1, start: 20, offset: 6 }),
    ...v4({ ttl: 1, proto: 17, payload: partial4(17, udp().in4()) }),
  ];
  expect(outputs(packet)).toEqual([hex([...vnet(), ...error4(packet.slice(10), 11, 0)])]);
});
test('OFF-7: an echo to our own address', () => {
  const packet = [
    ...vnet({ flags: 1, start: 20, offset: 2 }),
    ...v4({ dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(7)).with(2, 0).with(3, 0) }),
  ];
  expect(outputs(packet)).toEqual([
    hex([...vnet(), ...v4({ src: OWN4, dst: HOST4, id: ID, proto: 1, payload: icmp4(0, 0, u32(7)) })]),
  ]);
});
test('EAM-7: a super-packet hairpins', () => {
  const options = { eam: ['192.0.2.1=2001:db8:1::1', '10.0.0.2=2001:db8:2::2'] };
  const segment = tcp({ data: counting(2500) });
  const raw = segment.in6(HOST6, '2001:db8:64::10.0.0.2');
  const packet = [
    ...vnet({ flags: 1, gso: 4, hdrLen: 60, gsoSize: 1000, start: 40, offset: 16 }),
    ...v6({
      dst: '2001:db8:64::10.0.0.2',
      next: 6,
      payload: partial(raw, 16, pseudo6(HOST6, '2001:db8:64::10.0.0.2', 6, raw.length)),
    }),
  ];
  const { reason: why, outputs: out } = run(packet, options);
  expect(why).toBe('Hairpinned');
  expect([...out[0]!.subarray(0, 2)]).toEqual([1, 4]);
  const there = { src: '2001:db8:64::192.0.2.1', dst: '2001:db8:2::2' };
  const sum = partial(segment.in6(there.src, there.dst), 16, pseudo6(there.src, there.dst, 6, raw.length));
  expect(hex(out[0]!.subarray(10))).toBe(hex(v6({ ...there, hop: 63, next: 6, payload: sum })));
});
test('a virtio_net header cut off is no packet', () => {
  expect(translator({}, 10).translate(Uint8Array.of(1, 2, 3))).toMatchObject({
    verdict: 'ignored',
    outputs: [],
  });
});

describe('edges of the virtio_net header', () => {
  const at4 = (start: number, offset: number, ip = packet4(udp())): Bytes => [
    ...vnet({ flags: 1, start, offset }),
    ...ip,
  ];
  const at6 = (start: number, offset: number, ip = packet6(udp())): Bytes => [
    ...vnet({ flags: 1, start, offset }),
    ...ip,
  ];
  test('OFF-6: the last place for a checksum, and one past it', () => {
    const payload = counting(30);
    const inside4 = v4({ proto: 4, payload });
    const inside6 = v6({ next: 41, payload });
    expect(outputs(at4(50 - 8, 6, inside4))).toEqual([
      hex([...vnet({ flags: 1, start: 62, offset: 6 }), ...v6({ hop: 63, next: 4, payload })]),
    ]);
    expect(reason(at4(50 - 7, 6, inside4))).toBe('BadPartialChecksum46');
    expect(outputs(at6(70 - 8, 6, inside6))).toEqual([
      hex([...vnet({ flags: 1, start: 42, offset: 6 }), ...v4({ ttl: 63, id: ID, proto: 41, payload })]),
    ]);
    expect(reason(at6(70 - 7, 6, inside6))).toBe('BadPartialChecksum64');
    expect(reason(at4(0xffff, 0xffff, inside4))).toBe('BadPartialChecksum46');
  });
  test('OFF-6: a checksum inside leaves the outer one complete', () => {
    const of = udp(counting(40));
    expect(outputs(at4(20 + 8 + 20, 16, packet4(of)))).toEqual([
      hex([...vnet({ flags: 1, start: 40 + 8 + 20, offset: 16 }), ...as6(of)]),
    ]);
    expect(outputs(at6(40 + 8 + 20, 16, packet6(of)))).toEqual([
      hex([...vnet({ flags: 1, start: 20 + 8 + 20, offset: 16 }), ...as4(of)]),
    ]);
  });
  test('OFF-5: the offset behind IPv4 options and IPv6 extension headers', () => {
    for (const units of [0, 1, 4]) {
      const packet = v6({
        next: 60,
        payload: [...optionsHeader(17, units), ...partial6(17, udp().in6())],
      });
      expect(outputs([...vnet({ flags: 1, start: 48 + 8 * units, offset: 6 }), ...packet])).toEqual([
        hex([
          ...vnet({ flags: 1, start: 20, offset: 6 }),
          ...v4({ ttl: 63, id: ID, proto: 17, payload: partial4(17, udp().in4()) }),
        ]),
      ]);
    }
  });
  test('OFF-4: DATA_VALID is never passed on', () => {
    const [output] = run([...vnet({ flags: 2 }), ...packet4(udp())]).outputs;
    expect(hex(output!)).toBe(hex([...vnet(), ...as6(udp())]));
    expect(run(super4({ flags: 3 })).outputs[0]![0]).toBe(1);
  });
  test('OFF-4: without segmentation nothing of the old header is left', () => {
    const packet = [...vnet({ flags: 1, hdrLen: 28, gsoSize: 77, start: 20, offset: 6 })];
    const [output] = run([...packet, ...v4({ proto: 17, payload: partial4(17, udp().in4()) })]).outputs;
    expect(hex(output!.subarray(0, 10))).toBe(hex(vnet({ flags: 1, start: 40, offset: 6 })));
  });
  test('OFF-7: offload on fragments, IPv6', () => {
    const payload = [17, 0, 0, 1, 0, 0, 0, 9, ...udp(counting(16)).in6()];
    expect(reason(at6(48, 6, v6({ next: 44, payload })))).toBe('OffloadOnFragment64');
    const gso = vnet({ flags: 1, gso: 5, hdrLen: 56, gsoSize: 8, start: 48, offset: 6 });
    expect(reason([...gso, ...v6({ next: 44, payload })])).toBe('OffloadOnFragment64');
  });
  test('OFF-7: an ICMP error with a partial checksum is completed', () => {
    const quote = v4({ ttl: 9, proto: 17, payload: udp().in4() });
    const message = icmp4(3, 1, u32(0), quote);
    const packet = v4({ src: PEER4, dst: HOST4, proto: 1, payload: message.with(2, 0).with(3, 0) });
    const plain = v4({ src: PEER4, dst: HOST4, proto: 1, payload: message });
    expect(outputs(at4(20, 2, packet))).toEqual(
      translate(plain).outputs.map((bytes) => hex([...vnet(), ...bytes])),
    );
  });
  test('OFF-6: a partial ICMPv6 checksum is completed', () => {
    const message = icmp6(128, 0, u32(7), counting(6));
    // The field holds the sum of the pseudo-header.
    const sum = 0xffff - checksum(pseudo6(HOST6, PEER6, 58, message.length));
    const packet = v6({ next: 58, payload: message.with(2, sum >> 8).with(3, sum & 255) });
    expect(outputs(at6(40, 2, packet))).toEqual([
      hex([...vnet(), ...v4({ ttl: 63, id: ID, proto: 1, payload: icmp4(8, 0, u32(7), counting(6)) })]),
    ]);
  });
  test('OFF-3: a segmentation type of the other family, or of another protocol', () => {
    expect(reason(super4({ gso: 4 }))).toBe('BadGso46');
    expect(reason(super6({ gso: 1 }))).toBe('BadGso64');
    expect(reason(uso4({ gso: 1 }))).toBe('BadGso46');
    expect(reason(super4({ gso: 5 }))).toBe('BadGso46');
  });
  test('OFF-11: no segment size, or one that is none, IPv6', () => {
    for (const gsoSize of [0, 0xffff]) expect(reason(super6({ gsoSize }))).toBe('BadGso64');
  });
  test('OFF-4: ECN in both directions', () => {
    expect(run(super6({ gso: 0x84 })).outputs[0]![1]).toBe(0x81);
  });
  test('OFF-4: hdr_len counts TCP options', () => {
    const segment = tcp({ data: TCP_DATA, options: [1, 1, 8, 10, ...counting(8)] }).in4();
    const header = { flags: 1, gso: 1, hdrLen: 52, gsoSize: 1000, start: 20, offset: 16 };
    const [output] = run([
      ...vnet(header),
      ...v4({ proto: 6, df: true, payload: partial4(6, segment) }),
    ]).outputs;
    expect(hex(output!.subarray(0, 10))).toBe(hex(vnet({ ...header, gso: 4, hdrLen: 72, start: 40 })));
  });
  test('OFF-8: the sizes at which a segment is too large', () => {
    for (const mtu of [1400, 1500]) {
      expect(reason(super4({ gsoSize: mtu - 60 }), { 'ipv6-mtu': `${mtu}` })).toBe('Translated46');
      expect(reason(super4({ gsoSize: mtu - 59 }), { 'ipv6-mtu': `${mtu}` })).toBe('TooBig46');
      expect(reason(super6({ gsoSize: mtu - 40 }), { 'ipv4-mtu': `${mtu}` })).toBe('Translated64');
      expect(reason(super6({ gsoSize: mtu - 39 }), { 'ipv4-mtu': `${mtu}` })).toBe('TooBig64');
      expect(reason(uso4({ gsoSize: mtu - 48 }), { 'ipv6-mtu': `${mtu}` })).toBe('Translated46');
      expect(reason(uso4({ gsoSize: mtu - 47 }), { 'ipv6-mtu': `${mtu}` })).toBe('TooBig46');
    }
  });
  test('OFF-8: without DF, the sizes at which TCP is resegmented', () => {
    const size = (gsoSize: number): number => {
      const [output] = run(super4({ gsoSize }, { df: false })).outputs;
      return output![4]! + output![5]! * 256;
    };
    expect([1219, 1220, 1221].map(size)).toEqual([1219, 1220, 1220]);
  });
  test('OFF-1: a virtio_net header of 12 bytes changes nothing else', () => {
    for (const packet of [super4(), super6(), uso4(), [...vnet(), ...packet4(udp(counting(3000)))]]) {
      const wide = translate([...packet.slice(0, 10), 0, 0, ...packet.slice(10)], { vnetBytes: 12 });
      const narrow = run(packet);
      expect(wide.reason).toBe(narrow.reason);
      expect(wide.outputs.map((bytes) => hex([...bytes.slice(0, 10), ...bytes.slice(12)]))).toEqual(
        narrow.outputs.map((bytes) => hex(bytes)),
      );
    }
  });
  test('OFF-12: the whole appendix, behind an empty header', () => {
    for (const packet of [
      packet4(udp(), { tos: 0xb8, df: true }),
      packet6(tcp({ flags: 0x12 }), { hop: 2 }),
      packet4(tcp(), { options: [1, 1, 1, 0] }),
      v4({ mf: true, proto: 17, payload: udp(counting(16)).in4() }),
      v6({ hop: 1, payload: counting(9) }),
      v4({ version: 5 }),
    ]) {
      const plain = translate(packet);
      const with10 = run([...vnet(), ...packet]);
      expect(with10.reason).toBe(plain.reason);
      expect(with10.outputs.map((bytes) => hex(bytes.slice(10)))).toEqual(
        plain.outputs.map((bytes) => hex(bytes)),
      );
    }
  });
});
