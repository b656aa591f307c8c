/** The data-plane threads as the control side sees them: start, hand over tables, stop. */
import { webcrypto } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Counters, createCounters } from '../dataplane/counters.ts';
import { KEY_WORDS } from '../dataplane/keyed-hash.ts';
import { createLimits } from '../dataplane/limits.ts';
import type { IcmpErrorsMode, Pairs, WorkerInput, WorkerOrder, WorkerReport } from '../dataplane/messages.ts';
import type { Offload } from '../io/device.ts';
import { native } from '../io/native.ts';
import { closeWake, openWake, wake } from '../io/tun.ts';
import type { Tables } from '../translate/tables.ts';
import { type Deferred, deferred } from './deferred.ts';

export interface DataPlaneOptions {
  tun: string;
  workers: number | 'auto';
  offload: Offload;
  coalesce: boolean;
  ioUring: boolean;
  /** The kernel refused an offload it had accepted; this level is in force now. */
  onLowered: (level: Offload) => void;
  /** A rate-limited word about a packet (LOG in the spec). */
  onLog: (reason: number, packet: string) => void;
  /** A thread ended that was not told to: the device is gone, or the thread failed. */
  onLost: (why: string) => void;
}

const NO_PAIRS: Pairs = { sent: new Int32Array(0), received: new Int32Array(0) };

/** More threads than this have not been seen to help (bench/README.md). */
const MOST_AUTO_WORKERS = 8;

/** One CPU is left to the programs whose packets these are: on two CPUs one thread passes more datagrams than two. */
const autoWorkers = (): number => Math.max(1, Math.min(availableParallelism() - 1, MOST_AUTO_WORKERS));

type Opened = Extract<WorkerReport, { kind: 'opened' }>;

/** The queue could not be opened; the message is a sentence for the administrator. */
export class OpenError extends Error {
  override readonly name = 'OpenError';
}

class Thread {
  readonly counters: Counters = createCounters();
  readonly opened: Promise<Opened>;
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #doorbell = new Int32Array(new SharedArrayBuffer(4));
  /** Ours, not the thread's: it must be open as long as anybody here might write to it. */
  readonly #wakeFd = openWake();
  #ended = false;
  #stopping = false;
  /** Whoever waits for its pairs. */
  #asked: Deferred<Pairs> | null = null;

  constructor(input: Omit<WorkerInput, 'doorbell' | 'counters' | 'wakeFd'>, options: DataPlaneOptions) {
    const workerData: WorkerInput = {
      ...input,
      doorbell: this.#doorbell,
      counters: this.counters,
      wakeFd: this.#wakeFd,
    };
    // The bundle puts worker.js beside main.js; its name is resolved against the file this code ended up in.
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData,
      // It allocates next to nothing once it runs; tables lie in shared memory, outside its heap.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 },
      name: `clatd-${input.index}`,
    });
    const opened = deferred<Opened>();
    const ended = deferred<void>();
    this.opened = opened.promise;
    this.ended = ended.promise;
    let lost: string | null = null;
    this.#worker.on('message', (report: WorkerReport) => {
      switch (report.kind) {
        case 'opened':
          opened.resolve(report);
          break;
        case 'refused':
          opened.reject(new OpenError(report.message));
          break;
        case 'log':
          options.onLog(report.reason, report.packet);
          break;
        case 'pairs':
          this.#tell(report.pairs);
          break;
        case 'lowered':
          options.onLowered(report.level);
          break;
        case 'ended':
          if (report.error !== 0) lost = `the TUN device ${input.tun} is gone`;
          break;
      }
    });
    this.#worker.on('error', (error: Error) => {
      lost = `a data-plane thread failed: ${error.message}`;
      opened.reject(error);
    });
    this.#worker.on('exit', () => {
      this.#ended = true;
      this.#tell(NO_PAIRS);
      closeWake(this.#wakeFd);
      ended.resolve();
      opened.reject(new OpenError('a data-plane thread ended while starting'));
      if (!this.#stopping) options.onLost(lost ?? 'a data-plane thread ended');
    });
    // Whoever awaits `opened` sees the rejection; nobody else has to.
    this.opened.catch(() => {
      this.#stopping = true;
    });
  }

  order(order: WorkerOrder): void {
    if (this.#ended) return;
    this.#worker.postMessage(order);
    Atomics.add(this.#doorbell, 0, 1);
    Atomics.notify(this.#doorbell, 0);
    wake(this.#wakeFd);
  }

  /** As Engine.takePairs; none once the thread has ended. */
  pairs(): Promise<Pairs> {
    if (this.#ended) return Promise.resolve(NO_PAIRS);
    if (this.#asked === null) {
      this.#asked = deferred();
      this.order({ kind: 'pairs' });
    }
    return this.#asked.promise;
  }

  #tell(pairs: Pairs): void {
    this.#asked?.resolve(pairs);
    this.#asked = null;
  }

  stop(): Promise<void> {
    this.#stopping = true;
    this.order({ kind: 'stop' });
    return this.ended;
  }
}

export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #limits = createLimits(webcrypto.getRandomValues(new Int32Array(KEY_WORDS)));
  readonly #threads: Thread[] = [];
  #first: Opened | null = null;
  #common: Pick<WorkerInput, 'tun' | 'offload' | 'coalesce' | 'ioUring' | 'multiQueue' | 'limits'> | null =
    null;
  #wanted = 1;
  /** For threads to come. */
  #tables: WorkerOrder | null = null;
  #stopped = false;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
  }

  /** What the first queue found: name, created or attached, offload level. Known after `open`. */
  get device(): Opened {
    if (this.#first === null) throw new Error('the data plane is not open');
    return this.#first;
  }

  /** Those to come included. */
  get threads(): number {
    return this.#wanted;
  }

  /** One array a thread (counters.ts). */
  get counters(): readonly Counters[] {
    return this.#threads.map((thread) => thread.counters);
  }

  /** One counter, summed over the threads (counters.ts). */
  total(index: number): number {
    return this.#threads.reduce((sum, { counters }) => sum + counters[index]!, 0);
  }

  /** What the threads translated since asked last: Engine.takePairs. */
  pairs(): Promise<Pairs[]> {
    return Promise.all(this.#threads.map((thread) => thread.pairs()));
  }

  /**
   * Creates or attaches to the device with the first thread, which can serve alone; the others are for `complete`.
   * Throws OpenError; then nothing is left running.
   */
  async open(): Promise<Opened> {
    native().oneArena(); // before the threads are
    const { tun, offload, workers, coalesce, ioUring } = this.#options;
    this.#wanted = workers === 'auto' ? autoWorkers() : workers;
    this.#common = { tun, offload, coalesce, ioUring, multiQueue: this.#wanted > 1, limits: this.#limits };
    const first = new Thread({ ...this.#common, index: 0, join: false }, this.#options);
    this.#threads.push(first);
    this.#first = await first.opened.catch((error: unknown) => {
      this.#threads.length = 0;
      throw error;
    });
    // An existing single-queue device has room for one thread only.
    if (!this.#first.multiQueue) this.#wanted = 1;
    return this.#first;
  }

  /**
   * Starts the other threads; resolves when all serve their queues. Afterwards, not with the first: on a small machine
   * they would be in the way of the host's configuration. Throws OpenError.
   */
  async complete(): Promise<void> {
    for (let index = this.#threads.length; index < this.#wanted && !this.#stopped; index++) {
      const thread = new Thread({ ...this.#common!, index, join: true }, this.#options);
      this.#threads.push(thread);
      if (this.#tables !== null) thread.order(this.#tables);
    }
    await Promise.all(this.#threads.map((thread) => thread.opened));
  }

  /** Hands over new tables; each thread takes them between two batches (EAM-9). */
  setTables(tables: Tables, icmpErrors: IcmpErrorsMode): void {
    this.#tables = { kind: 'tables', tables, icmpErrors };
    for (const thread of this.#threads) thread.order(this.#tables);
  }

  /** Ends all threads, the first last: its queue gives back what attaching to a device changed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const [first, ...others] = this.#threads;
    await Promise.all(others.map((thread) => thread.stop()));
    await first?.stop();
  }
}
