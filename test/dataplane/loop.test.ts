/** The loop on a device in memory: batches, refused offloads, tables swapped. */
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/config/compile.ts';
import { Extra } from '../../src/dataplane/counters.ts';
import { Order } from '../../src/dataplane/loop.ts';
import { Offload } from '../../src/io/device.ts';
import { refuseGso } from '../../src/io/memory.ts';
import { Reason } from '../../src/translate/reasons.ts';
import { loopOn, NO_VNET } from '../support/loop.ts';
import { configure, translate } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  counting,
  hex,
  packet4,
  packet6,
  pseudo4,
  tcp,
  u16,
  udp,
  v4,
} from '../support/packets.ts';

const datagram = (i: number, size = 64): Bytes => [...NO_VNET, ...packet4(udp(counting(size, i)))];

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
  test('coalesced segments too', () => {
    const { run, lowered } = loopOn({ fault: refuseGso });
    const packets = Array.from({ length: 5 }, (_, i) => [
      ...NO_VNET,
      ...packet4(
        tcp({ seq: i * 64, data: counting(64, i), options: [1, 1, 1, 0], flags: i === 4 ? 0x18 : 0x10 }),
      ),
    ]);
    const plain = loopOn({ coalesce: false }).run(...packets);
    expect(run(...packets)).toEqual(plain);
    expect(lowered).toEqual([Offload.csum]);
    expect(run(...packets)).toEqual(plain);
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
  test('what was refused is resent before the batch that was read with it', () => {
    // Batches of 32: the second is there when the first is found to be refused.
    const packets = [...Array.from({ length: 32 }, superPacket), datagram(1)];
    const plain = packets.flatMap((packet) => loopOn({ fault: refuseGso }).run(packet));
    const { run, lowered, counters } = loopOn({ fault: refuseGso, halves: true });
    expect(run(...packets)).toEqual(plain);
    expect(lowered).toEqual([Offload.csum]);
    expect(counters[Extra.writeErrors]).toBe(0);
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
