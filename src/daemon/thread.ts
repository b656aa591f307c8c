/** One data-plane thread as the control side sees it: what it is given, what it reports, how it ends. */
import { Worker } from 'node:worker_threads';
import { type Counters, createCounters } from '../dataplane/counters.ts';
import type { Pairs, WorkerInput, WorkerOrder, WorkerReport } from '../dataplane/messages.ts';
import type { Offload } from '../io/device.ts';
import { native } from '../io/native.ts';
import { type Adoption, closeWake, openWake, wake } from '../io/tun.ts';
import { type Deferred, deferred } from './deferred.ts';

export type Opened = Extract<WorkerReport, { kind: 'opened' }>;

/** The queue could not be opened; the message is a sentence for the administrator. */
export class OpenError extends Error {
  override readonly name = 'OpenError';
}

/** Why a thread ended that was not told to. */
export interface End {
  readonly why: string;
  /** The device is, so that nobody can go on. */
  readonly gone: boolean;
}

export interface ThreadEvents {
  /** The kernel refused an offload it had accepted; this level is in force now. */
  readonly onLowered: (level: Offload) => void;
  readonly onLog: (reason: number, packet: string) => void;
  /** After it had opened its queue. */
  readonly onEnd: (end: End) => void;
}

const NO_PAIRS: Pairs = { sent: new Int32Array(0), received: new Int32Array(0) };

type Given = Omit<WorkerInput, 'doorbell' | 'counters' | 'wakeFd'>;

export class Thread {
  readonly input: Given;
  readonly counters: Counters;
  readonly opened: Promise<Opened>;
  readonly ended: Promise<void>;
  /** It has ended by a mistake, and its queue is open. */
  failed = false;
  #kept: Adoption | null = null;
  readonly #worker: Worker;
  readonly #doorbell = new Int32Array(new SharedArrayBuffer(4));
  /** Ours, not the thread's: it must be open as long as anybody here might write to it. */
  readonly #wakeFd = openWake();
  #ended = false;
  #stopping = false;
  /** Whoever waits for its pairs. */
  #asked: Deferred<Pairs> | null = null;

  /** @param counters those of the thread that this one replaces */
  constructor(input: Given, events: ThreadEvents, counters: Counters = createCounters()) {
    this.input = input;
    this.counters = counters;
    const workerData: WorkerInput = {
      ...input,
      doorbell: this.#doorbell,
      counters,
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
    let end: End = { why: 'it ended without a reason', gone: false };
    this.#worker.on('message', (report: WorkerReport) => {
      switch (report.kind) {
        case 'opened':
          this.#kept = report.kept;
          opened.resolve(report);
          break;
        case 'refused':
          opened.reject(new OpenError(report.message));
          break;
        case 'failed':
          end = { why: inOneLine(report), gone: false };
          break;
        case 'log':
          events.onLog(report.reason, report.packet);
          break;
        case 'pairs':
          this.#tell(report.pairs);
          break;
        case 'lowered':
          events.onLowered(report.level);
          break;
        case 'ended':
          if (report.error !== 0) end = { why: `the TUN device ${input.tun} is gone`, gone: true };
          break;
      }
    });
    this.#worker.on('error', (error: Error) => {
      end = { why: inOneLine(error), gone: false };
    });
    this.#worker.on('exit', () => {
      this.#ended = true;
      this.#tell(NO_PAIRS);
      closeWake(this.#wakeFd);
      const asked = this.#stopping;
      if (this.#kept === null)
        opened.reject(new OpenError(`a data-plane thread could not start: ${end.why}`));
      else if (!asked) {
        this.failed = !end.gone;
        events.onEnd(end);
      }
      if (asked || end.gone) this.letGo();
      ended.resolve();
    });
    // Whoever awaits it sees the rejection; nobody else has to.
    this.opened.catch(() => {});
  }

  /** Its queue once more; null: it has none (yet), or not any more. */
  get kept(): Adoption | null {
    return this.#kept;
  }

  /** Another has the queue now, or nobody is to have it. */
  letGo(): void {
    if (this.#kept !== null) native().closeFd(this.#kept.fd);
    this.#kept = null;
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
    // First ours: the thread gives back what attaching changed, which takes a device that nobody else holds.
    this.letGo();
    this.order({ kind: 'stop' });
    return this.ended;
  }
}

/** Where it was thrown, as one line of a log. */
function inOneLine({ message, stack = '' }: { message: string; stack?: string }): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return [message.replaceAll('\n', ' '), ...frames.slice(0, 4).map((line) => line.trim())].join(' ');
}
