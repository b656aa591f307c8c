/** What the control side and a data-plane thread say to each other. Tables' arrays are shared memory: nothing is copied. */
import type { Offload } from '../io/device.ts';
import type { Adoption, TunErrorCode } from '../io/tun.ts';
import type { Tables } from '../translate/tables.ts';
import type { Counters } from './counters.ts';
import type { SharedLimits } from './limits.ts';

export type IcmpErrorsMode = 'limited' | 'unlimited' | 'off';

/** Given to a thread when it starts. */
export interface WorkerInput {
  readonly index: number;
  readonly tun: string;
  readonly offload: Offload;
  readonly multiQueue: boolean;
  /** Join consecutive packets of a flow into one write. */
  readonly coalesce: boolean;
  /** Use io_uring where the kernel can. */
  readonly ioUring: boolean;
  /** True: a further queue of a device that worker 0 has opened. */
  readonly join: boolean;
  /** The queue of a thread that failed, to go on with; null: one of its own. */
  readonly adopt: Adoption | null;
  /** Word 0 counts the orders sent; the thread looks at it between batches. */
  readonly doorbell: Int32Array;
  /** Eventfd that ends the thread's sleep; the control side owns it. */
  readonly wakeFd: number;
  readonly counters: Counters;
  /** The same for all threads. */
  readonly limits: SharedLimits;
}

/** Address pairs in IPv4, each a source and a destination: of packets to the IPv6 side, and of packets from there. */
export interface Pairs {
  readonly sent: Int32Array;
  readonly received: Int32Array;
}

/** Control side to thread. */
export type WorkerOrder =
  | { readonly kind: 'tables'; readonly tables: Tables; readonly icmpErrors: IcmpErrorsMode }
  /** Answered by a report of the same kind. */
  | { readonly kind: 'pairs' }
  | { readonly kind: 'stop' };

/** Thread to control side. */
export type WorkerReport =
  | {
      readonly kind: 'opened';
      readonly name: string;
      readonly created: boolean;
      readonly multiQueue: boolean;
      readonly vnetBytes: number;
      readonly offload: Offload;
      readonly ioUring: boolean;
      /** The queue once more, for a thread that has to go on in place of this one. */
      readonly kept: Adoption;
    }
  /** An exception: a mistake of ours, or no memory. */
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string }
  | { readonly kind: 'refused'; readonly code: TunErrorCode; readonly message: string }
  /** A packet of this reason was met; at most one a second and reason. Addresses are text already. */
  | { readonly kind: 'log'; readonly reason: number; readonly packet: string }
  | { readonly kind: 'pairs'; readonly pairs: Pairs }
  /** The kernel refused an offload it had accepted; this level is in force now. */
  | { readonly kind: 'lowered'; readonly level: Offload }
  /** The thread has left its loop and closed its queue; `error` is 0 or -errno. */
  | { readonly kind: 'ended'; readonly error: number };
