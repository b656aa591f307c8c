/** Whom the NAT64 and IPv4 are tried with. */
import type { Ip4, Ip6, Prefix6 } from '../../address/ip.ts';
import { type Parsed, parseIp4 } from '../../address/parse.ts';
import { quote } from '../../address/quote.ts';
import { embedded } from '../../address/rfc6052.ts';
import { isMartianEmbedded4 } from '../../address/special.ts';

export interface Target {
  readonly address: Ip4;
  readonly port: number;
}

/** Speaks TLS, which the check of the way back makes use of (tls.ts). */
const PORT = 443;
/** A public resolver that answers on every continent, by ping too. */
export const DEFAULT_TARGET: Target = { address: 0x01010101, port: PORT };

/** `ADDR`, `ADDR:PORT`, or `none` (null). */
export function parseTarget(text: string): Parsed<Target | null> {
  if (text === 'none') return { ok: true, value: null };
  const bad = (message: string): Parsed<never> => ({ ok: false, message: `${quote(text)}: ${message}` });
  const [host = '', portText] = text.split(':', 2);
  const parsed = parseIp4(host);
  if (!parsed.ok) return bad('must be an IPv4 address, with :PORT or without, or none');
  if (isMartianEmbedded4(parsed.value)) return bad('is no address that a NAT64 leads to');
  const port = portText === undefined ? PORT : Number(portText);
  if (portText !== undefined && (!/^[1-9]\d{0,4}$/.test(portText) || port > 65_535)) {
    return bad('the port must be a number from 1 to 65535');
  }
  return { ok: true, value: { address: parsed.value, port } };
}

/** The address behind a NAT64 with this prefix (RFC 6052 §2.2). */
export function behind(prefix: Prefix6, address: Ip4): Ip6 {
  return embedded(prefix, address);
}
