/**
 * A capture of the TUN device itself holds every packet twice: as the translator read it, and as it wrote it. This book
 * keeps the last outputs, so that one that comes again in the capture is recognised. Not compared are what differs from
 * one run to another (the IPv4 Identification, checksums that hardware completes) and what joins or cuts packets of a
 * flow (lengths): of TCP and UDP the beginning of a packet counts. A flow of which an output was recognised is the
 * translator's from then on, so that what the capture lost does not matter; with another hop limit (a loop) it is another.
 */
import { Protocol } from '../wire/protocol.ts';
import { hashBytes } from './hash.ts';
import type { Shape } from './shape.ts';

/** Some 45 MB of segments: more than ever lies between a packet and its translation. */
const KEPT = 32_768;
/** Of a packet that has no ports. */
const BEGINNING = 32;
const FLOWS = 8192;
const FRAGMENT = 44;

export class OutputBook {
  readonly #ring = new Float64Array(KEPT);
  #next = 0;
  /** How often each key stands in the ring. */
  readonly #counts = new Map<number, number>();

  /** Flows of recognised outputs; those not recognised for longest are forgotten. */
  readonly #flows = new Set<number>();

  add(view: DataView, shape: Shape): void {
    const old = this.#ring[this.#next]!;
    if (old !== 0) this.#remove(old);
    const key = keyOf(view, shape);
    this.#ring[this.#next] = key;
    this.#next = (this.#next + 1) % KEPT;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** True where this is an output that has not come again before, or belongs to a flow that had one. */
  take(view: DataView, shape: Shape): boolean {
    const flow = flowOf(view, shape);
    if (this.#remove(keyOf(view, shape))) {
      if (flow !== 0) this.#remember(flow);
      return true;
    }
    return flow !== 0 && this.#flows.has(flow);
  }

  #remember(flow: number): void {
    if (!this.#flows.delete(flow) && this.#flows.size >= FLOWS) {
      this.#flows.delete(this.#flows.values().next().value!);
    }
    this.#flows.add(flow);
  }

  #remove(key: number): boolean {
    const count = this.#counts.get(key);
    if (count === undefined) return false;
    if (count === 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
    return true;
  }
}

/** Addresses, hop limit and ports of a whole TCP or UDP packet; 0: something else. */
function flowOf(view: DataView, { version, ipBytes, protocol, opaque }: Shape): number {
  if (opaque || (protocol !== Protocol.tcp && protocol !== Protocol.udp)) return 0;
  if (ipBytes + 4 > view.byteLength) return 0;
  const [addresses, bytes, hopLimit] = version === 4 ? [12, 8, 8] : [8, 32, 7];
  const seed = hashBytes(view, addresses, addresses + bytes, view.getUint8(hopLimit) * 256 + protocol);
  return hashBytes(view, ipBytes, ipBytes + 4, seed) + 1;
}

/** Addresses, hop limit, protocol, and the beginning of what follows. Never 0. */
function keyOf(view: DataView, { version, ipBytes, protocol }: Shape): number {
  const end = view.byteLength;
  let key: number;
  let at = ipBytes;
  let upper = protocol;
  let later = false;
  if (version === 4) {
    const offset = view.getUint16(6) & 0x1fff;
    key = hashBytes(view, 12, 20, view.getUint8(8) * 2 ** 16 + offset + 1);
    later = offset > 0;
  } else {
    key = hashBytes(view, 8, 40, view.getUint8(7) * 2 ** 16);
    if (protocol === FRAGMENT && end >= ipBytes + 8) {
      const offset = view.getUint16(at + 2) & 0xfff8;
      upper = view.getUint8(at);
      later = offset !== 0;
      key += offset;
      at += 8;
    }
  }
  key = (key + upper * 0x9e3779b1) % 2 ** 52;
  const most = (bytes: number): number => Math.min(at + bytes, end);
  if (later) return hashBytes(view, at, most(BEGINNING), key) + 1;
  switch (upper) {
    case Protocol.tcp:
      // Ports, sequence, acknowledgment.
      return hashBytes(view, at, most(12), key) + 1;
    case Protocol.udp:
      // Ports; the first bytes behind length and checksum.
      return hashBytes(view, Math.min(at + 8, end), most(12), hashBytes(view, at, most(4), key)) + 1;
    case Protocol.icmp4:
    case Protocol.icmp6:
      // Type and code; what stands behind the checksum.
      return hashBytes(view, Math.min(at + 4, end), most(BEGINNING), hashBytes(view, at, most(2), key)) + 1;
    default:
      return hashBytes(view, at, most(BEGINNING), key) + 1;
  }
}
