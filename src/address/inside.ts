/**
 * What of the IPv4 world is on this side of the translator, where the EAM's hosts are too: nothing from outside may
 * claim to come from there (CLAT-13; RFC 6169).
 */
import type { Ip4, Prefix4 } from './ip.ts';
import { rangesOf, sameRanges } from './ranges.ts';

export interface Inside {
  /** IPv4 addresses that no packet from outside has as its source, besides those that the EAM maps. */
  readonly sources4: Int32Array;
  /** IPv4 addresses that the EAM maps and that are no destinations from outside all the same. */
  readonly closed4: Int32Array;
}

export const insideOf = (sources: readonly Prefix4[], closed: readonly Ip4[]): Inside => ({
  sources4: rangesOf(sources),
  closed4: rangesOf(closed.map((address) => ({ address, length: 32 }))),
});

export const sameInside = (a: Inside | null, b: Inside | null): boolean =>
  a === b ||
  (a !== null && b !== null && sameRanges(a.sources4, b.sources4) && sameRanges(a.closed4, b.closed4));
