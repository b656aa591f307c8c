/** Pings out of the uplink of the moment, for everything that asks whether something answers. */
import type { Ip6 } from '../address/ip.ts';
import type { HostLog } from '../host/apply.ts';
import { Pinger } from '../host/probe.ts';
import { remark } from '../host/remark.ts';

/** For the answer to a ping through the NAT64, ms. */
const PATIENCE = 1000;

export class Pings {
  readonly #log: HostLog;
  #open: { readonly ifindex: number; readonly pinger: Pinger } | null = null;
  #closed = false;

  constructor(log: HostLog) {
    this.#log = log;
  }

  /**
   * Resolves with whether an answer came in time; never rejects. What cannot be asked is not doubted.
   * @param from as in Pinger.ping
   */
  async ping(address: Ip6, ifindex: number, from: Ip6 | null = null): Promise<boolean> {
    if (this.#closed) return true;
    try {
      if (this.#open?.ifindex !== ifindex) {
        this.#open?.pinger.close();
        this.#open = null;
        this.#open = { ifindex, pinger: new Pinger(ifindex) };
      }
      return await this.#open.pinger.ping(address, ifindex, PATIENCE, from);
    } catch (error) {
      remark(this.#log, 'warn', (error as Error).message);
      return true;
    }
  }

  close(): void {
    this.#closed = true;
    this.#open?.pinger.close();
    this.#open = null;
  }
}
