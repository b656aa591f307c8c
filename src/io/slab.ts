/** Allocates the memory of a device: the slab of io/device.ts and the integer lists beside it. */
import { SLOT_BYTES, STATE_VALUES, WRITE_STRIDE } from './device.ts';

export interface SlabSizes {
  /** Receive slots. */
  readonly slots: number;
  /** Bytes of the head area behind the slots. */
  readonly headBytes: number;
  /** Packets in a write list: the largest write batch. */
  readonly writes: number;
}

export interface SlabMemory {
  readonly slab: SharedArrayBuffer;
  readonly lengths: Int32Array;
  readonly writes: Int32Array;
  readonly results: Int32Array;
  /** As Device.state. */
  readonly state: Int32Array;
}

/**
 * Untouched pages cost nothing, so a slot's 64 KiB are only resident once a super-packet has been in it.
 * Shared buffers: they can never be detached, so the addresses the addon keeps stay valid.
 */
export function allocateSlab({ slots, headBytes, writes }: SlabSizes): SlabMemory {
  return {
    slab: new SharedArrayBuffer(slots * SLOT_BYTES + headBytes),
    lengths: shared(slots),
    writes: shared(writes * WRITE_STRIDE),
    results: shared(writes),
    state: shared(STATE_VALUES),
  };
}

const shared = (values: number) => new Int32Array(new SharedArrayBuffer(values * 4));
