/** Keys for maps from bytes of packets: 52 bits of two FNV-1a hashes, so that two of a capture hardly ever meet. */

/** @param seed an earlier result, to go on from it */
export function hashBytes(view: DataView, from: number, to: number, seed = 0): number {
  let a = (0x811c9dc5 ^ seed) | 0;
  let b = (0x9747b28c ^ Math.floor(seed / 2 ** 26)) | 0;
  let at = from;
  for (const stop = to - 4; at <= stop; at += 4) {
    const word = view.getInt32(at);
    a = Math.imul(a ^ word, 0x01000193);
    a ^= a >>> 15;
    b = Math.imul(b ^ word, 0x85ebca6b);
    b ^= b >>> 13;
  }
  for (; at < to; at++) {
    a = Math.imul(a ^ view.getUint8(at), 0x01000193);
    b = Math.imul(b ^ view.getUint8(at), 0x85ebca6b);
  }
  a = Math.imul(a ^ (a >>> 16), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x27d4eb2f);
  return (a >>> 6) * 2 ** 26 + (b >>> 6);
}
