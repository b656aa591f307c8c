/** A list from the longest prefix to the shortest, walked until one matches: what TAYGA does. */
import { mask32 } from '../../src/address/ip.ts';
import { longestFirst } from './order.ts';
import { bytesOf, type Structure } from './structure.ts';

export const linear: Structure = {
  name: "list (TAYGA's)",
  most: 100_000,
  build(list) {
    const order4 = longestFirst(list.length4, list.size);
    const order6 = longestFirst(list.length6, list.size);
    const { v4, length4, v6, length6 } = list;
    return {
      find4(address) {
        for (const entry of order4) {
          if ((address & mask32(length4[entry]!)) === v4[entry]) return entry;
        }
        return -1;
      },
      find6(a, b, c, d) {
        for (const entry of order6) {
          const length = length6[entry]!;
          const at = entry * 4;
          if (
            (d & mask32(length - 96)) === v6[at + 3] &&
            (c & mask32(length - 64)) === v6[at + 2] &&
            (b & mask32(length - 32)) === v6[at + 1] &&
            (a & mask32(length)) === v6[at]
          )
            return entry;
        }
        return -1;
      },
      bytes: bytesOf(order4, order6),
    };
  },
};
