/** The values of single options from text. */
import { type Ip6, inPrefix4, inPrefix6, type Prefix4, type Prefix6 } from '../address/ip.ts';
import { type Parsed, parseIp4, parseIp6, parsePrefix4, parsePrefix6 } from '../address/parse.ts';
import { quote } from '../address/quote.ts';
import { PREFIX_LENGTHS } from '../address/rfc6052.ts';
import { isMartian4, isMartian6 } from '../address/special.ts';
import type { MssClamp, V4Check } from './config.ts';

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (message: string): Parsed<never> => ({ ok: false, message });

/** A decimal number without leading zeros. */
export const number =
  (least: number, most: number) =>
  (text: string): Parsed<number> => {
    if (/^(0|[1-9]\d{0,8})$/.test(text) && Number(text) >= least && Number(text) <= most)
      return good(Number(text));
    return bad(`${quote(text)} must be a number from ${least} to ${most}`);
  };

/** One of the keys; the result is what it stands for. */
export const choice =
  <T>(choices: Readonly<Record<string, T>>) =>
  (text: string): Parsed<T> =>
    Object.hasOwn(choices, text)
      ? good(choices[text] as T)
      : bad(`${quote(text)} must be one of ${Object.keys(choices).join(', ')}`);

/** ADDR-1, ADDR-2. */
export function parsePool6(text: string): Parsed<Prefix6> {
  // The length first: what would be right about the other bits depends on it.
  const length = Number(/\/(\d{1,3})$/.exec(text)?.[1] ?? Number.NaN);
  if (length <= 128 && !PREFIX_LENGTHS.includes(length)) return bad(`${quote(text)}: ${lengthFault(length)}`);
  const parsed = parsePrefix6(text);
  if (!parsed.ok) return parsed;
  const fault = pool6Fault(parsed.value);
  return fault === null ? parsed : bad(`${quote(text)}: ${fault}`);
}

const LOCAL_USE: Prefix6 = { address: [0x0064ff9b, 0x00010000, 0, 0], length: 48 };

const lengthFault = (length: number): string =>
  `the length /${length} must be one of ${PREFIX_LENGTHS.map((one) => `/${one}`).join(', ')} (RFC 6052 §2.2)`;

/** What keeps a prefix from being a pool6 (ADDR-1, ADDR-2), or null. */
export function pool6Fault({ address, length }: Prefix6): string | null {
  const [a, b, c] = address;
  if (!PREFIX_LENGTHS.includes(length)) return lengthFault(length);
  if (c >>> 24 !== 0) return 'bits 64 to 71 must be 0 (RFC 6052 §2.2)';
  if (a >>> 24 === 0xff) return 'a multicast prefix cannot be used';
  if (a >>> 22 === 0x3fa) return 'a link-local prefix cannot be used';
  if (a >>> 24 === 0) {
    const wellKnown = length === 96 && a === 0x0064ff9b && b === 0 && c === 0;
    const localUse = length >= 48 && inPrefix6(address, LOCAL_USE);
    if (!wellKnown && !localUse)
      return 'of ::/8 only 64:ff9b::/96 and prefixes inside 64:ff9b:1::/48 can be used (RFC 6052, RFC 8215)';
  }
  return null;
}

/** GEN-2. */
export function parseOwn4(text: string): Parsed<number> {
  const parsed = parseIp4(text);
  return parsed.ok && isMartian4(parsed.value) ? bad(`${quote(text)} cannot be a host's address`) : parsed;
}

/** GEN-2. */
export function parseOwn6(text: string): Parsed<Ip6> {
  const parsed = parseIp6(text);
  return parsed.ok && isMartian6(parsed.value[0])
    ? bad(`${quote(text)} cannot be a host's address here (link-local, loopback, multicast or reserved)`)
    : parsed;
}

/** I46-PTB-2: greatest first, each once. */
export function parsePlateaus(text: string): Parsed<number[]> {
  const parsed = text.split(',').map((part) => number(68, 65535)(part.trim()));
  const wrong = parsed.flatMap((one) => (one.ok ? [] : [one.message]));
  if (wrong.length > 0) return bad(`${wrong.join('; ')} (the list is decimal, separated by commas)`);
  const values = parsed.flatMap((one) => (one.ok ? [one.value] : []));
  return good([...new Set(values)].sort((a, b) => b - a));
}

export function parseTos(text: string): Parsed<number> {
  if (/^(0|[1-9]\d{0,2}|0x[0-9a-fA-F]{1,2})$/.test(text) && Number(text) <= 255) return good(Number(text));
  return bad(`${quote(text)} must be a number from 0 to 255, decimal or 0x`);
}

export function parseMss(text: string): Parsed<MssClamp> {
  if (text === 'off' || text === 'auto') return good(text);
  const parsed = number(1, 65535)(text);
  return parsed.ok ? parsed : bad(`${quote(text)} must be off, auto or a number from 1 to 65535`);
}

/**
 * A name that the kernel takes for an interface, that means one in /proc/sys, and that neither a terminal nor the
 * languages of ip and nft take for anything else.
 */
export function parseTun(text: string): Parsed<string> {
  // "all" and "default" are folders of /proc/sys/net that mean every interface.
  const right =
    /^(?!-)[^\s/:%*#"'\\\p{C}]{1,15}$/u.test(text) &&
    Buffer.byteLength(text) < 16 &&
    !['.', '..', 'all', 'default'].includes(text);
  return right
    ? good(text)
    : bad(
        `${quote(text)} cannot be an interface name: 1 to 15 bytes, for instance letters, digits, "." "_" and "-" (not first), ` +
          'no spaces, control characters or any of / : % * # \\ and quotes; not ".", "..", "all", "default"',
      );
}

/** `auto` or a number of threads. */
export function parseWorkers(text: string): Parsed<number | 'auto'> {
  if (text === 'auto') return good('auto');
  const parsed = number(1, 64)(text);
  return parsed.ok ? parsed : bad(`${quote(text)} must be auto or a number from 1 to 64`);
}

/** Where no host's address lies (ADDR-7). */
const NO_HOSTS: readonly Prefix4[] = [
  { address: 0, length: 8 },
  { address: 0x7f000000, length: 8 },
  { address: 0xe0000000 | 0, length: 4 },
  { address: -1, length: 32 },
];

const overlap4 = (a: Prefix4, b: Prefix4): boolean =>
  a.length < b.length ? inPrefix4(b.address, a) : inPrefix4(a.address, b);

/** RSRC-1: the sources of ICMP errors, any of the prefix; packets from a martian would be dropped by whoever gets them. */
export function parsePool4(text: string): Parsed<Prefix4> {
  const parsed = parsePrefix4(text, 32);
  return parsed.ok && NO_HOSTS.some((one) => overlap4(one, parsed.value))
    ? bad(
        `${quote(text)} cannot be hosts' addresses: choose a prefix outside 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4 and 255.255.255.255`,
      )
    : parsed;
}

/** `auto`, `shared`, an address, or a prefix to find one in. */
export function parseClat6(text: string): Parsed<'auto' | 'shared' | Prefix6> {
  if (text === 'auto' || text === 'shared') return good(text);
  if (text === 'derived') return bad(`${quote(text)} is called auto here`);
  const parsed = parsePrefix6(text, 128);
  if (!parsed.ok) return parsed;
  if (isMartian6(parsed.value.address[0])) {
    return bad(
      `${quote(text)} cannot be a host's address here (link-local, loopback, multicast or reserved)`,
    );
  }
  if (parsed.value.length > 120 && parsed.value.length < 128) {
    return bad(`${quote(text)}: a prefix to choose an address from has a length of at most /120`);
  }
  return parsed;
}

/** `off` or an address to ping. */
export function parseHealthCheck(text: string): Parsed<number | null> {
  return text === 'off' ? good(null) : parseOwn4(text);
}

/** `off`, or an address with or without a TCP port. */
export function parseV4Check(text: string): Parsed<V4Check | null> {
  if (text === 'off') return good(null);
  const [host = '', port, ...more] = text.split(':');
  const address = parseOwn4(host);
  if (more.length > 0) return bad(`${quote(text)} must be an IPv4 address, ADDR or ADDR:PORT, or off`);
  if (!address.ok) return address;
  if (port === undefined) return good({ address: address.value, port: null });
  const parsed = number(1, 65535)(port);
  return parsed.ok ? good({ address: address.value, port: parsed.value }) : parsed;
}
