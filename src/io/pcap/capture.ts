/** What both capture formats have in common. */
import { isSupported, SUPPORTED_NAMES } from './link-type.ts';
import type { ByteSource } from './source.ts';

/** One captured frame. One object for all of them: `frame` is valid until the next. */
export interface Captured {
  frame: Uint8Array;
  linkType: number;
  seconds: number;
  nanoseconds: number;
}

/** The capture is damaged, cut off or not one; what came before was delivered. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/** A longer frame is damage: no capture program writes one (tcpdump's own limit is 262,144). */
export const MOST_FRAME = 1 << 24;

export interface Capture {
  /** True where timestamps are finer than microseconds. */
  readonly nanoseconds: boolean;
  readonly packets: Iterable<Captured>;
}

/** A message that says where: file, offset, packet number counted from 1. */
export function damaged(source: ByteSource, packet: number, what: string): CaptureError {
  return new CaptureError(`${source.name}: at byte ${source.offset}, packet ${packet}: ${what}`);
}

export function checkLinkType(source: ByteSource, linkType: number): void {
  if (isSupported(linkType)) return;
  throw new CaptureError(
    `${source.name}: link type ${linkType} is not supported (${SUPPORTED_NAMES} are); capture with another, for instance \`tcpdump -i any\``,
  );
}
