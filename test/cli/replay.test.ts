/** `clatd replay`: captures of every form through the real translator. */
import { afterAll, describe, expect, it } from 'vitest';
import { OfflineTranslator } from '../../src/dataplane/offline.ts';
import { blocks, type Order, pcap } from '../io/support/captures.ts';
import { configure } from '../support/must.ts';
import { fromHex, hex, v4 } from '../support/packets.ts';
import { EXAMPLES } from './support/examples.ts';
import { files, replayed } from './support/replayed.ts';

afterAll(() => files.remove());

const A1 = EXAMPLES[0]!;
const A2 = EXAMPLES[1]!;
const A12 = EXAMPLES.find(({ name }) => name === 'A12')!;
const ARP = fromHex('0001080006040001020000000001c0000201000000000000c0000202');
const MAC = fromHex('020000000001 020000000002');

/** Second 1,700,000,000 + index, and a fraction with digits in every place. */
const stampOf = (index: number) => ({ seconds: 1_700_000_000 + index, nanoseconds: 123_456_789 + index });

const FORMATS: [string, (packets: readonly (readonly number[])[]) => number[], boolean][] = [];
for (const order of ['big', 'little'] as Order[]) {
  for (const nanoseconds of [false, true]) {
    FORMATS.push([
      `pcap, ${order}-endian, ${nanoseconds ? 'ns' : 'µs'}`,
      (packets) =>
        pcap({
          order,
          nanoseconds,
          records: packets.map((bytes, i) => ({
            bytes,
            seconds: stampOf(i).seconds,
            fraction: Math.floor(stampOf(i).nanoseconds / (nanoseconds ? 1 : 1000)),
          })),
        }),
      nanoseconds,
    ]);
  }
  const b = blocks(order);
  FORMATS.push([
    `pcapng, ${order}-endian`,
    (packets) => [
      ...b.section(),
      ...b.interface(101, { resolution: 9 }),
      ...packets.flatMap((bytes, i) => {
        const { seconds, nanoseconds } = stampOf(i);
        return b.enhanced(bytes, { stamp: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds) });
      }),
    ],
    true,
  ]);
}

describe.each(FORMATS)('replay of %s', (_, capture, nanoseconds) => {
  it('the worked examples A1 to A13: outputs, times, report', async () => {
    const result = await replayed(capture(EXAMPLES.map(({ packet }) => packet)));
    expect(result).toMatchObject({ code: 0, stderr: '', nanoseconds });
    expect(result.outputs.map(({ bytes }) => hex(bytes))).toEqual(EXAMPLES.map(({ output }) => hex(output)));
    expect(result.outputs.map(({ seconds, fraction }) => [seconds, fraction])).toEqual(
      EXAMPLES.map((__, i) => {
        const stamp = stampOf(i);
        return [stamp.seconds, Math.floor(stamp.nanoseconds / (nanoseconds ? 1 : 1000))];
      }),
    );
    expect(result.report).toMatchObject(
      EXAMPLES.map(({ verdict, reason }, index) => ({ index, verdict, reason, outputs: 1 })),
    );
    expect(result.report.map(({ time }) => time)).toEqual(
      EXAMPLES.map((__, i) => {
        const { seconds, nanoseconds: ns } = stampOf(i);
        const fraction = nanoseconds ? `${ns}` : `${Math.floor(ns / 1000)}`;
        return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
      }),
    );
  });
});

describe('replay of link types', () => {
  const type = (packet: readonly number[]) => (packet[0]! >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd]);
  const sll = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
  const sll2 = [0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
  const family = (packet: readonly number[]) => (packet[0]! >> 4 === 4 ? 2 : 30);
  const ppp = (packet: readonly number[]) => [0, packet[0]! >> 4 === 4 ? 0x21 : 0x57];
  const pppoe = (packet: readonly number[]) => [0x11, 0, 0, 7, 0, packet.length + 2];
  /** A prefix of its own before the payload, as nft's `log prefix` writes it. */
  const nflog = (packet: readonly number[], u16: (n: number) => number[]) => [
    ...[packet[0]! >> 4 === 4 ? 2 : 10, 0, 0, 5],
    ...[...u16(8), ...u16(1), 8, 0, 3, 0],
    ...[...u16(7), ...u16(10), 65, 66, 0, 0],
    ...[...u16(4 + packet.length), ...u16(9), ...packet],
  ];
  const wrappings: [string, number, (packet: readonly number[]) => number[]][] = [
    ['RAW', 101, (packet) => [...packet]],
    ['RAW, the number of old files', 12, (packet) => [...packet]],
    ['RAW, the number of OpenBSD', 14, (packet) => [...packet]],
    ['IPV4', 228, (packet) => [...packet]],
    ['IPV6', 229, (packet) => [...packet]],
    ['Ethernet', 1, (packet) => [...MAC, ...type(packet), ...packet]],
    ['Ethernet with VLAN tags', 1, (p) => [...MAC, 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, ...type(p), ...p]],
    ['Linux SLL', 113, (packet) => [...sll, ...type(packet), ...packet]],
    ['Linux SLL2', 276, (packet) => [...type(packet), ...sll2, ...packet]],
    ['PPP', 9, (packet) => [0xff, 3, ...ppp(packet), ...packet]],
    ['PPP without address and control', 9, (packet) => [...ppp(packet), ...packet]],
    ['PPP with a compressed protocol', 9, (packet) => [ppp(packet)[1]!, ...packet]],
    ['PPP_HDLC', 50, (packet) => [0xff, 3, ...ppp(packet), ...packet]],
    ['PPPoE', 51, (packet) => [...pppoe(packet), ...ppp(packet), ...packet]],
    ['PPPoE in Ethernet', 1, (p) => [...MAC, 0x88, 0x64, ...pppoe(p), ...ppp(p), ...p]],
    [
      'PPPoE in a stack of VLANs',
      1,
      (p) => [...MAC, 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x88, 0x64, ...pppoe(p), ...ppp(p), ...p],
    ],
    ['MPLS in Ethernet, two labels', 1, (p) => [...MAC, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64, ...p]],
    ['NFLOG, little-endian', 239, (p) => nflog(p, (n) => [n & 255, n >> 8])],
    ['NFLOG, big-endian', 239, (p) => nflog(p, (n) => [n >> 8, n & 255])],
    ['NULL', 0, (packet) => [family(packet), 0, 0, 0, ...packet]],
    ['LOOP', 108, (packet) => [0, 0, 0, family(packet), ...packet]],
  ];
  it.each(wrappings)('%s', async (_, linkType, wrap) => {
    const result = await replayed(
      pcap({ linkType, records: [A1, A2].map(({ packet }) => ({ bytes: wrap(packet) })) }),
    );
    expect(result.code).toBe(0);
    expect(result.outputs.map(({ bytes }) => hex(bytes))).toEqual([hex(A1.output), hex(A2.output)]);
  });

  it('several interfaces of different kinds in one pcapng', async () => {
    const b = blocks('little');
    const result = await replayed([
      ...b.section(),
      ...b.interface(1),
      ...b.interface(101, { resolution: 9 }),
      ...b.enhanced(A1.packet, { id: 1, stamp: 5n }),
      ...b.enhanced([...MAC, ...type(A2.packet), ...A2.packet], { id: 0, stamp: 6n }),
      ...b.simple([...MAC, 0x08, 0x06, ...ARP]),
    ]);
    expect(result.outputs.map(({ bytes, seconds, fraction }) => [hex(bytes), seconds, fraction])).toEqual([
      [hex(A1.output), 0, 5],
      [hex(A2.output), 0, 6000],
    ]);
    expect(result.report.map(({ verdict }) => verdict)).toEqual(['translated', 'translated', 'ignored']);
  });

  it('what is not IP is ignored, and counted', async () => {
    const frames = [
      [...MAC, 0x08, 0x06, ...ARP],
      [...MAC, 0x08, 0x00, ...A1.packet],
      [...MAC, 0x88, 0xcc, 1, 2, 3],
      [...MAC, 0x08],
      [],
      [...MAC, 0x08, 0x00],
      [...MAC, 0x08, 0x00, 0x50, 1, 2],
    ];
    const { report, code, stdout } = await replayed(
      pcap({ linkType: 1, records: frames.map((bytes) => ({ bytes })) }),
    );
    expect(code).toBe(0);
    expect(report).toMatchObject(
      frames.map((__, index) =>
        index === 1
          ? { index, verdict: 'translated', reason: 'Translated46', outputs: 1 }
          : { index, verdict: 'ignored', reason: 'NotIp', outputs: 0 },
      ),
    );
    expect(stdout).toMatch(/^ +6 +85\.7 % +ignored +NotIp /m);
  });

  it('T46-IN-5: padding of short Ethernet frames is not part of the packet', async () => {
    const frame = [...MAC, 0x08, 0x00, ...A1.packet];
    const { outputs } = await replayed(
      pcap({
        linkType: 1,
        records: [{ bytes: [...frame, ...new Array<number>(60 - frame.length).fill(0xee)] }],
      }),
    );
    expect(outputs.map(({ bytes }) => hex(bytes))).toEqual([hex(A1.output)]);
  });

  it('T46-IN-4: a packet shorter than it claims is refused, where the capture did not cut it', async () => {
    const bytes = A1.packet.slice(0, 30);
    const { report } = await replayed(pcap({ records: [{ bytes }] }));
    expect(report).toMatchObject([{ index: 0, verdict: 'dropped', reason: 'Truncated46', outputs: 0 }]);
  });
});

describe('replay', () => {
  it('keys of the report stand in their order, one line a packet', async () => {
    const { report } = await replayed(pcap({ records: [{ bytes: A1.packet }] }));
    expect(JSON.stringify(report[0])).toBe(
      '{"index":0,"verdict":"translated","reason":"Translated46","outputs":1,"time":"1970-01-01T00:00:00.000000Z",' +
        '"source":"198.51.100.2","destination":"192.0.2.1","protocol":"UDP","sourcePort":40000,"destinationPort":53,"length":33}',
    );
  });

  it('GEN-4: fragments follow each other with their packet’s time, in order', async () => {
    const large = v4({
      src: '198.51.100.2',
      dst: '192.0.2.1',
      proto: 132,
      payload: new Array<number>(3000).fill(7),
    });
    const { outputs, report } = await replayed(
      pcap({ records: [A1.packet, large, A2.packet].map((bytes, i) => ({ bytes, seconds: i })) }),
    );
    expect(report.map((line) => line.outputs)).toEqual([1, 3, 1]);
    expect(outputs.map(({ seconds }) => seconds)).toEqual([0, 1, 1, 1, 2]);
    const offsets = outputs.slice(1, 4).map(({ bytes }) => ((bytes[42]! << 8) | bytes[43]!) & 0xfff8);
    expect(offsets).toEqual([0, 1232, 2464]);
  });

  it('GERR-4: the clock of the limits is the capture’s own', async () => {
    const limited = () => new OfflineTranslator(configure({ 'icmp-errors': 'limited' }), { seed: 3 });
    const capture = (spread: number) =>
      pcap({ records: Array.from({ length: 60 }, (_, i) => ({ bytes: A12.packet, seconds: i * spread })) });
    const verdicts = async (spread: number) =>
      (await replayed(capture(spread), limited())).report.map(({ verdict }) => verdict);
    const atOnce = await verdicts(0);
    expect(atOnce.filter((verdict) => verdict === 'replied')).toHaveLength(10);
    expect(atOnce.slice(10)).toEqual(new Array(50).fill('dropped'));
    expect(await verdicts(1)).toEqual(new Array(60).fill('replied'));
  });

  it('the same capture gives the same outputs, Identifications included', async () => {
    const capture = pcap({
      records: Array.from({ length: 20 }, (_, i) => ({ bytes: i % 2 ? A2.packet : A12.packet, seconds: i })),
    });
    const once = await replayed(capture, new OfflineTranslator(configure(), { seed: 1 }));
    const again = await replayed(capture, new OfflineTranslator(configure(), { seed: 1 }));
    expect(again).toEqual(once);
  });

  it('there and back: what came out goes in again, and is the packet up to TTL', async () => {
    const there = await replayed(pcap({ records: [{ bytes: A1.packet }] }));
    const reversed = [...there.outputs[0]!.bytes];
    // Answer of the same host: addresses and ports exchanged; the checksum stays right.
    const swap = (a: number, b: number, length: number) => {
      for (let i = 0; i < length; i++)
        [reversed[a + i], reversed[b + i]] = [reversed[b + i]!, reversed[a + i]!];
    };
    swap(8, 24, 16);
    swap(40, 42, 2);
    const back = await replayed(pcap({ records: [{ bytes: reversed }] }));
    expect(hex(back.outputs[0]!.bytes.slice(28))).toBe(hex(A1.packet.slice(28)));
    expect(hex(back.outputs[0]!.bytes.slice(12, 16))).toBe(hex(A1.packet.slice(16, 20)));
    expect(back.outputs[0]!.bytes[8]).toBe(A1.packet[8]! - 2);
  });

  it('ends with a table by reason, most frequent first', async () => {
    const { stdout } = await replayed(
      pcap({ records: [A12, A1, A1, A1, A2].map(({ packet }) => ({ bytes: packet })) }),
    );
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^ +packets +share +verdict +reason$/);
    expect(lines[1]).toMatch(
      /^ +3 +60\.0 % +translated +Translated46 +Translated to IPv6\. \[T46-HDR-1, RFC 7915 §4\]$/,
    );
    expect(lines.slice(2, 4).map((line) => line.trim().split(/ {2,}/).slice(0, 4))).toEqual([
      ['1', '20.0 %', 'translated', 'Translated64'],
      ['1', '20.0 %', 'replied', 'TtlExpired46'],
    ]);
    expect(lines[4]).toMatch(/^ +5 {2}in all; 5 came out$/);
  });

  it('an empty capture is in order', async () => {
    const { code, outputs, report, stdout } = await replayed(pcap({}));
    expect({ code, outputs, report }).toEqual({ code: 0, outputs: [], report: [] });
    expect(stdout).toContain('0  in all');
  });
});
