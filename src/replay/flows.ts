/** What the packets of a flow have said about its segments so far. Bounded: the flows not met for longest are forgotten. */
import { Protocol } from '../wire/protocol.ts';
import { hashBytes } from './hash.ts';
import type { Shape } from './shape.ts';

const KEPT = 8192;
const SYN = 0x02;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
/** Below it nothing real is announced (RFC 9293 §3.7.1's 536 less a few tunnels; Linux takes no less than 88). */
const LEAST_MSS = 88;

export interface Flow {
  /** TCP: the smaller of the two sides' MSS options, as far as their SYNs were seen; 0: not seen. */
  mss: number;
  /** UDP: data bytes of the largest datagram seen whole; 0: none yet. */
  datagram: number;
  /** A super-packet of it was met: smaller ones will be, too. */
  offloaded: boolean;
}

export class Flows {
  readonly #flows = new Map<number, Flow>();

  /** The flow of a TCP or UDP packet that begins with its ports: TCP's in both directions, UDP's in one. */
  of(view: DataView, shape: Shape): Flow {
    const key = keyOf(view, shape);
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      if (this.#flows.size >= KEPT) this.#flows.delete(this.#flows.keys().next().value!);
      flow = { mss: 0, datagram: 0, offloaded: false };
    } else {
      this.#flows.delete(key);
    }
    this.#flows.set(key, flow);
    return flow;
  }
}

function keyOf(view: DataView, { version, ipBytes, protocol }: Shape): number {
  const [source, bytes] = version === 4 ? [12, 4] : [8, 16];
  const from = hashBytes(view, ipBytes, ipBytes + 2, hashBytes(view, source, source + bytes, protocol));
  const to = hashBytes(
    view,
    ipBytes + 2,
    ipBytes + 4,
    hashBytes(view, source + bytes, source + 2 * bytes, protocol),
  );
  // A sum is the same both ways.
  return protocol === Protocol.tcp ? from + to : from * 2 + to;
}

export const isSyn = (view: DataView, transport: number): boolean =>
  (view.getUint8(transport + 13) & SYN) !== 0;

/** Takes down the MSS of a SYN. @param headerBytes of TCP */
export function hearMss(flow: Flow, view: DataView, transport: number, headerBytes: number): void {
  const end = transport + headerBytes;
  for (let at = transport + 20; at < end; ) {
    const kind = view.getUint8(at);
    if (kind === OPTION_END) return;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return;
    if (kind === OPTION_MSS && length === 4) {
      const mss = view.getUint16(at + 2);
      if (mss >= LEAST_MSS) flow.mss = flow.mss === 0 ? mss : Math.min(flow.mss, mss);
      return;
    }
    at += length;
  }
}
