/**
 * While the CLAT shares the host's address because nothing came back to one of its own: once a day a spare address is
 * tried, without switching (CLAT-15). For some seconds the uplink has it, so that the kernel asks whether it is free and
 * answers for it; it is deprecated from the start, so that nothing is written from it but the trial's echo requests.
 */
import { equal6, type Ip4, type Ip6, type Prefix6 } from '../address/ip.ts';
import { embedded } from '../address/rfc6052.ts';
import type { HostState } from '../host/state.ts';
import { parseKernel6 } from '../host/text.ts';
import type { AnswerDeps } from './answer-watch.ts';
import { tryAddress, type Verdict } from './echo-trial.ts';

export interface Spare {
  readonly address: Ip6;
  readonly own: Ip6;
  readonly clat4: Ip4;
  readonly pool6: Prefix6;
  readonly ifindex: number;
  /** ms since 1970: when it was tried last. */
  readonly tried: number;
}

export interface SpareDeps extends Pick<AnswerDeps, 'bytes46' | 'exchange' | 'ping'> {
  /** ms since 1970 */
  readonly wall: () => number;
  /** `wanted` is another. */
  readonly onWanted: () => void;
  readonly onVerdict: (verdict: Verdict) => void;
}

const DAY = 86_400_000;
/** Until there is traffic to tell whom to ask, ms. */
const LISTEN = 10_000;
/** For the kernel to find the address free, ms. */
const PATIENCE = 10_000;
/** After a trial that said nothing, ms. */
const AGAIN = 3_600_000;

export class SpareTrial {
  readonly #deps: SpareDeps;
  #spare: Spare | null = null;
  #timer: NodeJS.Timeout | null = null;
  #destinations: readonly Ip4[] = [];
  #wanted: Ip6 | null = null;
  #asking = false;

  constructor(deps: SpareDeps) {
    this.#deps = deps;
  }

  /** The address that the uplink is to have at present; null: none. */
  get wanted(): Ip6 | null {
    return this.#wanted;
  }

  /** What there is to try, after every change; null: nothing. */
  watch(spare: Spare | null): void {
    if (spare !== null && this.#spare !== null && isSame(this.#spare, spare)) return;
    this.#spare = spare;
    this.#wanted = null;
    this.#asking = false;
    this.#setTimer(null);
    if (spare === null) return;
    const left = spare.tried + DAY - this.#deps.wall();
    // A clock that was set back is no reason to wait for years.
    this.#setTimer(left > DAY ? 0 : Math.max(0, left), () => this.#listen(this.#deps.bytes46()));
  }

  /** The host as it is now: is the address there that was wanted? */
  see(state: HostState): void {
    const wanted = this.#wanted;
    if (wanted === null || this.#asking) return;
    const there = state.addresses.some(
      (own) =>
        own.family === 6 &&
        (own.usable || own.deprecated === true) &&
        equal6(parseKernel6(own.address), wanted),
    );
    if (!there) return;
    this.#asking = true;
    this.#setTimer(null);
    void this.#ask(this.#spare!);
  }

  /** Whoever was written to before is out of use: from here on. */
  #listen(bytes: number): void {
    const { bytes46, exchange, onWanted } = this.#deps;
    const spare = this.#spare;
    this.#setTimer(LISTEN, async () => {
      const now = bytes46();
      const sent = now === bytes ? [] : (await exchange(spare!.clat4)).sent;
      if (spare !== this.#spare) return;
      if (sent.length === 0) return this.#listen(now);
      this.#destinations = sent.slice(0, 3);
      this.#wanted = spare!.address;
      this.#setTimer(PATIENCE, () => this.#end('nobody'));
      onWanted();
    });
  }

  async #ask({ address, own, pool6, ifindex }: Spare): Promise<void> {
    const spare = this.#spare;
    let verdict: Verdict = 'nobody';
    for (const destination of this.#destinations) {
      verdict = await tryAddress(
        { tried: address, own, destination: embedded(pool6, destination) },
        (from, to) => this.#deps.ping(from, to, ifindex),
        async () => false,
      );
      if (spare !== this.#spare) return;
      if (verdict !== 'nobody') break;
    }
    this.#end(verdict);
  }

  #end(verdict: Verdict): void {
    this.#wanted = null;
    this.#asking = false;
    this.#setTimer(AGAIN, () => this.#listen(this.#deps.bytes46()));
    this.#deps.onVerdict(verdict);
    this.#deps.onWanted();
  }

  #setTimer(delay: number | null, act: () => unknown = () => {}): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = delay === null ? null : setTimeout(() => void act(), delay);
  }
}

const isSame = (a: Spare, b: Spare): boolean => JSON.stringify(a) === JSON.stringify(b);
