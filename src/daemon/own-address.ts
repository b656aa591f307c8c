/**
 * Is the CLAT's own IPv6 address the right one? What is found out about that after it was chosen: a network that delivers
 * only to addresses it assigned (CLAT-15), and a router that has renumbered without saying so (CLAT-7).
 */
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import { type Ip4, type Ip6, inPrefix6, type Prefix6, samePrefix6 } from '../address/ip.ts';
import type { Pairs } from '../dataplane/messages.ts';
import type { HostLog } from '../host/apply.ts';
import { type Clat6Choice, ownAddressIn, ownNetworks } from '../host/clat-address.ts';
import { remark } from '../host/remark.ts';
import type { HostState, Link } from '../host/state.ts';
import type { Network, UnansweredNetworks } from '../host/unanswered.ts';
import { preferredNetwork, routerTowards } from '../host/way6.ts';
import { AnswerWatch, type Watched } from './answer-watch.ts';
import type { Verdict } from './echo-trial.ts';
import { Elsewhere } from './elsewhere.ts';
import { SpareTrial } from './spare-trial.ts';
import { exchangeOf } from './traffic-pairs.ts';

export interface OwnAddressDeps {
  readonly log: HostLog;
  readonly bytes46: () => number;
  /** DataPlane.pairs */
  readonly pairs: () => Promise<readonly Pairs[]>;
  /** As Pings.ping. */
  readonly ping: (address: Ip6, ifindex: number, from: Ip6) => Promise<boolean>;
  /** What was found out matters: an address is to be chosen anew. */
  readonly look: () => void;
  /** ms, never backwards. */
  readonly now: () => number;
  readonly networks: UnansweredNetworks;
  /** --health-check */
  readonly target: Ip4 | null;
}

export interface Serving {
  readonly state: HostState;
  readonly uplink: Link;
  readonly pool6: Prefix6;
  readonly clat4: Ip4;
  readonly choice: Clat6Choice;
  /** Nobody said which address it is to be (--clat-v6-addr). */
  readonly automatic: boolean;
  /** Where the host's address is shared for want of an answer: what would be chosen otherwise, another one for a trial. */
  readonly spare: Clat6Choice | null;
}

export class OwnAddress {
  readonly #deps: OwnAddressDeps;
  readonly #networks: UnansweredNetworks;
  readonly #elsewhere = new Elsewhere();
  readonly #answers: AnswerWatch;
  readonly #spare: SpareTrial;
  #serving: Serving | null = null;
  /** Of the network that an address is chosen in. */
  #here: { readonly router: string | null; readonly pool6: Prefix6 } | null = null;
  #moveTo: Prefix6 | null = null;
  /** Where there is none to stay in. */
  #first: Prefix6 | null = null;

  constructor(deps: OwnAddressDeps) {
    const { log, bytes46, now, ping, look, target } = deps;
    this.#deps = deps;
    this.#networks = deps.networks;
    const shared = {
      bytes46,
      exchange: async (clat4: Ip4) => exchangeOf(clat4, await deps.pairs()),
      ping: (from: Ip6, to: Ip6, ifindex: number) => ping(to, ifindex, from),
    };
    this.#answers = new AnswerWatch({
      ...shared,
      now,
      target,
      explained: () => this.#renumbered(),
      onUnanswered: (watched) => {
        this.#share(watched).catch((error: Error) => log.warn(error.message));
      },
    });
    this.#spare = new SpareTrial({
      ...shared,
      wall: Date.now,
      onWanted: look,
      onVerdict: (verdict) => this.#judgeSpare(verdict),
    });
  }

  /** The network to stay in, to move to, or to begin with. */
  before(current: Prefix6 | null): Prefix6 | null {
    return this.#moveTo ?? this.#first ?? current;
  }

  /** An address that the uplink is to have for some seconds. */
  get spare(): Ip6 | null {
    return this.#spare.wanted;
  }

  /**
   * Before an address is chosen: whose network this is, and which of several to begin with. Asks the kernel only where
   * something is remembered, and where there are several and none to stay in.
   */
  async arrive(state: HostState, uplink: Link, pool6: Prefix6, current: Prefix6 | null): Promise<void> {
    this.#here = { router: null, pool6 };
    if (this.#networks.mayKnow(pool6))
      this.#here = { router: await routerTowards(pool6, uplink.name), pool6 };
    const networks = ownNetworks(state, uplink.name, pool6);
    const stays = current !== null && networks.some((network) => samePrefix6(network, current));
    this.#first = stays ? null : await preferredNetwork(networks, uplink.name, pool6);
  }

  /** Nothing came back to an address of our own in it. */
  readonly unanswered = (network: Prefix6): boolean =>
    this.#here !== null && this.#networks.find({ ...this.#here, network }) !== null;

  /** After every look that left a CLAT in place. */
  serving(serving: Serving): void {
    const { state, uplink, pool6, clat4, choice } = serving;
    this.#serving = serving;
    if (this.#moveTo !== null && samePrefix6(this.#moveTo, choice.network)) this.#moveTo = null;
    this.#spare.watch(this.#spareOf(serving));
    this.#spare.see(state);
    if (choice.shared) {
      this.#answers.watch(null);
      return;
    }
    const own = ownAddressIn(state, uplink.name, choice.network, pool6);
    this.#answers.watch({ clat4, clat6: choice.address, pool6, ifindex: uplink.index, own });
    void this.#readSource(serving);
  }

  /** There is no CLAT. */
  gone(): void {
    this.#serving = null;
    this.#moveTo = null;
    this.#elsewhere.hear(this.#deps.now(), null);
    this.#answers.watch(null);
    this.#spare.watch(null);
  }

  #spareOf({ state, uplink, pool6, clat4, spare }: Serving): Parameters<SpareTrial['watch']>[0] {
    if (spare === null || spare.shared || this.#here === null) return null;
    const row = this.#networks.find({ ...this.#here, network: spare.network });
    const own = ownAddressIn(state, uplink.name, spare.network, pool6);
    if (row === null || own === null) return null;
    // While the uplink has it, it looks as if it were taken.
    const { wanted } = this.#spare;
    const address = wanted !== null && inPrefix6(wanted, spare.network) ? wanted : spare.address;
    return { address, own, clat4, pool6, ifindex: uplink.index, tried: row.tried };
  }

  /** From which network the kernel writes to the NAT64: matters only where there are several. */
  async #readSource({ state, uplink, pool6, choice, automatic }: Serving): Promise<void> {
    const networks = ownNetworks(state, uplink.name, pool6);
    const others = networks.filter((network) => !samePrefix6(network, choice.network));
    let elsewhere: Prefix6 | null = null;
    if (automatic && choice.onLink && others.length > 0) {
      const preferred = await preferredNetwork(networks, uplink.name, pool6);
      elsewhere = others.find((network) => preferred !== null && samePrefix6(network, preferred)) ?? null;
    }
    this.#elsewhere.hear(this.#deps.now(), elsewhere);
  }

  /** CLAT-7. @returns true: the network was another one, and for as long as that is not certain nothing else is tried */
  async #renumbered(): Promise<boolean> {
    const { log, now, look } = this.#deps;
    const serving = this.#serving;
    if (serving === null) return false;
    await this.#readSource(serving);
    const { network } = this.#elsewhere;
    if (network === null || this.#serving === null) return false;
    if (this.#elsewhere.lasting(now())) {
      const { choice, uplink } = serving;
      log.warn(
        `nothing comes back to ${formatIp6(choice.address)}, and the kernel writes from ${formatPrefix6(network)} on ${uplink.name} by now: ${formatPrefix6(choice.network)} is given up for it`,
      );
      this.#moveTo = network;
      look();
    }
    return true;
  }

  async #share({ clat6, own }: Watched): Promise<void> {
    const { log, look } = this.#deps;
    const serving = this.#serving;
    if (serving === null || own === null) return;
    const { choice, uplink, pool6, automatic } = serving;
    const found = `nothing comes back to ${formatIp6(clat6)}, while ${formatIp6(own)} is answered: the network on ${uplink.name} delivers only to addresses it assigned`;
    if (!automatic) {
      remark(log, 'warn', `${found}; --clat-v6-addr shared works there`);
      return;
    }
    log.warn(`${found}; the host’s address is shared from now on, and one of its own tried again once a day`);
    const router = await routerTowards(pool6, uplink.name);
    this.#networks.add({ router, network: choice.network, pool6 }, Date.now());
    look();
  }

  #judgeSpare(verdict: Verdict): void {
    const spare = this.#serving?.spare ?? null;
    if (spare === null || this.#here === null || verdict === 'nobody') return;
    const network: Network = { ...this.#here, network: spare.network };
    if (verdict === 'unanswered') {
      this.#networks.add(network, Date.now());
      return;
    }
    this.#deps.log.info(
      `an address of its own in ${formatPrefix6(spare.network)} is answered by now: the host’s is shared no more`,
    );
    this.#networks.forget(network);
  }
}
