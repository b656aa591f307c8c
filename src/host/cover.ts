/**
 * What the two sides of an EAM list cover, as prefixes for routes. A list is complete before it comes here, and its answers
 * are kept with it: the host is looked at after every event, and a million entries take about a second to sort.
 */
import type { EamList } from '../address/eam.ts';
import { type Ip4, type Ip6, inPrefix4, inPrefix6, type Prefix6, prefixOf6 } from '../address/ip.ts';

/** Remembers what `find` found for a list, as long as the list lives. */
function kept<T>(find: (eam: EamList) => T): (eam: EamList) => T {
  const found = new WeakMap<EamList, { readonly size: number; readonly value: T }>();
  return (eam) => {
    const known = found.get(eam);
    if (known?.size === eam.size) return known.value;
    const value = find(eam);
    found.set(eam, { size: eam.size, value });
    return value;
  };
}

/** The fewest IPv6 prefixes that cover exactly what the IPv6 sides cover: one route each. */
export const coverEam6 = kept<readonly Prefix6[]>(findCover6);

/** IPv4 prefixes, one after the other. */
export interface Networks4 {
  readonly addresses: Int32Array;
  readonly lengths: Uint8Array;
}

/** The prefixes of the IPv4 side in order, without 0.0.0.0/0 and without those inside another one. */
export const networksEam4 = kept<Networks4>(findNetworks4);

function findNetworks4(eam: EamList): Networks4 {
  const order = new Uint32Array(eam.size).map((_, i) => i);
  order.sort((a, b) => (eam.v4[a]! >>> 0) - (eam.v4[b]! >>> 0) || eam.length4[a]! - eam.length4[b]!);
  let size = 0;
  let last: { readonly address: Ip4; readonly length: number } | null = null;
  for (const i of order) {
    const address = eam.v4[i]!;
    const length = eam.length4[i]!;
    if (length === 0 || (last !== null && inPrefix4(address, last))) continue;
    last = { address, length };
    order[size++] = i;
  }
  const outermost = order.subarray(0, size);
  return {
    addresses: Int32Array.from(outermost, (i) => eam.v4[i]!),
    lengths: Uint8Array.from(outermost, (i) => eam.length4[i]!),
  };
}

function findCover6(eam: EamList): Prefix6[] {
  const order = new Uint32Array(eam.size).map((_, i) => i);
  order.sort((a, b) => {
    for (let word = 0; word < 4; word++) {
      const difference = (eam.v6[4 * a + word]! >>> 0) - (eam.v6[4 * b + word]! >>> 0);
      if (difference !== 0) return difference;
    }
    return eam.length6[a]! - eam.length6[b]!;
  });
  const cover: Prefix6[] = [];
  for (const i of order) {
    const address: Ip6 = [eam.v6[4 * i]!, eam.v6[4 * i + 1]!, eam.v6[4 * i + 2]!, eam.v6[4 * i + 3]!];
    const last = cover.at(-1);
    // Sorted, so only the last one kept can contain this one.
    if (last !== undefined && inPrefix6(address, last)) continue;
    cover.push({ address, length: eam.length6[i]! });
    while (mergeLastTwo(cover));
  }
  return cover;
}

/** Two halves of one prefix become that prefix. */
function mergeLastTwo(cover: Prefix6[]): boolean {
  const a = cover.at(-2);
  const b = cover.at(-1);
  if (a === undefined || b === undefined || a.length !== b.length || a.length === 0) return false;
  const parent = prefixOf6(a.address, a.length - 1);
  if (!inPrefix6(b.address, parent)) return false;
  cover.length -= 2;
  cover.push(parent);
  return true;
}
