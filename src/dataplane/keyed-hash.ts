/**
 * HalfSipHash-1-3 (Aumasson, Bernstein) over 32-bit words: which of a few slots an address falls into is nobody's to
 * know or to choose without the key. About 30 ns for four words, asked for refused packets only.
 */

/** Words of the key. */
export const KEY_WORDS = 2;

/** The hash of words a..d under the key k0, k1. */
export function keyedHash(k0: number, k1: number, a: number, b: number, c: number, d: number): number {
  let v0 = k0;
  let v1 = k1;
  let v2 = 0x6c796765 ^ k0;
  let v3 = 0x74656462 ^ k1;
  // Four words, then the length in bytes in the top octet; one round for each, three at the end.
  for (let i = 0; i < 8; i++) {
    const word = i === 0 ? a : i === 1 ? b : i === 2 ? c : i === 3 ? d : i === 4 ? 16 << 24 : 0;
    v3 ^= word;
    if (i === 5) v2 ^= 0xff;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
