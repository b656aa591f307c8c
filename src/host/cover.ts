/** The fewest IPv6 prefixes that cover exactly what the IPv6 sides of an EAM list cover: one route each. */
import type { EamList } from '../address/eam.ts';
import { type Ip6, inPrefix6, type Prefix6, prefixOf6 } from '../address/ip.ts';

/** O(n log n); a million entries take about a second, an ordinary list no time. */
export function coverEam6(eam: EamList): Prefix6[] {
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
