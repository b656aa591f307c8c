/** A data-plane thread: opens its queue, waits for tables, then runs the loop until told to stop. */
import { webcrypto } from 'node:crypto';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { eamBytes } from '../address/eam-table.ts';
import type { Device } from '../io/device.ts';
import { openTun, TunError } from '../io/tun.ts';
import { HashedIdentifications } from '../translate/identification.ts';
import type { Job } from '../translate/job.ts';
import { createLimiter } from './limiter.ts';
import { HEAD_AREA_BYTES, Loop, Order, WRITE_LIST } from './loop.ts';
import type { IcmpErrorsMode, Pairs, WorkerInput, WorkerOrder, WorkerReport } from './messages.ts';
import { rehearse } from './rehearsal.ts';
import { summarize } from './summary.ts';
import { SharedGarbage, tuneV8 } from './v8.ts';

/** The largest batch: the most datagrams that can leave in one write. The addon ends a batch of large packets earlier. */
const SLOTS = 64;

const NO_PAIRS: Pairs = { sent: new Int32Array(0), received: new Int32Array(0) };

const port = parentPort!;
const input = workerData as WorkerInput;
const garbage = new SharedGarbage();
let mode: IcmpErrorsMode = 'limited';
/** Bytes of the tables in use. */
let inUse = 0;

const report = (message: WorkerReport): void => port.postMessage(message);

type TablesOrder = Extract<WorkerOrder, { kind: 'tables' }>;

/** Blocks until the first tables come; null: told to stop before. */
function firstTables(): TablesOrder | null {
  for (;;) {
    const seen = Atomics.load(input.doorbell, 0);
    const message = receiveMessageOnPort(port) as { message: WorkerOrder } | undefined;
    if (message === undefined) Atomics.wait(input.doorbell, 0, seen);
    else if (message.message.kind === 'pairs') report({ kind: 'pairs', pairs: NO_PAIRS });
    else return message.message.kind === 'tables' ? message.message : null;
  }
}

function main(): void {
  const device = openTun({
    name: input.tun,
    offload: input.offload,
    multiQueue: input.multiQueue,
    join: input.join,
    ...(input.adopt === null ? {} : { adopt: input.adopt }),
    wakeFd: input.wakeFd,
    slots: SLOTS,
    ioUring: input.ioUring,
    headBytes: HEAD_AREA_BYTES,
    writes: WRITE_LIST,
  });
  let error = 0;
  let failed = true;
  try {
    report({
      kind: 'opened',
      name: device.name,
      created: device.created,
      multiQueue: device.multiQueue,
      vnetBytes: device.vnetBytes,
      offload: device.offload,
      ioUring: device.ioUring,
      kept: device.keep(),
    });
    let heard = 0; // the doorbell's first value
    // Until the first tables come there is time to get ready for the packets.
    rehearse(device.vnetBytes, device.offload, () => Atomics.load(input.doorbell, 0) !== heard);
    const loop = firstLoop(device);
    if (loop !== null) {
      error = loop.run(() => {
        const rung = Atomics.load(input.doorbell, 0);
        if (rung === heard) return Order.goOn;
        heard = rung;
        return takeOrders(loop);
      });
    }
    failed = false;
  } finally {
    // Another thread goes on with it, and finds the device as it was left.
    if (failed) device.leave();
    else device.close();
    report({ kind: 'ended', error });
  }
}

/** A function of its own, so that nothing that lives as long as the thread holds the first tables. Null: told to stop. */
function firstLoop(device: Device): Loop | null {
  const first = firstTables();
  if (first === null) return null;
  const entropy = new Uint16Array(HashedIdentifications.entropyLength + 2);
  webcrypto.getRandomValues(entropy);
  mode = first.icmpErrors;
  inUse = eamBytes(first.tables.eam);
  const loop: Loop = new Loop({
    device,
    tables: first.tables,
    limiter: createLimiter(mode, input.limits),
    counters: input.counters,
    entropy,
    logged: input.limits.logged,
    coalesce: input.coalesce,
    onLowered: (level) => report({ kind: 'lowered', level }),
    onLog: (reason, direction) => report({ kind: 'log', reason, packet: summarize(job, direction) }),
  });
  const job: Job = loop.engine.job;
  return loop;
}

/** Between two batches. What the tables of before held is garbage from here on. */
function takeOrders(loop: Loop): Order {
  let dropped = 0;
  for (;;) {
    const order = (receiveMessageOnPort(port) as { message: WorkerOrder } | undefined)?.message;
    if (order === undefined) break;
    if (order.kind === 'stop') return Order.stop;
    if (order.kind === 'pairs') {
      report({ kind: 'pairs', pairs: loop.engine.takePairs() });
      continue;
    }
    loop.engine.setTables(order.tables);
    dropped += inUse;
    inUse = eamBytes(order.tables.eam);
    if (order.icmpErrors !== mode) {
      mode = order.icmpErrors;
      loop.engine.limiter = createLimiter(mode, input.limits);
    }
  }
  garbage.add(dropped);
  return Order.goOn;
}

try {
  tuneV8();
  main();
} catch (thrown) {
  const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (thrown instanceof TunError) report({ kind: 'refused', code: thrown.code, message });
  else report({ kind: 'failed', message, stack });
}
// Nothing more can be asked of this thread; an open port would keep it alive.
port.close();
