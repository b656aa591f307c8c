/** Properties that hold for every packet (fast-check). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FixedIdentification } from '../../src/translate/identification.ts';
import { translator } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  hex,
  packet4,
  pseudo6,
  type Transport,
  tcp,
  udp,
  v4,
} from '../support/packets.ts';

const bytes = (max: number): fc.Arbitrary<Bytes> =>
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: max });
const transport: fc.Arbitrary<Transport> = fc.oneof(
  bytes(1300).map((data) => udp(data)),
  fc.record({ data: bytes(1300), seq: fc.nat(0xffffffff), flags: fc.nat(255) }).map((fields) => tcp(fields)),
);

describe('46 and back', () => {
  test('is the identity up to TTL and Identification', () => {
    const engine = translator();
    fc.assert(
      fc.property(transport, fc.integer({ min: 3, max: 255 }), fc.nat(255), (of, ttl, tos) => {
        const packet = packet4(of, { ttl, tos, df: true });
        const there = engine.translate(Uint8Array.from(packet));
        expect(there.reason).toBe('Translated46');
        const back = engine.translate(there.outputs[0]!);
        expect(back.reason).toBe('Translated64');
        const df = packet.length > 1260;
        expect(hex(back.outputs[0]!)).toBe(hex(packet4(of, { ttl: ttl - 2, tos, df, id: df ? 0 : 0xabcd })));
      }),
    );
  });
  test('holds for fragments, with their Identification', () => {
    const engine = translator();
    fc.assert(
      fc.property(bytes(150), fc.nat(0xffff), fc.nat(100), fc.boolean(), (data, id, units, mf) => {
        const payload = data.slice(0, data.length & ~7);
        fc.pre(payload.length > 0 && (mf || units > 0));
        const packet = v4({ proto: 132, id, offset: units * 8, mf, payload });
        const there = engine.translate(Uint8Array.from(packet));
        const back = engine.translate(there.outputs[0]!);
        expect(hex(back.outputs[0]!)).toBe(
          hex(v4({ proto: 132, id, offset: units * 8, mf, ttl: 62, payload })),
        );
      }),
    );
  });
});

test('checksums of translated packets are right whenever they were', () => {
  const engine = translator();
  fc.assert(
    fc.property(transport, (of) => {
      const [output] = engine.translate(Uint8Array.from(packet4(of, { df: true }))).outputs;
      const segment = [...output!.subarray(40)];
      const even = segment.length % 2 === 0 ? segment : [...segment, 0];
      expect(
        checksum(pseudo6('2001:db8:1::1', '2001:db8:64::198.51.100.2', of.proto, segment.length), even),
      ).toBe(0);
    }),
  );
});

test('any bytes at all: a reason, and the same one again', () => {
  const engine = translator();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0x45, 0x60, null), (packet, first) => {
      if (first !== null && packet.length > 0) packet[0] = first;
      const copy = Uint8Array.from(packet);
      const one = engine.translate(packet);
      const two = engine.translate(packet);
      expect(two).toEqual(one);
      expect(packet).toEqual(copy);
    }),
    { numRuns: 2000 },
  );
});

test('a fixed identification is fixed', () => {
  expect(new FixedIdentification(5).reserve()).toBe(5);
});
