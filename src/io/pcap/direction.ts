/** Which way a frame went, and by which kind of interface: what the cooked captures of Linux (SLL, SLL2) say. */
import { LinkType } from './link-type.ts';

/**
 * tunSent: the host sent it into a TUN device, whose program reads it. tunReceived: that program wrote it. other: on an
 * interface that is no TUN device.
 */
export type Direction = 'tunSent' | 'tunReceived' | 'other';

export interface Side {
  readonly direction: Direction;
  /** Interface index; 0: not known. */
  readonly interface: number;
}

/** ARPHRD_NONE: TUN devices, and tunnels such as WireGuard's. */
const NO_HARDWARE = 0xfffe;
/** PACKET_OUTGOING. */
const SENT = 4;

/** null: the frame does not say. */
export function sideOf(bytes: Uint8Array, start: number, end: number, linkType: number): Side | null {
  const word = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  if (linkType === LinkType.sll && end - start >= 16) {
    return side(word(start + 2), word(start), 0);
  }
  if (linkType === LinkType.sll2 && end - start >= 20) {
    return side(word(start + 8), bytes[start + 10]!, word(start + 4) * 2 ** 16 + word(start + 6));
  }
  return null;
}

function side(hardware: number, type: number, index: number): Side {
  if (hardware !== NO_HARDWARE) return { direction: 'other', interface: index };
  return { direction: type === SENT ? 'tunSent' : 'tunReceived', interface: index };
}
