/**
 * The order of the mapping rules (ADDR-9), one function a direction.
 *
 *     46: EAM (longest match) -> strict-source -> denylist, 169.254/16, well-known-prefix rule -> RFC 6052
 *     64: EAM (longest match) -> prefix, suffix, extraction, martians, denylist, well-known-prefix rule
 *
 * The outcome is an integer; the address is written (46) or left in `mapped` (64).
 */
import type { EamTable } from './eam-table.ts';
import { apply46, apply64, find4, find6 } from './eam-table.ts';
import { mask32 } from './ip.ts';
import { embed, extract, suffixIsZero } from './rfc6052.ts';
import { isLinkLocal4, isMartianEmbedded4, isNonGlobal4 } from './special.ts';

/** Below 0: no mapping, and why. */
export const MapOutcome = { eam: 0, pool6: 1, unmapped: -1, denied: -2, wellKnown: -3, martian: -4 } as const;
export type MapOutcome = (typeof MapOutcome)[keyof typeof MapOutcome];

/** Which rules a lookup may use (EAM-6, EAM-7, I46-S, CLAT-12): bits. */
export const Lookup = {
  all: 0,
  /** RFC 6052 only: hairpinning must come back by the way it went. */
  withoutEam: 1,
  /** For the source of an ICMPv4 error: the 169.254/16 rule is lifted (RFC 7915 §4.1). */
  linkLocalToo: 2,
  /** For a source where `strict-source` holds: only what an EAM covers, whichever rule it then goes by (CLAT-12). */
  coveredOnly: 4,
} as const;
export type Lookup = number;

export interface MappingTables {
  readonly eam: EamTable;
  /** RFC 6052 prefix length, or 0: none. */
  readonly pool6Length: number;
  readonly pool6a: number;
  readonly pool6b: number;
  readonly pool6c: number;
  readonly pool6d: number;
  /** True: pool6 is 64:ff9b::/96 and carries no non-global IPv4 address (ADDR-6). */
  readonly wellKnownStrict: boolean;
  readonly strictSuffix: boolean;
  /** Denied IPv4 prefixes: address, mask, address, mask, … */
  readonly denylist: Int32Array;
}

function isDenied(denylist: Int32Array, address: number): boolean {
  for (let i = 0; i < denylist.length; i += 2) {
    if ((address & denylist[i + 1]!) === denylist[i]) return true;
  }
  return false;
}

/** Maps `v4` and writes its IPv6 address (16 bytes) at `at` of `view`; nothing is written where the outcome is < 0. */
export function map46(
  tables: MappingTables,
  v4: number,
  lookup: Lookup,
  view: DataView,
  at: number,
): MapOutcome {
  if ((lookup & Lookup.withoutEam) === 0 && tables.eam.size > 0) {
    const entry = find4(tables.eam, v4);
    if (entry >= 0) {
      apply46(tables.eam, entry, v4, view, at);
      return MapOutcome.eam;
    }
  }
  if ((lookup & Lookup.coveredOnly) !== 0) {
    const covered = (lookup & Lookup.withoutEam) !== 0 && hasEam4(tables, v4);
    if (!covered) return MapOutcome.unmapped;
  }
  if (tables.denylist.length > 0 && isDenied(tables.denylist, v4)) return MapOutcome.denied;
  if (tables.pool6Length === 0) return MapOutcome.unmapped;
  if (isLinkLocal4(v4) && (lookup & Lookup.linkLocalToo) === 0) return MapOutcome.unmapped;
  if (tables.wellKnownStrict && isNonGlobal4(v4)) return MapOutcome.wellKnown;
  embed(view, at, tables.pool6a, tables.pool6b, tables.pool6c, tables.pool6d, tables.pool6Length, v4);
  return MapOutcome.pool6;
}

/** The result of a 64 lookup: one long-lived object, so that no pair is allocated. */
export interface Mapped {
  /** The IPv4 address; meaningful where the outcome is >= 0. */
  mapped: number;
}

/** Maps the IPv6 address at `at` of `view`; the IPv4 address is left in `into.mapped`. */
export function map64(tables: MappingTables, view: DataView, at: number, into: Mapped): MapOutcome {
  const a = view.getInt32(at);
  const b = view.getInt32(at + 4);
  const c = view.getInt32(at + 8);
  const d = view.getInt32(at + 12);
  if (tables.eam.size > 0) {
    const entry = find6(tables.eam, a, b, c, d);
    if (entry >= 0) {
      into.mapped = apply64(tables.eam, entry, a, b, c, d);
      return MapOutcome.eam;
    }
  }
  const length = tables.pool6Length;
  if (length === 0 || a !== tables.pool6a) return MapOutcome.unmapped;
  // Prefix lengths are 32, 40, 48, 56, 64 or 96: after the first word at most two more are in part compared.
  if (((b ^ tables.pool6b) & mask32(length - 32)) !== 0) return MapOutcome.unmapped;
  if (length === 96 && c !== tables.pool6c) return MapOutcome.unmapped;
  if (tables.strictSuffix && !suffixIsZero(c, d, length)) return MapOutcome.unmapped;
  const v4 = extract(b, c, d, length);
  if (isMartianEmbedded4(v4)) return MapOutcome.martian;
  if (tables.denylist.length > 0 && isDenied(tables.denylist, v4)) return MapOutcome.denied;
  if (tables.wellKnownStrict && isNonGlobal4(v4)) return MapOutcome.wellKnown;
  into.mapped = v4;
  return MapOutcome.pool6;
}

/** True where an EAM maps this IPv4 address (the conditions of EAM-6, ADDR-7). */
export function hasEam4(tables: MappingTables, v4: number): boolean {
  return tables.eam.size > 0 && find4(tables.eam, v4) >= 0;
}
