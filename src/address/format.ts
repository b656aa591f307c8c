/** Addresses as text, for people and for other programs. */
import type { Ip4, Ip6, Prefix4, Prefix6 } from './ip.ts';

export function formatIp4(address: Ip4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as "::". */
export function formatIp6(address: Ip6): string {
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

export const formatPrefix4 = ({ address, length }: Prefix4): string => `${formatIp4(address)}/${length}`;
export const formatPrefix6 = ({ address, length }: Prefix6): string => `${formatIp6(address)}/${length}`;
