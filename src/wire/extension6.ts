/**
 * IPv6 extension headers, RFC 8200 §4.
 *
 *     Hop-by-Hop (0), Routing (43), Destination Options (60):
 *     +---------------+---------------+---------------+---------------+
 *   0 |  Next Header  | Hdr Ext Len   |  Routing Type | Segments Left |   (the last two: Routing only)
 *     +---------------+---------------+---------------+---------------+    length = 8 * (Hdr Ext Len + 1)
 *
 *     Fragment (44), §4.5:
 *     +---------------+---------------+-------------------------+---+-+
 *   0 |  Next Header  |   Reserved    |     Fragment Offset     |Res|M|
 *   4 |                         Identification                        |
 *     +---------------------------------------------------------------+
 */
export const FRAGMENT_HEADER = 8;

export const nextHeader = (view: DataView, at: number): number => view.getUint8(at);
/** Length in bytes of a Hop-by-Hop, Routing or Destination Options header. */
export const extensionBytes = (view: DataView, at: number): number => (view.getUint8(at + 1) + 1) << 3;
/** Offset of the Segments Left octet of a Routing header. */
export const SEGMENTS_LEFT = 3;
export const segmentsLeft = (view: DataView, at: number): number => view.getUint8(at + SEGMENTS_LEFT);

/** Offset (units of 8 bytes) << 3, reserved bits and M as they stand on the wire. */
export const fragmentWord6 = (view: DataView, at: number): number => view.getUint16(at + 2);
export const identification6 = (view: DataView, at: number): number => view.getInt32(at + 4);

/** Writes a Fragment Header; `offset` in units of 8 bytes, `more` 0 or 1. */
export function writeFragment6(
  view: DataView,
  at: number,
  next: number,
  offset: number,
  more: number,
  identification: number,
): void {
  view.setInt32(at, (next << 24) | (offset << 3) | more);
  view.setInt32(at + 4, identification);
}
