/**
 * Sets of IPv4 addresses as sorted ranges: first and last of each, one after the other, in shared memory. Finding an
 * address is a binary search, since a host with containers has hundreds of networks.
 */
import type { Ip4, Prefix4 } from './ip.ts';
import { mask32 } from './ip.ts';
import { shared32 } from './shared.ts';

/** Signed integers in the order of addresses. */
const ordered = (address: Ip4): number => address ^ 0x80000000;

/** The addresses of these prefixes, each range as long as it can be. */
export function rangesOf(prefixes: readonly Prefix4[]): Int32Array {
  const spans = prefixes
    .map(({ address, length }) => ({ first: ordered(address), last: ordered(address | ~mask32(length)) }))
    .sort((a, b) => a.first - b.first);
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of spans) {
    const before = merged.at(-1);
    if (before === undefined || first > before.last + 1) merged.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  const ranges = shared32(merged.length * 2);
  merged.forEach(({ first, last }, i) => {
    ranges[2 * i] = first;
    ranges[2 * i + 1] = last;
  });
  return ranges;
}

export function inRanges(ranges: Int32Array, address: Ip4): boolean {
  const wanted = ordered(address);
  let low = 0;
  let high = ranges.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (wanted > ranges[2 * middle + 1]!) low = middle + 1;
    else high = middle;
  }
  return 2 * low < ranges.length && wanted >= ranges[2 * low]!;
}

export const sameRanges = (a: Int32Array, b: Int32Array): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);
