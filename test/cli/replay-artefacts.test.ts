/** What capturing makes of packets is no fault of theirs: super-packets, packets seen twice, packets cut short. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { replay as command } from '../../src/cli/replay.ts';
import { OfflineTranslator } from '../../src/dataplane/offline.ts';
import { blocks, pcap } from '../io/support/captures.ts';
import { configure } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  counting,
  fh,
  HOST4,
  HOST6,
  hex,
  icmp4,
  opaque,
  PEER4,
  PEER6,
  packet4,
  packet6,
  pseudo4,
  pseudo6,
  tcp,
  u16,
  u32,
  udp,
  v4,
  v6,
} from '../support/packets.ts';
import { EXAMPLES } from './support/examples.ts';
import { capturedIo, files, type Replayed, replayed } from './support/replayed.ts';

afterAll(() => files.remove());

const raw = (...packets: readonly Bytes[]) => pcap({ records: packets.map((bytes) => ({ bytes })) });
const fresh = () => new OfflineTranslator(configure(), { seed: 1 });
const replay = (capture: readonly number[]) => replayed(capture, fresh());
const verdicts = ({ report }: Replayed) => report.map(({ verdict }) => verdict);

/** The transport header and data with the sum over the pseudo-header alone, as before the hardware completes it. */
function partial(packet: Bytes, at: number, field: number, pseudo: Bytes): Bytes {
  const copy = [...packet];
  const [high, low] = u16(~checksum(pseudo) & 0xffff);
  copy[at + field] = high!;
  copy[at + field + 1] = low!;
  return copy;
}
const data = (packet: readonly number[], headers: number) => packet.slice(headers);
const joined = (outputs: Replayed['outputs'], headers: number) =>
  hex(outputs.flatMap(({ bytes }) => data(bytes, headers)));

/** Transport checksum over an IPv6 packet without extension headers: 0 where it is right. */
const sum6 = (packet: readonly number[]) =>
  checksum([...packet.slice(8, 40), ...u32(packet.length - 40), 0, 0, 0, packet[6]!], [...packet.slice(40)]);
const sum4 = (packet: readonly number[]) =>
  checksum([...packet.slice(12, 20), 0, packet[9]!, ...u16(packet.length - 20)], [...packet.slice(20)]);

const MSS = (mss: number) => [2, 4, ...u16(mss)];
const SYN4 = packet4(tcp({ flags: 2, options: MSS(1460) }));
const SYN_ACK4 = packet4(tcp({ flags: 0x12, options: MSS(1000), sport: 443, dport: 50000 }), {
  src: PEER4,
  dst: HOST4,
});

describe('super-packets', () => {
  it('TCP, IPv4: cut by the MTU that counts, each segment translated, sums right', async () => {
    const big = packet4(tcp({ seq: 0xffff_ff00, flags: 0x19, data: counting(5000) }), { df: true });
    const result = await replay(raw(big));
    expect(result.report).toMatchObject([
      { verdict: 'translated', reason: 'Translated46', outputs: 4, segmented: 4, size: 1440, by: 'mtu' },
    ]);
    expect(result.outputs.map(({ bytes }) => bytes.length)).toEqual([1500, 1500, 1500, 60 + 680]);
    expect(joined(result.outputs, 60)).toBe(hex(counting(5000)));
    expect(result.outputs.map(({ bytes }) => sum6(bytes))).toEqual([0, 0, 0, 0]);
    const sequence = (bytes: readonly number[]) => Buffer.from(bytes.slice(44, 48)).readUInt32BE();
    expect(result.outputs.map(({ bytes }) => sequence(bytes))).toEqual([
      0xffff_ff00,
      (0xffff_ff00 + 1440) % 2 ** 32,
      (0xffff_ff00 + 2880) % 2 ** 32,
      (0xffff_ff00 + 4320) % 2 ** 32,
    ]);
    // FIN and PSH on the last alone.
    expect(result.outputs.map(({ bytes }) => bytes[53])).toEqual([0x10, 0x10, 0x10, 0x19]);
    expect(result.stdout).toMatch(/^ +1 {2}segmented: super-packets, cut into 4 segments \(1 by the MTU\)$/m);
  });

  it('TCP, IPv6', async () => {
    const big = packet6(tcp({ data: counting(4000) }));
    const { report, outputs } = await replay(raw(big));
    expect(report).toMatchObject([
      { reason: 'Translated64', outputs: 3, segmented: 3, size: 1440, by: 'mtu' },
    ]);
    expect(joined(outputs, 40)).toBe(hex(counting(4000)));
    expect(outputs.map(({ bytes }) => sum4(bytes))).toEqual([0, 0, 0]);
  });

  it('TCP: the MSS of either SYN goes before the MTU, also below it', async () => {
    const big = packet4(tcp({ data: counting(1200) }), { df: true });
    const { report, stdout } = await replay(raw(SYN4, SYN_ACK4, big));
    expect(report[2]).toMatchObject({ outputs: 2, segmented: 2, size: 1000, by: 'mss' });
    expect(stdout).toContain("(1 by the MSS in the flow's SYN)");
    // Options count against it.
    const stamped = packet4(tcp({ options: [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0], data: counting(1200) }), {
      df: true,
    });
    expect((await replay(raw(SYN4, SYN_ACK4, stamped))).report[2]).toMatchObject({ size: 988 });
  });

  it('UDP: datagrams as large as the largest of the flow before, else by the MTU', async () => {
    const big = packet4(udp(counting(2500)), { df: true });
    expect((await replay(raw(big))).report).toMatchObject([{ segmented: 2, size: 1452, by: 'mtu' }]);
    const before = packet4(udp(counting(900)), { df: true });
    const { report, outputs, stdout } = await replay(raw(before, big));
    expect(report[1]).toMatchObject({ outputs: 3, segmented: 3, size: 900, by: 'datagram' });
    expect(outputs.slice(1).map(({ bytes }) => bytes.length - 48)).toEqual([900, 900, 700]);
    expect(outputs.map(({ bytes }) => sum6(bytes))).toEqual([0, 0, 0, 0]);
    expect(stdout).toContain('which is a guess');
    // In more than 128 no kernel cuts one.
    const tiny = packet4(udp(counting(19)), { df: true });
    expect((await replay(raw(tiny, big))).report[1]).toMatchObject({ segmented: 2, by: 'mtu' });
  });

  it('without DF only where the checksum is not complete yet, as Linux sends them', async () => {
    const complete = packet4(udp(counting(2500)));
    expect((await replay(raw(complete))).report).toMatchObject([{ outputs: 3 }]);
    expect((await replay(raw(complete))).report[0]).not.toHaveProperty('segmented');
    const unfinished = partial(complete, 20, 6, pseudo4(HOST4, PEER4, 17, 2508));
    expect((await replay(raw(unfinished))).report).toMatchObject([{ segmented: 2 }]);
  });

  it('with a length field of 0: beyond 64 KiB, or before a driver sets it', async () => {
    const large = packet4(tcp({ data: counting(80_000 - 40) }), { df: true, totalLength: 0 });
    const { report, outputs } = await replay(raw(large));
    expect(report).toMatchObject([{ reason: 'Translated46', length: 80_000, segmented: 56 }]);
    expect(joined(outputs, 60)).toBe(hex(counting(80_000 - 40)));
    const jumbo = v6({
      next: 0,
      payloadLength: 0,
      payload: [6, 0, 0xc2, 4, ...u32(8 + 80_020), ...tcp({ data: counting(80_000) }).in6()],
    });
    const other = await replay(raw(jumbo));
    expect(other.report).toMatchObject([{ reason: 'Translated64', segmented: 56 }]);
    expect(joined(other.outputs, 40)).toBe(hex(counting(80_000)));
    expect(other.outputs.map(({ bytes }) => sum4(bytes))).toEqual(new Array(56).fill(0));
  });

  it.each<[string, Bytes, string]>([
    ['ICMP', packet4(opaque(1, icmp4(8, 0, [0, 1, 0, 1], counting(3000))), { df: true }), 'TooBig46'],
    ['SCTP', packet4(opaque(132, counting(3000)), { df: true }), 'TooBig46'],
    ['a SYN', packet4(tcp({ flags: 2, data: counting(3000) }), { df: true }), 'TooBig46'],
    ['UDP whose length is another', packet4(udp(counting(3000), 40000, 53, 100), { df: true }), 'TooBig46'],
    ['an IPv6 fragment', v6({ next: 44, payload: [...fh(17), ...counting(3000)] }), 'TooBig64'],
    ['what the MTU carries', packet4(tcp({ data: counting(1450) }), { df: true }), 'TooBig46'],
    [
      'a total length of 0 and no more than a packet',
      packet4(tcp({}), { totalLength: 0 }),
      'BadTotalLength46',
    ],
  ])('%s is none', async (_, packet, reason) => {
    const { report } = await replay(raw(packet));
    expect(report).toMatchObject([{ reason }]);
    expect(report[0]).not.toHaveProperty('segmented');
  });

  it('--ipv4-mtu and --ipv6-mtu say what is one: jumbo frames are none', async () => {
    const config = configure({ 'ipv4-mtu': '9000', 'ipv6-mtu': '9000' });
    const jumbo = packet4(tcp({ data: counting(8000) }), { df: true });
    const input = files.put('jumbo', raw(jumbo));
    const report = files.path('jumbo.jsonl');
    const said = capturedIo();
    expect(await command({ input, report }, config, said.io)).toBe(0);
    expect(said.stdout).not.toContain('segmented');
    expect(said.stdout).toContain('Translated46');
  });
});

describe('checksums that hardware was to complete', () => {
  it.each<[string, Bytes, (packet: readonly number[]) => number]>([
    ['TCP, 46', partial(packet4(tcp({ data: counting(9) })), 20, 16, pseudo4(HOST4, PEER4, 6, 29)), sum6],
    ['UDP, 46', partial(packet4(udp(counting(9))), 20, 6, pseudo4(HOST4, PEER4, 17, 17)), sum6],
    ['TCP, 64', partial(packet6(tcp({ data: counting(9) })), 40, 16, pseudo6(HOST6, PEER6, 6, 29)), sum4],
    ['UDP, 64', partial(packet6(udp(counting(9))), 40, 6, pseudo6(HOST6, PEER6, 17, 17)), sum4],
  ])('%s: the output has it complete', async (_, packet, sum) => {
    const { outputs, report } = await replay(raw(packet));
    expect(report[0]!.verdict).toBe('translated');
    expect(sum(outputs[0]!.bytes)).toBe(0);
  });

  it('what is damaged stays damaged', async () => {
    const packet = packet4(tcp({ data: counting(9) }));
    packet[36] = packet[36]! ^ 0x55;
    const { outputs } = await replay(raw(packet));
    expect(sum6(outputs[0]!.bytes)).not.toBe(0);
  });
});

describe('before and after in one capture', () => {
  it.each(EXAMPLES.slice(0, 11).map((one) => [one.name, one] as const))(
    '%s',
    async (_, { packet, output }) => {
      expect(verdicts(await replay(raw([...packet], [...output])))).toEqual(['translated', 'seen']);
    },
  );

  it('an answer of the translator itself', async () => {
    const expired = EXAMPLES.find(({ name }) => name === 'A12')!;
    expect(verdicts(await replay(raw([...expired.packet], [...expired.output])))).toEqual([
      'replied',
      'seen',
    ]);
  });

  it('as the daemon wrote it: another Identification, a partial checksum, joined segments', async () => {
    const first = packet6(tcp({ seq: 1, data: counting(1000) }));
    const second = packet6(tcp({ seq: 1001, data: counting(1000) }));
    const both = partial(
      packet4(tcp({ seq: 1, data: counting(2000) }), { id: 77, ttl: 63, df: true }),
      20,
      16,
      pseudo4(HOST4, PEER4, 6, 2020),
    );
    expect(verdicts(await replay(raw(first, second, both)))).toEqual(['translated', 'translated', 'seen']);
  });

  it('a flow once recognised is the translator’s, whatever the capture lost', async () => {
    const packet = (seq: number) => packet4(tcp({ seq }));
    const written = (seq: number, hop = 63) => packet6(tcp({ seq }), { src: HOST6, dst: PEER6, hop });
    expect(verdicts(await replay(raw(packet(1), written(1), written(2), packet(3))))).toEqual([
      'translated',
      'seen',
      'seen',
      'translated',
    ]);
    // A loop comes with another hop limit, and is shown.
    expect(verdicts(await replay(raw(packet(1), written(1), written(1, 62))))).toEqual([
      'translated',
      'seen',
      'translated',
    ]);
  });

  it('the same input twice is translated twice', async () => {
    const { packet } = EXAMPLES[0]!;
    expect(verdicts(await replay(raw([...packet], [...packet])))).toEqual(['translated', 'translated']);
  });

  const NONE = 0xfffe;
  const [A1, A2] = [EXAMPLES[0]!, EXAMPLES[1]!];
  const type = (packet: readonly number[]) => (packet[0]! >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd]);
  const sll = (packetType: number, hardware: number, packet: readonly number[]) => [
    ...u16(packetType),
    ...u16(hardware),
    ...new Array<number>(10).fill(0),
    ...type(packet),
    ...packet,
  ];
  const sll2 = (packetType: number, hardware: number, index: number, packet: readonly number[]) => [
    ...type(packet),
    ...[0, 0, ...u32(index), ...u16(hardware), packetType, 0],
    ...new Array<number>(8).fill(0),
    ...packet,
  ];
  const cooked = (linkType: number, ...frames: readonly number[][]) =>
    replay(pcap({ linkType, records: frames.map((bytes) => ({ bytes })) }));

  it('SLL: what a TUN device received its program wrote', async () => {
    const result = await cooked(113, sll(4, NONE, A1.packet), sll(0, NONE, A2.packet));
    expect(result.report).toMatchObject([
      { verdict: 'translated' },
      { verdict: 'seen', reason: 'TranslatorOutput', outputs: 0 },
    ]);
  });

  it('SLL2: other interfaces, once the translator’s is known', async () => {
    const result = await cooked(
      276,
      sll2(0, 1, 2, A2.packet),
      sll2(4, NONE, 7, A1.packet),
      sll2(0, NONE, 7, A1.output),
      sll2(4, 1, 2, A1.output),
      sll2(4, NONE, 9, A1.packet),
    );
    expect(result.report.map(({ reason }) => reason)).toEqual([
      'Translated64',
      'Translated46',
      'TranslatorOutput',
      'OtherInterface',
      'OtherInterface',
    ]);
  });
});

describe('records cut by the capture', () => {
  const cutTo = (length: number, packet: readonly number[]) =>
    replay(pcap({ records: [{ bytes: packet.slice(0, length), original: packet.length }] }));

  it('say so, with what would become of the packet; outputs are cut where it is', async () => {
    const packet = packet4(udp(counting(500)));
    const whole = (await replay(raw(packet))).outputs[0]!.bytes;
    const { report, outputs, stdout } = await cutTo(96, packet);
    expect(report).toMatchObject([
      {
        verdict: 'cut by the capture',
        reason: 'Translated46',
        outputs: 1,
        source: HOST4,
        destination: PEER4,
        length: packet.length,
        captured: 96,
      },
    ]);
    expect(outputs[0]).toMatchObject({ bytes: whole.slice(0, 116), original: whole.length });
    expect(stdout).toMatch(/^ +1 +100\.0 % +cut by the capture +Translated46 /m);
  });

  it.each<[string, Bytes, string]>([
    ['a packet at the end of its way', packet4(udp(counting(500)), { ttl: 1 }), 'TtlExpired46'],
    [
      'an ICMP error, whose checksum cannot be verified',
      packet4(opaque(1, icmp4(3, 3, [0, 0, 0, 0], packet4(udp(counting(300)), { src: PEER4, dst: HOST4 })))),
      'Translated46',
    ],
    ['a super-packet', packet4(tcp({ data: counting(5000) }), { df: true }), 'Translated46'],
    ['IPv6', packet6(udp(counting(500))), 'Translated64'],
  ])('%s', async (_, packet, reason) => {
    expect((await cutTo(96, packet)).report).toMatchObject([{ verdict: 'cut by the capture', reason }]);
  });

  it('in pcapng, too', async () => {
    const b = blocks('little');
    const packet = packet4(udp(counting(500)));
    const record = b.enhanced(packet.slice(0, 96));
    record.splice(24, 4, ...[...u32(packet.length)].reverse());
    const { report } = await replay([...b.section(), ...b.interface(101), ...record]);
    expect(report).toMatchObject([{ verdict: 'cut by the capture', reason: 'Translated46' }]);
  });

  it('NFLOG: its own snap length', async () => {
    const packet = packet4(udp(counting(500)));
    const frame = [2, 0, 0, 5, 100, 0, 9, 0, ...packet.slice(0, 96)];
    const { report } = await replay(pcap({ linkType: 239, records: [{ bytes: frame }] }));
    expect(report).toMatchObject([{ verdict: 'cut by the capture', reason: 'Translated46', length: 528 }]);
  });

  it('of less than a header nothing is said', async () => {
    for (const length of [0, 1, 19]) {
      expect((await cutTo(length, packet4(udp(counting(500))))).report).toMatchObject([
        { verdict: 'cut by the capture', reason: 'CutByCapture', outputs: 0, length: 528 },
      ]);
    }
    // Every length there is, both families.
    for (const packet of [packet4(udp(counting(60))), packet6(tcp({ data: counting(30) }))]) {
      for (let length = 0; length < packet.length; length++) {
        expect(verdicts(await cutTo(length, packet))).toEqual(['cut by the capture']);
      }
    }
  });
});

it('rows of the report name addresses, protocol, ports and length', async () => {
  const { report } = await replay(
    raw(
      v6({ next: 0, payload: [44, 0, 1, 4, 0, 0, 0, 0, ...fh(17, { offset: 8 }), ...counting(16)] }),
      packet4(tcp({ sport: 1, dport: 65535 })),
      v4({ proto: 200, payload: [1] }),
      [0x45, 0, 0],
    ),
  );
  expect(report).toMatchObject([
    { source: HOST6, destination: '2001:db8:64::c633:6402', protocol: 'UDP', length: 72 },
    { source: HOST4, destination: PEER4, protocol: 'TCP', sourcePort: 1, destinationPort: 65535, length: 40 },
    { protocol: 200, length: 21 },
    { verdict: 'dropped', reason: 'ShortHeader46', length: 3 },
  ]);
  expect(report[0]).not.toHaveProperty('sourcePort');
});

const noEditcap = spawnSync('editcap', ['--version']).error !== undefined;

describe.skipIf(noEditcap)(`captures by editcap${noEditcap ? ' (skipped: it is not installed)' : ''}`, () => {
  it.each(['pcap', 'nsecpcap', 'pcapng'])('-s 60, %s: cut by the capture', async (format) => {
    const packets = [packet4(udp(counting(500))), packet6(tcp({ data: counting(500) })), packet4(tcp())];
    const [input, output] = [files.put('whole', raw(...packets)), files.path(`cut.${format}`)];
    expect(spawnSync('editcap', ['-F', format, '-s', '60', input, output]).status).toBe(0);
    const { report } = await replay([...readFileSync(output)]);
    expect(report).toMatchObject([
      { verdict: 'cut by the capture', reason: 'Translated46', length: 528, captured: 60 },
      { verdict: 'cut by the capture', reason: 'Translated64', length: 560, captured: 60 },
      { verdict: 'translated', reason: 'Translated46', length: 40 },
    ]);
  });

  it.each([
    ['ppp', (p: Bytes) => [0xff, 3, 0, p[0]! >> 4 === 4 ? 0x21 : 0x57, ...p]],
    ['pppoes', (p: Bytes) => [0x11, 0, 0, 7, ...u16(p.length + 2), 0, p[0]! >> 4 === 4 ? 0x21 : 0x57, ...p]],
    [
      'nflog',
      (p: Bytes) => [p[0]! >> 4 === 4 ? 2 : 10, 0, 0, 5, ...[...u16(4 + p.length)].reverse(), 9, 0, ...p],
    ],
  ] as [string, (packet: Bytes) => Bytes][])('-T %s', async (linkType, wrap) => {
    const packets = [packet4(udp(counting(50))), packet6(tcp({ data: counting(50) }))];
    const [input, output] = [files.put('bare', raw(...packets.map(wrap))), files.path(`${linkType}.pcapng`)];
    expect(spawnSync('editcap', ['-T', linkType, input, output]).status).toBe(0);
    const { report } = await replay([...readFileSync(output)]);
    expect(report.map(({ reason }) => reason)).toEqual(['Translated46', 'Translated64']);
  });
});
