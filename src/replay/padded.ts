/** What the capture left out, as zeros: so that the translator can look at what there is. */
import { fold, sumBytes } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';
import type { Shape } from './shape.ts';

/** A copy of its whole length. An ICMP checksum, which is verified, is made to fit the zeros. */
export function padded(packet: Uint8Array, { version, ipBytes, protocol, total, opaque }: Shape): Uint8Array {
  const whole = new Uint8Array(total);
  whole.set(packet);
  const icmp = version === 4 ? Protocol.icmp4 : Protocol.icmp6;
  if (protocol !== icmp || opaque || total < ipBytes + 8) return whole;
  const view = new DataView(whole.buffer);
  view.setUint16(ipBytes + 2, 0);
  const length = total - ipBytes;
  const pseudo = version === 4 ? 0 : fold(sumBytes(view, 8, 32, 0) + protocol + length);
  view.setUint16(ipBytes + 2, ~sumBytes(view, ipBytes, length, pseudo) & 0xffff);
  return whole;
}
