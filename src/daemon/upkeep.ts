/**
 * A mapping by hand is kept true (CLAT-16): after every change of the host what was set up is looked at again, and what is
 * not so any more is done again, as in the automatic mode.
 */
import { lostEvents, watchFirewall, watchHost } from '../host/events.ts';
import type { Logger } from './log.ts';
import { WatchLoop } from './watch-loop.ts';

export interface UpkeepDeps {
  readonly log: Logger;
  /** One line about how things are. */
  readonly status: (text: string) => void;
  /** What the status is while all is well. */
  readonly well: string;
  /** Makes the plan true once more. Resolves with the ms that reading the host took; throws with a sentence. */
  readonly look: () => Promise<number>;
}

export class Upkeep {
  readonly #deps: UpkeepDeps;
  readonly #loop: WatchLoop;
  #ends: (() => void)[] = [];
  /** Why it cannot be kept true, as last said; null: it is. */
  #why: string | null = null;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
    this.#loop = new WatchLoop({
      look: () => this.#look(),
      onFailure: ({ message }) => this.#failed(message),
    });
  }

  /** Throws where the kernel gives no events. */
  start(): void {
    const ring = () => this.look();
    this.#ends = [
      watchHost({ onHost: ring, onLost: (count) => this.#deps.log.warn(lostEvents(count)) }),
      watchFirewall(ring),
    ];
    // What changed before there were ears.
    this.look();
  }

  look(): void {
    this.#loop.ring();
  }

  /** Another plan: what failed may be another matter now. */
  lookAnyway(): void {
    this.#loop.ringAnyway();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end();
    await this.#loop.stop();
  }

  async #look(): Promise<number> {
    const reading = await this.#deps.look();
    if (this.#why !== null) {
      this.#why = null;
      this.#deps.log.info('the host is set up again as it should be');
      this.#deps.status(this.#deps.well);
    }
    return reading;
  }

  #failed(message: string): void {
    if (this.#why === message) return;
    this.#why = message;
    this.#deps.log.error(message);
    this.#deps.status(message);
  }
}
