/** Arithmetic of the model: words, sums, cuts. */
import type { Bytes } from '../packets.ts';

export const word = (bytes: Bytes, at: number): number => bytes[at]! * 256 + bytes[at + 1]!;
export const long = (bytes: Bytes, at: number): number => word(bytes, at) * 65536 + word(bytes, at + 2);
export const same = (a: Bytes, b: Bytes | null): boolean => b !== null && a.join() === b.join();
export const put16 = (bytes: Bytes, at: number, value: number): Bytes =>
  bytes.with(at, Math.floor(value / 256)).with(at + 1, value % 256);

/** The ones' complement sum of 16-bit words; an odd byte counts as if a zero followed. */
export function sum(...parts: Bytes[]): number {
  let total = 0;
  for (const part of parts) for (const [i, byte] of part.entries()) total += i % 2 === 0 ? byte * 256 : byte;
  while (total > 0xffff) total = Math.floor(total / 65536) + (total % 65536);
  return total;
}
export const inverted = (bytes: Bytes): Bytes => bytes.map((byte) => 255 - byte);

/**
 * RFC 1624 eqn. 3: the checksum `old` after `before` gave way to `after` (both start at an even place).
 */
export const adjusted = (old: number, before: Bytes, after: Bytes): number =>
  0xffff - sum(inverted([old >> 8, old & 255]), inverted(before), after);

/** The pseudo-header of RFC 8200 §8.1 without its addresses. */
export const lengthAndNext = (length: number, next: number): Bytes => [
  ...[length >>> 24, length >>> 16, length >>> 8, length].map((part) => part & 255),
  ...[0, 0, 0, next],
];
