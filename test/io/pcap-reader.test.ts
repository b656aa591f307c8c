/** pcap: either byte order, either resolution, cut and damaged anywhere. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Order, pcap, word } from './support/captures.ts';
import { readAll, scratch } from './support/read.ts';

const SLOW = 60_000;
const files = scratch();
afterAll(() => files.remove());

const read = (bytes: ArrayLike<number>) => readAll(files.put('in', bytes));
const RECORDS = [
  { bytes: [0x45, 1, 2, 3, 4], seconds: 1_700_000_000, fraction: 123_456 },
  { bytes: [], seconds: 0xffff_ffff, fraction: 0 },
  { bytes: [0x60, 9, 8, 7, 6, 5, 4], seconds: 5, fraction: 999_999, original: 1500 },
];

const forms = (['big', 'little'] as Order[]).flatMap((order) =>
  [false, true].map((nanoseconds) => ({ order, nanoseconds })),
);

describe.each(forms)('pcap, $order-endian, nanoseconds: $nanoseconds', ({ order, nanoseconds }) => {
  const form = { order, nanoseconds };
  const whole = pcap({ ...form, records: RECORDS });

  it('gives every packet as captured, with its time', () => {
    expect(read(whole)).toEqual({
      packets: RECORDS.map(({ bytes, seconds, fraction }) => ({
        bytes,
        linkType: 101,
        seconds,
        nanoseconds: nanoseconds ? fraction : fraction * 1000,
      })),
      nanoseconds,
      error: null,
    });
  });

  it('cut after any number of bytes: says so, and keeps what is whole', () => {
    const ends = [24];
    for (const { bytes } of RECORDS) ends.push(ends.at(-1)! + 16 + bytes.length);
    for (let length = 0; length < whole.length; length++) {
      const { packets, error } = read(whole.slice(0, length));
      const kept = ends.filter((end) => end <= length).length - 1;
      expect(packets.length, `${length} bytes`).toBe(Math.max(0, kept));
      if (ends.includes(length)) expect(error, `${length} bytes`).toBeNull();
      else if (length === 0) expect(error).toBe('the file is empty');
      else if (length < 4) expect(error).toBe(`not a capture (only ${length} bytes)`);
      else if (length < 24) expect(error).toContain(`cut off inside the file header, after ${length} of 24`);
      else
        expect(error).toMatch(
          new RegExp(`^at byte ${ends[kept]}, packet ${kept + 1}: the capture is cut off`),
        );
    }
  });

  it.each([2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1])('a length of %d is damage, not an allocation', (captured) => {
    const before = process.memoryUsage().arrayBuffers;
    const damaged = [...RECORDS, { bytes: [1, 2, 3], captured }];
    const { packets, error } = read(pcap({ ...form, records: damaged }));
    expect(packets).toHaveLength(RECORDS.length);
    expect(error).toBe(`at byte 84, packet 4: a length of ${captured} bytes: the capture is damaged here`);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  });
});

describe('pcap', () => {
  it('a file without packets is none the worse', () => {
    expect(read(pcap({}))).toEqual({ packets: [], nanoseconds: false, error: null });
  });

  it('ignores a frame check sequence length in the upper half of the link type', () => {
    const { packets } = read(pcap({ linkType: 0x1400_0065, records: [{ bytes: [1] }] }));
    expect(packets[0]?.linkType).toBe(101);
  });

  it('packets larger than a chunk of reading, and many across its ends', () => {
    const size = 700_001;
    const bytes = Array.from({ length: size }, (_, i) => (i * 7) & 255);
    const file = Buffer.concat([
      Uint8Array.from(pcap({})),
      ...Array.from({ length: 5 }, () =>
        Buffer.concat([
          Uint8Array.from([...word(1, 4, 'little'), ...word(2, 4, 'little')]),
          Uint8Array.from([...word(size, 4, 'little'), ...word(size, 4, 'little')]),
          Uint8Array.from(bytes),
        ]),
      ),
    ]);
    const { packets, error } = read(file);
    expect(error).toBeNull();
    expect(packets.map((packet) => Buffer.compare(Buffer.from(packet.bytes), Buffer.from(bytes)))).toEqual([
      0, 0, 0, 0, 0,
    ]);
  });

  it.each([
    [105, '105 (802.11)'],
    [220, '220 (Linux USB, memory-mapped)'],
    [9999, '9999'],
  ])('names a link type it cannot read: %d', (linkType, name) => {
    const { error } = read(pcap({ linkType, records: [{ bytes: [1] }] }));
    expect(error).toContain(`link type ${name} is not supported (RAW, IPV4, IPV6, Ethernet,`);
  });

  it.each([
    ['gzip', [0x1f, 0x8b, 8, 0, 0], 'zcat'],
    ['bzip2', [0x42, 0x5a, 0x68, 0x39], 'bzcat'],
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xzcat'],
    ['zstd', [0x28, 0xb5, 0x2f, 0xfd], 'zstdcat'],
  ])('says how to unpack %s', (name, bytes, command) => {
    const { error } = read(bytes);
    expect(error).toMatch(new RegExp(`^looks like ${name}; unpack it: ${command} \\S+ \\| clatd replay -$`));
  });

  it('says what is no capture', () => {
    expect(read([...Buffer.from('hello, world')]).error).toBe('not a capture (neither pcap nor pcapng)');
  });

  it(
    'any bytes at all: packets and perhaps a message, never anything else',
    () => {
      const heads = forms.map((form) => pcap({ ...form }));
      fc.assert(
        fc.property(fc.constantFrom([], ...heads), fc.uint8Array({ maxLength: 300 }), (head, rest) => {
          const { packets, error } = read([...head, ...rest]);
          expect(packets.length * 16).toBeLessThanOrEqual(rest.length);
          if (error !== null) expect(error).toMatch(/^\S.{5,}/);
        }),
        { numRuns: 500, seed: 4 },
      );
    },
    SLOW,
  );

  it(
    'a capture with any byte changed',
    () => {
      const whole = pcap({ records: RECORDS });
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
          const changed = [...whole];
          changed[at] = value;
          read(changed);
        }),
        { numRuns: 500, seed: 5 },
      );
    },
    SLOW,
  );
});
