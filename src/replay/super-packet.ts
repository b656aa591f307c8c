/**
 * Is a captured packet a super-packet, and how large were its segments? Captures are taken above segmentation offload, so
 * that what is one packet there was, or will be, many on the wire.
 */
import { Protocol } from '../wire/protocol.ts';
import type { Flow } from './flows.ts';
import { isPartial } from './segments.ts';
import type { Shape } from './shape.ts';

/** MTUs that count: those of --ipv4-mtu and --ipv6-mtu. */
export interface Mtus {
  readonly mtu4: number;
  readonly mtu6: number;
}

/** Where a segment size comes from: the MSS of the flow's SYNs, the MTU, or (a guess) the flow's largest datagram so far. */
export type SizeSource = 'mss' | 'mtu' | 'datagram';

export interface Segmentation {
  /** Data bytes of each segment but the last. */
  readonly size: number;
  readonly by: SizeSource;
}

/** UDP_MAX_SEGMENTS of Linux: in more datagrams none is cut. */
const MOST_DATAGRAMS = 128;
/** SYN, RST, URG: never set in what is cut. */
const UNCUT_FLAGS = 0x26;

/**
 * null: no super-packet. Larger than the MTU is what no device can have carried; larger than the MSS that its flow agreed
 * on, what its TCP cannot have sent (flow.mss is 0 in UDP's). Once a flow has had one, what would not fit through the translator is one, too.
 * @param header bytes of the transport header
 */
export function segmentationOf(
  view: DataView,
  shape: Shape,
  header: number,
  flow: Flow,
  { mtu4, mtu6 }: Mtus,
): Segmentation | null {
  const { version, ipBytes, jumboBytes, protocol, total } = shape;
  const headers = ipBytes - jumboBytes + header;
  const data = total - ipBytes - header;
  const device = version === 4 ? mtu4 : mtu6;
  const through = version === 4 ? Math.min(mtu4, mtu6 - 20) : Math.min(mtu6, mtu4 + 20);
  const byMtu = through - headers;
  const packet = headers + data;
  const large = packet > device || (flow.offloaded && packet > through);
  const byMss = flow.mss === 0 ? Number.POSITIVE_INFINITY : flow.mss - (header - 20);
  if (data <= 0 || byMtu <= 0 || (!large && data <= byMss) || !isUnfinished(view, shape)) return null;
  if (protocol === Protocol.udp) {
    if (!hasUdpLength(view, shape, header + data)) return null;
    const size = flow.datagram;
    return size > 0 && size < data && data <= size * MOST_DATAGRAMS
      ? { size, by: 'datagram' }
      : { size: byMtu, by: 'mtu' };
  }
  if ((view.getUint8(ipBytes + 13) & UNCUT_FLAGS) !== 0) return null;
  return byMss <= byMtu && byMss > 0 ? { size: byMss, by: 'mss' } : { size: byMtu, by: 'mtu' };
}

/**
 * A packet with DF can only be a super-packet. One without might be fragmented, by this translator, too; but then its
 * checksum would be complete (Linux sends UDP super-packets without DF).
 */
const isUnfinished = (view: DataView, shape: Shape): boolean =>
  shape.dontFragment ||
  (!shape.lengthless && isPartial(new DataView(view.buffer, view.byteOffset, shape.total), shape));

/** A datagram whose own length agrees with the packet's: a truncated or padded one is none to cut. */
function hasUdpLength(view: DataView, { ipBytes, lengthless }: Shape, length: number): boolean {
  const claimed = view.getUint16(ipBytes + 4);
  return claimed === length || (lengthless && (claimed === 0 || claimed === (length & 0xffff)));
}
