/**
 * Which IPv6 address stands for this host's IPv4 address (CLAT-3): chosen from what the uplink looks like, always with
 * the reason. Pure; the kernel's part (is the address taken?) is duplicate.ts.
 *
 *     the uplink has                               the address
 *     an address in a network (SLAAC, by hand)     one of its own in that network
 *     a prefix delegated to this host              one in that prefix
 *     a single /128, no network around it          one in the /96 around it (a VM of Google's cloud)
 *     a single /128 out of a network (DHCPv6)      none: shared, behind NAT66
 */
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import {
  equal6,
  type Ip4,
  type Ip6,
  inPrefix6,
  mask32,
  type Prefix6,
  prefixOf6,
  samePrefix6,
} from '../address/ip.ts';
import { findLink, type HostState } from './state.ts';
import { parseKernel6 } from './text.ts';

export interface Clat6Request {
  readonly uplink: string;
  /** --clat-v6-addr */
  readonly wanted: 'auto' | 'shared' | Prefix6;
  /** The TUN: its routes are ours. */
  readonly tun: string;
  readonly pool6: Prefix6;
  readonly clat4: Ip4;
  /** A network to stay in while it is as good as any. */
  readonly before: Prefix6 | null;
  /** How often an address of this network was found to be taken. */
  readonly attempt: number;
  /** Whether an address of our own in a network was tried, and nothing came back (CLAT-15); default: of none. */
  readonly unanswered?: (network: Prefix6) => boolean;
}

export interface Clat6Choice {
  readonly address: Ip6;
  /** The network it was chosen in; a /128: there was no choice. */
  readonly network: Prefix6;
  /** Neighbours might have it: duplicate address detection, and neighbour proxy afterwards. */
  readonly onLink: boolean;
  /** It is nobody's outside this host: NAT66 puts the uplink's own in its place. */
  readonly shared: boolean;
  /** A guess from the looks of the host: nobody said that the network is routed to it. */
  readonly guessed: boolean;
  /** For the log: what was chosen and why. */
  readonly why: string;
}

/** 16 bytes that are the same for the same text during one boot, and tell outsiders nothing. */
export type StableBytes = (text: string) => Uint8Array;

export type Clat6Found = Clat6Choice | { readonly lacking: string };

/** A shorter unreachable route keeps a whole block out (fc00::/7, RFC 7084 ULA-5), and delegates nothing. */
const SHORTEST_DELEGATED = 29;

/** Never a network to choose one's own address from: single addresses and point-to-point pairs. */
const NARROWEST = 120;

export function chooseClat6(request: Clat6Request, state: HostState, stable: StableBytes): Clat6Found {
  const { wanted, uplink, unanswered = () => false } = request;
  if (wanted === 'shared') return shared(request, state, stable, 'as asked for (--clat-v6-addr shared)');
  if (wanted !== 'auto') return given(request, wanted, state, stable);
  const own = reaching(globals(state, uplink), request.pool6);
  const networks = own.filter(({ length }) => length <= NARROWEST);
  const links = onLink6(state, uplink);
  const answering = networks.filter(({ network }) => !unanswered(network));
  if (answering.length > 0) {
    const best = bestNetwork(answering, request);
    return choice(request, best.network, state, stable, {
      onLink: isNeighbourly(state, uplink),
      why: `an address of its own in ${formatPrefix6(best.network)}, the network of ${best.text} on ${uplink}`,
    });
  }
  if (networks.length > 0) {
    return shared(request, state, stable, nothingCame(networks[0]!.network));
  }
  const delegated = delegated6(state, request);
  if (delegated !== null) {
    return choice(request, delegated, state, stable, {
      why: `an address in ${formatPrefix6(delegated)}, which is delegated to this host`,
    });
  }
  const single = own[0];
  if (single === undefined) {
    return { lacking: `${uplink} has no global IPv6 address yet` };
  }
  const around = links.find((network) => inPrefix6(single.address, network));
  if (around !== undefined) {
    return shared(
      request,
      state,
      stable,
      `${single.text} is a single address out of ${formatPrefix6(around)}: the network gives out one by one`,
    );
  }
  const network = guessedNetwork(state, uplink, request.pool6);
  if (network === null) {
    return shared(request, state, stable, `${single.text} is the only address on ${uplink}`);
  }
  if (unanswered(network)) return shared(request, state, stable, nothingCame(network));
  return choice(request, network, state, stable, {
    guessed: true,
    why: `an address in ${formatPrefix6(network)}: ${single.text} stands alone on ${uplink}, as where a whole /96 is routed to each host`,
  });
}

const nothingCame = (network: Prefix6): string =>
  `nothing came back to an address of its own in ${formatPrefix6(network)}`;

/** The networks of the uplink to choose an address in, best first. */
export function ownNetworks(state: HostState, uplink: string, pool6: Prefix6): Prefix6[] {
  const found = new Map<string, Prefix6>();
  for (const { network, length } of reaching(globals(state, uplink), pool6)) {
    if (length <= NARROWEST) found.set(formatPrefix6(network), network);
  }
  return [...found.values()];
}

/** The /96 that an address would be guessed in (chooseClat6); null: there is no reason to guess. */
export function guessedNetwork(state: HostState, uplink: string, pool6: Prefix6): Prefix6 | null {
  const own = reaching(globals(state, uplink), pool6);
  const [single] = own;
  if (single === undefined || own.some(({ length }) => length <= NARROWEST)) return null;
  const isOut = onLink6(state, uplink).some((network) => inPrefix6(single.address, network));
  return isOut || !isNeighbourly(state, uplink) ? null : prefixOf6(single.address, 96);
}

/** The host's own address in a network that one was chosen in; null: it has none there. */
export function ownAddressIn(state: HostState, uplink: string, network: Prefix6, pool6: Prefix6): Ip6 | null {
  const own = reaching(globals(state, uplink), pool6);
  return own.find(({ address }) => inPrefix6(address, network))?.address ?? null;
}

function given(request: Clat6Request, wanted: Prefix6, state: HostState, stable: StableBytes): Clat6Found {
  const { uplink } = request;
  const onLink =
    isNeighbourly(state, uplink) &&
    onLink6(state, uplink).some((network) => inPrefix6(wanted.address, network));
  if (wanted.length === 128) {
    return {
      address: wanted.address,
      network: wanted,
      onLink,
      shared: false,
      guessed: false,
      why: 'as asked for (--clat-v6-addr)',
    };
  }
  return choice(request, wanted, state, stable, {
    onLink,
    why: `an address in ${formatPrefix6(wanted)}, as asked for (--clat-v6-addr)`,
  });
}

/** fd00::/8 with 40 random bits, RFC 4193: it must not be anybody's, and is never seen outside. */
function shared(request: Clat6Request, state: HostState, stable: StableBytes, why: string): Clat6Found {
  const own = globals(state, request.uplink)[0];
  if (own === undefined) return { lacking: `${request.uplink} has no global IPv6 address yet` };
  const [a, b] = words(stable('shared'));
  const network: Prefix6 = { address: [0xfd000000 | (a >>> 8), b & 0xffff0000, 0, 0], length: 64 };
  const found = choice(request, network, state, stable, {
    why: `shared with ${own.text} on ${request.uplink} by NAT66: ${why}`,
  });
  return 'lacking' in found ? found : { ...found, shared: true };
}

interface Particulars {
  readonly onLink?: boolean;
  readonly guessed?: boolean;
  readonly why: string;
}

/** Some hundred tries find a free identifier in the narrowest network, or there is none. */
const TRIES = 64;

function choice(
  request: Clat6Request,
  network: Prefix6,
  state: HostState,
  stable: StableBytes,
  { onLink = false, guessed = false, why }: Particulars,
): Clat6Found {
  for (let again = 0; again < TRIES; again++) {
    const bytes = stable(`${formatPrefix6(network)} ${request.attempt} ${again}`);
    const address = neutral(fill(network, words(bytes)), network, request);
    if (isFree(address, network, state, request)) {
      return { address, network, onLink, shared: false, guessed, why };
    }
  }
  return { lacking: `no free address was found in ${formatPrefix6(network)}` };
}

/** Not reserved (RFC 4291 §2.6.1, RFC 2526), nobody's on this host, not inside the NAT64's prefix. */
function isFree(address: Ip6, network: Prefix6, state: HostState, { pool6, tun }: Clat6Request): boolean {
  const [, , c, d] = address;
  if (equal6(address, network.address) || inPrefix6(address, pool6)) return false;
  if (c === (0xfdffffff | 0) && d >>> 7 === 0xffffff80 >>> 7) return false;
  if (state.addresses.some((own) => own.family === 6 && equal6(parseKernel6(own.address), address)))
    return false;
  return !state.routes.some((route) => {
    if (route.family !== 6 || route.type !== 'unicast' || route.dst === 'default' || route.devs.includes(tun))
      return false;
    const [text = '', length] = route.dst.split('/');
    const prefix: Prefix6 = { address: parseKernel6(text), length: Number(length) };
    return prefix.length > network.length && inPrefix6(address, prefix);
  });
}

/** The network's bits, then the random ones. */
function fill({ address, length }: Prefix6, random: Ip6): Ip6 {
  const word = (i: 0 | 1 | 2 | 3): number => {
    const mask = mask32(length - 32 * i);
    return (address[i] & mask) | (random[i] & ~mask);
  };
  return [word(0), word(1), word(2), word(3)];
}

/**
 * Puts that into the last 16 bits which makes the addresses of a translated packet sum up as before, so that no
 * checksum of TCP or UDP changes (RFC 6052 §4.1). Left as it is where the network leaves no 16 bits, or the prefix
 * embeds IPv4 addresses at an odd octet.
 */
function neutral(address: Ip6, network: Prefix6, { pool6, clat4 }: Clat6Request): Ip6 {
  if (network.length > 112 || (pool6.length !== 96 && pool6.length !== 32)) return address;
  const [a, b, c, d] = address;
  const others = sum(a, b, c, d & 0xffff0000) + sum(...pool6.address);
  const low = (((sum(clat4) - others) % 0xffff) + 0xffff) % 0xffff;
  return [a, b, c, (d & 0xffff0000) | low];
}

const sum = (...parts: number[]): number =>
  parts.reduce((total, part) => total + (part >>> 16) + (part & 0xffff), 0);

function words(bytes: Uint8Array): Ip6 {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
}

interface OwnAddress {
  readonly address: Ip6;
  readonly text: string;
  readonly length: number;
  readonly network: Prefix6;
}

/** Addresses of the uplink: those for new connections, or where there are none, those that run out. */
function globals(state: HostState, uplink: string): OwnAddress[] {
  const all = state.addresses.filter(
    (own) => own.family === 6 && own.dev === uplink && own.scope === 'global',
  );
  const usable = all.filter((own) => own.usable);
  const chosen = usable.length > 0 ? usable : all.filter((own) => own.deprecated === true);
  return chosen.map(({ address: text, length }) => {
    const address = parseKernel6(text);
    return { address, text, length, network: prefixOf6(address, length) };
  });
}

/** Local addresses reach a local prefix, global ones a global prefix (CLAT-5); where there is only one kind, that. */
function reaching(all: readonly OwnAddress[], pool6: Prefix6): readonly OwnAddress[] {
  const alike = all.filter(({ address }) => isUla(address) === isUla(pool6.address));
  return alike.length > 0 ? alike : all;
}

const isUla = (address: Ip6): boolean => address[0] >>> 25 === 0xfc >>> 1;

/** The one before where it is still there; else the first. */
function bestNetwork(all: readonly OwnAddress[], { before }: Clat6Request): OwnAddress {
  return (before && all.find(({ network }) => samePrefix6(network, before))) || all[0]!;
}

/** Asked by ND on this interface. */
const isNeighbourly = (state: HostState, dev: string): boolean => findLink(state, dev)?.neighbours === true;

/** The directly connected IPv6 networks of an interface. */
export function onLink6(state: HostState, dev: string): Prefix6[] {
  const found: Prefix6[] = [];
  for (const route of state.routes) {
    if (route.family !== 6 || route.gateway !== null || !route.devs.includes(dev)) continue;
    if (route.dst === 'default' || route.type !== 'unicast' || /^(fe80|ff)/.test(route.dst)) continue;
    const [network = '', length] = route.dst.split('/');
    if (Number(length) < 128) found.push({ address: parseKernel6(network), length: Number(length) });
  }
  return found;
}

/**
 * The last /64 of a prefix that a network manager marked as delegated, by the unreachable route that catches what is not
 * handed on; the first ones are handed on to LANs.
 */
function delegated6(state: HostState, { tun, pool6 }: Clat6Request): Prefix6 | null {
  for (const route of state.routes) {
    if (route.family !== 6 || route.type !== 'unreachable' || route.dst === 'default') continue;
    if (route.devs.includes(tun)) continue;
    const [text = '', length] = route.dst.split('/');
    const prefix: Prefix6 = { address: parseKernel6(text), length: Number(length) };
    if (prefix.length < SHORTEST_DELEGATED || prefix.length > 64) continue;
    const isGlobal = prefix.address[0] >>> 29 === 1;
    if (!isGlobal && !(isUla(prefix.address) && isUla(pool6.address))) continue;
    return prefixOf6(fill(prefix, [-1, -1, 0, 0]), 64);
  }
  return null;
}

/** For logs. */
export const describeChoice = ({ address, why }: Clat6Choice): string => `${formatIp6(address)}: ${why}`;
