/**
 * Automatic mode: a CLAT for as long as the network wants one (RFC 6877, CLAT-1 to CLAT-12).
 *
 *     the kernel's events, routers, DNS ──▶ look: read the host ─▶ decide ─▶ choose addresses ─▶ apply, or stand back
 *
 * Every look starts from what the host is at that moment, never from what changed, so that no order of events matters.
 */
import { EamList } from '../address/eam.ts';
import { formatIp4, formatIp6, formatPrefix6 } from '../address/format.ts';
import { samePrefix6 } from '../address/ip.ts';
import type { RunConfig, TranslationConfig } from '../config/config.ts';
import type { Pairs } from '../dataplane/messages.ts';
import type { Host } from '../host/apply.ts';
import { type Clat6Choice, chooseClat6, type StableBytes } from '../host/clat-address.ts';
import { decide, NATIVE_PATIENCE } from '../host/clat-decision.ts';
import { type Clat4Pair, chooseClat4 } from '../host/clat4.ts';
import { Discovery } from '../host/discovery.ts';
import { discoveryLinks } from '../host/discovery-links.ts';
import { claimAddress } from '../host/duplicate.ts';
import { lostEvents, watchFirewall, watchHost, watchResolvers, watchSleep } from '../host/events.ts';
import { NativeCheck } from '../host/native-check.ts';
import { patientProbe } from '../host/native-probe.ts';
import { nativeIpv4, nativeLinks } from '../host/native4.ts';
import type { KnownPrefix } from '../host/prefix-book.ts';
import { remark } from '../host/remark.ts';
import { RouterListener } from '../host/router-listener.ts';
import type { ClatSurroundings } from '../host/run-plan.ts';
import type { HostState, Link } from '../host/state.ts';
import { UnansweredNetworks } from '../host/unanswered.ts';
import { downWords } from './down-words.ts';
import { Health } from './health.ts';
import type { Logger } from './log.ts';
import { OwnAddress } from './own-address.ts';
import { Pings } from './pings.ts';
import { TunnelMemory } from './tunnels.ts';
import { WatchLoop } from './watch-loop.ts';

/** A CLAT as it is to be. */
export interface Up {
  readonly translation: TranslationConfig;
  readonly clat: ClatSurroundings;
  /** The host as it was read for this. */
  readonly state: HostState;
}

export interface ClatDeps {
  readonly log: Logger;
  readonly host: Host;
  /** Makes it so; null: no CLAT, everything undone. Throws with a sentence for the administrator. */
  readonly apply: (up: Up | null) => Promise<void>;
  /** Bytes translated to IPv6 so far. */
  readonly bytes46: () => number;
  /** DataPlane.pairs */
  readonly pairs: () => Promise<readonly Pairs[]>;
  /** Where networks are remembered in which an address of our own is not answered. */
  readonly stateDirectory: string;
  /** One line about how things are. */
  readonly status: (text: string) => void;
  readonly stable: StableBytes;
  /** ms, never backwards, going on while the machine sleeps. */
  readonly now: () => number;
}

/** CLAT-4 */
const ATTEMPTS = 3;
/** Networks whose taken addresses are counted: whoever advertises new ones all the time gets no more memory. */
const MOST_NETWORKS = 64;
/** Counted beside those that were found to be taken, for an address that is only tried. */
const SPARE = 1000;

/** An IPv6 address on its way to being ours, or ours. */
interface Claim {
  readonly choice: Clat6Choice;
  readonly ifindex: number;
  free: boolean;
  end: () => void;
}

export class Clat {
  readonly #deps: ClatDeps;
  #config: RunConfig;
  #discovery: Discovery;
  #health: Health | null;
  readonly #pings: Pings;
  readonly #networks: UnansweredNetworks;
  #own: OwnAddress;
  readonly #listener: RouterListener;
  #endEvents: (() => void)[] = [];
  readonly #loop: WatchLoop;
  readonly #end = new AbortController();
  /** The address in use, and the one that is to follow it. */
  #claim: Claim | null = null;
  #next: Claim | null = null;
  /** By network: how many addresses of it were found to be taken. */
  readonly #taken = new Map<string, number>();
  /** ms; since when there has been native IPv4. */
  #nativeSince: number | null = null;
  #isUp = false;
  readonly #tunnels: TunnelMemory;
  #nativeCheck: NativeCheck | null;
  #made: { key: string; from: TranslationConfig; made: TranslationConfig } | null = null;
  /** Why there is no CLAT, as last said. */
  #downWhy: string | null = null;
  #said = '';

  constructor(config: RunConfig, deps: ClatDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#pings = new Pings(deps.log);
    this.#networks = new UnansweredNetworks(deps.stateDirectory, (text) => deps.log.warn(text));
    this.#own = this.#ownAddress();
    this.#tunnels = new TunnelMemory(config.tun, deps.log);
    this.#loop = new WatchLoop({
      look: () => this.#lookOnce(),
      onFailure: ({ message }) =>
        this.#say('error', `${message}; ${this.#isUp ? 'IPv4 stays as it is set up, ' : ''}trying again`),
    });
    this.#listener = new RouterListener((word) => this.#discovery.hear(word));
    this.#discovery = this.#discover();
    this.#health = this.#checkHealth();
    this.#nativeCheck = this.#checkNative();
  }

  /** Resolves after the first look, with or without a network. Throws where the kernel gives no events. */
  async start(): Promise<void> {
    this.#endEvents = [
      watchHost({
        onHost: () => this.look(),
        onRouter: (word) => this.#discovery.hear(word),
        onLost: (count) => {
          this.#deps.log.warn(lostEvents(count));
          this.#discovery.allChanged();
        },
      }),
      watchResolvers(() => this.#discovery.resolversChanged()),
      // A firewall loaded anew takes our rules along.
      watchFirewall(() => this.look()),
      watchSleep(() => {
        this.#deps.log.info('awake again: everything is looked at anew');
        this.#discovery.allChanged();
        this.look();
      }),
    ];
    this.look();
    await this.#loop.settled();
  }

  /** Soon, once for any number of calls. */
  look(): void {
    this.#loop.ring();
  }

  /** Options read again: what they leave as it was stays in use. */
  reload(config: RunConfig): void {
    const matters = ({ translation, clat }: RunConfig): string =>
      JSON.stringify([translation.pool6, clat.dns64Servers, clat.fallback]);
    const other = matters(config) !== matters(this.#config);
    const asks = ({ clat }: RunConfig): string => JSON.stringify([clat.nativeCheck, clat.enable]);
    const asksAnew = asks(config) !== asks(this.#config);
    this.#config = config;
    this.#health?.stop();
    this.#health = this.#checkHealth();
    this.#own.gone();
    this.#own = this.#ownAddress();
    if (asksAnew) {
      this.#nativeCheck?.stop();
      this.#nativeCheck = this.#checkNative();
    }
    this.#said = '';
    if (other) {
      this.#discovery.stop();
      this.#discovery = this.#discover();
    }
    this.#loop.ringAnyway();
  }

  /** Changes nothing on the host. */
  async stop(): Promise<void> {
    this.#end.abort();
    for (const end of this.#endEvents) end();
    // First, since a look under way sets up what is ended below: a timer more would keep the process alive for ever.
    await this.#loop.stop();
    this.#discovery.stop();
    this.#listener.stop();
    this.#unclaim();
    this.#own.gone();
    this.#health?.stop();
    this.#pings.close();
    this.#nativeCheck?.stop();
  }

  #checkHealth(): Health | null {
    const { healthCheck, healthInterval } = this.#config.clat;
    if (healthCheck === null) return null;
    return new Health(healthCheck, healthInterval * 1000, {
      log: this.#deps.log,
      ping: (address, ifindex) => this.#pings.ping(address, ifindex),
      suspect: (prefix, ms) => this.#discovery.suspect(prefix, ms),
    });
  }

  #checkNative(): NativeCheck | null {
    const { nativeCheck, enable } = this.#config.clat;
    if (nativeCheck === null || enable === 'force') return null;
    const { log } = this.#deps;
    let refusal = '';
    return new NativeCheck(nativeCheck, {
      log,
      ask: patientProbe((why) => {
        if (why !== refusal) log.warn(`--v4-check: ${why}: native IPv4 counts unchecked`);
        refusal = why;
      }),
      onChange: () => this.look(),
    });
  }

  #discover(): Discovery {
    const { translation, clat } = this.#config;
    return new Discovery(
      { static: translation.pool6, fallback: clat.fallback, servers: clat.dns64Servers },
      {
        log: this.#deps.log,
        now: this.#deps.now,
        listener: this.#listener,
        onChange: () => this.look(),
      },
    );
  }

  /** @returns ms that the host took to read */
  async #lookOnce(): Promise<number> {
    const began = this.#deps.now();
    const state = await this.#deps.host.read();
    const reading = this.#deps.now() - began;
    if (!this.#end.signal.aborted) await this.#act(state);
    return reading;
  }

  async #act(state: HostState): Promise<void> {
    const { tun, clat } = this.#config;
    this.#tunnels.look(state);
    this.#nativeCheck?.watch(nativeLinks(state, tun));
    this.#discovery.setLinks(
      discoveryLinks(state, tun, clat.platDev, (index) => this.#discovery.prefixOn(index)?.prefix ?? null),
    );
    const native = this.#native(state);
    const decision = decide({ tun, platDev: clat.platDev }, state, native, (index) =>
      this.#discovery.prefixOn(index),
    );
    if (decision.is === 'down') {
      // Another network may come: what was found out about addresses belongs to this one.
      this.#taken.clear();
      return this.#standBack(decision.why);
    }
    const { uplink, known } = decision;
    const pair = chooseClat4({ tun, wanted: clat.clat4, ipv4Addr: this.#config.translation.ipv4Addr }, state);
    if ('lacking' in pair) return this.#standBack(pair.lacking);
    await this.#own.arrive(state, uplink, known.prefix, this.#claim?.choice.network ?? null);
    if (this.#end.signal.aborted) return;
    const choice = this.#address(state, uplink, known, pair);
    if ('waiting' in choice) {
      // The address of before serves until the new one is known to be free, where it still can.
      if (!this.#isUp || this.#claim?.ifindex !== uplink.index) await this.#standBack(choice.waiting);
      return;
    }
    await this.#serve(state, uplink, known, pair, choice);
  }

  /** The interface of native IPv4 that a CLAT makes room for. */
  #native(state: HostState): string | null {
    const { tun, clat } = this.#config;
    const native =
      clat.enable === 'force'
        ? null
        : nativeIpv4(state, tun, (dev) => this.#nativeCheck?.answers(dev) ?? true);
    const now = this.#deps.now();
    this.#nativeSince = native === null ? null : (this.#nativeSince ?? now);
    if (native === null || !this.#isUp || this.#nativeSince === null) return native;
    // It must last before it is believed; by the metric it is preferred meanwhile.
    const left = this.#nativeSince + NATIVE_PATIENCE - now;
    if (left <= 0) return native;
    this.#loop.ringIn(left);
    return null;
  }

  async #serve(
    state: HostState,
    uplink: Link,
    known: KnownPrefix,
    pair: Clat4Pair,
    choice: Clat6Choice,
  ): Promise<void> {
    await this.#deps.apply({
      translation: this.#translation(known, pair, choice),
      clat: {
        uplink: uplink.name,
        advertisedMtu: this.#discovery.mtuOn(uplink.index),
        clat4Length: pair.length,
        shared: choice.shared,
        spare: this.#own.spare,
      },
      state,
    });
    // What begins now would never end.
    if (this.#end.signal.aborted) return;
    this.#isUp = true;
    this.#downWhy = null;
    this.#own.serving({
      state,
      uplink,
      pool6: known.prefix,
      clat4: pair.clat4,
      choice,
      automatic: this.#config.clat.clat6 === 'auto',
      spare: choice.shared ? this.#spare(state, uplink, known, pair) : null,
    });
    this.#health?.watch({
      ifindex: uplink.index,
      prefix: known.prefix,
      others: this.#discovery.prefixesOn(uplink.index),
    });
    this.#say(
      'info',
      `IPv4 is set up: ${formatIp4(pair.clat4)} as ${formatIp6(choice.address)} on ${uplink.name}, ` +
        `NAT64 ${formatPrefix6(known.prefix)} (${origin(known)})`,
    );
  }

  /** The same object while nothing of it changes. */
  #translation({ prefix }: KnownPrefix, pair: Clat4Pair, { address }: Clat6Choice): TranslationConfig {
    const { translation } = this.#config;
    const key = JSON.stringify([prefix, pair, address]);
    if (this.#made?.key !== key || this.#made.from !== translation) {
      const eam = new EamList(1);
      eam.add(pair.clat4, 32, address, 128);
      const made = { ...translation, pool6: prefix, ipv4Addr: pair.ipv4Addr, eam };
      this.#made = { key, from: translation, made };
    }
    return this.#made.made;
  }

  async #standBack(why: string): Promise<void> {
    const was = this.#isUp;
    this.#own.gone();
    this.#health?.watch(null);
    if (was) await this.#deps.apply(null);
    this.#isUp = false;
    if (this.#next === null) this.#unclaim();
    // Once for the same reason, whether something had to be undone or not.
    if (was || why !== this.#downWhy) this.#say('info', downWords(why, was));
    this.#downWhy = why;
  }

  /** Where the host's address is shared: what would be chosen if addresses of our own were answered. */
  #spare(state: HostState, uplink: Link, known: KnownPrefix, { clat4 }: Clat4Pair): Clat6Choice | null {
    const { tun, clat } = this.#config;
    const found = chooseClat6(
      {
        ...{ uplink: uplink.name, wanted: clat.clat6, tun, pool6: known.prefix, clat4 },
        ...{ before: null, attempt: SPARE },
      },
      state,
      this.#deps.stable,
    );
    return 'lacking' in found ? null : found;
  }

  #ownAddress(): OwnAddress {
    const { log, bytes46, pairs, now } = this.#deps;
    return new OwnAddress({
      ...{ log, bytes46, pairs, now },
      networks: this.#networks,
      target: this.#config.clat.healthCheck,
      ping: (address, ifindex, from) => this.#pings.ping(address, ifindex, from),
      look: () => this.look(),
    });
  }

  /** The address to use; or why there is none, or not yet. */
  #address(
    state: HostState,
    uplink: Link,
    known: KnownPrefix,
    { clat4 }: Clat4Pair,
  ): Clat6Choice | { waiting: string } {
    const { tun, clat } = this.#config;
    const request = {
      uplink: uplink.name,
      wanted: clat.clat6,
      tun,
      pool6: known.prefix,
      clat4,
      before: this.#own.before(this.#claim?.choice.network ?? null),
      unanswered: this.#own.unanswered,
    };
    const first = chooseClat6({ ...request, attempt: 0 }, state, this.#deps.stable);
    if ('lacking' in first) {
      this.#unclaim();
      return { waiting: first.lacking };
    }
    const same = (claim: Claim | null): claim is Claim =>
      claim !== null &&
      claim.ifindex === uplink.index &&
      claim.choice.shared === first.shared &&
      samePrefix6(claim.choice.network, first.network);
    if (same(this.#claim) && this.#claim.free) {
      this.#dropNext();
      return this.#claim.choice;
    }
    if (!same(this.#next)) {
      this.#dropNext();
      const network = formatPrefix6(first.network);
      const attempt = this.#taken.get(network) ?? 0;
      if (attempt >= (first.network.length === 128 ? 1 : ATTEMPTS)) {
        return {
          waiting: `${attempt === 1 ? 'the address' : `${attempt} addresses`} tried in ${network} on ${uplink.name} belong to neighbours: name a free one with --clat-v6-addr`,
        };
      }
      const choice = attempt === 0 ? first : chooseClat6({ ...request, attempt }, state, this.#deps.stable);
      if ('lacking' in choice) return { waiting: choice.lacking };
      this.#next = this.#claimIt(choice, uplink, state);
    }
    const next = this.#next!;
    if (!next.free) {
      return { waiting: `asking the neighbours on ${uplink.name} for ${formatIp6(next.choice.address)}` };
    }
    this.#claim?.end();
    this.#claim = next;
    this.#next = null;
    return next.choice;
  }

  #claimIt(choice: Clat6Choice, uplink: Link, state: HostState): Claim {
    const { log } = this.#deps;
    const text = formatIp6(choice.address);
    log.info(`IPv6 address ${text}: ${choice.why}`);
    const claim: Claim = { choice, ifindex: uplink.index, free: true, end: () => {} };
    if (!choice.onLink) return claim;
    const end = claimAddress(choice.address, uplink.index, {
      onFree: () => {
        if (claim.free) return;
        claim.free = true;
        this.look();
      },
      onTaken: () => {
        const network = formatPrefix6(choice.network);
        log.warn(`${text} belongs to a neighbour on ${uplink.name}`);
        this.#taken.set(network, (this.#taken.get(network) ?? 0) + 1);
        if (this.#taken.size > MOST_NETWORKS) this.#taken.delete(this.#taken.keys().next().value!);
        if (this.#claim === claim) this.#claim = null;
        if (this.#next === claim) this.#next = null;
        this.look();
      },
    });
    if (end === null) {
      remark(
        log,
        'warn',
        `the neighbours on ${uplink.name} cannot be asked whether ${text} is free: CAP_NET_RAW is missing`,
      );
      return claim;
    }
    claim.end = end;
    // RFC 4429: where the host's own addresses may be used while they are asked for, so may this one.
    claim.free = ['all', uplink.name].some(
      (name) => state.sysctls.read(`net/ipv6/conf/${name}/optimistic_dad`) === '1',
    );
    return claim;
  }

  #dropNext(): void {
    this.#next?.end();
    this.#next = null;
  }

  #unclaim(): void {
    this.#dropNext();
    this.#claim?.end();
    this.#claim = null;
  }

  /** Once for the same sentence. */
  #say(level: 'info' | 'error', text: string): void {
    this.#deps.status(text);
    if (text === this.#said) return;
    this.#said = text;
    this.#deps.log[level](text);
  }
}

function origin({ source, from, stale }: KnownPrefix): string {
  switch (source) {
    case 'static':
      return '--pool6';
    case 'ra':
      return `said by the router ${from}`;
    case 'dns':
      return stale === true ? `from DNS, ${from}, which is silent: beyond its TTL` : `from DNS, ${from}`;
    case 'fallback':
      return '--prefix-fallback: nobody said otherwise';
  }
}
