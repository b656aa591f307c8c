/** Where IPv6 leaves this host: the uplink, its default route, its addresses; and whether there is IPv4 besides. */
import { inPrefix6, type Prefix6 } from '../../address/ip.ts';
import { onLink6 } from '../clat-address.ts';
import { ipJson } from '../iproute.ts';
import { nativeIpv4, tunnelsOver } from '../native4.ts';
import { findLink, gatewayBy, type HostState } from '../state.ts';
import { dotted } from '../sysctl.ts';
import { parseKernel6 } from '../text.ts';
import { findUplink, uplinkCandidates, wayBy, wayWords } from '../uplink.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';

export interface UplinkFacts {
  readonly tun: string;
  /** --plat-dev */
  readonly platDev: string | null;
  /** As uplinkOf; null: none; default: the best by its routes. */
  readonly uplink?: string | null;
  /** The NAT64's prefix, as far as it is known. */
  readonly pool6?: Prefix6 | null;
  /** Native IPv4 does not matter: --enable force, or mappings given. */
  readonly forced: boolean;
  /** Devices of native IPv4 through which --v4-check got no answer. */
  readonly silent?: ReadonlySet<string>;
  /** clatd sets up the host; false with --no-configure. */
  readonly configure?: boolean;
  /** A clatd serves `tun` at present. */
  readonly running: boolean;
  /** Asked after the probes: what the kernel knows of the default router's link-layer address; null: nothing. */
  readonly router: Neighbour | null;
}

export interface Neighbour {
  readonly address: string;
  /** REACHABLE, STALE, FAILED, … */
  readonly state: string;
}

/** The interface that clatd would use, as in decide(); null: none. */
export const uplinkOf = (
  state: HostState,
  tun: string,
  platDev: string | null,
  pool6: Prefix6 | null = null,
): string | null => uplinkCandidates(state, tun, platDev, () => pool6)[0]?.name ?? null;

/** What the kernel knows of the default router. Never rejects. */
export async function readRouter(state: HostState, uplink: string | null): Promise<Neighbour | null> {
  const way = uplink === null ? null : wayBy(state, '', uplink, null);
  const gateway = way === null ? null : gatewayBy(way.route, way.dev);
  if (uplink === null || gateway === null) return null;
  const known = await ipJson<{ dst: string; state?: string[] }>([
    ...['-6', 'neighbour', 'show', 'dev', uplink],
  ]).catch(() => []);
  const state_ = known.find(({ dst }) => dst === gateway)?.state?.[0];
  return state_ === undefined ? null : { address: gateway, state: state_ };
}

export function judgeUplink(facts: UplinkFacts, state: HostState): Check[] {
  const { tun, platDev, pool6, uplink: dev = uplinkOf(state, tun, platDev, pool6) } = facts;
  const first = uplink(facts, state, dev);
  return [
    first,
    first.state === 'problem' ? skipped('route6', 'see the uplink') : route6(facts, state, dev),
    dev === null ? skipped('address6', 'there is no uplink') : address6(state, dev),
    ipv4(facts, state),
  ];
}

function uplink({ tun, platDev, pool6 = null }: UplinkFacts, state: HostState, dev: string | null): Check {
  if (dev !== null) {
    const others = uplinkCandidates(state, tun, platDev, () => pool6).filter(({ name }) => name !== dev);
    const why = wayWords(state, { tun, platDev }, dev, pool6);
    const rest = others.length === 0 ? '' : `; others: ${others.map(({ name }) => name).join(', ')}`;
    return ok('uplink', `${dev} (${why}), MTU ${findLink(state, dev)!.mtu}${rest}`);
  }
  if (platDev !== null && findLink(state, platDev) === undefined) {
    return problem('uplink', `there is no interface ${platDev}`, 'name one that is there with --plat-dev');
  }
  const named = findUplink(state, tun, platDev, pool6);
  const link = named === null ? undefined : findLink(state, named);
  if (link !== undefined && !link.up) {
    return problem('uplink', `${link.name} is down`, `ip link set ${link.name} up`);
  }
  const dead = link !== undefined && wayBy(state, tun, link.name, pool6)?.route.alive === false;
  if (dead) return problem('uplink', `${link.name} has no carrier`, 'see to the cable, or the other end');
  return skipped('uplink', `none${ofDev(platDev)}: it is where the IPv6 default route leads`);
}

function route6(
  { tun, platDev, pool6 = null, router }: UplinkFacts,
  state: HostState,
  dev: string | null,
): Check {
  const way = dev === null ? null : wayBy(state, tun, dev, pool6);
  if (way === null || dev === null) {
    return problem(
      'route6',
      `none${ofDev(platDev)}`,
      deaf(state, tun, platDev) ??
        'the network has to advertise a router (`clatd discover` asks for one), or set a route by hand: ip -6 route add default via ROUTER dev INTERFACE',
    );
  }
  const { route, table } = way;
  const to = route.dst === 'default' ? '' : `${route.dst} `;
  const via = route.gateway === null ? '' : `via ${route.gateway} `;
  const text = `${to}${via}dev ${dev}${table === null ? '' : ` (table ${table})`}, metric ${route.metric}, by ${origin(route.protocol)}`;
  if (router !== null && ['FAILED', 'INCOMPLETE'].includes(router.state)) {
    return problem(
      'route6',
      `${text}; but the router ${router.address} does not answer neighbour discovery`,
      `see whether the router is there, and whether a firewall drops ICMPv6 on ${dev}`,
    );
  }
  return ok('route6', text);
}

const ofDev = (platDev: string | null): string => (platDev === null ? '' : ` through ${platDev}`);

/** Why routers may go unheard. */
function deaf(state: HostState, tun: string, platDev: string | null): string | null {
  for (const link of state.links) {
    if (!link.up || !link.neighbours || link.name === tun) continue;
    if (platDev !== null && link.name !== platDev) continue;
    const conf = `net/ipv6/conf/${link.name}`;
    const value = (key: string): string | null => state.sysctls.read(`${conf}/${key}`);
    if (value('disable_ipv6') === '1') {
      return `IPv6 is disabled on ${link.name}: sysctl -w ${dotted(`${conf}/disable_ipv6`)}=0`;
    }
    if (value('forwarding') === '1' && value('accept_ra') === '1') {
      return `${link.name} forwards and so ignores router advertisements: sysctl -w ${dotted(`${conf}/accept_ra`)}=2`;
    }
  }
  return null;
}

const origin = (protocol: string): string =>
  protocol === 'ra'
    ? 'router advertisement'
    : protocol === 'boot' || protocol === 'static'
      ? 'hand'
      : protocol;

function address6(state: HostState, dev: string): Check {
  const all = state.addresses.filter((own) => own.family === 6 && own.dev === dev && own.scope === 'global');
  const usable = all.filter((own) => own.usable);
  const text = (own: (typeof all)[number]): string => `${own.address}/${own.length}`;
  if (usable.length > 0) {
    const networks = onLink6(state, dev);
    const single = usable.every((own) => own.length === 128);
    return ok(
      'address6',
      `${usable.map(text).join(', ')}${single ? around(usable[0]!.address, networks) : ''}`,
    );
  }
  if (all.length > 0) {
    return problem(
      'address6',
      `none of use: ${all.map(text).join(', ')} ${all.length === 1 ? 'is' : 'are'} tentative, deprecated or a duplicate`,
      `see \`ip -6 address show dev ${dev}\`; another host may have the same address`,
    );
  }
  return problem(
    'address6',
    `${dev} has no global IPv6 address`,
    'the network has to give one (SLAAC, DHCPv6), or set one by hand',
  );
}

function around(address: string, networks: readonly Prefix6[]): string {
  const inside = networks.some((network) => inPrefix6(parseKernel6(address), network));
  return inside ? ' (a single address out of a network)' : ' (a single address, no network around it)';
}

function ipv4(
  { tun, forced, configure = true, running, silent = new Set() }: UplinkFacts,
  state: HostState,
): Check {
  const native = nativeIpv4(state, tun, (dev) => !silent.has(dev));
  const ours = state.routes.find(
    ({ family, dst, devs }) => family === 4 && dst === 'default' && devs.includes(tun),
  );
  if (native !== null) {
    const found = `${native} has one: this host has IPv4 of its own`;
    return note(
      'ipv4',
      forced ? found : `${found}, and clatd stands back while that is so`,
      forced ? null : '--enable force makes clatd work all the same; programs still prefer the other route',
    );
  }
  const over = tunnelsOver(state, tun).map(({ name }) => name);
  const dead = silent.size === 0 ? '' : `; dead: ${[...silent].join(', ')} (--v4-check)`;
  const vpn = over.length === 0 ? '' : `, and ${over.join(', ')} (a VPN) over it`;
  if (ours !== undefined) return ok('ipv4', `through ${tun}, metric ${ours.metric}${vpn}${dead}`);
  if (running && !configure) {
    return problem(
      'ipv4',
      'none, and with --no-configure clatd sets none',
      `set addresses and routes of ${tun} by hand (\`clatd plan\` without --no-configure shows which), or leave --no-configure out`,
    );
  }
  if (running) {
    return problem(
      'ipv4',
      `none, though clatd runs`,
      'its log says what it waits for (journalctl -u clatd), as may the other problems here',
    );
  }
  return ok('ipv4', `none${dead}: clatd is of use here`);
}
