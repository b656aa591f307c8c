/** The data-plane threads as the control side sees them: start, hand over tables, stop. */
import { webcrypto } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Counters } from '../dataplane/counters.ts';
import { KEY_WORDS } from '../dataplane/keyed-hash.ts';
import { createLimits } from '../dataplane/limits.ts';
import type { IcmpErrorsMode, Pairs, WorkerInput, WorkerOrder } from '../dataplane/messages.ts';
import { Offload } from '../io/device.ts';
import { native } from '../io/native.ts';
import { openTun } from '../io/tun.ts';
import type { Tables } from '../translate/tables.ts';
import { RestartLimit } from './restart-limit.ts';
import { type End, type Opened, Thread } from './thread.ts';

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
  /** A thread failed and another goes on with its queue. `failures`: so many of them since the start. */
  onFailed: (why: string, failures: number) => void;
  /** The device is gone, or threads fail again and again. */
  onLost: (why: string) => void;
}

/** A thread that failed is replaced so many times in so many ms; a fault that comes back at once is not worth more. */
const MOST_RESTARTS = 5;
const RESTARTS_WITHIN = 60_000;

/** More threads than this have not been seen to help (bench/README.md). */
const MOST_AUTO_WORKERS = 8;

/** One CPU is left to the programs whose packets these are: on two CPUs one thread passes more datagrams than two. */
const autoWorkers = (): number => Math.max(1, Math.min(availableParallelism() - 1, MOST_AUTO_WORKERS));

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
  readonly #limit = new RestartLimit(MOST_RESTARTS, RESTARTS_WITHIN);
  #failures = 0;

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

  /** Threads that failed since the start. */
  get failures(): number {
    return this.#failures;
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
    const first = this.#thread({ index: 0, join: false, adopt: null });
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
      const thread = this.#thread({ index, join: true, adopt: null });
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
    await this.#stopFirst(first);
  }

  async #stopFirst(first: Thread | undefined): Promise<void> {
    if (first?.failed !== true || first.kept === null) return first?.stop();
    // What a thread does that ends as it should.
    try {
      const device = openTun({ name: this.device.name, offload: Offload.off, adopt: first.kept });
      first.letGo();
      device.close();
    } catch {
      // Then the device is gone.
    }
    await first.stop();
  }

  #thread(input: Pick<WorkerInput, 'index' | 'join' | 'adopt'>, counters?: Counters): Thread {
    const { onLog, onLowered } = this.#options;
    const thread: Thread = new Thread(
      { ...this.#common!, ...input },
      {
        onLog,
        onLowered: (level) => {
          this.#common = { ...this.#common!, offload: level };
          onLowered(level);
        },
        onEnd: (end) => this.#ended(thread, end),
      },
      counters,
    );
    return thread;
  }

  /** A thread that nobody stopped: the others go on, and another one with its queue. */
  #ended(thread: Thread, { why, gone }: End): void {
    const { onLost, onFailed } = this.#options;
    if (this.#stopped) return;
    const { kept } = thread;
    if (gone || kept === null) {
      onLost(why);
      return;
    }
    this.#failures++;
    const { index } = thread.input;
    const what = `data-plane thread ${index + 1} failed: ${why}`;
    if (!this.#limit.allows(performance.now())) {
      onLost(
        `${what}; threads failed ${MOST_RESTARTS + 1} times within a minute, ${this.#failures} since the start`,
      );
      return;
    }
    onFailed(what, this.#failures);
    const next = this.#thread({ index, join: thread.input.join, adopt: kept }, thread.counters);
    next.opened.then(
      () => thread.letGo(),
      (error: Error) => onLost(`${what}, and could not be replaced: ${error.message}`),
    );
    this.#threads[index] = next;
    if (this.#tables !== null) next.order(this.#tables);
  }
}
