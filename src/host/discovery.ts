/**
 * Finding the NAT64's prefix: static > router advertisement > DNS (DISC-1), on the interfaces that are candidates for the
 * uplink. Keeps what it found with its lifetimes (prefix-book.ts), asks DNS when it has to (dns-schedule.ts), and tells
 * when what counts may have changed. Sockets and servers come in from outside, so that tests need neither.
 */
import type { Prefix6 } from '../address/ip.ts';
import { formatServer, type Server } from '../config/server.ts';
import type { HostLog } from './apply.ts';
import type { DiscoveryLink } from './discovery-links.ts';
import { DnsSchedule } from './dns-schedule.ts';
import { type DnsVerdict, judgeAnswers, remarksOn, type ServerAnswer } from './dns-verdict.ts';
import { askServers } from './dns64.ts';
import type { RouterWord } from './pref64.ts';
import { type KnownPrefix, PrefixBook } from './prefix-book.ts';
import { remark } from './remark.ts';
import { type Resolvers, resolversOf, serversFor } from './resolvers.ts';

export interface DiscoveryConfig {
  /** --pool6: nothing else is asked. */
  readonly static: Prefix6 | null;
  /** --prefix-fallback */
  readonly fallback: Prefix6 | null;
  /** --dns64-servers; empty: the uplink's own. */
  readonly servers: readonly Server[];
}

export interface Listener {
  /** @returns 0 or -errno */
  listen(ifindex: number): number;
  unlisten(ifindex: number): void;
  solicit(ifindex: number): void;
}

export interface DiscoveryDeps {
  readonly log: HostLog;
  /** ms, never backwards, going on while the machine sleeps. */
  readonly now: () => number;
  readonly listener: Listener;
  /** What counts may have changed. */
  readonly onChange: () => void;
  /** As askServers. */
  readonly ask?: (servers: readonly Server[], signal: AbortSignal) => Promise<readonly ServerAnswer[]>;
  readonly resolvers?: typeof resolversOf;
}

/** With nothing heard from routers by then the fallback may step in: three solicitations' time would be 8 s. */
const ROUTER_PATIENCE = 5000;
/** How long what was known before a link was away may still be used unconfirmed: three solicitations' time, ms. */
const CONFIRM = 10_000;
/** Whoever makes resolvers come and go makes us ask so many times at once, then once in so many ms. */
const BURST = 3;
const PACE = 5000;
/** Changes that change nothing yet are told together, ms. */
const LEISURE = 1000;
/** setTimeout's most, ms. */
const LONGEST = 2 ** 31 - 1;

interface Watched {
  readonly name: string;
  link: DiscoveryLink;
  candidate: boolean;
  /** It was a candidate before: perhaps of another network. */
  away: boolean;
  readonly schedule: DnsSchedule;
  /** ms; when it became a candidate. */
  since: number;
  timer: NodeJS.Timeout | null;
  /** For a question that the pace does not allow yet. */
  paced: NodeJS.Timeout | null;
  asking: AbortController | null;
  /** Questions that others may still cause, and when (ms) that was right. */
  allowed: number;
  allowedAt: number;
  /** The servers asked last; null: none were yet. */
  servers: string | null;
  /** DNS has been asked and had nothing. */
  dnsSilent: boolean;
  /** The end of a prefix that routers were asked about already, ms. */
  solicited: number;
}

export class Discovery {
  readonly #config: DiscoveryConfig;
  readonly #deps: DiscoveryDeps;
  readonly #book = new PrefixBook();
  /** By interface index, best candidate first. */
  #watched = new Map<number, Watched>();
  #timer: NodeJS.Timeout | null = null;
  /** What was told last to count, and the timer for the rest. */
  #told = '';
  #later: NodeJS.Timeout | null = null;
  /** The best candidate: host-wide resolvers are asked for it alone. */
  #first: number | undefined;
  #deaf = false;
  #warned = false;

  constructor(config: DiscoveryConfig, deps: DiscoveryDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /**
   * The interfaces as they are now, best candidate first. Routers are listened to before there is a default route, which
   * comes of their word; a candidate without a word is solicited, and DNS is asked about it.
   */
  setLinks(links: readonly DiscoveryLink[]): void {
    if (this.#config.static !== null) return;
    const { listener } = this.#deps;
    const before = this.#watched;
    this.#watched = new Map();
    for (const link of links) {
      const known = before.get(link.index);
      this.#watched.set(link.index, known?.name === link.name ? known : this.#watch(link));
    }
    for (const [index, watched] of before) {
      if (this.#watched.get(index) === watched) continue;
      this.#unwatch(watched);
      listener.unlisten(index);
      this.#book.forget(index);
    }
    const first = links.find(({ candidate }) => candidate)?.index;
    const firstBefore = this.#first;
    this.#first = first;
    for (const link of links) {
      const { index, candidate } = link;
      const watched = this.#watched.get(index)!;
      const becomes = candidate && !watched.candidate;
      // Another network may be behind the same interface (DISC-6).
      const renumbered = watched.link.networks !== link.networks && this.#endStale(index);
      watched.link = link;
      if (watched.candidate && !candidate) this.#wentAway(index, watched);
      watched.candidate = candidate;
      if (before.get(index) !== watched) this.#listen(index);
      else if (becomes) {
        // The same network or another one: its routers will say.
        if (watched.away) this.#book.doubt(index, this.#deps.now() + CONFIRM);
        if (watched.away || this.#book.valid(index, this.#deps.now()).length === 0) listener.solicit(index);
      }
      if (becomes) watched.away = false;
      if (becomes) watched.since = this.#deps.now();
      if (renumbered) watched.schedule.reset();
      if (becomes || renumbered || (index === first && first !== firstBefore)) this.#ask(index);
    }
    this.#arm();
  }

  #wentAway(index: number, watched: Watched): void {
    watched.away = true;
    this.#book.doubt(index, Number.POSITIVE_INFINITY);
  }

  /** A prefix whose server is silent does not outlive its TTL any more. @returns true where it ends by that */
  #endStale(index: number): boolean {
    return this.#book.endAtTtl(index, this.#deps.now());
  }

  #listen(index: number): void {
    const error = this.#deps.listener.listen(index);
    if (error >= 0 || this.#deaf) return;
    this.#deaf = true;
    this.#deps.log.warn(
      `router advertisements are heard only through the kernel (no raw socket, error ${-error}): give CAP_NET_RAW where the kernel does not process them (accept_ra 0)`,
    );
  }

  /** A router's word, from either way. Of interfaces that are not watched it is passed over. */
  hear(word: RouterWord): void {
    const watched = this.#watched.get(word.ifindex);
    if (watched === undefined || this.#config.static !== null) return;
    const heard = this.#book.hear(word, this.#deps.now(), watched.link.routers);
    for (const text of heard.remarks) remark(this.#deps.log, 'info', `${watched.name}: ${text}`);
    const byRouter = this.#book.choose(word.ifindex, this.#deps.now())?.source === 'ra';
    if (heard.resolvers && !byRouter) this.#askSoon(word.ifindex);
    // Most words only say again what was said before.
    if (heard.changed) this.#changed();
    else if (word.pref64.length > 0) this.#arm();
  }

  /** The resolvers may be others now (DISC-6). */
  resolversChanged(): void {
    if (this.#config.static !== null) return;
    for (const [index, { schedule }] of this.#watched) {
      schedule.reset();
      this.#ask(index);
    }
  }

  /** The link was away, the machine slept: everything is asked anew, what is known stays until it is contradicted. */
  linkChanged(index: number): void {
    if (this.#config.static !== null) return;
    this.#watched.get(index)?.schedule.reset();
    this.#deps.listener.solicit(index);
    this.#askSoon(index);
  }

  /** As linkChanged, for all. */
  allChanged(): void {
    for (const index of this.#watched.keys()) this.linkChanged(index);
  }

  /** The prefix that counts on an interface, or null. */
  prefixOn(index: number): KnownPrefix | null {
    const watched = this.#watched.get(index);
    const now = this.#deps.now();
    const hadTheirChance = watched?.dnsSilent === true && now >= watched.since + ROUTER_PATIENCE;
    return prefixThatCounts(this.#config, this.#book, index, now, hadTheirChance);
  }

  /** Prefixes that could take over on an interface, best first; the one that counts may be among them. */
  prefixesOn(index: number): Prefix6[] {
    const { fallback } = this.#config;
    return [...this.knownOn(index).map(({ prefix }) => prefix), ...(fallback === null ? [] : [fallback])];
  }

  /** Everything valid on an interface, best first. */
  knownOn(index: number): KnownPrefix[] {
    return this.#book.valid(index, this.#deps.now());
  }

  /** The least MTU that routers on an interface advertised, bytes; null: none did. */
  mtuOn(index: number): number | null {
    const watched = this.#watched.get(index);
    return watched === undefined ? null : this.#book.mtu(index, watched.link.mtu);
  }

  /** Of routers' words on an interface, how much was left out because there was too much. */
  leftOutOn(index: number): number {
    return this.#book.leftOut(index);
  }

  /** The prefix does not work: another one is to be preferred for `ms`. */
  suspect(prefix: Prefix6, ms: number): void {
    this.#book.suspect(prefix, ms, this.#deps.now());
    this.#changed();
  }

  clear(prefix: Prefix6): void {
    this.#book.clear(prefix);
    this.#changed();
  }

  stop(): void {
    for (const [index, watched] of this.#watched) {
      this.#unwatch(watched);
      this.#deps.listener.unlisten(index);
    }
    this.#watched.clear();
    for (const timer of [this.#timer, this.#later]) if (timer !== null) clearTimeout(timer);
    this.#timer = null;
    this.#later = null;
  }

  #watch(link: DiscoveryLink): Watched {
    return {
      name: link.name,
      link,
      candidate: false,
      away: false,
      schedule: new DnsSchedule(),
      since: this.#deps.now(),
      timer: null,
      paced: null,
      asking: null,
      allowed: BURST,
      allowedAt: this.#deps.now(),
      servers: null,
      dnsSilent: false,
      solicited: 0,
    };
  }

  #unwatch(watched: Watched): void {
    watched.asking?.abort();
    watched.asking = null;
    for (const timer of [watched.timer, watched.paced]) if (timer !== null) clearTimeout(timer);
    watched.timer = null;
    watched.paced = null;
  }

  #serversFor(index: number, watched: Watched): Resolvers {
    const find = this.#deps.resolvers ?? resolversOf;
    const { servers: given } = this.#config;
    const advertised = this.#book.resolvers(index, this.#deps.now());
    return serversFor(given, this.#first === index, () => find(watched.name, index, advertised));
  }

  /** As soon as the pace allows: routers may name other resolvers in every word, and events be lost again and again. */
  #askSoon(index: number): void {
    const watched = this.#watched.get(index);
    if (watched === undefined || !watched.candidate) return;
    const now = this.#deps.now();
    watched.allowed = Math.min(watched.allowed + (now - watched.allowedAt) / PACE, BURST);
    watched.allowedAt = now;
    const wait = (1 - watched.allowed) * PACE;
    if (wait > 0) {
      watched.paced ??= setTimeout(() => {
        watched.paced = null;
        this.#askSoon(index);
      }, wait + 1);
      return;
    }
    watched.allowed--;
    this.#ask(index);
  }

  /** In `delay` ms, in place of whatever was to be asked later. */
  #askIn(index: number, watched: Watched, delay: number): void {
    if (watched.timer !== null) clearTimeout(watched.timer);
    watched.timer = setTimeout(() => {
      watched.timer = null;
      // One source only (DISC-1): while routers speak DNS is left alone, and looked at again later.
      if (this.#book.choose(index, this.#deps.now())?.source === 'ra') this.#endStale(index);
      else this.#ask(index);
    }, delay);
  }

  /** Asks DNS about an interface now, in place of whatever was to be asked later. */
  #ask(index: number): void {
    const watched = this.#watched.get(index);
    if (watched === undefined || !watched.candidate) return;
    this.#unwatch(watched);
    const { servers, from } = this.#serversFor(index, watched);
    const names = servers.map(formatServer).sort().join();
    if (watched.servers !== null && watched.servers !== names && this.#endStale(index)) this.#changed();
    watched.servers = names;
    if (servers.length === 0) {
      // Told when there are some: by a router, or by a file.
      watched.dnsSilent = true;
      remark(this.#deps.log, 'info', `no DNS servers to ask for the NAT64 prefix: ${from}`);
      return;
    }
    const asking = new AbortController();
    watched.asking = asking;
    const ask = this.#deps.ask ?? ((all, signal) => askServers(all, undefined, signal));
    void ask(servers, asking.signal).then((answers) => {
      if (asking.signal.aborted) return;
      watched.asking = null;
      this.#answered(index, watched, answers);
    });
  }

  #answered(index: number, watched: Watched, answers: readonly ServerAnswer[]): void {
    const { log } = this.#deps;
    const now = this.#deps.now();
    for (const text of answers.flatMap(remarksOn)) remark(log, 'info', text);
    const verdict = judgeAnswers(answers, this.#book.holder(index, now));
    if (verdict.is === 'prefixes' && !this.#warned) {
      this.#warned = true;
      log.info(
        'the NAT64 prefix is taken from DNS, which is not authenticated (RFC 7050 §3.1); --pool6 pins it',
      );
    }
    const stays = this.#book.answer(index, verdict, now);
    watched.dnsSilent = verdict.is !== 'prefixes';
    this.#askIn(index, watched, this.#delayAfter(watched, verdict, stays));
    this.#changed();
  }

  /** ms; `stays`: the prefix in use is of a server that is silent. */
  #delayAfter({ schedule }: Watched, verdict: DnsVerdict, stays: boolean): number {
    if (verdict.is === 'negative') return schedule.negative();
    return verdict.is === 'silent' || stays ? schedule.failed() : schedule.answered(verdict.ttl);
  }

  /** What counts is told at once; what only could count later, at leisure: routers may name others all the time. */
  #changed(): void {
    this.#arm();
    const counts = this.#whatCounts();
    if (counts !== this.#told) {
      this.#told = counts;
      this.#deps.onChange();
    } else {
      this.#later ??= setTimeout(() => {
        this.#later = null;
        this.#deps.onChange();
      }, LEISURE);
    }
  }

  /** The prefix and the MTU of each interface, to compare. */
  #whatCounts(): string {
    const all = [...this.#watched.keys()].map((index) => [index, this.prefixOn(index), this.mtuOn(index)]);
    return JSON.stringify(all, (key, value) => (key === 'until' ? undefined : value));
  }

  /** One timer for the next end of a lifetime, for routers to be asked before it, and for the fallback's turn. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const now = this.#deps.now();
    let next = this.#book.nextChange(now);
    for (const [index, watched] of this.#watched) {
      const turn = watched.since + ROUTER_PATIENCE;
      if (this.#config.fallback !== null && turn > now) next = Math.min(next, turn);
      next = Math.min(next, this.#solicit(index, watched, now));
    }
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#timeHasCome(), Math.min(next - now + 1, LONGEST));
  }

  /**
   * Asks routers before their last prefix ends, once for each end (DISC-2): an advertisement may have been lost.
   * @returns when it will be time, ms; Infinity: no more
   */
  #solicit(index: number, watched: Watched, now: number): number {
    const at = this.#book.solicitAt(index, now);
    if (at === null || at === watched.solicited) return Number.POSITIVE_INFINITY;
    if (at > now) return at;
    watched.solicited = at;
    this.#deps.listener.solicit(index);
    return Number.POSITIVE_INFINITY;
  }

  #timeHasCome(): void {
    this.#timer = null;
    const now = this.#deps.now();
    const silent = [...this.#watched].filter(
      ([index, watched]) =>
        watched.timer === null &&
        watched.asking === null &&
        !this.#book.valid(index, now).some(({ source }) => source === 'ra'),
    );
    this.#book.sweep(now);
    // The routers have fallen silent: it is DNS's turn again.
    for (const [index] of silent) this.#ask(index);
    this.#changed();
  }
}

/**
 * The prefix that counts on an interface (DISC-1): the one judgement, for the daemon and for every command that foretells it.
 * @param hadTheirChance routers and DNS have been asked, so that silence means that they have nothing to say
 */
export function prefixThatCounts(
  { static: fixed, fallback }: Pick<DiscoveryConfig, 'static' | 'fallback'>,
  book: PrefixBook,
  index: number,
  now: number,
  hadTheirChance: boolean,
): KnownPrefix | null {
  if (fixed !== null) return { source: 'static', prefix: fixed, from: '', until: Number.POSITIVE_INFINITY };
  const chosen = book.choose(index, now);
  if (fallback === null) return chosen;
  const asFallback: KnownPrefix = {
    source: 'fallback',
    prefix: fallback,
    from: '',
    until: Number.POSITIVE_INFINITY,
  };
  if (chosen === null) return hadTheirChance ? asFallback : null;
  const doubted = book.isSuspect(chosen.prefix, now) && !book.isSuspect(fallback, now);
  return doubted ? asFallback : chosen;
}
