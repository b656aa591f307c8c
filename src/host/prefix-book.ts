/**
 * What is known of NAT64 prefixes, and which one counts (DISC-1, DISC-3, DISC-7). Pure: time comes in as a number (ms, any
 * origin that never goes backwards), nothing is awaited.
 */
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import { type Ip6, type Prefix6, samePrefix6 } from '../address/ip.ts';
import type { Pref64 } from './pref64.ts';

/** In order of precedence (DISC-1); fallback: --prefix-fallback, for networks where nobody says anything. */
export type PrefixSource = 'static' | 'ra' | 'dns' | 'fallback';

export interface KnownPrefix {
  readonly source: PrefixSource;
  readonly prefix: Prefix6;
  /** Who said so: a router's or a server's address; '' for the configuration. */
  readonly from: string;
  /** ms on the clock given; Infinity: for ever. */
  readonly until: number;
}

interface Entry extends KnownPrefix {
  readonly ifindex: number;
  /** Said before the link was away: perhaps by another network. */
  readonly stale?: boolean;
}

export class PrefixBook {
  /** In received order. */
  #entries: Entry[] = [];
  /** The one chosen last, by interface. */
  readonly #active = new Map<number, KnownPrefix>();
  /** Prefixes that did not work, until when they come last. By formatPrefix6. */
  readonly #suspects = new Map<string, number>();

  /** A router's word (DISC-3): its prefix lives for the lifetime it gave last; 0: it is withdrawn now. */
  hear(ifindex: number, router: Ip6, { prefix, lifetime }: Pref64, now: number): void {
    const from = formatIp6(router);
    const same = (one: Entry): boolean =>
      one.source === 'ra' && one.ifindex === ifindex && one.from === from && samePrefix6(one.prefix, prefix);
    const entry: Entry = { source: 'ra', prefix, from, until: now + lifetime * 1000, ifindex };
    const at = this.#entries.findIndex(same);
    if (lifetime === 0) this.#entries = this.#entries.filter((one) => !same(one));
    else if (at >= 0) this.#entries[at] = entry;
    else this.#entries.push(entry);
  }

  /** A server's answer takes the place of all that DNS said for this interface; no prefixes: there is no DNS64. */
  answer(ifindex: number, prefixes: readonly Prefix6[], server: string, ttl: number, now: number): void {
    const until = now + ttl * 1000;
    const entries = prefixes.map(
      (prefix): Entry => ({ source: 'dns', prefix, from: server, until, ifindex }),
    );
    this.#entries = [
      ...this.#entries.filter((one) => one.source !== 'dns' || one.ifindex !== ifindex),
      ...entries,
    ];
  }

  /** The interface is gone, or leads to another network now. */
  forget(ifindex: number): void {
    this.#entries = this.#entries.filter((one) => one.ifindex !== ifindex);
    this.#active.delete(ifindex);
  }

  /** The link was away: what is said anew on it goes first, and what is not is forgotten at `until` (ms). */
  doubt(ifindex: number, until: number): void {
    this.#entries = this.#entries.map((one) =>
      one.ifindex === ifindex ? { ...one, stale: true, until: Math.min(one.until, until) } : one,
    );
  }

  /** The prefix does not work: for `ms` it counts only where there is no other. */
  suspect(prefix: Prefix6, ms: number, now: number): void {
    this.#suspects.set(formatPrefix6(prefix), now + ms);
  }

  /** The prefix works again. */
  clear(prefix: Prefix6): void {
    this.#suspects.delete(formatPrefix6(prefix));
  }

  isSuspect(prefix: Prefix6, now: number): boolean {
    return (this.#suspects.get(formatPrefix6(prefix)) ?? 0) > now;
  }

  /** All that is valid on an interface, in order of precedence, then as received. */
  valid(ifindex: number, now: number): Entry[] {
    const alive = this.#entries.filter((one) => one.ifindex === ifindex && one.until > now);
    const inOrder = [
      ...alive.filter((one) => one.source === 'ra'),
      ...alive.filter((one) => one.source === 'dns'),
    ];
    return [...inOrder.filter((one) => one.stale !== true), ...inOrder.filter((one) => one.stale === true)];
  }

  /**
   * The prefix that counts on an interface: of the best source (DISC-1), the one that counted before while it is valid,
   * else the first received (DISC-7). Among several sources of the same prefix the best.
   */
  choose(ifindex: number, now: number): KnownPrefix | null {
    const all = this.valid(ifindex, now);
    const sound = all.filter(({ prefix }) => !this.isSuspect(prefix, now));
    const usable = sound.length > 0 ? sound : all;
    const first = usable[0];
    const best = usable.filter(({ source, stale }) => source === first?.source && stale === first.stale);
    const before = this.#active.get(ifindex);
    const kept = before && best.find(({ prefix }) => samePrefix6(prefix, before.prefix));
    const chosen = kept ?? best[0] ?? null;
    if (chosen === null) this.#active.delete(ifindex);
    else this.#active.set(ifindex, chosen);
    return chosen;
  }

  /** When the next thing ends by itself; null: nothing does. */
  nextChange(now: number): number | null {
    const ends = [...this.#entries.map(({ until }) => until), ...this.#suspects.values()].filter(
      (until) => until > now,
    );
    return ends.length === 0 ? null : Math.min(...ends);
  }

  /** Forgets what has ended. */
  sweep(now: number): void {
    this.#entries = this.#entries.filter(({ until }) => until > now);
    for (const [key, until] of this.#suspects) if (until <= now) this.#suspects.delete(key);
  }
}
