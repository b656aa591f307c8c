/** A number as people read it: 4,711. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** "1 explicit address mapping". */
export const mappings = (n: number): string =>
  n === 1 ? '1 explicit address mapping' : `${count(n)} explicit address mappings`;

/** "and 4,711 more overlaps". */
export const more = (n: number, one: string, many: string): string =>
  `and ${count(n)} more ${n === 1 ? one : many}`;
