/** Addresses as iproute2 writes and reads them (RFC 5952 text, the kernel's own form). */
import type { Ip4, Ip6 } from '../address/ip.ts';

export function text4(address: Ip4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as "::". */
export function text6(address: Ip6): string {
  const groups = address.flatMap((word) => [word >>> 16, word & 0xffff]);
  let runAt = -1;
  let runLength = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > runLength) {
      runAt = i;
      runLength = end - i;
    }
    if (end > i) i = end;
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return runAt < 0 ? hex(0, 8) : `${hex(0, runAt)}::${hex(runAt + runLength, 8)}`;
}

export const prefixText4 = (address: Ip4, length: number): string => `${text4(address)}/${length}`;
export const prefixText6 = (address: Ip6, length: number): string => `${text6(address)}/${length}`;

/** Parses what the kernel printed: trusted text, so nothing is checked. */
export function parseKernel4(text: string): Ip4 {
  let value = 0;
  for (const part of text.split('.')) value = (value << 8) | Number(part);
  return value;
}

/** As parseKernel4, for IPv6; a trailing dotted quad and a zone ("%eth0") are understood. */
export function parseKernel6(text: string): Ip6 {
  let plain = text.replace(/%.*$/, '');
  const dottedAt = plain.lastIndexOf(':') + 1;
  if (plain.includes('.')) {
    const low = parseKernel4(plain.slice(dottedAt));
    plain = `${plain.slice(0, dottedAt)}${(low >>> 16).toString(16)}:${(low & 0xffff).toString(16)}`;
  }
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(8 - left.length - right.length).fill('0');
  const groups = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
  const word = (i: number) => (groups[2 * i]! << 16) | groups[2 * i + 1]!;
  return [word(0), word(1), word(2), word(3)];
}
