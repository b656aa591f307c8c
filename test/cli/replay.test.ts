/** clatd replay: every form of capture, damage, reports. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { replay } from '../../src/cli/replay.ts';
import { configure, translate } from '../support/must.ts';
import { type Bytes, counting, hex, packet4, packet6, tcp, udp, v4 } from '../support/packets.ts';

const folder = mkdtempSync(join(tmpdir(), 'clatd-replay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const path = (name: string): string => join(folder, `${files++}-${name}`);

const PACKETS: readonly Bytes[] = [
  packet4(udp()),
  packet6(tcp()),
  v4({ ttl: 1 }),
  v4({ ttl: 0 }),
  packet4(udp(counting(3000))),
];

type Endian = 'little' | 'big';
const word32 = (value: number, endian: Endian): Bytes => {
  const bytes = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255];
  return endian === 'little' ? bytes : bytes.reverse();
};
const word16 = (value: number, endian: Endian): Bytes => {
  const bytes = [value & 255, value >>> 8];
  return endian === 'little' ? bytes : bytes.reverse();
};

/** A pcap file, by hand. */
function pcap(frames: readonly Bytes[], linkType = 101, endian: Endian = 'little', nano = false): Bytes {
  const w = (value: number): Bytes => word32(value, endian);
  const header = [
    ...w(nano ? 0xa1b23c4d : 0xa1b2c3d4),
    ...word16(2, endian),
    ...word16(4, endian),
    ...w(0),
    ...w(0),
    ...w(262144),
    ...w(linkType),
  ];
  return [
    ...header,
    ...frames.flatMap((frame, i) => [
      ...w(1700000000 + i),
      ...w(nano ? 123456789 : 123456),
      ...w(frame.length),
      ...w(frame.length),
      ...frame,
    ]),
  ];
}

/** A pcapng file, by hand: a section, an interface, an unknown block, enhanced packets. */
function pcapng(
  frames: readonly Bytes[],
  linkType = 101,
  endian: Endian = 'little',
  resolution?: number,
): Bytes {
  const w = (value: number): Bytes => word32(value, endian);
  const h = (value: number): Bytes => word16(value, endian);
  const block = (type: number, body: Bytes): Bytes => {
    const padded = [...body, ...new Array<number>((4 - (body.length % 4)) % 4).fill(0)];
    return [...w(type), ...w(12 + padded.length), ...padded, ...w(12 + padded.length)];
  };
  const options = resolution === undefined ? [] : [...h(9), ...h(1), resolution, 0, 0, 0, ...w(0)];
  const units =
    resolution === undefined
      ? 1_000_000n
      : resolution & 0x80
        ? 1n << BigInt(resolution & 0x7f)
        : 10n ** BigInt(resolution);
  const stamp = (i: number): Bytes => {
    const ticks = BigInt(1700000000 + i) * units + units / 4n;
    return [...w(Number(ticks >> 32n)), ...w(Number(ticks & 0xffffffffn))];
  };
  return [
    ...block(0x0a0d0d0a, [...w(0x1a2b3c4d), ...h(1), ...h(0), ...w(0xffffffff), ...w(0xffffffff)]),
    ...block(1, [...h(linkType), ...h(0), ...w(0), ...options]),
    ...block(0x0bad, counting(13)),
    ...frames.flatMap((frame, i) =>
      block(6, [...w(0), ...stamp(i), ...w(frame.length), ...w(frame.length), ...frame]),
    ),
    ...block(5, [...w(0), ...w(0), ...w(0)]),
  ];
}

interface Result {
  code: number;
  stdout: string;
  stderr: string;
  report: { index: number; verdict: string; reason: string; outputs: number }[];
  packets: { seconds: number; fraction: number; bytes: string }[];
  magic: number;
}

async function run(capture: Bytes): Promise<Result> {
  const input = path('in');
  writeFileSync(input, Uint8Array.from(capture));
  const output = path('out.pcap');
  const report = path('report.jsonl');
  const io = { stdout: '', stderr: '' };
  const code = await replay({ input, output, report }, configure(), {
    stdout: { write: (text) => (io.stdout += text) },
    stderr: { write: (text) => (io.stderr += text) },
  });
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch {
      return Buffer.alloc(0);
    }
  };
  const bytes = read(output);
  const packets = [];
  for (let at = 24; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    packets.push({
      seconds: bytes.readUInt32LE(at),
      fraction: bytes.readUInt32LE(at + 4),
      bytes: hex(bytes.subarray(at + 16, at + 16 + length)),
    });
    at += 16 + length;
  }
  if (bytes.length > 0) expect(bytes.readUInt32LE(20)).toBe(101);
  const lines = read(report).toString().trim();
  return {
    code,
    ...io,
    report: lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line) as Result['report'][number]),
    packets,
    magic: bytes.length > 0 ? bytes.readUInt32LE(0) : 0,
  };
}

/** What the packets become; the IPv4 Identification is the counters' business. */
const masked = (text: string): string =>
  text.startsWith('45') ? `${text.slice(0, 8)}----${text.slice(12, 20)}----${text.slice(24)}` : text;
const EXPECTED = PACKETS.flatMap((packet) => translate(packet).outputs.map((bytes) => masked(hex(bytes))));

const ETHERNET = (type: Bytes): Bytes => [...counting(12), ...type];
const ip = (packet: Bytes): Bytes => (packet[0]! >>> 4 === 6 ? [0x86, 0xdd] : [8, 0]);
const FRAMES: readonly (readonly [name: string, linkType: number, frame: (packet: Bytes) => Bytes])[] = [
  ['RAW', 101, (packet) => packet],
  ['RAW of old', 12, (packet) => packet],
  ['RAW of OpenBSD', 14, (packet) => packet],
  ['IPV4', 228, (packet) => packet],
  ['IPV6', 229, (packet) => packet],
  ['Ethernet', 1, (packet) => [...ETHERNET(ip(packet)), ...packet]],
  ['Ethernet with padding', 1, (packet) => [...ETHERNET(ip(packet)), ...packet, 0, 0, 0, 0, 0]],
  ['Ethernet, a VLAN tag', 1, (packet) => [...ETHERNET([0x81, 0, 0, 5]), ...ip(packet), ...packet]],
  [
    'Ethernet, two VLAN tags',
    1,
    (packet) => [...ETHERNET([0x88, 0xa8, 0, 5, 0x81, 0, 0, 6]), ...ip(packet), ...packet],
  ],
  ['SLL', 113, (packet) => [0, 0, 0, 1, 0, 6, ...counting(8), ...ip(packet), ...packet]],
  ['SLL2', 276, (packet) => [...ip(packet), 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, ...counting(8), ...packet]],
  ['NULL, little-endian', 0, (packet) => [packet[0]! >>> 4 === 6 ? 10 : 2, 0, 0, 0, ...packet]],
  ['NULL, big-endian', 0, (packet) => [0, 0, 0, packet[0]! >>> 4 === 6 ? 30 : 2, ...packet]],
  ['LOOP', 108, (packet) => [0, 0, 0, packet[0]! >>> 4 === 6 ? 24 : 2, ...packet]],
];

describe('forms', () => {
  test.each(FRAMES)('link type %s', async (_name, linkType, frame) => {
    const { code, packets, report } = await run(pcap(PACKETS.map(frame), linkType));
    expect(code).toBe(0);
    expect(packets.map(({ bytes }) => masked(bytes))).toEqual(EXPECTED);
    expect(report).toEqual([
      { index: 0, verdict: 'translated', reason: 'Translated46', outputs: 1 },
      { index: 1, verdict: 'translated', reason: 'Translated64', outputs: 1 },
      { index: 2, verdict: 'replied', reason: 'TtlExpired46', outputs: 1 },
      { index: 3, verdict: 'dropped', reason: 'TtlZero46', outputs: 0 },
      { index: 4, verdict: 'translated', reason: 'Translated46', outputs: 3 },
    ]);
  });
  test.each<[Endian, boolean]>([
    ['little', false],
    ['little', true],
    ['big', false],
    ['big', true],
  ])('pcap, %s-endian, nanoseconds %s: timestamps are kept', async (endian, nano) => {
    const { packets, magic } = await run(pcap(PACKETS.slice(0, 2), 101, endian, nano));
    expect(magic).toBe(nano ? 0xa1b23c4d : 0xa1b2c3d4);
    expect(packets.map(({ seconds, fraction }) => [seconds, fraction])).toEqual(
      [0, 1].map((i) => [1700000000 + i, nano ? 123456789 : 123456]),
    );
  });
  test.each<[Endian, number | undefined]>([
    ['little', undefined],
    ['big', undefined],
    ['little', 9],
    ['big', 3],
    ['little', 0x80 | 20],
  ])('pcapng, %s-endian, resolution %s', async (endian, resolution) => {
    const { code, packets, magic } = await run(pcapng(PACKETS, 101, endian, resolution));
    expect(code).toBe(0);
    expect(packets.map(({ bytes }) => masked(bytes))).toEqual(EXPECTED);
    expect(magic).toBe(0xa1b23c4d);
    expect([packets[1]!.seconds, packets[1]!.fraction]).toEqual([1700000001, 250_000_000]);
  });
  test('pcapng with two sections of different byte order', async () => {
    const { packets } = await run([...pcapng(PACKETS.slice(0, 1)), ...pcapng(PACKETS.slice(1), 101, 'big')]);
    expect(packets.map(({ bytes }) => masked(bytes))).toEqual(EXPECTED);
  });
  test('frames that are not IP are ignored, and counted', async () => {
    const arp = [...ETHERNET([8, 6]), ...counting(28)];
    const { report } = await run(pcap([arp, [...ETHERNET([8, 0]), ...PACKETS[0]!], []], 1));
    expect(report.map(({ index, verdict, reason }) => [index, verdict, reason])).toEqual([
      [0, 'ignored', 'NotIp'],
      [1, 'translated', 'Translated46'],
      [2, 'ignored', 'NotIp'],
    ]);
  });
  test('an empty capture is right', async () => {
    expect(await run(pcap([]))).toMatchObject({ code: 0, report: [], packets: [] });
  });
  test('the summary counts by reason', async () => {
    const { stdout } = await run(pcap(PACKETS));
    expect(stdout).toMatch(/^ +2 +40\.0 % +translated +Translated46 /m);
    expect(stdout).toMatch(/^ +5 .*in all/m);
  });
});

describe('damage', () => {
  test.each([
    ['pcap', pcap(PACKETS.slice(0, 3))],
    ['pcapng', pcapng(PACKETS.slice(0, 3))],
  ])('%s, cut at every byte: said where, and what came before is kept', async (_name, capture) => {
    const whole = await run(capture);
    for (let length = 0; length < capture.length; length += 7) {
      const { code, stderr, report } = await run(capture.slice(0, length));
      const atBoundary = code === 0;
      if (!atBoundary) {
        expect(code, `cut at ${length}`).toBe(1);
        expect(stderr, `cut at ${length}`).toMatch(/at byte \d+, packet \d+|empty|not a capture|file header/);
      }
      expect(report, `cut at ${length}`).toEqual(whole.report.slice(0, report.length));
    }
  });
  test.each([
    ['an empty file', [], /is empty/],
    ['a text', [...Buffer.from('hello world, not a capture')], /not a capture/],
    ['gzip', [0x1f, 0x8b, 8, 0, 0, 0], /zcat/],
    ['an unknown link type', pcap(PACKETS, 105), /link type 105/],
    [
      'an absurd length',
      [...pcap([]), 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 127, 0, 0, 0, 0],
      /packet 1: a length of 2147483647/,
    ],
    ['an absurd block', [...pcapng([]), 6, 0, 0, 0, 255, 255, 255, 127, 0, 0, 0, 0], /a block of/],
  ])('%s', async (_name, capture, message) => {
    const { code, stderr } = await run(capture);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
  test('random bytes never throw', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const noise = Array.from(
        { length: 120 },
        (_, i) => (Math.imul(seed * 977 + i, 2654435761) >>> 24) & 255,
      );
      const magic = seed % 2 === 0 ? pcap([]) : pcapng([]);
      const { code } = await run([...magic, ...noise]);
      expect([0, 1]).toContain(code);
    }
  });
});

describe('files', () => {
  const io = (): { stdout: { write(): void }; stderr: { text: string; write(text: string): void } } => ({
    stdout: { write: () => {} },
    stderr: {
      text: '',
      write(text) {
        this.text += text;
      },
    },
  });
  const capture = (): string => {
    const file = path('capture');
    writeFileSync(file, Uint8Array.from(pcap(PACKETS)));
    return file;
  };
  test('the input is never written to', async () => {
    const input = capture();
    const before = statSync(input).size;
    for (const args of [
      { input, output: input },
      { input, report: input },
    ]) {
      const out = io();
      expect(await replay(args, configure(), out)).toBe(2);
      expect(out.stderr.text).toMatch(/is the input/);
    }
    expect(statSync(input).size).toBe(before);
  });
  test('output and report are two files', async () => {
    const out = io();
    const file = path('both');
    expect(await replay({ input: capture(), output: file, report: file }, configure(), out)).toBe(2);
  });
  test('a missing input, an output that cannot be written', async () => {
    const out = io();
    expect(await replay({ input: '/nowhere/x' }, configure(), out)).toBe(1);
    expect(out.stderr.text).toBe('clatd: cannot read /nowhere/x: no such file or directory\n');
    const second = io();
    expect(await replay({ input: capture(), output: '/nowhere/y' }, configure(), second)).toBe(1);
    expect(second.stderr.text).toMatch(/cannot write \/nowhere\/y/);
  });
  test('a large capture takes little memory', async () => {
    const input = path('large');
    const chunk = Uint8Array.from(
      pcap(Array.from({ length: 2000 }, () => packet4(udp(counting(1200))))),
    ).subarray(24);
    const parts = [Uint8Array.from(pcap([]))];
    for (let i = 0; i < 20; i++) parts.push(chunk);
    writeFileSync(input, Buffer.concat(parts));
    const before = process.memoryUsage().arrayBuffers;
    expect(await replay({ input, output: path('large-out') }, configure(), io())).toBe(0);
    // 50 MB in: a few chunks of 1 MiB and the translator's slab are all that is needed.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });
});
