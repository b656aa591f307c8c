/**
 * Does anything come back to the CLAT's IPv6 address? Watched for as long as there is one: by what the data plane has
 * translated, which costs the packets nothing, and by echo requests only where packets go out for ten seconds and nothing
 * comes back (CLAT-15). A path that works one way, as syslog over UDP, looks the same until then.
 */
import type { Ip4, Ip6, Prefix6 } from '../address/ip.ts';
import { embedded } from '../address/rfc6052.ts';
import { tryAddress, type Verdict } from './echo-trial.ts';
import { Silence } from './silence.ts';
import type { Exchange } from './traffic-pairs.ts';

export interface Watched {
  readonly clat4: Ip4;
  readonly clat6: Ip6;
  readonly pool6: Prefix6;
  readonly ifindex: number;
  /** An address of the host in the same network; null: there is none to compare with. */
  readonly own: Ip6 | null;
}

export interface AnswerDeps {
  /** Bytes translated to IPv6 so far: while they are the same nothing needs to be asked. */
  readonly bytes46: () => number;
  /** What was exchanged since asked last. */
  readonly exchange: (clat4: Ip4) => Promise<Exchange>;
  /** Resolves with whether an answer came in time, where it would be heard; must not reject. */
  readonly ping: (from: Ip6, to: Ip6, ifindex: number) => Promise<boolean>;
  /** ms, never backwards. */
  readonly now: () => number;
  /** Nothing has come back for long; resolves with true where that has another explanation, which is seen to. */
  readonly explained: () => Promise<boolean>;
  /** Nothing comes back, and only the host's own address is answered. */
  readonly onUnanswered: (watched: Watched) => void;
  /** IPv4 address to ask besides those in use (--health-check). */
  readonly target: Ip4 | null;
}

/** Between two looks, ms: while there is doubt; until the first answer, at most; afterwards. */
const CLOSE = 2000;
const UNPROVEN = 10_000;
const PROVEN = 60_000;
/** Between two trials, ms: at first, and at most; twice as long each time. */
const TRIAL_FIRST = 60_000;
const TRIAL_MOST = 3_600_000;
/** So many destinations are asked in one trial: some answer no echo requests. */
const DESTINATIONS = 3;

export class AnswerWatch {
  readonly #deps: AnswerDeps;
  #watched: Watched | null = null;
  #silence = new Silence();
  #bytes = 0;
  #delay = CLOSE;
  #timer: NodeJS.Timeout | null = null;
  #trialAfter = 0;
  #trialPause = TRIAL_FIRST;

  constructor(deps: AnswerDeps) {
    this.#deps = deps;
  }

  /** What is in use, after every change; null: nothing. */
  watch(watched: Watched | null): void {
    const before = this.#watched;
    this.#watched = watched;
    if (watched !== null && before !== null && sameWay(before, watched)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (watched === null) return;
    this.#silence = new Silence();
    this.#bytes = this.#deps.bytes46();
    this.#trialAfter = 0;
    this.#trialPause = TRIAL_FIRST;
    this.#lookIn(CLOSE);
  }

  #lookIn(delay: number): void {
    this.#delay = delay;
    this.#timer = setTimeout(() => void this.#look(), delay);
  }

  async #look(): Promise<void> {
    const silence = this.#silence;
    const sent = await this.#listen(silence);
    if (silence !== this.#silence || this.#watched === null) return; // another address by now
    if (silence.lasting && !(await this.#deps.explained())) await this.#try(silence, sent);
    if (silence !== this.#silence || this.#watched === null) return;
    this.#lookIn(this.#next(silence));
  }

  /** @returns who was written to */
  async #listen(silence: Silence): Promise<readonly Ip4[]> {
    const { bytes46, exchange, now } = this.#deps;
    const bytes = bytes46();
    if (bytes === this.#bytes) return [];
    this.#bytes = bytes;
    const { sent, received } = await exchange(this.#watched!.clat4);
    silence.hear(now(), sent.length > 0, received);
    return sent;
  }

  #next({ doubtful, lasting, answered }: Silence): number {
    if (lasting) return UNPROVEN;
    if (doubtful) return CLOSE;
    return answered ? PROVEN : Math.min(2 * this.#delay, UNPROVEN);
  }

  async #try(silence: Silence, sent: readonly Ip4[]): Promise<void> {
    const { now, target, onUnanswered } = this.#deps;
    const watched = this.#watched;
    // What was written to long ago need not be in use any more.
    if (watched === null || watched.own === null || sent.length === 0 || now() < this.#trialAfter) return;
    const asked = [...(target === null ? [] : [target]), ...sent].slice(0, DESTINATIONS);
    let verdict: Verdict = 'nobody';
    for (const destination of asked) {
      verdict = await this.#ask(watched, watched.own, destination);
      if (silence !== this.#silence || this.#watched === null) return;
      if (verdict !== 'nobody') break;
    }
    this.#trialAfter = now() + this.#trialPause;
    this.#trialPause = Math.min(2 * this.#trialPause, TRIAL_MOST);
    if (verdict === 'answered') silence.answer();
    if (verdict === 'unanswered') onUnanswered(watched);
  }

  /** The answer to clat6 is for the translator, so it is the data plane that hears it. */
  #ask({ clat4, clat6, pool6, ifindex }: Watched, own: Ip6, destination: Ip4): Promise<Verdict> {
    const { ping, exchange } = this.#deps;
    const silence = this.#silence;
    return tryAddress(
      { tried: clat6, own, destination: embedded(pool6, destination) },
      (from, to) => ping(from, to, ifindex),
      // Over too when it is about another address by now.
      async () => (await exchange(clat4)).received || silence !== this.#silence,
    );
  }
}

const sameWay = (a: Watched, b: Watched): boolean =>
  JSON.stringify([a.clat4, a.clat6, a.pool6, a.ifindex]) ===
  JSON.stringify([b.clat4, b.clat6, b.pool6, b.ifindex]);
