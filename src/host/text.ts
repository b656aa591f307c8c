/** Addresses as iproute2 writes them. */
import type { Ip4, Ip6 } from '../address/ip.ts';

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
