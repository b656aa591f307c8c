/** A number as people read it: 4,711. */
export const count = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
