/** TCP maximum segment size clamping (MSS-1..3): RFC 9293 §3.7.1, the option's form §3.2. */
import { update } from '../wire/checksum.ts';
import { TCP_CHECKSUM, TCP_HEADER } from '../wire/transport.ts';

const END = 0;
const NOP = 1;
const MSS = 2;
const MSS_LENGTH = 4;

/**
 * Lowers the MSS option of the TCP header of `headerBytes` at `at` to `limit`; never raises or inserts one.
 * @param partial 1: the checksum field holds a pseudo-header sum, which does not cover the options
 */
export function clampMss(
  view: DataView,
  at: number,
  headerBytes: number,
  limit: number,
  partial: number,
): void {
  const end = at + headerBytes;
  let option = at + TCP_HEADER;
  while (option < end) {
    const kind = view.getUint8(option);
    if (kind === END) return;
    if (kind === NOP) {
      option++;
      continue;
    }
    if (option + 1 >= end) return;
    const length = view.getUint8(option + 1);
    if (length < 2 || option + length > end) return;
    if (kind === MSS && length === MSS_LENGTH) {
      const mss = view.getUint16(option + 2);
      if (mss <= limit) return;
      view.setUint16(option + 2, limit);
      if (partial === 0) {
        // At an odd offset the value lies across two checksum words: it counts with its bytes swapped.
        const odd = ((option - at) & 1) === 1;
        const before = odd ? swap(mss) : mss;
        const after = odd ? swap(limit) : limit;
        const checksum = view.getUint16(at + TCP_CHECKSUM);
        view.setUint16(at + TCP_CHECKSUM, update(checksum, (~before & 0xffff) + after));
      }
      return;
    }
    option += length;
  }
}

const swap = (word: number): number => ((word & 0xff) << 8) | (word >>> 8);
