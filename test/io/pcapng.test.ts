/** pcapng: sections in either byte order, interfaces of their own kinds and clocks, every packet block. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { blocks, type Order } from './support/captures.ts';
import { readAll, scratch } from './support/read.ts';

const SLOW = 60_000;
const files = scratch();
afterAll(() => files.remove());

const read = (...parts: ArrayLike<number>[]) =>
  readAll(
    files.put(
      'in',
      parts.flatMap((part) => [...Array.from(part)]),
    ),
  );
const ORDERS: Order[] = ['big', 'little'];
const IP = [0x45, 1, 2, 3, 4];

describe.each(ORDERS)('pcapng, %s-endian', (order) => {
  const b = blocks(order);

  it('reads every kind of packet block, skips all other blocks', () => {
    const { packets, error, nanoseconds } = read(
      b.section(b.option(4, [...Buffer.from('a test')])),
      b.others(),
      b.interface(101),
      b.enhanced(IP, { stamp: 1_700_000_000_123_456n, options: b.option(1, [...Buffer.from('comment')]) }),
      b.others(),
      b.obsolete([...IP, 5, 6], { stamp: 1_000_001n }),
      b.simple([...IP, 7]),
      b.others(),
    );
    expect(error).toBeNull();
    expect(nanoseconds).toBe(true);
    expect(packets).toEqual([
      { bytes: IP, linkType: 101, seconds: 1_700_000_000, nanoseconds: 123_456_000 },
      { bytes: [...IP, 5, 6], linkType: 101, seconds: 1, nanoseconds: 1000 },
      { bytes: [...IP, 7], linkType: 101, seconds: 0, nanoseconds: 0 },
    ]);
  });

  it('keeps several interfaces apart: link types and clocks', () => {
    const { packets, error } = read(
      b.section(),
      b.interface(1),
      b.interface(101, { resolution: 9 }),
      b.enhanced(IP, { id: 1, stamp: 1_700_000_000_123_456_789n }),
      b.enhanced(IP, { id: 0, stamp: 5n }),
      b.interface(113, { resolution: 3, offset: 1000 }),
      b.obsolete(IP, { id: 2, stamp: 2_001n }),
    );
    expect(error).toBeNull();
    expect(packets.map(({ bytes: _, ...rest }) => rest)).toEqual([
      { linkType: 101, seconds: 1_700_000_000, nanoseconds: 123_456_789 },
      { linkType: 1, seconds: 0, nanoseconds: 5000 },
      { linkType: 113, seconds: 1002, nanoseconds: 1_000_000 },
    ]);
  });

  it('a simple packet is cut at the snap length', () => {
    const { packets, error } = read(
      b.section(),
      b.interface(101, { snap: 3 }),
      b.simple(IP.slice(0, 3), 1500),
    );
    expect(error).toBeNull();
    expect(packets[0]?.bytes).toEqual(IP.slice(0, 3));
  });

  it('cut after any number of bytes: says so, and keeps what is whole', () => {
    const parts = [
      b.section(),
      b.interface(101),
      b.enhanced(IP),
      b.others(),
      b.simple(IP),
      b.obsolete([...IP, 1, 2, 3]),
    ];
    const whole = parts.flat();
    // `others` is six blocks of 20 bytes.
    const ends = new Set([0]);
    const complete: number[] = [];
    let at = 0;
    for (const [i, part] of parts.entries()) {
      if (i === 3) for (let k = 20; k < part.length; k += 20) ends.add(at + k);
      at += part.length;
      ends.add(at);
      if (i === 2 || i > 3) complete.push(at);
    }
    for (let length = 0; length < whole.length; length++) {
      const { packets, error } = read(whole.slice(0, length));
      const kept = complete.filter((end) => end <= length).length;
      expect(packets.length, `${length} bytes`).toBe(kept);
      if (length === 0) expect(error).toBe('the file is empty');
      else if (ends.has(length)) expect(error, `${length} bytes`).toBeNull();
      else if (length < 4) expect(error).toMatch(/^not a capture/);
      else {
        const from = Math.max(...[...ends].filter((end) => end <= length));
        expect(error).toMatch(new RegExp(`^at byte ${from}, packet ${kept + 1}: the capture is cut off`));
      }
    }
  });

  it.each([
    ['shorter than a block can be', 8],
    ['not a multiple of 4', 33],
    ['larger than any packet', 0x7fff_fff0],
  ])('a packet block whose length is %s is damage', (_, length) => {
    const packet = b.enhanced(IP);
    const wrong = [...packet.slice(0, 4), ...u32(order, length), ...packet.slice(8)];
    const { packets, error } = read(b.section(), b.interface(101), b.enhanced(IP), wrong);
    expect(packets).toHaveLength(1);
    expect(error).toContain(`packet 2: a block of ${length} bytes: the capture is damaged here`);
  });

  it('other damage is named', () => {
    const start = [...b.section(), ...b.interface(101)];
    const twoLengths = b.enhanced(IP);
    twoLengths[twoLengths.length - (order === 'big' ? 1 : 4)] = 0xfc;
    const noOrder = b.section();
    noOrder[8] = 0;
    const cases: [number[], string][] = [
      [twoLengths, 'a block whose two lengths differ: the capture is damaged here'],
      [noOrder, 'a section header without byte order: the capture is damaged here'],
      [b.enhanced(IP, { id: 3 }), 'a packet of interface 3, which was not described before'],
      [b.enhanced(IP, { captured: 9 }), 'a packet of 9 bytes in a block that holds 8'],
      [b.enhanced(IP, { captured: 2 ** 32 - 1 }), 'a packet of 4294967295 bytes in a block that holds 8'],
      [b.simple(IP, 9), 'a packet of 9 bytes in a block that holds 8'],
      [b.block(6, [0, 0, 0, 0]), 'a packet block that is too short'],
      [b.block(1, [0, 0, 0, 0]), 'an interface block that is too short'],
    ];
    for (const [damage, message] of cases) {
      const { packets, error } = read(start, b.enhanced(IP), damage, b.enhanced(IP));
      expect(packets, message).toHaveLength(1);
      expect(error).toBe(`at byte ${start.length + b.enhanced(IP).length}, packet 2: ${message}`);
    }
  });

  it('names a link type it cannot read, only when a packet has it', () => {
    const start = [...b.section(), ...b.interface(105), ...b.interface(101)];
    expect(read(start, b.enhanced(IP, { id: 1 })).error).toBeNull();
    expect(read(start, b.enhanced(IP, { id: 1 }), b.enhanced(IP, { id: 0 }))).toMatchObject({
      packets: [{ bytes: IP }],
      error: expect.stringContaining('link type 105 (802.11) is not supported'),
    });
  });

  it('an option that runs past its block ends the options', () => {
    const described = b.block(1, [
      ...u16(order, 101),
      0,
      0,
      0,
      0,
      0,
      0,
      ...u16(order, 9),
      ...u16(order, 200),
      9,
      0,
      0,
      0,
    ]);
    expect(read(b.section(), described, b.enhanced(IP, { stamp: 1_000_000n })).packets[0]?.seconds).toBe(1);
  });
});

const u16 = (order: Order, value: number): number[] =>
  order === 'big' ? [value >> 8, value & 255] : [value & 255, value >> 8];
const u32 = (order: Order, value: number): number[] => {
  const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  return order === 'big' ? bytes : bytes.reverse();
};

describe('pcapng', () => {
  it('several sections, each with its own byte order and interfaces', () => {
    const [big, little] = [blocks('big'), blocks('little')];
    const { packets, error } = read(
      big.section(),
      big.interface(101),
      big.enhanced(IP, { stamp: 1_000_000n }),
      little.section(),
      little.interface(1, { resolution: 9 }),
      little.enhanced(IP, { stamp: 2_000_000_000n }),
      big.section(),
      big.interface(228),
      big.enhanced(IP, { stamp: 3_000_000n }),
      big.section(),
      big.enhanced(IP),
    );
    expect(packets.map(({ linkType, seconds }) => [linkType, seconds])).toEqual([
      [101, 1],
      [1, 2],
      [228, 3],
    ]);
    expect(error).toContain('packet 4: a packet of interface 0, which was not described before');
  });

  it(
    'clocks of any resolution, exact to the nanosecond',
    () => {
      const b = blocks('little');
      const base = [
        ...Array.from({ length: 21 }, (_, i) => i),
        ...Array.from({ length: 65 }, (_, i) => 0x80 | i),
        127,
        255,
      ];
      fc.assert(
        fc.property(
          fc.constantFrom(...base),
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          (resolution, stamp) => {
            const units = resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
            const { packets } = read(
              b.section(),
              b.interface(101, { resolution }),
              b.enhanced(IP, { stamp }),
            );
            expect(packets[0]?.seconds).toBe(Number(stamp / units));
            expect(packets[0]?.nanoseconds).toBe(Number(((stamp % units) * 1_000_000_000n) / units));
          },
        ),
        { numRuns: 500, seed: 8 },
      );
    },
    SLOW,
  );

  it('a negative offset', () => {
    const b = blocks('big');
    const { packets } = read(
      b.section(),
      b.interface(101, { offset: -10 }),
      b.enhanced(IP, { stamp: 30_000_000n }),
    );
    expect(packets[0]?.seconds).toBe(20);
  });

  it(
    'any bytes at all: packets and perhaps a message, never anything else',
    () => {
      const b = blocks('little');
      const heads = [
        b.section(),
        [...b.section(), ...b.interface(101)],
        [...b.section(), ...b.interface(101), ...b.simple(IP)],
      ];
      fc.assert(
        fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 300 }), (head, rest) => {
          const { error } = read(head, rest);
          if (error !== null) expect(error).toMatch(/^\S.{5,}/);
        }),
        { numRuns: 500, seed: 6 },
      );
    },
    SLOW,
  );

  it(
    'a capture with any byte changed',
    () => {
      const b = blocks('little');
      const whole = [
        ...b.section(),
        ...b.interface(101, { resolution: 9, offset: 1, snap: 100 }),
        ...b.enhanced(IP),
        ...b.simple(IP),
        ...b.obsolete(IP),
      ];
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
          const changed = [...whole];
          changed[at] = value;
          read(changed);
        }),
        { numRuns: 500, seed: 7 },
      );
    },
    SLOW,
  );
});
