/**
 * IPv4-embedded IPv6 addresses, RFC 6052 §2.2.
 *
 *     PL   0-------------32--40--48--56--64--72--80--88--96--104---------
 *     32   |     prefix    |v4(32)         | u | suffix                  |
 *     40   |     prefix        |v4(24)     | u |(8)| suffix              |
 *     48   |     prefix            |v4(16) | u | (16)  | suffix          |
 *     56   |     prefix                |(8)| u |  v4(24)   | suffix      |
 *     64   |     prefix                    | u |   v4(32)      | suffix  |
 *     96   |     prefix                                    |    v4(32)   |
 *
 * u and suffix are written as 0 (ADDR-4) and ignored on receipt unless asked (ADDR-5). Words are signed 32-bit.
 */

import type { Ip4, Ip6, Prefix6 } from './ip.ts';

export const PREFIX_LENGTHS: readonly number[] = [32, 40, 48, 56, 64, 96];

/** Writes the address that embeds `v4` in the prefix p0..p3/length at `at`. Bits of p beyond length are 0. */
export function embed(
  view: DataView,
  at: number,
  p0: number,
  p1: number,
  p2: number,
  p3: number,
  length: number,
  v4: number,
): void {
  switch (length) {
    case 32:
      p1 = v4;
      break;
    case 40:
      p1 |= v4 >>> 8;
      p2 |= (v4 & 0xff) << 16;
      break;
    case 48:
      p1 |= v4 >>> 16;
      p2 |= (v4 & 0xffff) << 8;
      break;
    case 56:
      p1 |= v4 >>> 24;
      p2 |= v4 & 0xffffff;
      break;
    case 64:
      p2 |= v4 >>> 8;
      p3 |= v4 << 24;
      break;
    default:
      p3 = v4;
  }
  view.setInt32(at, p0);
  view.setInt32(at + 4, p1);
  view.setInt32(at + 8, p2);
  view.setInt32(at + 12, p3);
}

/** The same as a value, away from the hot path. */
export function embedded({ address: [a, b, c, d], length }: Prefix6, v4: Ip4): Ip6 {
  const view = new DataView(new ArrayBuffer(16));
  embed(view, 0, a, b, c, d, length, v4);
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
}

/** The IPv4 address embedded in words w1..w3 of an address under a prefix of `length`. */
export function extract(w1: number, w2: number, w3: number, length: number): number {
  switch (length) {
    case 32:
      return w1;
    case 40:
      return (w1 << 8) | ((w2 >>> 16) & 0xff);
    case 48:
      return (w1 << 16) | ((w2 >>> 8) & 0xffff);
    case 56:
      return (w1 << 24) | (w2 & 0xffffff);
    case 64:
      return (w2 << 8) | (w3 >>> 24);
    default:
      return w3;
  }
}

/** True where all bits of u and of the suffix are 0 (ADDR-5, `strict-suffix`). */
export function suffixIsZero(w2: number, w3: number, length: number): boolean {
  switch (length) {
    case 32:
      return w2 === 0 && w3 === 0;
    case 40:
      return (w2 & 0xff00ffff) === 0 && w3 === 0;
    case 48:
      return (w2 & 0xff0000ff) === 0 && w3 === 0;
    case 56:
      return (w2 & 0xff000000) === 0 && w3 === 0;
    case 64:
      return (w2 & 0xff000000) === 0 && (w3 & 0x00ffffff) === 0;
    default:
      // Octet 8 belongs to the prefix of a /96.
      return true;
  }
}
