/**
 * The loop of a data-plane thread: read a batch, translate, write it together with the next read. It allocates nothing, logs nothing, and sleeps in the
 * kernel when there is nothing to do. What the control side wants is a word in shared memory, looked at between batches.
 */
import { constants } from 'node:os';
import { type Device, HEADROOM, Offload, SLOT_BYTES, STATE_FIRST, STATE_REFUSED } from '../io/device.ts';
import { Reason } from '../translate/reasons.ts';
import type { Tables } from '../translate/tables.ts';
import { steadyMs } from './clock.ts';
import { Coalescer } from './coalesce.ts';
import { type Counters, Extra } from './counters.ts';
import { Engine, SCRATCH_BYTES } from './engine.ts';
import type { ErrorLimiter } from './limiter.ts';
import { RESEND_BYTES, Resender } from './resend.ts';

/** Bytes behind the receive slots that a device of this loop must have. */
export const HEAD_AREA_BYTES = SCRATCH_BYTES + 256 * 1024 + RESEND_BYTES;
/** Entries its write list must have. */
export const WRITE_LIST = 512;

/** How long to rest when the device reports an error that may pass, in ms. */
const ERROR_PAUSE_MS = 100;

const { ENODEV, EBADF } = constants.errno;

/** What `between` of LoopOptions answers. */
export const Order = { goOn: 0, stop: 1 } as const;
export type Order = (typeof Order)[keyof typeof Order];

export interface LoopOptions {
  device: Device;
  tables: Tables;
  limiter: ErrorLimiter;
  counters: Counters;
  entropy: Uint16Array;
  /** Join consecutive packets of a flow into one write (coalesce.ts). Default true. */
  coalesce?: boolean;
  onLog?: (reason: number, direction: 46 | 64) => void;
  /** As of EngineOptions. */
  logged?: Int32Array;
  /** The kernel refused an offload, and the level was lowered to this. */
  onLowered?: (level: Offload) => void;
}

export class Loop {
  readonly engine: Engine;
  readonly #device: Device;
  readonly #counters: Counters;
  readonly #coalescer = new Coalescer();
  readonly #coalesce: boolean;
  readonly #resender: Resender;
  readonly #onLowered: ((level: Offload) => void) | undefined;

  constructor(options: LoopOptions) {
    const { device, tables, limiter, counters, entropy, onLog, logged } = options;
    this.#device = device;
    this.#counters = counters;
    this.#coalesce = options.coalesce ?? true;
    this.#onLowered = options.onLowered;
    this.engine = new Engine(tables, {
      slab: device.slab,
      headStart: device.slots * SLOT_BYTES,
      headEnd: device.slab.byteLength - RESEND_BYTES,
      writes: device.writes,
      vnetBytes: device.vnetBytes,
      limiter,
      counters,
      entropy,
      flush: () => this.#flush(),
      clock: steadyMs,
      ...(onLog === undefined ? {} : { onLog }),
      ...(logged === undefined ? {} : { logged }),
    });
    this.#resender = new Resender(device, this.engine.job, device.slab.byteLength - RESEND_BYTES);
  }

  /**
   * Runs until `between`, called before every batch and after every wake-up, says stop.
   * @returns 0, or -errno where the device is gone
   */
  run(between: () => Order): number {
    for (;;) {
      if (between() === Order.stop) {
        this.#flush();
        return 0;
      }
      const count = this.#turn();
      // Outputs wait for the exchange that reads the next batch.
      if (count > 0 || this.engine.job.outputs > 0) continue;
      const gone = this.#rest(count);
      if (gone !== 0) return gone;
    }
  }

  /**
   * One exchange: writes what the last batch became, reads the next batch and translates it. A function of its own, so
   * that it is compiled as one (in `run`, which is called once, V8's first compiler would make garbage of every counter).
   * @returns slots read (0: no packets there), or -errno
   */
  #turn(): number {
    const { engine } = this;
    const { job } = engine;
    const device = this.#device;
    this.#coalescer.finish(job);
    const sent = job.outputs;
    const count = device.exchange(sent);
    if (sent > 0) {
      if (device.state[STATE_REFUSED] !== 0) this.#refused(sent);
      job.reset();
    }
    if (count <= 0) return count;
    const first = device.state[STATE_FIRST]!;
    engine.newBatch();
    if (this.#coalesce && device.offload >= Offload.tso && count > 1) {
      this.#processCoalescing(first, count);
    } else {
      const { lengths } = device;
      for (let slot = first; slot < first + count; slot++) {
        const length = lengths[slot]!;
        if (length >= 0) engine.process(slot * SLOT_BYTES + HEADROOM, length);
      }
    }
    this.#counters[Extra.batches]! += 1;
    return count;
  }

  #processCoalescing(first: number, count: number): void {
    const { engine } = this;
    const { job } = engine;
    const { lengths, offload } = this.#device;
    this.#coalescer.udp = offload === Offload.uso;
    for (let slot = first; slot < first + count; slot++) {
      const length = lengths[slot]!;
      if (length < 0) continue;
      if (!job.hasRoom()) this.#flush();
      const before = job.outputs;
      const reason = engine.process(slot * SLOT_BYTES + HEADROOM, length);
      if (reason === Reason.Translated46 || reason === Reason.Translated64)
        this.#coalescer.offer(job, before);
      else this.#coalescer.finish(job);
    }
  }

  /** Sleeps until there is something to do. @returns 0, or -errno where the device is gone */
  #rest(count: number): number {
    const ready = count === 0 ? this.#device.wait(-1) : count;
    if (ready >= 0) return 0;
    if (ready === -ENODEV || ready === -EBADF) return ready;
    // A device that is down answers with an error until it is up again (EIO): rest, or be woken.
    const rested = this.#device.wait(ERROR_PAUSE_MS);
    return rested === -ENODEV || rested === -EBADF ? rested : 0;
  }

  /** Writes at once what is listed: its memory is needed. */
  #flush(): void {
    const { job } = this.engine;
    this.#coalescer.finish(job);
    const count = job.outputs;
    if (count === 0) return;
    const taken = this.#device.write(count);
    if (taken !== count) this.#refused(count);
    job.reset();
  }

  /** Some of `count` entries were refused: resend what an offload was to blame for, count the rest. */
  #refused(count: number): void {
    const before = this.#device.offload;
    const resent = this.#resender.resent;
    this.#counters[Extra.writeErrors]! += this.#resender.resend(count);
    this.#counters[Extra.segmented]! += this.#resender.resent - resent;
    const { offload } = this.#device;
    if (offload === before) return;
    this.#counters[Extra.offloadLowered]! += 1;
    this.#onLowered?.(offload);
  }
}
