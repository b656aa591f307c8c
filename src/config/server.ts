/** DNS servers, as text and as values. */
import { formatIp6 } from '../address/format.ts';
import { type Parsed, parseIp4, parseIp6 } from '../address/parse.ts';
import { quote } from '../address/quote.ts';

export interface Server {
  /** IPv4 or IPv6, link-local ones with their zone ("fe80::53%eth0"). */
  readonly address: string;
  readonly port: number;
}

const DNS_PORT = 53;
export const formatServer = ({ address, port }: Server): string =>
  port === DNS_PORT ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** `addr`, `addr%zone`, `[addr%zone]:port`, `addr4:port`. */
export function parseServer(text: string): Parsed<Server> {
  const bad = (message: string): Parsed<never> => ({ ok: false, message: `${quote(text)}: ${message}` });
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const quad = /^(\d[\d.]*):(.*)$/.exec(text);
  const [host, portText] =
    bracketed !== null
      ? [bracketed[1]!, bracketed[2]]
      : quad !== null && !quad[2]!.includes(':')
        ? [quad[1]!, quad[2]]
        : [text, undefined];
  const port = portText === undefined ? DNS_PORT : Number(portText);
  if (portText !== undefined && (!/^[1-9]\d{0,4}$/.test(portText) || port > 65_535)) {
    return bad('the port must be a number from 1 to 65535');
  }
  const [address = '', zone] = host.split('%', 2);
  if (!host.includes(':')) {
    const parsed = parseIp4(address);
    if (!parsed.ok || zone !== undefined) return bad('is not the address of a DNS server');
    return { ok: true, value: { address, port } };
  }
  const parsed = parseIp6(address);
  if (!parsed.ok) return bad('is not the address of a DNS server');
  const linkLocal = parsed.value[0] >>> 22 === 0x3fa;
  if (linkLocal && (zone === undefined || zone === '')) {
    return bad('a link-local address needs its interface, as in fe80::53%eth0');
  }
  const plain = formatIp6(parsed.value);
  return { ok: true, value: { address: linkLocal ? `${plain}%${zone}` : plain, port } };
}

/** A list separated by commas. */
export function parseServers(text: string): Parsed<Server[]> {
  const servers: Server[] = [];
  for (const part of text.split(',')) {
    const parsed = parseServer(part.trim());
    if (!parsed.ok) return parsed;
    servers.push(parsed.value);
  }
  return { ok: true, value: servers };
}
