/**
 * What one data-plane thread counts (STAT-1), in shared memory so that the control side reads without asking.
 * One 64-bit float a counter: exact up to 2^53, and a plain aligned load or store for both sides.
 */
import { REASONS } from '../translate/reasons.ts';

/** Counters besides the ones by reason. */
export const EXTRA_COUNTERS = [
  ['bytes46', 'Bytes of IPv4 packets translated to IPv6'],
  ['bytes64', 'Bytes of IPv6 packets translated to IPv4'],
  ['errors4', 'ICMPv4 errors generated'],
  ['errors6', 'ICMPv6 errors generated'],
  ['suppressed4', 'ICMPv4 errors and echo replies not sent because of the rate limit'],
  ['suppressed6', 'ICMPv6 errors and echo replies not sent because of the rate limit'],
  ['writeErrors', 'Packets that the TUN device refused'],
  ['segmented', 'Super-packets segmented in software'],
  ['batches', 'Batches read from the TUN device'],
  ['offloadLowered', 'Times the offload level was lowered because the kernel refused a write'],
] as const;

export type ExtraCounter = (typeof EXTRA_COUNTERS)[number][0];

/** Index of each extra counter: behind those of the reasons. */
export const Extra = Object.fromEntries(EXTRA_COUNTERS.map(([name], i) => [name, REASONS.length + i])) as {
  readonly [Name in ExtraCounter]: number;
};

export const COUNTER_COUNT = REASONS.length + EXTRA_COUNTERS.length;

export type Counters = Float64Array;

/** Zeroed counters in shared memory. */
export function createCounters(): Counters {
  return new Float64Array(new SharedArrayBuffer(COUNTER_COUNT * Float64Array.BYTES_PER_ELEMENT));
}
