/**
 * Everything translation depends on, compiled: typed arrays and small integers, never changed once made. A reload
 * makes a new one and swaps the reference between two batches (EAM-9).
 */
import type { Inside } from '../address/inside.ts';
import type { MappingTables } from '../address/mapper.ts';

export const UdpZeroChecksum = { calc: 0, drop: 1, fwd: 2 } as const;
export const Hairpin = { off: 0, simple: 1, intrinsic: 2 } as const;

export interface Tables extends MappingTables {
  /** Own IPv4 address (GEN-2). */
  readonly ipv4Addr: number;
  /** Own IPv6 address as four words, or null (GEN-2). */
  readonly ipv6Addr: Int32Array | null;
  /** True: IPv4 sources that no EAM covers are refused, not embedded in pool6 (CLAT-12). */
  readonly strictSource: boolean;
  /** What is on this side of the translator (CLAT-13); null: not known, and nothing is taken for spoofed. */
  readonly inside: Inside | null;
  /** Pool of sources for untranslatable ICMPv6 errors, RSRC-1: network address and its host mask. */
  readonly rfc6791Address: number;
  readonly rfc6791HostMask: number;
  /** Next-hop MTUs and min(lowest-ipv6-mtu, mtu6), in bytes (GEN-1). */
  readonly mtu6: number;
  readonly mtu4: number;
  readonly lim6: number;
  /** Greatest first (I46-PTB-2). */
  readonly plateaus: Int32Array;
  /** UdpZeroChecksum */
  readonly udpZeroChecksum: number;
  /** Hairpin */
  readonly hairpin: number;
  readonly zeroizeTrafficClass: boolean;
  /** 0..255, or -1: copy. */
  readonly overrideTos: number;
  /** Largest TCP MSS to let pass, or 0: do not touch (MSS-1). */
  readonly mssLimit: number;
}
