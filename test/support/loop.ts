/** The loop of a data-plane thread on a device in memory. */
import { compile } from '../../src/config/compile.ts';
import { createCounters } from '../../src/dataplane/counters.ts';
import { UNLIMITED } from '../../src/dataplane/limiter.ts';
import { HEAD_AREA_BYTES, Loop, Order, WRITE_LIST } from '../../src/dataplane/loop.ts';
import { Offload } from '../../src/io/device.ts';
import { type Fault, MemoryDevice } from '../../src/io/memory.ts';
import { HashedIdentifications } from '../../src/translate/identification.ts';
import { configure } from './options.ts';
import { type Bytes, hex } from './packets.ts';

/** A virtio_net header that asks for nothing. */
export const NO_VNET = new Array<number>(10).fill(0);

/** `run` delivers packets, each with its virtio_net header, in batches of up to 64 and returns what is written (hex). */
export function loopOn({
  fault,
  coalesce = true,
  offload = Offload.uso,
  halves = false,
  options = {},
}: {
  fault?: Fault;
  coalesce?: boolean;
  offload?: Offload;
  /** Batches of up to 32, as with io_uring. */
  halves?: boolean;
  options?: Record<string, string>;
} = {}) {
  const device = new MemoryDevice({
    vnetBytes: 10,
    offload,
    halves,
    slots: 64,
    headBytes: HEAD_AREA_BYTES,
    writes: WRITE_LIST,
    ...(fault === undefined ? {} : { fault }),
  });
  const counters = createCounters();
  const lowered: number[] = [];
  // Counters of identification start at 0: what the expectations below count on.
  const entropy = new Uint16Array(HashedIdentifications.entropyLength + 2).fill(7);
  const loop = new Loop({
    device,
    tables: compile(configure(options), 1500),
    limiter: UNLIMITED,
    counters,
    entropy,
    coalesce,
    onLowered: (level) => lowered.push(level),
  });
  const run = (...packets: Bytes[]): string[] => {
    device.deliver(...packets.map((packet) => Uint8Array.from(packet)));
    loop.run(() => (device.waiting > 0 ? Order.goOn : Order.stop));
    // The order to stop comes before the last read where all were in one batch.
    return device.taken.splice(0).map((bytes) => hex(bytes));
  };
  return { device, counters, loop, lowered, run };
}
