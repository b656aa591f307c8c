/**
 * Addresses as integers.
 *
 * Inside the program an IPv4 address is one signed 32-bit integer (what `DataView.getInt32` reads: V8 keeps those
 * unboxed, an unsigned value over 2^31 would be a heap number), an IPv6 address four of them in network order.
 * Text exists only at the edge: see parse.ts and format.ts.
 */
export type Ip4 = number & { readonly __ip4?: never };
export type Ip6 = readonly [number, number, number, number];

/** An IPv4 prefix; bits of `address` beyond `length` are 0. */
export interface Prefix4 {
  readonly address: Ip4;
  /** 0..32 */
  readonly length: number;
}

/** An IPv6 prefix; bits of `address` beyond `length` are 0. */
export interface Prefix6 {
  readonly address: Ip6;
  /** 0..128 */
  readonly length: number;
}

/** The network mask of an IPv4 prefix length (0..32) as a signed 32-bit integer. */
export function mask32(length: number): number {
  return length <= 0 ? 0 : length >= 32 ? -1 : -1 << (32 - length);
}

/** True where `address` lies inside `prefix`. */
export function inPrefix4(address: Ip4, prefix: Prefix4): boolean {
  return ((address ^ prefix.address) & mask32(prefix.length)) === 0;
}

/** True where `address` lies inside `prefix`. */
export function inPrefix6(address: Ip6, prefix: Prefix6): boolean {
  for (let word = 0; word < 4; word++) {
    const bits = prefix.length - word * 32;
    if (bits <= 0) return true;
    if (((address[word]! ^ prefix.address[word]!) & mask32(bits)) !== 0) return false;
  }
  return true;
}

export function equal6(a: Ip6, b: Ip6): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

export const samePrefix6 = (a: Prefix6, b: Prefix6): boolean =>
  a.length === b.length && equal6(a.address, b.address);

/** The prefix of this length that an address lies in. */
export function prefixOf6(address: Ip6, length: number): Prefix6 {
  const word = (i: 0 | 1 | 2 | 3): number => address[i] & mask32(length - 32 * i);
  return { address: [word(0), word(1), word(2), word(3)], length };
}
