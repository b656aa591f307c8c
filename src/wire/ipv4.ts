/**
 * IPv4 header, RFC 791 §3.1 (https://www.rfc-editor.org/rfc/rfc791#section-3.1)
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |Version|  IHL  |Type of Service|          Total Length         |
 *   4 |         Identification        |Flags|      Fragment Offset    |
 *   8 |  Time to Live |    Protocol   |         Header Checksum       |
 *  12 |                       Source Address                          |
 *  16 |                    Destination Address                        |
 *  20 |                    Options                    |    Padding    |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * `at` is the offset of the header's first byte. Flag and offset words are returned as they stand on the wire.
 */
import { fold, sumWord } from './checksum.ts';

const LENGTH = 2;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const TTL = 8;
const CHECKSUM = 10;
const SOURCE = 12;
const DESTINATION = 16;

export const HEADER4 = 20;
export const DF = 0x4000;
export const MF = 0x2000;
/** The Fragment Offset field, in units of 8 bytes. */
export const OFFSET_MASK = 0x1fff;

/** Option types of RFC 791 §3.1 that end, fill or route. */
export const Option4 = { end: 0, nop: 1, lsrr: 131, ssrr: 137 } as const;

/** Version, IHL, Type of Service and Total Length as one word. */
export const firstWord4 = (view: DataView, at: number): number => view.getInt32(at);
/** Identification, flags and Fragment Offset as one word. */
export const fragmentWord4 = (view: DataView, at: number): number => view.getInt32(at + IDENTIFICATION);
/** TTL, Protocol and Header Checksum as one word. */
export const ttlWord4 = (view: DataView, at: number): number => view.getInt32(at + TTL);
export const source4 = (view: DataView, at: number): number => view.getInt32(at + SOURCE);
export const destination4 = (view: DataView, at: number): number => view.getInt32(at + DESTINATION);

export const setTotalLength4 = (view: DataView, at: number, bytes: number): void =>
  view.setUint16(at + LENGTH, bytes);
export const setIdentification4 = (view: DataView, at: number, id: number): void =>
  view.setUint16(at + IDENTIFICATION, id);
/** Flags (DF, MF) or-ed with the offset in units of 8 bytes. */
export const setFragment4 = (view: DataView, at: number, word: number): void =>
  view.setUint16(at + FRAGMENT, word);

/**
 * Writes a whole header without options, checksum included, in header order.
 * @param fragment DF, MF and the offset in units of 8 bytes, as on the wire
 */
export function writeHeader4(
  view: DataView,
  at: number,
  tos: number,
  totalLength: number,
  identification: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  const word0 = 0x45000000 | (tos << 16) | totalLength;
  const word1 = (identification << 16) | fragment;
  const word2 = (ttl << 24) | (protocol << 16);
  const sum = sumWord(word0) + sumWord(word1) + sumWord(word2) + sumWord(source) + sumWord(destination);
  view.setInt32(at, word0);
  view.setInt32(at + IDENTIFICATION, word1);
  view.setInt32(at + TTL, word2 | (~fold(sum) & 0xffff));
  view.setInt32(at + SOURCE, source);
  view.setInt32(at + DESTINATION, destination);
}

/** Recomputes the checksum of a header of 20 bytes after its fields were changed. */
export function refreshChecksum4(view: DataView, at: number): void {
  const sum =
    sumWord(view.getInt32(at)) +
    sumWord(view.getInt32(at + IDENTIFICATION)) +
    view.getUint16(at + TTL) +
    sumWord(view.getInt32(at + SOURCE)) +
    sumWord(view.getInt32(at + DESTINATION));
  view.setUint16(at + CHECKSUM, ~fold(sum) & 0xffff);
}
