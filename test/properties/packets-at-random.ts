/**
 * Packets drawn at random that get far: fields from the values where decisions change, checksums mostly right, ICMP
 * errors with packets inside, extension headers, fragments. Everything follows from the draws.
 */
import {
  type Bytes,
  checksum,
  counting,
  dccp,
  fh,
  icmp4,
  ip4,
  ip6,
  optionsHeader,
  pseudo6,
  routing,
  tcp,
  u16,
  u32,
  udp,
  udpLite,
  v4,
  v6,
} from '../support/packets.ts';

export type Draw = () => number;
const one = <T>(draw: Draw, of: readonly T[]): T => of[draw() % of.length]!;
/** True once in `n` draws. */
const once = (draw: Draw, n: number): boolean => draw() % n === 0;

const ADDRESSES4 = [
  ...['192.0.2.1', '192.0.2.1', '192.0.2.77', '198.51.100.2', '198.51.100.2', '198.51.100.200', '10.0.0.2'],
  ...['8.8.4.4', '8.8.8.8', '203.0.113.9', '192.0.2.254', '169.254.1.1', '127.0.0.1', '0.1.2.3'],
  ...['224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.0.8', '192.0.0.9', '192.168.1.1', '100.64.0.1'],
];
const ADDRESSES6 = [
  ...['2001:db8:1::1', '2001:db8:1::1', '2001:db8:1::fe', '2001:db8:2::2', '2001:db9:1:0:100::', 'fd00::1'],
  ...['2001:db8:ffff::1', 'fe80::1', '::1', '::', 'ff02::1', '64:ff9c::1'],
  ...['2001:db9:1:0:4d00::', '2001:db8:1::2', '2001:db8:2::c633:6402', '64:ff9b::a00:2'],
];
/** What pool6 makes of an IPv4 address, for the prefixes of configs.ts. */
const EMBED: Record<string, (v4: Bytes) => Bytes> = {
  '2001:db8:64::/96': (v4) => [...ip6('2001:db8:64::').slice(0, 12), ...v4],
  '64:ff9b::/96': (v4) => [...ip6('64:ff9b::').slice(0, 12), ...v4],
  '2001:db8::/32': (v4) => [...ip6('2001:db8::').slice(0, 4), ...v4, ...new Array<number>(8).fill(0)],
  '2001:db8:100::/40': (v4) => [
    ...ip6('2001:db8:100::').slice(0, 5),
    ...v4.slice(0, 3),
    0,
    v4[3]!,
    ...ip6('::').slice(10),
  ],
  '2001:db8:122:344::/64': (v4) => [...ip6('2001:db8:122:344::').slice(0, 9), ...v4, 0, 0, 0],
};
const text6 = (bytes: Bytes): string =>
  Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16)).join(':');

export class Packets {
  readonly #draw: Draw;
  readonly #pool6: string | undefined;

  constructor(draw: Draw, pool6: string | undefined) {
    this.#draw = draw;
    this.#pool6 = pool6;
  }

  next(): Bytes {
    const draw = this.#draw;
    const packet = once(draw, 2) ? this.#four(2) : this.#six(2);
    if (once(draw, 12)) return packet.slice(0, draw() % (packet.length + 1));
    if (once(draw, 12)) return [...packet, ...counting(draw() % 9)];
    if (once(draw, 10)) return packet.with(draw() % Math.min(packet.length, 90), draw() % 256);
    return packet;
  }

  #address4(): string {
    return one(this.#draw, ADDRESSES4);
  }
  #address6(): string {
    const draw = this.#draw;
    const embed = EMBED[this.#pool6 ?? ''];
    if (embed === undefined || once(draw, 3)) return one(draw, ADDRESSES6);
    const address = embed(ip4(this.#address4()));
    return text6(once(draw, 12) ? address.with(8 + (draw() % 8), draw() % 256) : address);
  }
  #length(): number {
    const draw = this.#draw;
    if (!once(draw, 3)) return draw() % 64;
    const edge = one(draw, [528, 548, 976, 1212, 1232, 1240, 1260, 1280, 1452, 1460, 1480, 1500, 3000]);
    return edge - 12 + (draw() % 24);
  }
  #tos(): number {
    return one(this.#draw, [0, 0xb8, 0xff, 1]);
  }
  /** TTL and Hop Limit. */
  #hops(): number {
    return once(this.#draw, 12) ? this.#draw() % 3 : 2 + (this.#draw() % 254);
  }
  /** Seals now and then wrongly. */
  #sealed(message: Bytes, at: number, pseudo: Bytes): Bytes {
    const blank = message.with(at, 0).with(at + 1, 0);
    const value = once(this.#draw, 12) ? 0 : checksum(pseudo, blank);
    return blank.with(at, value >> 8).with(at + 1, value & 255);
  }

  /** [protocol, segment] of anything but ICMP. */
  #transport(segment: (of: ReturnType<typeof udp>) => Bytes): [number, Bytes] {
    const draw = this.#draw;
    const data = counting(this.#length(), draw());
    const kind = draw() % 8;
    if (kind < 2) {
      const of = once(draw, 8) ? udp(data, 1, 2, draw() % (data.length + 12)) : udp(data);
      const bytes = segment(of);
      return [17, once(draw, 4) ? bytes.with(6, 0).with(7, 0) : bytes];
    }
    if (kind < 4) {
      const pads = draw() % 4;
      const mss = [2, 4, ...u16(one(draw, [200, 536, 1200, 1400, 1440, 1460, 9000]))];
      const options = once(draw, 2)
        ? []
        : [...new Array<number>(pads).fill(1), ...mss, ...new Array<number>(4 - pads).fill(draw() % 3)];
      return [6, segment(tcp({ data, flags: draw() & 255, options, seq: draw() >>> 0 }))];
    }
    if (kind === 4) return [33, segment(dccp(data))];
    if (kind === 5) return [136, segment(udpLite(data))];
    const proto = one(draw, [99, 132, 50, 51, 59, 0, 2, 1, 43, 44, 58, 60, 135, 139, 140, 255]);
    return [proto, data];
  }

  /** `depth`: how many packets may be inside one another. */
  #four(depth: number): Bytes {
    const draw = this.#draw;
    const src = this.#address4();
    const dst = this.#address4();
    let [proto, payload] = this.#transport((of) => of.in4(src, dst));
    if (once(draw, 3)) [proto, payload] = [1, this.#icmp4(depth)];
    const mf = once(draw, 6);
    const offset = once(draw, 6) ? (draw() % one(draw, [4, 0x2000])) * 8 : 0;
    if (mf && !once(draw, 8)) payload = payload.slice(0, payload.length - (payload.length % 8));
    const options = !once(draw, 6)
      ? []
      : one(draw, [
          [1, 1, 1, 0],
          [131, 7, 4, 1, 2, 3, 4, 0],
          [137, 3, 4, 0],
          [7, 2, 0, 9],
          [1, 7, 9, 0],
          [131, 2, 0, 0],
        ]);
    return v4({
      ...{ src, dst, proto, payload, mf, offset, options },
      ttl: this.#hops(),
      tos: this.#tos(),
      df: once(draw, 2),
      id: draw() & 0xffff,
      reservedFlag: once(draw, 20),
      ...(once(draw, 40) ? { headerChecksum: draw() & 0xffff } : {}),
    });
  }

  #icmp4(depth: number): Bytes {
    const draw = this.#draw;
    if (once(draw, 3) || depth === 0) {
      const message = icmp4(
        one(draw, [8, 0, 8, 0, 13, 17]),
        draw() % 2,
        u32(draw()),
        counting(this.#length()),
      );
      return once(draw, 10) ? message.slice(0, draw() % 12) : message;
    }
    const type = one(draw, [3, 3, 3, 11, 12, 4, 5, 30]);
    const code = type === 3 ? draw() % 17 : draw() % 3;
    const quote = this.#cut(this.#four(depth - 1), 20);
    const first = type === 12 ? draw() % 21 : 0;
    const last =
      type === 3 && code === 4 ? u16(one(draw, [0, 1, 68, 576, 1259, 1280, 1400, 1480, 1500, 9000])) : [0, 0];
    const [attribute, body] = this.#extended(quote, 4);
    return this.#sealed([type, code, 0, 0, first, attribute, ...last, ...body], 2, []);
  }

  #six(depth: number): Bytes {
    const draw = this.#draw;
    const src = this.#address6();
    const dst = this.#address6();
    let [next, payload] = this.#transport((of) => of.in6(src, dst));
    if (once(draw, 3)) [next, payload] = [58, this.#icmp6(depth, src, dst)];
    if (once(draw, 5)) {
      const more = once(draw, 2);
      const offset = once(draw, 2) ? (draw() % one(draw, [4, 0x2000])) * 8 : 0;
      if (more && !once(draw, 8)) payload = payload.slice(0, payload.length - (payload.length % 8));
      payload = [...fh(next, { offset, more, id: draw() >>> 0 }), ...payload];
      next = 44;
    }
    for (let n = once(draw, 5) ? draw() % 4 : once(draw, 60) ? 17 : 0; n > 0; n--) {
      const kind = one(draw, [0, 60, 43]);
      const header =
        kind === 43 ? routing(next, once(draw, 3) ? 1 : 0, draw() % 3) : optionsHeader(next, draw() % 3);
      payload = [...header, ...payload];
      next = kind;
    }
    return v6({ src, dst, next, payload, hop: this.#hops(), tc: this.#tos(), flow: draw() & 0xfffff });
  }

  #icmp6(depth: number, src: string, dst: string): Bytes {
    const draw = this.#draw;
    const seal = (message: Bytes): Bytes => this.#sealed(message, 2, pseudo6(src, dst, 58, message.length));
    if (once(draw, 3) || depth === 0) {
      const type = one(draw, [128, 129, 128, 129, 130, 135, 143]);
      const message = seal([type, draw() % 2, 0, 0, ...u32(draw()), ...counting(this.#length())]);
      return once(draw, 10) ? message.slice(0, draw() % 12) : message;
    }
    const type = one(draw, [1, 1, 2, 3, 4, 4, 5, 0]);
    const code = draw() % (type === 1 ? 7 : 3);
    const quote = this.#cut(this.#six(depth - 1), 40);
    if (type === 2 || type === 4) {
      const word = type === 2 ? one(draw, [0, 67, 68, 88, 1280, 1400, 1500, 9000, 0xffffffff]) : draw() % 42;
      return seal([type, code, 0, 0, ...u32(word), ...quote]);
    }
    const [attribute, body] = this.#extended(quote, 8);
    return seal([type, code, 0, 0, attribute, 0, 0, 0, ...body]);
  }

  /** A quote is often cut, sometimes inside its headers; what its header claims may be anything. */
  #cut(packet: Bytes, header: number): Bytes {
    const draw = this.#draw;
    if (once(draw, 8)) {
      const claim = header === 20 ? 20 + (draw() % 60) : draw() % 60;
      const at = header === 20 ? 2 : 4;
      packet = packet.with(at, 0).with(at + 1, claim);
    }
    if (once(draw, 3)) return packet.slice(0, header + 8);
    if (once(draw, 6)) return packet.slice(0, header + (draw() % 24));
    if (once(draw, 20)) return packet.slice(0, draw() % (header + 1));
    return packet.slice(0, one(draw, [128, 548, 1232, 1232]));
  }

  /** [length attribute, quote and extension] */
  #extended(quote: Bytes, unit: number): [number, Bytes] {
    const draw = this.#draw;
    if (!once(draw, 4)) return [once(draw, 20) ? draw() & 255 : 0, quote];
    const length = Math.ceil(Math.max(quote.length, once(draw, 2) ? 128 : 0) / unit) * unit;
    if (length / unit > 255) return [0, quote];
    const padded = [...quote, ...new Array<number>(length - quote.length).fill(once(draw, 4) ? 7 : 0)];
    const extension = counting(one(draw, [0, 4, 8, 20, 40, 41, 412, 420, 421, 1100, 1104, 1108]), 0x80);
    return [length / unit, [...padded, ...extension]];
  }
}
