/**
 * What is known of NAT64 prefixes, and which one counts (DISC-1, DISC-3, DISC-6, DISC-7): the one judgement, for the daemon,
 * `discover`, `plan` and `doctor`. Time comes in as a number (ms, any origin that never goes backwards), nothing is awaited.
 * Choosing remembers the choice, since the prefix in use is kept.
 */
import { formatPrefix6 } from '../address/format.ts';
import { type Ip6, type Prefix6, samePrefix6 } from '../address/ip.ts';
import type { DnsVerdict } from './dns-verdict.ts';
import type { RouterWord } from './pref64.ts';
import { type Heard, RouterBook } from './router-book.ts';

/** In order of precedence (DISC-1); fallback: --prefix-fallback, for networks where nobody says anything. */
export type PrefixSource = 'static' | 'ra' | 'dns' | 'fallback';

export interface KnownPrefix {
  readonly source: PrefixSource;
  readonly prefix: Prefix6;
  /** Who said so: a router's or a server's address; '' for the configuration. */
  readonly from: string;
  /** ms on the clock given; Infinity: for ever. */
  readonly until: number;
  /** Its time is over, and the server that gave it is silent (DISC-6). */
  readonly stale?: boolean;
}

export interface Entry extends KnownPrefix {
  /** Said before the link was away: perhaps by another network. */
  readonly doubted: boolean;
}

interface DnsEntry {
  readonly prefix: Prefix6;
  readonly from: string;
  /** ms; the end of its TTL. */
  until: number;
  /** ms; so long it may stay in use while its server is silent. */
  lapse: number;
  doubted: boolean;
}

/** DISC-6: how long a prefix outlives its TTL while its server is silent, ms. */
const STALE_MOST = 86_400_000;
/** DISC-2: a router is asked that long before its last prefix ends, or in the middle of a shorter lifetime, ms. */
const EARLY = 30_000;
/** Health checks doubt one prefix at a time. */
const MOST_SUSPECTS = 64;

export class PrefixBook {
  readonly #routers = new RouterBook();
  /** By interface, in received order. */
  readonly #dns = new Map<number, DnsEntry[]>();
  /** The one chosen last, by interface. */
  readonly #active = new Map<number, KnownPrefix>();
  /** Prefixes that did not work, until when they come last. By formatPrefix6. */
  readonly #suspects = new Map<string, number>();

  /** A router's word. `defaults`: the kernel's default routers on that interface, as formatIp6 has them. */
  hear(word: RouterWord, now: number, defaults: ReadonlySet<string> = new Set()): Heard {
    const active = this.#active.get(word.ifindex);
    const used = active?.source === 'ra' ? active.from : null;
    return this.#routers.hear(
      word,
      now,
      (router) => defaults.has(router),
      (router) => router === used,
    );
  }

  /**
   * What the servers said about an interface (DISC-6). Prefixes take the place of all that DNS said before; but those of a
   * server that is silent now stay, as its silence is no word against them.
   * @returns true where some stay by that
   */
  answer(ifindex: number, verdict: DnsVerdict, now: number): boolean {
    if (verdict.is === 'silent') return this.#validDns(ifindex, now).length > 0;
    if (verdict.is === 'negative') {
      this.#dns.delete(ifindex);
      return false;
    }
    const { server, prefixes, ttl, holderSilent } = verdict;
    const holder = this.holder(ifindex, now);
    const until = now + ttl * 1000;
    const kept = this.#validDns(ifindex, now).filter(
      ({ from, prefix }) =>
        holderSilent && from === holder && !prefixes.some((one) => samePrefix6(one, prefix)),
    );
    const given = prefixes.map((prefix) => {
      return { prefix, from: server, until, lapse: until + STALE_MOST, doubted: false };
    });
    this.#dns.set(ifindex, [...kept, ...given]);
    return kept.length > 0;
  }

  /** The server that gave the prefixes of an interface; null: there are none from DNS. */
  holder(ifindex: number, now: number): string | null {
    const active = this.#active.get(ifindex);
    const all = this.#validDns(ifindex, now);
    const used = all.find(
      (one) => active?.source === 'dns' && one.from === active.from && samePrefix6(one.prefix, active.prefix),
    );
    return (used ?? all[0])?.from ?? null;
  }

  /**
   * The silence of servers is no excuse any more: others are asked now, or none.
   * @returns true where a prefix ends by that
   */
  endAtTtl(ifindex: number, now: number): boolean {
    const before = this.#validDns(ifindex, now).length;
    for (const one of this.#dns.get(ifindex) ?? []) one.lapse = Math.min(one.lapse, one.until);
    return this.#validDns(ifindex, now).length < before;
  }

  /** The interface is gone, or leads to another network now. */
  forget(ifindex: number): void {
    this.#routers.forget(ifindex);
    this.#dns.delete(ifindex);
    this.#active.delete(ifindex);
  }

  /** The link was away: what is said anew on it goes first, and what is not is forgotten at `until` (ms). */
  doubt(ifindex: number, until: number): void {
    this.#routers.doubt(ifindex, until);
    for (const one of this.#dns.get(ifindex) ?? []) {
      one.doubted = true;
      one.until = Math.min(one.until, until);
      one.lapse = one.until;
    }
  }

  /** The prefix does not work: for `ms` it counts only where there is no other. */
  suspect(prefix: Prefix6, ms: number, now: number): void {
    const key = formatPrefix6(prefix);
    this.#suspects.delete(key);
    if (this.#suspects.size >= MOST_SUSPECTS) this.#suspects.delete(this.#suspects.keys().next().value!);
    this.#suspects.set(key, now + ms);
  }

  /** The prefix works again. */
  clear(prefix: Prefix6): void {
    this.#suspects.delete(formatPrefix6(prefix));
  }

  isSuspect(prefix: Prefix6, now: number): boolean {
    return (this.#suspects.get(formatPrefix6(prefix)) ?? 0) > now;
  }

  /** All that is valid on an interface, in order of precedence, then as received; what is stale after what is not. */
  valid(ifindex: number, now: number): Entry[] {
    const byRouters = this.#routers
      .prefixes(ifindex, now)
      .map(({ prefix, from, until, doubted }): Entry => ({ source: 'ra', prefix, from, until, doubted }));
    const byDns = this.#validDns(ifindex, now).map(({ prefix, from, until, lapse, doubted }): Entry => {
      const known = { source: 'dns' as const, prefix, from, doubted };
      return until > now ? { ...known, until } : { ...known, until: lapse, stale: true };
    });
    const inOrder = [
      ...byRouters,
      ...byDns.filter(({ stale }) => stale !== true),
      ...byDns.filter(({ stale }) => stale === true),
    ];
    return [...inOrder.filter(({ doubted }) => !doubted), ...inOrder.filter(({ doubted }) => doubted)];
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
    const best = usable.filter(
      ({ source, doubted }) => source === first?.source && doubted === first.doubted,
    );
    const before = this.#active.get(ifindex);
    const kept = before && best.find(({ prefix }) => samePrefix6(prefix, before.prefix));
    const chosen = kept ?? best[0] ?? null;
    if (chosen === null) this.#active.delete(ifindex);
    else this.#active.set(ifindex, chosen);
    return chosen;
  }

  /** Resolvers that routers advertise on an interface. */
  resolvers(ifindex: number, now: number): Ip6[] {
    return this.#routers.resolvers(ifindex, now);
  }

  /** The least MTU that routers advertise on an interface, bytes; null: none. `most`: the link's own. */
  mtu(ifindex: number, most: number): number | null {
    return this.#routers.mtu(ifindex, most);
  }

  /** Of routers' words on an interface, how much was left out because there was too much. */
  leftOut(ifindex: number): number {
    return this.#routers.leftOut(ifindex);
  }

  /** When routers are to be asked, so that their last prefix does not end by a lost advertisement, ms; null: there is none. */
  solicitAt(ifindex: number, now: number): number | null {
    let last: { readonly until: number; readonly heard: number } | null = null;
    for (const one of this.#routers.prefixes(ifindex, now)) {
      if (!one.doubted && (last === null || one.until > last.until)) last = one;
    }
    return last === null ? null : last.until - Math.min(EARLY, (last.until - last.heard) / 2);
  }

  /** When the next thing changes by itself, ms; Infinity: nothing does. */
  nextChange(now: number): number {
    let next = this.#routers.nextEnd(now);
    const consider = (at: number): void => {
      if (at > now && at < next) next = at;
    };
    for (const all of this.#dns.values()) {
      for (const { until, lapse } of all) {
        consider(until);
        consider(lapse);
      }
    }
    for (const until of this.#suspects.values()) consider(until);
    return next;
  }

  /** Forgets what has ended. */
  sweep(now: number): void {
    for (const [ifindex, all] of this.#dns) {
      const alive = all.filter(({ lapse }) => lapse > now);
      if (alive.length === 0) this.#dns.delete(ifindex);
      else this.#dns.set(ifindex, alive);
    }
    for (const [key, until] of this.#suspects) if (until <= now) this.#suspects.delete(key);
  }

  #validDns(ifindex: number, now: number): DnsEntry[] {
    return (this.#dns.get(ifindex) ?? []).filter(({ lapse }) => lapse > now);
  }
}
