/** A router advertising itself, its prefixes and its NAT64 (PREF64), under the control of a test. */
import { writeFileSync } from 'node:fs';
import type { Process } from './process.ts';
import { type Namespace, part, type Sandbox } from './sandbox.ts';
import { until } from './wait.ts';

/** Lifetimes and intervals in seconds. What is left out is not advertised. */
export interface Advertisement {
  /** Router lifetime; default 1800, 0: no default router. */
  lifetime?: number;
  mtu?: number;
  /** Between two unsolicited ones; default 60. */
  interval?: number;
  managed?: boolean;
  prefixes?: {
    prefix: string;
    valid?: number;
    preferred?: number;
    on_link?: boolean;
    autonomous?: boolean;
  }[];
  pref64?: { prefix: string; lifetime?: number }[];
  rdnss?: { addresses: string[]; lifetime?: number }[];
  /** Options as hexadecimal, for what no honest router sends. */
  raw?: string[];
}

let senders = 0;

export class RaSender {
  readonly process: Process;
  readonly #file: string;

  /** Starts advertising on an interface of a router's namespace. */
  constructor(sandbox: Sandbox, router: Namespace, device: string, advertisement: Advertisement) {
    this.#file = sandbox.file(`ra-${++senders}.json`, JSON.stringify(advertisement));
    this.process = router.start('python3', [part('ra.py'), device, this.#file]);
  }

  get sent(): number {
    return this.process.stdout.split('sent\n').length - 1;
  }

  /** Advertises this from now on, at once; resolves when the first of it has been sent. */
  async change(advertisement: Advertisement): Promise<void> {
    const { sent } = this;
    writeFileSync(this.#file, JSON.stringify(advertisement));
    this.process.signal('SIGHUP');
    await until('the changed advertisement to be sent', () => this.sent > sent);
  }

  /** Falls silent; what was advertised lives on for its lifetimes. */
  async stop(): Promise<void> {
    await this.process.stop();
  }
}
