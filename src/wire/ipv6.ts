/**
 * IPv6 header, RFC 8200 §3 (https://www.rfc-editor.org/rfc/rfc8200#section-3)
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |Version| Traffic Class |           Flow Label                  |
 *   4 |         Payload Length        |  Next Header  |   Hop Limit   |
 *   8 |                       Source Address (16)                     |
 *  24 |                     Destination Address (16)                  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
const PAYLOAD = 4;
const SOURCE = 8;
const DESTINATION = 24;

export const HEADER6 = 40;

/** Version, Traffic Class and Flow Label as one word. */
export const firstWord6 = (view: DataView, at: number): number => view.getInt32(at);
/** Payload Length, Next Header and Hop Limit as one word. */
export const payloadWord6 = (view: DataView, at: number): number => view.getInt32(at + PAYLOAD);
/** Offset of the source address. */
export const source6 = (at: number): number => at + SOURCE;
/** Offset of the destination address. */
export const destination6 = (at: number): number => at + DESTINATION;
export const setPayloadLength6 = (view: DataView, at: number, bytes: number): void =>
  view.setUint16(at + PAYLOAD, bytes);

/** Writes the first 8 bytes: all but the addresses. The Flow Label is 0 (RFC 7915 §4.1). */
export function writeHeader6(
  view: DataView,
  at: number,
  trafficClass: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
): void {
  view.setInt32(at, 0x60000000 | (trafficClass << 20));
  view.setInt32(at + PAYLOAD, (payloadLength << 16) | (nextHeader << 8) | hopLimit);
}

/** Copies 16 bytes: one address. */
export function copyAddress6(view: DataView, from: number, to: number): void {
  view.setInt32(to, view.getInt32(from));
  view.setInt32(to + 4, view.getInt32(from + 4));
  view.setInt32(to + 8, view.getInt32(from + 8));
  view.setInt32(to + 12, view.getInt32(from + 12));
}
