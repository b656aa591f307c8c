/**
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * Sums are plain integers not yet folded: up to 2^31 / 0xffff = 32768 sixteen-bit words may be added before a fold is
 * due; `sumBytes` folds for itself.
 */

/** Folds a sum (0..2^31-1) to 16 bits with end-around carry. */
export function fold(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** The two 16-bit halves of a 32-bit word, added. */
export function sumWord(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}

/** The halves of the one's complement of a word, added: what RFC 1624 writes as ~m. */
export function sumInverse(word: number): number {
  return 0x1fffe - (word >>> 16) - (word & 0xffff);
}

/** Sum of 4 words (16 bytes: one IPv6 address) at `at`; at most 0x7fff8. */
export function sum16(view: DataView, at: number): number {
  const a = view.getInt32(at);
  const b = view.getInt32(at + 4);
  const c = view.getInt32(at + 8);
  const d = view.getInt32(at + 12);
  return (
    (a >>> 16) +
    (a & 0xffff) +
    (b >>> 16) +
    (b & 0xffff) +
    (c >>> 16) +
    (c & 0xffff) +
    (d >>> 16) +
    (d & 0xffff)
  );
}

/**
 * Folded sum of `length` bytes at `at`, an odd last byte padded with 0 (RFC 1071 §4.1). Starts from `sum` (folded).
 * Words of 32 bits are added as two halves kept apart: 287 ns for 1,400 bytes against 450 by 16-bit words
 * (Node 20.20, 2026-11).
 */
export function sumBytes(view: DataView, at: number, length: number, sum: number): number {
  const end = at + length;
  let high = 0;
  let low = sum;
  // 16 bytes a turn; 65,535 bytes hold 16,384 words, so neither half can pass 2^31.
  for (const stop = end - 16; at <= stop; at += 16) {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
  }
  for (const stop = end - 2; at <= stop; at += 2) low += view.getUint16(at);
  if (at < end) low += view.getUint8(at) << 8;
  return fold(fold(high) + fold(low));
}

/**
 * RFC 1624 eq. 3: HC' = ~(~HC + ~m + m').
 * @param checksum the field's old value
 * @param delta sum of the complements of the old words and of the new words (unfolded)
 */
export function update(checksum: number, delta: number): number {
  return ~fold((~checksum & 0xffff) + delta) & 0xffff;
}

/** The same for a partial checksum (virtio NEEDS_CSUM): the field holds a sum that is not complemented. */
export function updatePartial(sum: number, delta: number): number {
  return fold(sum + delta);
}
