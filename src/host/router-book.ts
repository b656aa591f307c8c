/**
 * What the routers of each link said, and how much of it is kept (DISC-2, DISC-3). Pure: time comes in as a number (ms, any
 * origin that never goes backwards).
 *
 * Anybody on a link can pose as any number of routers that name any number of prefixes. So everything is bounded, found by
 * its key, and what was known first stays: 8 routers a link, 16 prefixes and 8 resolvers a router.
 */
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import type { Ip6, Prefix6 } from '../address/ip.ts';
import { isMartian6 } from '../address/special.ts';
import { isLinkLocal, type RouterWord } from './pref64.ts';
import { judgePrefix } from './prefix-judgement.ts';

/** DISC-2 */
export const MOST_ROUTERS = 8;
export const MOST_PREFIXES = 16;
export const MOST_RESOLVERS = 8;
/** Of one word, so much is told. */
const MOST_REMARKS = 4;
/** A router says something at least that often, or is none any more (RFC 4861 §6.2.1: AdvDefaultLifetime), ms. */
const SILENT_ROUTER = 9_000_000;
/** RFC 8200 §5 */
const LEAST_MTU = 1280;

export interface HeardPrefix {
  readonly prefix: Prefix6;
  /** Who says so. */
  readonly from: string;
  /** ms */
  readonly until: number;
  /** ms; when it was said last. */
  readonly heard: number;
  /** Said before the link was away: perhaps by another network. */
  readonly doubted: boolean;
}

interface Kept extends HeardPrefix {
  /** When it came first, among all. */
  readonly order: number;
}

interface Router {
  readonly text: string;
  /** ms */
  heard: number;
  readonly prefixes: Map<string, Kept>;
  readonly resolvers: Map<string, { readonly address: Ip6; readonly until: number }>;
  /** bytes; null: not said. */
  mtu: number | null;
}

/** What came of a router's word. */
export interface Heard {
  /** A prefix is new or withdrawn, or the MTU is another: lifetimes do not count. */
  readonly changed: boolean;
  /** A resolver is new or withdrawn. */
  readonly resolvers: boolean;
  /** What is wrong with it, one sentence each. */
  readonly remarks: readonly string[];
}

const NOTHING: Heard = { changed: false, resolvers: false, remarks: [] };

/** Whom nobody may displace: the kernel's default routers, and the one whose prefix is in use. */
export type IsKept = (router: string) => boolean;

interface Link {
  readonly routers: Map<string, Router>;
  /** How much was left out, and what of that was told: each once. */
  leftOut: number;
  readonly told: Set<string>;
}

export class RouterBook {
  readonly #links = new Map<number, Link>();
  #order = 0;

  /** A router's word (DISC-3): its prefix lives for the lifetime it gave last; 0: it is withdrawn now. */
  hear(word: RouterWord, now: number, isDefault: IsKept, isUsed: IsKept): Heard {
    if (word.pref64.length === 0 && word.rdnss.length === 0 && word.mtu === null) return NOTHING;
    const link = this.#link(word.ifindex);
    // One word may name a hundred prefixes that cannot be used.
    const remarks = new Set<string>();
    const say = (text: string): unknown => remarks.size < MOST_REMARKS && remarks.add(text);
    const leaveOut = (what: string): void => {
      link.leftOut++;
      if (!link.told.has(what)) remarks.add(`${what}: what is more is left out`);
      link.told.add(what);
    };
    const router = this.#router(link, formatIp6(word.router), now, isDefault, isUsed);
    if (router === null) {
      leaveOut(`more than ${MOST_ROUTERS} routers speak`);
      return { ...NOTHING, remarks: [...remarks] };
    }
    router.heard = now;
    let changed = false;
    for (const { prefix, lifetime } of word.pref64) {
      const text = formatPrefix6(prefix);
      const { refused, remark } = judgePrefix(prefix);
      for (const what of [refused, remark])
        if (what !== null) say(`${router.text} advertises ${text}: ${what}`);
      if (refused !== null) continue;
      const before = router.prefixes.get(text);
      if (lifetime === 0) {
        changed = router.prefixes.delete(text) || changed;
        continue;
      }
      if (before === undefined && !hasRoom(router.prefixes, MOST_PREFIXES, now)) {
        leaveOut(`a router advertises more than ${MOST_PREFIXES} NAT64 prefixes`);
        continue;
      }
      const kept = { prefix, from: router.text, until: now + lifetime * 1000, heard: now, doubted: false };
      changed ||= before === undefined || before.doubted || before.until <= now;
      router.prefixes.set(text, { ...kept, order: before?.order ?? ++this.#order });
    }
    let resolvers = false;
    for (const { addresses, lifetime } of word.rdnss) {
      for (const address of addresses) {
        if (!mayServe(address)) continue;
        const key = address.join();
        const before = router.resolvers.get(key);
        if (lifetime === 0) {
          resolvers = router.resolvers.delete(key) || resolvers;
        } else if (before === undefined && !hasRoom(router.resolvers, MOST_RESOLVERS, now)) {
          leaveOut(`a router advertises more than ${MOST_RESOLVERS} resolvers`);
        } else {
          resolvers ||= before === undefined || before.until <= now;
          router.resolvers.set(key, { address, until: now + lifetime * 1000 });
        }
      }
    }
    // RFC 4861 §6.3.4: below what IPv6 needs it is ignored.
    if (word.mtu !== null && word.mtu >= LEAST_MTU) {
      changed ||= router.mtu !== word.mtu;
      router.mtu = word.mtu;
    }
    return { changed, resolvers, remarks: [...remarks] };
  }

  /** The valid prefixes of a link, in received order. */
  prefixes(ifindex: number, now: number): HeardPrefix[] {
    const all: Kept[] = [];
    for (const router of this.#routers(ifindex))
      for (const one of router.prefixes.values()) if (one.until > now) all.push(one);
    return all.sort((a, b) => a.order - b.order);
  }

  /** The valid resolvers of a link, each once. */
  resolvers(ifindex: number, now: number): Ip6[] {
    const all = new Map<string, Ip6>();
    for (const router of this.#routers(ifindex))
      for (const [key, { address, until }] of router.resolvers) if (until > now) all.set(key, address);
    return [...all.values()];
  }

  /** The least MTU said on a link, bytes, without those above `most`, the link's own (RFC 4861 §6.3.4); null: none. */
  mtu(ifindex: number, most: number): number | null {
    let least: number | null = null;
    for (const { mtu } of this.#routers(ifindex))
      if (mtu !== null && mtu <= most && (least === null || mtu < least)) least = mtu;
    return least;
  }

  /** The link was away: what is not said anew is forgotten at `until` (ms); resolvers and MTU at once. */
  doubt(ifindex: number, until: number): void {
    for (const router of this.#routers(ifindex)) {
      router.resolvers.clear();
      router.mtu = null;
      for (const [key, one] of router.prefixes)
        router.prefixes.set(key, { ...one, doubted: true, until: Math.min(one.until, until) });
    }
  }

  /** The link is gone. */
  forget(ifindex: number): void {
    this.#links.delete(ifindex);
  }

  /** Options and routers left out on a link because there were too many. */
  leftOut(ifindex: number): number {
    return this.#links.get(ifindex)?.leftOut ?? 0;
  }

  /** The least end of a lifetime after `now` among all prefixes, ms; Infinity: none. */
  nextEnd(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { routers } of this.#links.values())
      for (const { prefixes } of routers.values())
        for (const { until } of prefixes.values()) if (until > now && until < next) next = until;
    return next;
  }

  #link(ifindex: number): Link {
    let link = this.#links.get(ifindex);
    if (link === undefined) {
      link = { routers: new Map(), leftOut: 0, told: new Set() };
      this.#links.set(ifindex, link);
    }
    return link;
  }

  #routers(ifindex: number): Iterable<Router> {
    return this.#links.get(ifindex)?.routers.values() ?? [];
  }

  /** A router's place, a new one where there is room or room can be made; null: there is none. */
  #router(link: Link, text: string, now: number, isDefault: IsKept, isUsed: IsKept): Router | null {
    const { routers } = link;
    const known = routers.get(text);
    if (known !== undefined) return known;
    if (routers.size >= MOST_ROUTERS) {
      const spent = [...routers.values()].find((one) => isSpent(one, now));
      // Of those known the last makes room, and only for a router the kernel itself uses.
      const last = isDefault(text)
        ? [...routers.values()].findLast((one) => !isDefault(one.text) && !isUsed(one.text))
        : undefined;
      const displaced = spent ?? last;
      if (displaced === undefined) return null;
      routers.delete(displaced.text);
    }
    const router: Router = { text, heard: now, prefixes: new Map(), resolvers: new Map(), mtu: null };
    routers.set(text, router);
    return router;
  }
}

/** A router names no server on this host, none that are many, and no address that is none. */
const mayServe = (address: Ip6): boolean => isLinkLocal(address) || !isMartian6(address[0]);

function isSpent({ heard, prefixes, resolvers }: Router, now: number): boolean {
  forgetEnded(prefixes, now);
  forgetEnded(resolvers, now);
  return prefixes.size === 0 && resolvers.size === 0 && now - heard > SILENT_ROUTER;
}

function hasRoom(all: Map<string, { readonly until: number }>, most: number, now: number): boolean {
  if (all.size >= most) forgetEnded(all, now);
  return all.size < most;
}

function forgetEnded(all: Map<string, { readonly until: number }>, now: number): void {
  for (const [key, { until }] of all) if (until <= now) all.delete(key);
}
