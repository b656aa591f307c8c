/**
 * ICMP messages of both families: RFC 792, RFC 4443; extensions RFC 4884 §4.
 *
 *      0                   1                   2                   3
 *     +---------------+---------------+-------------------------------+
 *   0 |     Type      |     Code      |           Checksum            |
 *   4 |   the "word": identifier and sequence, pointer, MTU, length   |
 *     +---------------------------------------------------------------+
 *   8 |   data, or the packet in error and what extensions follow it  |
 *
 * RFC 4884 length octet: ICMPv4 types 3, 11, 12 at 5, in units of 4 bytes; ICMPv6 types 1, 3 at 4, in units of 8.
 */
export const ICMP_HEADER = 8;

export const Icmp4 = {
  echoReply: 0,
  unreachable: 3,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

export const Icmp6 = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
} as const;

export const icmpType = (view: DataView, at: number): number => view.getUint8(at);
export const icmpCode = (view: DataView, at: number): number => view.getUint8(at + 1);
/** Type and code as one 16-bit number: type << 8 | code. */
export const icmpTypeCode = (view: DataView, at: number): number => view.getUint16(at);
export const icmpChecksum = (view: DataView, at: number): number => view.getUint16(at + 2);
export const icmpWord = (view: DataView, at: number): number => view.getInt32(at + 4);
/** RFC 4884 length attribute of an ICMPv4 error, in bytes. */
export const extendedLength4 = (view: DataView, at: number): number => view.getUint8(at + 5) << 2;
/** RFC 4884 length attribute of an ICMPv6 error, in bytes. */
export const extendedLength6 = (view: DataView, at: number): number => view.getUint8(at + 4) << 3;

/** Writes type, code, checksum and word. */
export function writeIcmp(
  view: DataView,
  at: number,
  type: number,
  code: number,
  checksum: number,
  word: number,
): void {
  view.setInt32(at, (type << 24) | (code << 16) | checksum);
  view.setInt32(at + 4, word);
}
export const setIcmpChecksum = (view: DataView, at: number, checksum: number): void =>
  view.setUint16(at + 2, checksum);
