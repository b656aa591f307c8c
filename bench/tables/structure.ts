/** What a lookup structure for EAM tables has to offer to be compared. */
import type { EamList } from '../../src/address/eam.ts';

export interface Built {
  /** Longest match: the entry's index, or -1. */
  find4(address: number): number;
  find6(a: number, b: number, c: number, d: number): number;
  /** Memory of the structure beyond the entries' own columns. */
  readonly bytes: number;
}

export interface Structure {
  readonly name: string;
  build(list: EamList): Built;
  /** Tables too large for it are skipped. */
  readonly most?: number;
}

/** Bytes of several typed arrays. */
export const bytesOf = (...arrays: readonly ArrayBufferView[]): number =>
  arrays.reduce((sum, array) => sum + array.byteLength, 0);
