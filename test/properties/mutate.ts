/** Random and mutated packets: what the fuzz runs are made of. Everything follows from one seed. */
import {
  type Bytes,
  counting,
  fh,
  icmp4,
  icmp6,
  inside4,
  inside6,
  OWN4,
  OWN6,
  optionsHeader,
  PEER6,
  packet4,
  packet6,
  routing,
  tcp,
  u32,
  udp,
  v4,
  v6,
} from './seeds.ts';

/** mulberry32 */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Packets of every kind, right in themselves: mutation begins here. */
export const CORPUS: readonly Bytes[] = [
  packet4(udp()),
  packet4(udp(counting(3000))),
  packet4(tcp({ flags: 2, options: [2, 4, 5, 180] })),
  packet4(tcp({ data: counting(1400) }), { df: true }),
  packet4(udp(), { options: [131, 7, 4, 1, 2, 3, 4, 0] }),
  v4({ proto: 17, mf: true, payload: udp(counting(16)).in4() }),
  v4({ proto: 17, offset: 1480, payload: counting(33) }),
  v4({ proto: 1, payload: icmp4(8, 0, u32(1), counting(40)) }),
  v4({ dst: OWN4, proto: 1, payload: icmp4(8, 0, u32(1), counting(40)) }),
  inside4(3, 1, [0, 0, 0, 0]),
  inside4(3, 4, [0, 0, 5, 0]),
  inside4(11, 0, [0, 12, 0, 0]),
  inside4(12, 0, [8, 0, 0, 0]),
  packet6(udp()),
  packet6(tcp({ data: counting(1200) })),
  packet6(udp(), { dst: OWN6 }),
  v6({
    next: 0,
    payload: [...optionsHeader(43), ...routing(44, 0), ...fh(17, { more: true }), ...udp(counting(16)).in6()],
  }),
  v6({ next: 43, payload: [...routing(17, 1), ...udp().in6()] }),
  v6({ next: 58, payload: icmp6(128, 0, u32(1), counting(40)) }),
  v6({ next: 58, dst: OWN6, payload: icmp6(128, 0, u32(1), counting(40), '2001:db8:1::1', OWN6) }),
  inside6(1, 0, [6, 0, 0, 0]),
  inside6(2, 0, u32(1400)),
  inside6(3, 0, [0, 0, 0, 0]),
  inside6(4, 0, u32(24)),
  packet6(udp(), { dst: PEER6 }),
];

/** Writes the next packet into `into`. @returns its length */
export function nextPacket(draw: () => number, into: Uint8Array): number {
  const kind = draw() % 16;
  if (kind === 0) {
    const length = draw() % 200;
    for (let i = 0; i < length; i++) into[i] = draw();
    if (length > 0 && draw() % 2 === 0) into[0] = draw() % 2 === 0 ? 0x45 : 0x60;
    return length;
  }
  const base = CORPUS[draw() % CORPUS.length]!;
  into.set(base);
  let length = base.length;
  // Mostly the headers: that is where decisions are made.
  for (let n = draw() % 6; n > 0; n--) {
    const at = draw() % (draw() % 4 === 0 ? length : Math.min(length, 100));
    const how = draw() % 4;
    into[at] = how === 0 ? draw() : how === 1 ? into[at]! ^ (1 << (draw() % 8)) : how === 2 ? 0 : 255;
  }
  if (draw() % 8 === 0) length = draw() % (length + 1);
  if (draw() % 8 === 0) length += draw() % 16;
  // Most mutations would end at a wrong checksum: mend those of the header, and often of ICMP, to get further.
  if (length >= 20 && into[0]! >>> 4 === 4 && draw() % 8 !== 0) mend4(into, length, draw() % 4 !== 0);
  else if (length >= 48 && into[0]! >>> 4 === 6 && draw() % 4 !== 0) mend6(into, length);
  return length;
}

function sum(bytes: Uint8Array, from: number, to: number, start: number): number {
  let total = start;
  for (let i = from; i < to; i++) total += (i - from) % 2 === 0 ? bytes[i]! << 8 : bytes[i]!;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

function put(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 255;
}

function mend4(bytes: Uint8Array, length: number, icmp: boolean): void {
  const header = Math.min((bytes[0]! & 15) * 4, length);
  if (header < 20) return;
  put(bytes, 10, 0);
  put(bytes, 10, sum(bytes, 0, header, 0));
  const end = Math.min(length, bytes[2]! * 256 + bytes[3]!);
  if (!icmp || bytes[9] !== 1 || end < header + 8) return;
  put(bytes, header + 2, 0);
  put(bytes, header + 2, sum(bytes, header, end, 0));
}

function mend6(bytes: Uint8Array, length: number): void {
  const payload = bytes[4]! * 256 + bytes[5]!;
  if (bytes[6] !== 58 || payload < 8 || 40 + payload > length) return;
  let pseudo = payload + 58;
  for (let i = 8; i < 40; i += 2) pseudo += bytes[i]! * 256 + bytes[i + 1]!;
  put(bytes, 42, 0);
  put(bytes, 42, sum(bytes, 40, 40 + payload, pseudo));
}
