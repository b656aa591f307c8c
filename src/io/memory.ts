/** A device in memory, for tests and benches: packets in, packets out, and faults where a test wants them. */
import { constants } from 'node:os';
import {
  type Device,
  HEADROOM,
  Offload,
  SLOT_BYTES,
  STATE_FIRST,
  STATE_REFUSED,
  WRITE_STRIDE,
} from './device.ts';
import { allocateSlab } from './slab.ts';

const { EINVAL, EFAULT, ENODEV } = constants.errno;

export interface MemoryOptions {
  readonly vnetBytes?: 0 | 10 | 12;
  readonly offload?: Offload;
  readonly slots?: number;
  readonly headBytes?: number;
  readonly writes?: number;
  /** Batches in the two halves of the slots in turn, as with io_uring: what was refused and the next batch are there together. */
  readonly halves?: boolean;
  /** Called for each packet written, in order; 0 takes it, -errno refuses it. Default: all are taken. */
  readonly fault?: Fault;
}

/** `packet`: head and body in one, with its virtio_net header. Returns 0 or -errno. */
export type Fault = (packet: Uint8Array) => number;

/** Kernels that accept the offload flags and then refuse every segmentation write (gso_type is the second byte). */
export const refuseGso: Fault = (packet) => (packet[1] === 0 ? 0 : -EINVAL);

export class MemoryDevice implements Device {
  readonly vnetBytes: number;
  readonly slab: SharedArrayBuffer;
  readonly slots: number;
  readonly lengths: Int32Array;
  readonly writes: Int32Array;
  readonly results: Int32Array;
  readonly state: Int32Array;
  /** Replaceable at any time. */
  fault: Fault;
  /** Every packet taken, in order, with its virtio_net header. */
  readonly taken: Uint8Array[] = [];
  /** How often `wait` found nothing to do. */
  idle = 0;
  #offload: Offload;
  #waiting: Uint8Array[] = [];
  #bytes: Uint8Array;
  readonly #halves: boolean;
  #gone = false;

  constructor(options: MemoryOptions = {}) {
    const { slots = 32, headBytes = 1 << 18, writes = 512 } = options;
    const memory = allocateSlab({ slots, headBytes, writes });
    this.vnetBytes = options.vnetBytes ?? 0;
    this.#offload = options.offload ?? Offload.off;
    this.slots = slots;
    this.slab = memory.slab;
    this.lengths = memory.lengths;
    this.writes = memory.writes;
    this.results = memory.results;
    this.state = memory.state;
    this.fault = options.fault ?? (() => 0);
    this.#halves = options.halves ?? false;
    this.#bytes = new Uint8Array(memory.slab);
  }

  get offload(): Offload {
    return this.#offload;
  }

  /** Puts packets where `read` finds them; each begins with its virtio_net header where vnetBytes > 0. */
  deliver(...packets: readonly Uint8Array[]): void {
    for (const packet of packets) {
      if (packet.length > SLOT_BYTES - HEADROOM + this.vnetBytes) throw new RangeError('larger than a slot');
      this.#waiting.push(packet);
    }
  }

  /** Packets delivered and not yet read. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** From now on the device behaves as one whose interface was deleted. */
  vanish(): void {
    this.#gone = true;
  }

  read(): number {
    return this.#readInto(0, this.slots);
  }

  #readInto(first: number, most: number): number {
    if (this.#gone) return -ENODEV;
    const batch = this.#waiting.splice(0, most);
    for (const [i, packet] of batch.entries()) {
      const slot = first + i;
      this.#bytes.set(packet, slot * SLOT_BYTES + HEADROOM - this.vnetBytes);
      this.lengths[slot] = Math.max(0, packet.length - this.vnetBytes);
    }
    return batch.length;
  }

  write(count: number): number {
    if (count * WRITE_STRIDE > this.writes.length)
      throw new TypeError('more packets than the write list holds');
    let taken = 0;
    for (let i = 0; i < count; ) {
      let end = i + 1;
      // Entries without a head continue the packet before them.
      while (end < count && this.writes[end * WRITE_STRIDE + 1] === 0) end++;
      const result = this.#writeOne(i, end);
      if (result === 0) taken += end - i;
      for (; i < end; i++) this.results[i] = result;
    }
    return taken;
  }

  /** The packet of entries first..end-1. */
  #writeOne(first: number, end: number): number {
    const parts: Uint8Array[] = [];
    for (let entry = first; entry < end; entry++) {
      const at = entry * WRITE_STRIDE;
      const [head = 0, headLength = 0, body = 0, bodyLength = 0] = this.writes.subarray(
        at,
        at + WRITE_STRIDE,
      );
      if (entry === first && headLength < 1) return -EFAULT;
      if (!this.#inside(head, headLength) || !this.#inside(body, bodyLength)) return -EFAULT;
      parts.push(
        this.#bytes.subarray(head, head + headLength),
        this.#bytes.subarray(body, body + bodyLength),
      );
    }
    if (this.#gone) return -ENODEV;
    const packet = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      packet.set(part, at);
      at += part.length;
    }
    const result = this.fault(packet);
    if (result === 0) this.taken.push(packet);
    return result;
  }

  #inside(offset: number, length: number): boolean {
    return offset >= 0 && length >= 0 && offset + length <= this.slab.byteLength;
  }

  exchange(count: number): number {
    const refused = count - this.write(count);
    this.state[STATE_REFUSED] = refused;
    if (!this.#halves) {
      this.state[STATE_FIRST] = 0;
      return refused > 0 ? 0 : this.read();
    }
    const half = this.slots >> 1;
    const first = this.state[STATE_FIRST] === 0 ? half : 0;
    this.state[STATE_FIRST] = first;
    return this.#readInto(first, half);
  }

  setOffload(level: Offload): number {
    this.#offload = this.vnetBytes === 0 ? Offload.off : level;
    return this.#offload;
  }

  /** Never blocks: nothing else could deliver packets meanwhile. */
  wait(_timeoutMs: number): number {
    if (this.#gone) return -ENODEV;
    if (this.#waiting.length > 0) return 1;
    this.idle++;
    return 0;
  }

  close(): void {
    this.#waiting = [];
    this.#gone = true;
  }
}
