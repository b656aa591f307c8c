/**
 * Finding the NAT64's prefix: static > router advertisement > DNS (DISC-1), on the interfaces that are candidates for the
 * uplink. Keeps what it found with its lifetimes (prefix-book.ts), asks DNS when it has to (dns-schedule.ts), and tells
 * when what counts may have changed. Sockets and servers come in from outside, so that tests need neither.
 */
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import type { Ip6, Prefix6 } from '../address/ip.ts';
import { formatServer, type Server } from '../config/server.ts';
import { pool6Fault } from '../config/values.ts';
import type { HostLog } from './apply.ts';
import { DnsSchedule } from './dns-schedule.ts';
import { askServers, describeAnswer, prefixesFromAaaa, type ServerAnswer } from './dns64.ts';
import type { RouterWord } from './pref64.ts';
import { type KnownPrefix, PrefixBook } from './prefix-book.ts';
import { type Resolvers, resolversOf } from './resolvers.ts';

export interface DiscoveryConfig {
  /** --pool6: nothing else is asked. */
  readonly static: Prefix6 | null;
  /** --prefix-fallback */
  readonly fallback: Prefix6 | null;
  /** --dns64-servers; empty: the uplink's own. */
  readonly servers: readonly Server[];
}

/** An interface where routers may speak. */
export interface DiscoveryLink {
  readonly name: string;
  readonly index: number;
  /** It has an IPv6 default route: DNS is asked about it too. */
  readonly candidate: boolean;
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
  readonly ask?: (servers: readonly Server[], signal: AbortSignal) => Promise<ServerAnswer | null>;
  readonly resolvers?: typeof resolversOf;
}

/** With nothing heard from routers by then the fallback may step in: three solicitations' time would be 8 s. */
const ROUTER_PATIENCE = 5000;
/** How long what was known before a link was away may still be used unconfirmed: three solicitations' time, ms. */
const CONFIRM = 10_000;
/** setTimeout's most, ms. */
const LONGEST = 2 ** 31 - 1;

interface Watched {
  readonly name: string;
  candidate: boolean;
  /** It was a candidate before: perhaps of another network. */
  away: boolean;
  readonly schedule: DnsSchedule;
  /** ms; when it became a candidate. */
  since: number;
  /** Resolvers that routers advertised, and until when (ms). */
  readonly advertised: Map<string, { address: Ip6; until: number }>;
  /** RA's MTU, by router. */
  readonly mtus: Map<string, number>;
  timer: NodeJS.Timeout | null;
  asking: AbortController | null;
  /** DNS has been asked and had nothing. */
  dnsSilent: boolean;
  lastLogged: string;
}

export class Discovery {
  readonly #config: DiscoveryConfig;
  readonly #deps: DiscoveryDeps;
  readonly #book = new PrefixBook();
  /** By interface index, best candidate first. */
  #watched = new Map<number, Watched>();
  #timer: NodeJS.Timeout | null = null;
  /** The best candidate: it has the resolvers that are nobody's in particular. */
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
    for (const { name, index } of links) {
      const known = before.get(index);
      this.#watched.set(index, known?.name === name ? known : this.#watch(name));
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
    for (const { index, candidate } of links) {
      const watched = this.#watched.get(index)!;
      const becomes = candidate && !watched.candidate;
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
      if (becomes || (index === first && first !== firstBefore)) this.#ask(index);
    }
    this.#arm();
  }

  #wentAway(index: number, watched: Watched): void {
    watched.away = true;
    watched.advertised.clear();
    watched.mtus.clear();
    this.#book.doubt(index, Number.POSITIVE_INFINITY);
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
    const now = this.#deps.now();
    const router = formatIp6(word.router);
    for (const one of word.pref64) {
      const fault = discoveredFault(one.prefix);
      if (fault === null) this.#book.hear(word.ifindex, word.router, one, now);
      else
        this.#say(watched, `${router} on ${watched.name} advertises ${formatPrefix6(one.prefix)}: ${fault}`);
    }
    let newServers = false;
    for (const { addresses, lifetime } of word.rdnss) {
      for (const address of addresses) {
        const key = formatIp6(address);
        newServers ||= lifetime > 0 !== watched.advertised.has(key);
        if (lifetime === 0) watched.advertised.delete(key);
        else watched.advertised.set(key, { address, until: now + lifetime * 1000 });
      }
    }
    const newMtu = word.mtu !== null && watched.mtus.get(router) !== word.mtu;
    if (word.mtu !== null) watched.mtus.set(router, word.mtu);
    if (newServers) this.#ask(word.ifindex);
    if (word.pref64.length > 0 || newMtu) this.#changed();
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
    this.#ask(index);
  }

  /** As linkChanged, for all. */
  allChanged(): void {
    for (const index of this.#watched.keys()) this.linkChanged(index);
  }

  /** The prefix that counts on an interface, or null. */
  prefixOn(index: number): KnownPrefix | null {
    const { static: fixed, fallback } = this.#config;
    if (fixed !== null) return { source: 'static', prefix: fixed, from: '', until: Infinity };
    const now = this.#deps.now();
    const chosen = this.#book.choose(index, now);
    if (fallback === null) return chosen;
    const asFallback: KnownPrefix = { source: 'fallback', prefix: fallback, from: '', until: Infinity };
    if (chosen !== null) {
      const doubted = this.#book.isSuspect(chosen.prefix, now) && !this.#book.isSuspect(fallback, now);
      return doubted ? asFallback : chosen;
    }
    const watched = this.#watched.get(index);
    if (watched === undefined || !watched.dnsSilent || now < watched.since + ROUTER_PATIENCE) return null;
    return asFallback;
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
    const mtus = [...(this.#watched.get(index)?.mtus.values() ?? [])];
    return mtus.length === 0 ? null : Math.min(...mtus);
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
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #watch(name: string): Watched {
    return {
      name,
      candidate: false,
      away: false,
      schedule: new DnsSchedule(),
      since: this.#deps.now(),
      advertised: new Map(),
      mtus: new Map(),
      timer: null,
      asking: null,
      dnsSilent: false,
      lastLogged: '',
    };
  }

  #unwatch(watched: Watched): void {
    watched.asking?.abort();
    watched.asking = null;
    if (watched.timer !== null) clearTimeout(watched.timer);
    watched.timer = null;
  }

  /** Resolvers that are nobody's in particular belong to the best candidate alone (DISC-4, CLAT-10). */
  #serversFor(index: number, watched: Watched): Resolvers {
    const first = this.#first === index;
    const { servers } = this.#config;
    if (servers.length > 0) return { servers: first ? servers : [], from: 'given (--dns64-servers)' };
    const now = this.#deps.now();
    const advertised = [...watched.advertised.values()].filter(({ until }) => until > now);
    const found = (this.#deps.resolvers ?? resolversOf)(
      watched.name,
      index,
      advertised.map(({ address }) => address),
    );
    return first || found.from.startsWith('learned') ? found : { ...found, servers: [] };
  }

  /** Asks DNS about an interface now, in place of whatever was to be asked later. */
  #ask(index: number): void {
    const watched = this.#watched.get(index);
    if (watched === undefined || !watched.candidate) return;
    this.#unwatch(watched);
    const { servers, from } = this.#serversFor(index, watched);
    if (servers.length === 0) {
      // Told when there are some: by a router, or by a file.
      watched.dnsSilent = true;
      this.#say(watched, `no DNS servers to ask for the NAT64 prefix: ${from}`);
      return;
    }
    const asking = new AbortController();
    watched.asking = asking;
    const ask = this.#deps.ask ?? ((all, signal) => askServers(all, undefined, signal));
    void ask(servers, asking.signal).then((answer) => {
      if (asking.signal.aborted || answer === null) return;
      watched.asking = null;
      this.#answered(index, watched, answer);
    });
  }

  #answered(index: number, watched: Watched, got: ServerAnswer): void {
    const { answer } = got;
    const now = this.#deps.now();
    let delay: number;
    if (answer.is === 'answer') {
      const { prefixes, notes } = prefixesFromAaaa(answer.addresses);
      const server = formatServer(got.server);
      if (notes.length > 0) this.#say(watched, `DNS64 ${server}: ${notes.join('; ')}`);
      if (prefixes.length > 0 && !this.#warned) {
        this.#warned = true;
        this.#deps.log.info(
          'the NAT64 prefix is taken from DNS, which is not authenticated (RFC 7050 §3.1); --pool6 pins it',
        );
      }
      this.#book.answer(index, prefixes, server, answer.ttl, now);
      watched.dnsSilent = prefixes.length === 0;
      // Addresses that embed nothing are as good as none.
      delay = prefixes.length > 0 ? watched.schedule.answered(answer.ttl) : watched.schedule.negative();
    } else {
      this.#say(watched, `no NAT64 prefix from DNS: ${describeAnswer(got)}`);
      watched.dnsSilent = true;
      if (answer.is === 'negative') {
        this.#book.answer(index, [], '', 0, now);
        delay = watched.schedule.negative();
      } else {
        delay = watched.schedule.failed();
      }
    }
    watched.timer = setTimeout(() => {
      watched.timer = null;
      // One source only (DISC-1): while routers speak DNS is left alone, and looked at again later.
      if (this.#book.choose(index, this.#deps.now())?.source === 'ra') return;
      this.#ask(index);
    }, delay);
    this.#changed();
  }

  #changed(): void {
    this.#arm();
    this.#deps.onChange();
  }

  /** One timer for the next end of a lifetime, and for the fallback's turn. */
  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const now = this.#deps.now();
    const ends = [this.#book.nextChange(now)];
    if (this.#config.fallback !== null) {
      for (const { since } of this.#watched.values()) {
        if (since + ROUTER_PATIENCE > now) ends.push(since + ROUTER_PATIENCE);
      }
    }
    const next = Math.min(...ends.flatMap((end) => end ?? []));
    if (next === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        const then = this.#deps.now();
        const silent = [...this.#watched].filter(
          ([index, watched]) =>
            watched.timer === null &&
            watched.asking === null &&
            !this.#book.valid(index, then).some(({ source }) => source === 'ra'),
        );
        this.#book.sweep(then);
        // The routers have fallen silent: it is DNS's turn again.
        for (const [index] of silent) this.#ask(index);
        this.#changed();
      },
      Math.min(next - now + 1, LONGEST),
    );
  }

  /** Once for the same sentence: retries would repeat it for ever. */
  #say(watched: Watched, text: string): void {
    if (watched.lastLogged === text) return;
    watched.lastLogged = text;
    this.#deps.log.info(text);
  }
}

/** ADDR-1, ADDR-2 for a prefix the network chose: an octet 8 that is not 0 still works with /96. */
function discoveredFault({ address: [a, b, c, d], length }: Prefix6): string | null {
  return pool6Fault({ address: [a, b, c & 0x00ffffff, d], length });
}
