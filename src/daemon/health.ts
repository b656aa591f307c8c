/**
 * Does the NAT64 answer? A ping through it now and then, and another prefix in its place when it is silent while that one
 * answers. Off unless an address to ping is given (--health-check): nobody is sent packets unasked, and metered lines
 * stay quiet.
 */
import { formatIp4, formatPrefix6 } from '../address/format.ts';
import { type Ip4, type Ip6, type Prefix6, samePrefix6 } from '../address/ip.ts';
import { embedded } from '../address/rfc6052.ts';
import type { HostLog } from '../host/apply.ts';

export interface HealthDeps {
  readonly log: HostLog;
  /** Resolves with whether an answer came in time; must not reject. */
  readonly ping: (address: Ip6, ifindex: number) => Promise<boolean>;
  /** To come last for `ms` among the prefixes known. */
  readonly suspect: (prefix: Prefix6, ms: number) => void;
}

/** Losses in a row before the prefix is doubted, and the pause between these pings. */
const LOSSES = 3;
const QUICK = 1000; // ms
/** How long a silent prefix comes last: at first, and at most; twice as long each time. */
const HOLD_FIRST = 600_000;
const HOLD_MOST = 3_600_000;
/** The network names the prefixes: those that failed longest ago are forgotten. */
const MOST_HOLDS = 64;

interface Watched {
  readonly ifindex: number;
  readonly prefix: Prefix6;
  /** The other prefixes known, best first. */
  readonly others: readonly Prefix6[];
}

export class Health {
  readonly #deps: HealthDeps;
  readonly #target: Ip4;
  readonly #interval: number;
  #watched: Watched | null = null;
  #timer: NodeJS.Timeout | null = null;
  #losses = 0;
  #silent = false;
  #failovers = 0;
  /** By prefix: how long it comes last the next time. */
  readonly #holds = new Map<string, number>();

  /** @param interval ms */
  constructor(target: Ip4, interval: number, deps: HealthDeps) {
    this.#target = target;
    this.#interval = interval;
    this.#deps = deps;
  }

  /** Times another prefix had to take over. */
  get failovers(): number {
    return this.#failovers;
  }

  /** The prefix in use, after every change; null: none. */
  watch(watched: Watched | null): void {
    const before = this.#watched;
    this.#watched = watched;
    if (watched === null) {
      this.stop();
      return;
    }
    if (before?.ifindex === watched.ifindex && samePrefix6(before.prefix, watched.prefix)) return;
    this.#losses = 0;
    this.#silent = false;
    this.#probeIn(QUICK);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#watched = null;
  }

  #probeIn(delay: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#probe(), delay);
  }

  async #probe(): Promise<void> {
    const watched = this.#watched;
    if (watched === null) return;
    const { log } = this.#deps;
    const answered = await this.#ask(watched.ifindex, watched.prefix);
    if (this.#watched === null || !samePrefix6(this.#watched.prefix, watched.prefix)) return;
    if (answered) {
      if (this.#silent) log.info(`the NAT64 ${formatPrefix6(watched.prefix)} answers again`);
      this.#losses = 0;
      this.#silent = false;
      this.#probeIn(this.#interval);
      return;
    }
    this.#losses++;
    if (this.#losses < LOSSES) return this.#probeIn(QUICK);
    await this.#doubt(this.#watched);
  }

  /** The prefix is silent: another one that answers takes over; where none does, nothing is better than what is. */
  async #doubt({ ifindex, prefix, others }: Watched): Promise<void> {
    const { log, suspect } = this.#deps;
    const silent = `the NAT64 ${formatPrefix6(prefix)} is silent: ${LOSSES} pings to ${formatIp4(this.#target)} were lost`;
    const silentToo: Prefix6[] = [];
    for (const other of others) {
      if (samePrefix6(other, prefix)) continue;
      if (!(await this.#ask(ifindex, other))) {
        silentToo.push(other);
        continue;
      }
      if (this.#watched === null || !samePrefix6(this.#watched.prefix, prefix)) return;
      const key = formatPrefix6(prefix);
      const hold = this.#holds.get(key) ?? HOLD_FIRST;
      this.#holds.delete(key);
      if (this.#holds.size >= MOST_HOLDS) this.#holds.delete(this.#holds.keys().next().value!);
      this.#holds.set(key, Math.min(2 * hold, HOLD_MOST));
      this.#failovers++;
      log.warn(`${silent}; ${formatPrefix6(other)} answers and takes over (failover ${this.#failovers})`);
      this.#losses = 0;
      this.#probeIn(this.#interval);
      for (const one of [...silentToo, prefix]) suspect(one, hold);
      return;
    }
    if (this.#watched === null || !samePrefix6(this.#watched.prefix, prefix)) return;
    if (!this.#silent) log.warn(`${silent}, and no other prefix answers: it stays in use`);
    this.#silent = true;
    this.#losses = 0;
    this.#probeIn(this.#interval);
  }

  #ask(ifindex: number, prefix: Prefix6): Promise<boolean> {
    return this.#deps.ping(embedded(prefix, this.#target), ifindex);
  }
}
