/** A number as people read it: 4,711. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** "and 4,711 more overlaps". */
export const more = (n: number, one: string, many: string): string =>
  `and ${count(n)} more ${n === 1 ? one : many}`;
