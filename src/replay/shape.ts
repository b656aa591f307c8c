/**
 * A captured packet as far as replay has to know it: where its headers end, what it claims to be. Lengths are those of the
 * packet, not of the capture: a super-packet beyond 64 KiB carries 0 in its length field (BIG TCP), and so does one that a
 * driver is yet to cut.
 */
import { Protocol } from '../wire/protocol.ts';

export interface Shape {
  readonly version: 4 | 6;
  /** Bytes before the transport header. */
  readonly ipBytes: number;
  readonly protocol: number;
  /** Bytes of the IP packet, by its own length field; by the capture where that is 0. */
  readonly total: number;
  /** The length field is 0 though there is more. */
  readonly lengthless: boolean;
  /** A fragment, or an IPv6 extension header that is not looked into. */
  readonly opaque: boolean;
  /** IPv6 has no other way. */
  readonly dontFragment: boolean;
  /** Bytes of the jumbo payload header (RFC 2675) that Linux puts into super-packets beyond 64 KiB; 0: none. */
  readonly jumboBytes: number;
}

const HEADER4 = 20;
const HEADER6 = 40;
const JUMBO = 8;
/** Hop-by-hop header with the jumbo option alone: next header, 0, type 0xc2, length 4. */
const JUMBO_OPTION = 0xc204;
/** Followed as far as the protocol's number. */
const OPAQUE: ReadonlySet<number> = new Set([0, 43, 44, 60]);

/**
 * @param length of the packet, captured or not
 * null: no whole IP header was captured
 */
export function shapeOf(view: DataView, length: number): Shape | null {
  const present = view.byteLength;
  const version = present === 0 ? 0 : view.getUint8(0) >>> 4;
  if (version === 4 && present >= HEADER4) return shape4(view, length);
  if (version === 6 && present >= HEADER6) return shape6(view, length);
  return null;
}

function shape4(view: DataView, length: number): Shape {
  const claimed = view.getUint16(2);
  const fragment = view.getUint16(6);
  const ipBytes = (view.getUint8(0) & 15) * 4;
  return {
    version: 4,
    ipBytes,
    protocol: view.getUint8(9),
    total: claimed === 0 ? length : claimed,
    lengthless: claimed === 0 && length > ipBytes,
    opaque: (fragment & 0x3fff) !== 0 || ipBytes < HEADER4,
    dontFragment: (fragment & 0x4000) !== 0,
    jumboBytes: 0,
  };
}

function shape6(view: DataView, length: number): Shape {
  const claimed = view.getUint16(4);
  const next = view.getUint8(6);
  const jumbo =
    claimed === 0 &&
    next === 0 &&
    view.byteLength >= HEADER6 + JUMBO &&
    view.getUint8(41) === 0 &&
    view.getUint16(42) === JUMBO_OPTION;
  const jumboBytes = jumbo ? JUMBO : 0;
  const protocol = jumbo ? view.getUint8(HEADER6) : next;
  return {
    version: 6,
    ipBytes: HEADER6 + jumboBytes,
    protocol,
    total: jumbo ? HEADER6 + view.getUint32(44) : claimed === 0 ? length : HEADER6 + claimed,
    lengthless: claimed === 0 && length > HEADER6,
    opaque: OPAQUE.has(protocol),
    dontFragment: true,
    jumboBytes,
  };
}

/** Bytes of the transport header that every segment repeats; 0: cut off, or none that is ever cut into segments. */
export function transportBytes(view: DataView, { protocol, ipBytes, opaque }: Shape): number {
  const room = view.byteLength - ipBytes;
  if (opaque) return 0;
  if (protocol === Protocol.udp) return room >= 8 ? 8 : 0;
  if (protocol !== Protocol.tcp || room < 20) return 0;
  const bytes = (view.getUint8(ipBytes + 12) >> 4) * 4;
  return bytes >= 20 && bytes <= room ? bytes : 0;
}
