/**
 * Addresses and prefixes from text, strictly. ip-num does the validating: this is the edge, where its BigInts cost
 * nothing (never a packet, and not a million-line EAM file either: config/eam-file.ts).
 *
 * Results are values or a sentence that says what is wrong: callers collect every mistake.
 */
import { IPv4, IPv6 } from 'ip-num';
import { formatIp4, formatIp6 } from './format.ts';
import type { Ip4, Ip6, Prefix4, Prefix6 } from './ip.ts';
import { mask32 } from './ip.ts';
import { quote } from './quote.ts';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (message: string): Parsed<never> => ({ ok: false, message });

/** ip-num takes some forms that a person should not write: those are refused before. */
const DECIMAL_QUAD = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const HEX_GROUPS = /^[0-9a-fA-F:.]+$/;

/** Four decimal numbers; no leading zeros, no other bases. */
export function parseIp4(text: string): Parsed<Ip4> {
  if (!DECIMAL_QUAD.test(text))
    return bad(`${quote(text)} is not an IPv4 address (four numbers 0 to 255, without leading zeros)`);
  try {
    return good(Number(new IPv4(text).getValue()) | 0);
  } catch {
    return bad(`${quote(text)} is not an IPv4 address (each number is 0 to 255)`);
  }
}

/** Any RFC 4291 §2.2 form; no zone. */
export function parseIp6(text: string): Parsed<Ip6> {
  if (text.includes('%'))
    return bad(`${quote(text)} has a zone ("%…"), which has no meaning here: leave it out`);
  const refuse = bad(`${quote(text)} is not an IPv6 address`);
  if (!HEX_GROUPS.test(text) || !text.includes(':') || text.includes(':::')) return refuse;
  let plain = text;
  const quad = text.slice(text.lastIndexOf(':') + 1);
  if (quad.includes('.')) {
    const v4 = parseIp4(quad);
    if (!v4.ok) return refuse;
    const hex = (word: number): string => (word & 0xffff).toString(16);
    plain = `${text.slice(0, text.length - quad.length)}${hex(v4.value >>> 16)}:${hex(v4.value)}`;
  }
  const groups = plain.split(':');
  const compressed = plain.split('::');
  const given = groups.filter((group) => group !== '');
  if (compressed.length > 2 || given.some((group) => group.length > 4)) return refuse;
  if (compressed.length === 1 ? groups.length !== 8 || given.length !== 8 : given.length > 7) return refuse;
  // A colon at either end is only right as part of "::".
  if (/^:[^:]|[^:]:$/.test(plain)) return refuse;
  try {
    const value = new IPv6(plain).getValue();
    const word = (shift: bigint): number => Number((value >> shift) & 0xffffffffn) | 0;
    return good([word(96n), word(64n), word(32n), word(0n)]);
  } catch {
    return refuse;
  }
}

/** Splits "address/length". `missing`: the length where there is none, or null where one must be given. */
function parseLength(
  text: string,
  most: number,
  missing: number | null,
): Parsed<{ address: string; length: number }> {
  const slash = text.indexOf('/');
  if (slash < 0) {
    if (missing !== null) return good({ address: text, length: missing });
    return bad(
      `${quote(text)} has no prefix length: write it behind the address, as in ${most === 32 ? '192.0.2.0/24' : '64:ff9b::/96'}`,
    );
  }
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > most) {
    return bad(`${quote(text)}: the prefix length after "/" must be 0 to ${most}`);
  }
  return good({ address: text.slice(0, slash), length: Number(digits) });
}

/** @param missing prefix length of a text without one; null: then it is a mistake */
export function parsePrefix4(text: string, missing: number | null = null): Parsed<Prefix4> {
  const split = parseLength(text, 32, missing);
  if (!split.ok) return split;
  const { length } = split.value;
  const address = parseIp4(split.value.address);
  if (!address.ok) return address;
  if ((address.value & ~mask32(length)) !== 0) {
    const { value } = address;
    return bad(
      `${quote(text)}: bits after the first ${length} are not 0; did you mean ${formatIp4(value & mask32(length))}/${length}?`,
    );
  }
  return good({ address: address.value, length });
}

/** @param missing prefix length of a text without one; null: then it is a mistake */
export function parsePrefix6(text: string, missing: number | null = null): Parsed<Prefix6> {
  const split = parseLength(text, 128, missing);
  if (!split.ok) return split;
  const { length } = split.value;
  const address = parseIp6(split.value.address);
  if (!address.ok) return address;
  if (address.value.some((word, i) => (word & ~mask32(length - 32 * i)) !== 0)) {
    const [a, b, c, d] = address.value.map((word, i) => word & mask32(length - 32 * i));
    return bad(
      `${quote(text)}: bits after the first ${length} are not 0; did you mean ${formatIp6([a!, b!, c!, d!])}/${length}?`,
    );
  }
  return good({ address: address.value, length });
}
