/**
 * The device boundary: a place packets are read from and written to in batches, through one slab of memory.
 *
 * The slab is one (shared) ArrayBuffer with a receive area of fixed slots and a head area:
 *
 *     0            slotBytes                 slots*slotBytes                       slab.byteLength
 *     | slot 0     | slot 1   | …            | head area, owned by the translator  |
 *
 * A read fills slots: the packet of slot i starts at `i * slotBytes + HEADROOM - vnetBytes` with its virtio_net
 * header (`vnetBytes` long: 0, 10 or 12), so that its IP header always stands at `i * slotBytes + HEADROOM`.
 * A write gathers each packet from a head and a body, both given as offsets into the same slab.
 */

/** Bytes kept free before the IP header of each receive slot. */
export const HEADROOM = 64;
/** HEADROOM + the largest IP packet (IPv6 header + 65535), rounded up. */
export const SLOT_BYTES = 65_792;
/**
 * Int32 values per entry of a write list: head offset, head length, body offset, body length (may be 0). An entry whose
 * head length is 0 continues the packet of the entry before it with its body (at most 64 do).
 */
export const WRITE_STRIDE = 4;

/** Indexes of Device.state, and how many values it has. */
export const STATE_FIRST = 0;
export const STATE_REFUSED = 1;
export const STATE_VALUES = 2;

/** Offload levels, each containing the ones before (spec OFF-1, OFF-2). */
export const Offload = { off: 0, csum: 1, tso: 2, uso: 3 } as const;
export type Offload = (typeof Offload)[keyof typeof Offload];

export interface Device {
  /** Bytes of virtio_net header before every packet, both ways: 0, 10 or 12. */
  readonly vnetBytes: number;
  readonly offload: Offload;
  /** The slab this device reads into and writes from. */
  readonly slab: ArrayBufferLike;
  readonly slots: number;
  /**
   * lengths[i] after a read: bytes of slot i's packet, without the virtio_net header; -1 where a slot of the batch stayed
   * empty.
   */
  readonly lengths: Int32Array;
  /** Packets to write, WRITE_STRIDE values each. A head begins with the virtio_net header where vnetBytes > 0. */
  readonly writes: Int32Array;
  /** results[i] after a write: 0 or -errno of packet i. */
  readonly results: Int32Array;
  /** Reads up to `slots` packets without blocking. Returns how many (0: none there) or -errno. */
  read(): number;
  /** Writes the first `count` packets of `writes`. Returns how many were taken; see `results` for the others. */
  write(count: number): number;
  /**
   * What the last exchange has to say besides its result: [STATE_FIRST] the first slot of the batch it read,
   * [STATE_REFUSED] how many entries it could not write.
   */
  readonly state: Int32Array;
  /**
   * Writes the first `count` packets of `writes` (which may be none), then reads a batch, at best with one system call.
   * What was written stays as it is until the next exchange, so that what was refused can be written again. Returns the
   * slots of the batch from state[STATE_FIRST] on (0: none there) or -errno.
   */
  exchange(count: number): number;
  /** Asks for another offload level. Returns the level now in force (at most `level`; also in `offload`) or -errno. */
  setOffload(level: Offload): number;
  /** Blocks until readable, woken or timed out (ms, -1: for ever). 1 readable, 0 timed out or woken, or -errno. */
  wait(timeoutMs: number): number;
  close(): void;
}
