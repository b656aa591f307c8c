/** What both capture formats have in common. */
import { isSupported, linkTypeName, SUPPORTED_NAMES } from './link-type.ts';
import type { ByteSource } from './source.ts';

/** One captured frame: bytes[start] to bytes[end - 1]. One object for all of them, valid until the next is asked for. */
export interface Captured {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Bytes of the frame before it was cut at the snap length; at least end - start. */
  original: number;
  linkType: number;
  seconds: number;
  nanoseconds: number;
}

/** The capture is damaged, cut off or not one; what came before was delivered. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/** A longer frame is damage, not a packet: capture programs stop at 262,144 bytes (libpcap's MAXIMUM_SNAPLEN). */
export const MOST_FRAME = 1 << 20;

export interface Capture {
  /** True where timestamps may be finer than microseconds. */
  readonly nanoseconds: boolean;
  /** Throws CaptureError where damage is met, and what readSync throws. */
  readonly packets: Iterable<Captured>;
}

export function emptyCaptured(linkType: number): Captured {
  return { bytes: new Uint8Array(0), start: 0, end: 0, original: 0, linkType, seconds: 0, nanoseconds: 0 };
}

/** A message that says where: file, offset of the record or block, packet number counted from 1. */
export function damaged(source: ByteSource, packet: number, what: string): CaptureError {
  return new CaptureError(`${source.name}: at byte ${source.offset}, packet ${packet}: ${what}`);
}

/** Throws CaptureError where frames of this link type cannot be read. */
export function checkLinkType(source: ByteSource, linkType: number): void {
  if (isSupported(linkType)) return;
  throw new CaptureError(
    `${source.name}: link type ${linkTypeName(linkType)} is not supported (${SUPPORTED_NAMES} are)`,
  );
}
