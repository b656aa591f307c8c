/** The loop on a device in memory: batches, coalescing, refused offloads, tables swapped. */
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/config/compile.ts';
import { createCounters, Extra } from '../../src/dataplane/counters.ts';
import { createLimiter } from '../../src/dataplane/limiter.ts';
import { HEAD_AREA_BYTES, Loop, Order, WRITE_LIST } from '../../src/dataplane/loop.ts';
import { Offload } from '../../src/io/device.ts';
import { type Fault, MemoryDevice, refuseGso } from '../../src/io/memory.ts';
import { HashedIdentifications } from '../../src/translate/identification.ts';
import { Reason } from '../../src/translate/reasons.ts';
import { configure, translate } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  counting,
  hex,
  packet4,
  packet6,
  pseudo4,
  pseudo6,
  tcp,
  u16,
  udp,
  v4,
} from '../support/packets.ts';

const NO_VNET = new Array<number>(10).fill(0);

function loopOn({
  fault,
  coalesce = true,
  offload = Offload.uso,
  options = {},
}: {
  fault?: Fault;
  coalesce?: boolean;
  offload?: Offload;
  options?: Record<string, string>;
} = {}) {
  const device = new MemoryDevice({
    vnetBytes: 10,
    offload,
    slots: 64,
    headBytes: HEAD_AREA_BYTES,
    writes: WRITE_LIST,
    ...(fault === undefined ? {} : { fault }),
  });
  const counters = createCounters();
  const lowered: number[] = [];
  // Counters of identification start at 0: what the expectations below count on.
  const entropy = new Uint16Array(HashedIdentifications.entropyLength + 2).fill(7);
  const loop = new Loop({
    device,
    tables: compile(configure(options), 1500),
    limiter: createLimiter('unlimited'),
    counters,
    entropy,
    coalesce,
    onLowered: (level) => lowered.push(level),
  });
  const run = (...packets: Bytes[]): string[] => {
    device.deliver(...packets.map((packet) => Uint8Array.from(packet)));
    loop.run(() => (device.waiting > 0 ? Order.goOn : Order.stop));
    // The order to stop comes before the last read where all were in one batch.
    return device.taken.splice(0).map((bytes) => hex(bytes));
  };
  return { device, counters, loop, lowered, run };
}

/** Cuts a UDP_L4 super-packet as the kernel does; other packets stay as they are. */
function asOnTheWire(packet: string): string[] {
  const bytes = [...Buffer.from(packet, 'hex')];
  const ip = bytes.slice(10);
  if (bytes[1] !== 5) return [hex(ip)];
  const gso = bytes[4]! + bytes[5]! * 256;
  const isV6 = ip[0]! >>> 4 === 6;
  const header = isV6 ? 40 : 20;
  const data = ip.slice(header + 8);
  const out: string[] = [];
  for (let at = 0, i = 0; at < data.length; at += gso, i++) {
    const part = data.slice(at, at + gso);
    const head = ip.slice(0, header);
    if (isV6) head.splice(4, 2, ...u16(8 + part.length));
    else {
      head.splice(2, 2, ...u16(28 + part.length));
      head.splice(4, 2, ...u16((ip[4]! * 256 + ip[5]! + i) & 0xffff));
      head.splice(10, 2, 0, 0);
      head.splice(10, 2, ...u16(checksum(head)));
    }
    const segment = [...ip.slice(header, header + 4), ...u16(8 + part.length), 0, 0, ...part];
    const text = (from: number, length: number): string => {
      const raw = ip.slice(from, from + length);
      return length === 4
        ? raw.join('.')
        : Array.from({ length: 8 }, (_, g) => (raw[2 * g]! * 256 + raw[2 * g + 1]!).toString(16)).join(':');
    };
    const pseudo = isV6
      ? pseudo6(text(8, 16), text(24, 16), 17, segment.length)
      : pseudo4(text(12, 4), text(16, 4), 17, segment.length);
    const sum = checksum(pseudo, segment) || 0xffff;
    out.push(hex([...head, ...segment.slice(0, 6), ...u16(sum), ...part]));
  }
  return out;
}

const datagram = (i: number, size = 64): Bytes => [...NO_VNET, ...packet4(udp(counting(size, i)))];

describe('coalescing', () => {
  const wire = (packets: Bytes[], coalesce: boolean): { wire: string[]; writes: number } => {
    const written = loopOn({ coalesce }).run(...packets);
    return { wire: written.flatMap(asOnTheWire), writes: written.length };
  };
  const identical = (packets: Bytes[]): number => {
    const joined = wire(packets, true);
    expect(joined.wire).toEqual(wire(packets, false).wire);
    return joined.writes;
  };
  test('datagrams of one flow leave in one write, the same on the wire', () => {
    expect(identical(Array.from({ length: 20 }, (_, i) => datagram(i)))).toBe(1);
  });
  test('the last may be shorter', () => {
    expect(identical([datagram(0), datagram(1), datagram(2, 10), datagram(3), datagram(4)])).toBe(2);
  });
  test('a longer one begins anew', () => {
    expect(identical([datagram(0), datagram(1), datagram(2, 65), datagram(3, 65)])).toBe(2);
  });
  test('odd sizes, and payloads that sum to nothing', () => {
    expect(
      identical(
        Array.from({ length: 9 }, (_, i) => [
          ...NO_VNET,
          ...packet4(udp(i % 2 ? new Array<number>(33).fill(0xff) : new Array<number>(33).fill(0))),
        ]),
      ),
    ).toBe(1);
  });
  test('at most 64 in one', () => {
    expect(identical(Array.from({ length: 64 }, (_, i) => datagram(i)))).toBe(1);
  });
  test('other flows, ports, TOS, TTL do not join', () => {
    const other = [
      [...NO_VNET, ...packet4(udp(counting(64), 40001))],
      [...NO_VNET, ...packet4(udp(counting(64)), { tos: 4 })],
      [...NO_VNET, ...packet4(udp(counting(64)), { ttl: 63 })],
      [...NO_VNET, ...packet4(udp(counting(64)), { dst: '198.51.100.3' })],
      [...NO_VNET, ...packet4(tcp({ data: counting(44) }))],
      datagram(1),
    ];
    expect(identical([datagram(0), ...other])).toBe(7);
  });
  test('order is kept around what does not join', () => {
    expect(
      identical([datagram(0), datagram(1), [...NO_VNET, ...packet4(tcp())], datagram(2), datagram(3)]),
    ).toBe(3);
  });
  test('a corrupted datagram stays corrupted', () => {
    const corrupt = datagram(1).with(-1, 0x55);
    expect(identical([datagram(0), corrupt, datagram(2), datagram(3)])).toBe(3);
  });
  test('64: consecutive identifications join', () => {
    const packets = Array.from({ length: 8 }, (_, i) => [...NO_VNET, ...packet6(udp(counting(64, i)))]);
    expect(identical(packets)).toBe(1);
  });
  test('64: with DF the identification is 0 throughout, and nothing joins', () => {
    const packets = Array.from({ length: 4 }, (_, i) => [...NO_VNET, ...packet6(udp(counting(1300, i)))]);
    expect(identical(packets)).toBe(4);
  });
  test('64: no checksum, no joining', () => {
    const bare = packet6(udp()).with(46, 0).with(47, 0);
    expect(
      identical([
        [...NO_VNET, ...bare],
        [...NO_VNET, ...bare],
      ]),
    ).toBe(2);
  });
  test('refused packets and errors in between', () => {
    expect(
      identical([datagram(0), [...NO_VNET, ...v4({ ttl: 1 })], datagram(1), [...NO_VNET, 0x50], datagram(2)]),
    ).toBeGreaterThan(1);
  });
  test('not below USO', () => {
    const { run } = loopOn({ offload: Offload.tso });
    expect(run(datagram(0), datagram(1)).length).toBe(2);
  });
});

describe('segmentation in software', () => {
  /** A super-packet whose checksum is complete, so that it has to be cut here (OFF-11). */
  const complete = (port: number, length: number): Bytes => [
    ...[0, 5, 28, 0, 0xe8, 3, 0, 0, 0, 0],
    ...v4({ proto: 17, df: true, payload: udp(counting(length, port), port).in4() }),
  ];
  test('OFF-9: several in one batch do not meet in the memory they are cut in', () => {
    const packets = Array.from({ length: 8 }, (_, i) => complete(4000 + i, 30_000 + i));
    const each = packets.flatMap((packet) => loopOn().run(packet));
    expect(each.length).toBe(8 * 31 - 1);
    expect(loopOn().run(...packets)).toEqual(each);
  });
});

describe('kernels that refuse what they accepted', () => {
  const superPacket = (): Bytes => {
    const data = counting(3000);
    const segment = tcp({ data }).in4();
    const sum = 0xffff - checksum(pseudo4('192.0.2.1', '198.51.100.2', 6, segment.length));
    const partial = [...segment.slice(0, 16), ...u16(sum), ...segment.slice(18)];
    return [1, 1, 40, 0, 0xe8, 3, 20, 0, 16, 0, ...v4({ proto: 6, df: true, payload: partial })];
  };
  test('a super-packet is segmented and resent; the level is lowered once', () => {
    const { run, lowered, counters, device } = loopOn({ fault: refuseGso });
    const segments = [0, 1000, 2000].map((from) =>
      hex([
        ...NO_VNET,
        ...[
          ...translate(packet4(tcp({ data: counting(1000, from), seq: 1 + from }), { df: true })).outputs[0]!,
        ],
      ]),
    );
    expect(run(superPacket())).toEqual(segments);
    expect(run(superPacket())).toEqual(segments);
    expect(lowered).toEqual([Offload.csum]);
    expect(device.offload).toBe(Offload.csum);
    expect(counters[Extra.offloadLowered]).toBe(1);
    expect(counters[Extra.segmented]).toBe(2);
    expect(counters[Extra.writeErrors]).toBe(0);
  });
  test('coalesced datagrams too, and nothing is joined afterwards', () => {
    const { run, lowered } = loopOn({ fault: refuseGso });
    const packets = Array.from({ length: 5 }, (_, i) => datagram(i));
    const plain = loopOn({ coalesce: false }).run(...packets);
    expect(run(...packets)).toEqual(plain);
    expect(lowered).toEqual([Offload.tso]);
    expect(run(...packets)).toEqual(plain);
    expect(lowered).toEqual([Offload.tso]);
  });
  test('partial checksums too', () => {
    const { run, lowered } = loopOn({ fault: (packet) => (packet[0] === 0 ? 0 : -constants.errno.EINVAL) });
    const segment = udp().in4();
    const sum = 0xffff - checksum(pseudo4('192.0.2.1', '198.51.100.2', 17, segment.length));
    const packet = [
      1,
      0,
      0,
      0,
      0,
      0,
      20,
      0,
      6,
      0,
      ...v4({ proto: 17, payload: [...segment.slice(0, 6), ...u16(sum), ...segment.slice(8)] }),
    ];
    expect(run(packet)).toEqual([hex([...NO_VNET, ...translate(packet4(udp())).outputs[0]!])]);
    expect(lowered).toEqual([Offload.off]);
  });
  test('other errors are counted, and life goes on', () => {
    const { run, counters } = loopOn({ fault: () => -constants.errno.EIO });
    expect(run(datagram(0), [...NO_VNET, ...packet4(tcp())])).toEqual([]);
    expect(counters[Extra.writeErrors]).toBe(2);
  });
});

test('EAM-9: tables are swapped between packets, and the pair cache forgets', () => {
  const { run, loop } = loopOn();
  const before = run(datagram(0));
  loop.engine.setTables(compile(configure({ eam: ['192.0.2.1=2001:db8:1::2'] }), 1500));
  const after = run(datagram(0));
  expect(before[0]!.slice(20 + 16, 20 + 48)).toBe('20010db8000100000000000000000001');
  expect(after[0]!.slice(20 + 16, 20 + 48)).toBe('20010db8000100000000000000000002');
});

test('the cache of one direction never serves the other', () => {
  const { run } = loopOn({ options: { pool6: '2001:db8:122:300::/56' } });
  // Nonzero suffix bits are accepted on the way in …
  const odd = packet6(udp(), { dst: '2001:db8:122:3c6:33:6402:0:99' });
  for (let i = 0; i < 3; i++) expect(run([...NO_VNET, ...odd]).length).toBe(1);
  // … and never appear on the way out.
  for (let i = 0; i < 3; i++) {
    const [out] = run([...NO_VNET, ...packet4(udp())]);
    expect(out!.slice(20 + 48, 20 + 80)).toBe('20010db8012203c60033640200000000');
  }
});

test('STAT-1: every outcome is counted', () => {
  const { run, counters } = loopOn();
  run(
    datagram(0),
    [...NO_VNET, ...packet6(udp())],
    [...NO_VNET, ...v4({ ttl: 1 })],
    [...NO_VNET, 0x50],
    [...NO_VNET, ...v4({ ttl: 0 })],
  );
  expect(counters[Reason.Translated46]).toBe(1);
  expect(counters[Reason.Translated64]).toBe(1);
  expect(counters[Reason.TtlExpired46]).toBe(1);
  expect(counters[Extra.errors4]).toBe(1);
  expect(counters[Reason.NotIp]).toBe(1);
  expect(counters[Reason.TtlZero46]).toBe(1);
  expect(counters[Extra.bytes46]).toBe(92);
});

test('the loop ends when the device is gone', () => {
  const { device, loop } = loopOn();
  device.vanish();
  expect(loop.run(() => Order.goOn)).toBe(-constants.errno.ENODEV);
});
