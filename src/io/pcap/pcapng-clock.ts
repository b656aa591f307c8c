/** Timestamps of one pcapng interface: 64 bits in units of its own (if_tsresol), from an epoch of its own (if_tsoffset). */

const GIGA = 1_000_000_000;
/** Up to here the division below is exact in doubles. */
const MOST_PLAIN = 1 << 30;

export class Clock {
  /** if_tsresol where the option is missing. */
  static readonly MICROSECONDS = 6;

  readonly #units: bigint;
  /** The same, where small enough to do without BigInt (which costs a microsecond a packet); else 0. */
  readonly #plain: number;
  readonly #offset: number;

  /**
   * @param resolution if_tsresol: a power of 10, or of 2 where bit 7 is set
   * @param offset if_tsoffset: seconds to add
   */
  constructor(resolution: number, offset: number) {
    const exponent = BigInt(resolution & 0x7f);
    this.#units = (resolution & 0x80) === 0 ? 10n ** exponent : 1n << exponent;
    this.#plain = this.#units <= BigInt(MOST_PLAIN) ? Number(this.#units) : 0;
    this.#offset = offset;
  }

  /** Turns the two halves of a timestamp into seconds and nanoseconds; finer fractions are cut off. */
  read(high: number, low: number, into: { seconds: number; nanoseconds: number }): void {
    const units = this.#plain;
    if (units === 0) {
      const stamp = (BigInt(high) << 32n) | BigInt(low);
      into.seconds = Number(stamp / this.#units) + this.#offset;
      into.nanoseconds = Number(((stamp % this.#units) * BigInt(GIGA)) / this.#units);
      return;
    }
    // Long division, 16 bits at a time: every dividend stays below 2^46, and a quotient's error below 1/units.
    const a = Math.floor(high / units);
    const middle = (high % units) * 65536 + (low >>> 16);
    const b = Math.floor(middle / units);
    const last = (middle % units) * 65536 + (low & 0xffff);
    const c = Math.floor(last / units);
    into.seconds = a * 2 ** 32 + b * 65536 + c + this.#offset;
    into.nanoseconds = Math.floor(((last % units) * GIGA) / units);
  }
}
