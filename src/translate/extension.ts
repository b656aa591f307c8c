/**
 * ICMP extensions (RFC 4884; spec IEXT-1..7): where the packet in error ends, where the extension begins, and how both
 * fit into the translated message.
 */
import type { Job } from './job.ts';

/** A quote carried with an extension is padded to at least this many bytes (RFC 4884 §3). */
export const MIN_EXTENDED_QUOTE = 128;

/**
 * Joins the translated quote of `quoteLength` bytes, standing at `at`, with the extension.
 * @param room bytes the message may have after its ICMP header
 * @param unit granularity of the length attribute in bytes: 8 (ICMPv6), 4 (ICMPv4)
 * @param extension, extensionLength where the extension was received; length 0: none
 * @returns bytes after the ICMP header; the length attribute (in units, 0: none) is left in job.lengthAttribute
 */
export function joinExtension(
  job: Job,
  at: number,
  quoteLength: number,
  room: number,
  unit: number,
  extension: number,
  extensionLength: number,
): number {
  job.lengthAttribute = 0;
  if (extensionLength === 0 || extensionLength > room - MIN_EXTENDED_QUOTE) {
    return quoteLength < room ? quoteLength : room; // IEXT-5, IEXT-7
  }
  let padded = (quoteLength + unit - 1) & -unit;
  if (padded < MIN_EXTENDED_QUOTE) padded = MIN_EXTENDED_QUOTE;
  if (padded + extensionLength > room) padded = (room - extensionLength) & -unit; // IEXT-6
  if (quoteLength < padded) job.bytes.fill(0, at + quoteLength, at + padded);
  job.bytes.copyWithin(at + padded, extension, extension + extensionLength);
  job.lengthAttribute = padded / unit;
  return padded + extensionLength;
}
