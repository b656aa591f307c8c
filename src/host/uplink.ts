/**
 * Where IPv6 packets to the NAT64 leave this host (CLAT-10): the uplink is told by the route to the prefix, be it a
 * default route, 2000::/3, or what a router advertised (RFC 4191). Pure functions of the host's state.
 */
import { inPrefix6, type Prefix6 } from '../address/ip.ts';
import { isClatTable, OUR_WAY_METRIC } from './policy-table.ts';
import { findLink, type HostRoute, type HostState, type Link } from './state.ts';
import { parseKernel6 } from './text.ts';

/** The prefix that counts on an interface, by index; null: not known (yet). */
export type PrefixOn = (ifindex: number) => Prefix6 | null;

const UNKNOWN: PrefixOn = () => null;

/** How packets to the prefix leave by an interface. */
export interface Way {
  readonly dev: string;
  readonly route: HostRoute;
  /** null: the main table. */
  readonly table: string | null;
  /** Of the route's destination; while the prefix is not known no length is better than another. */
  readonly length: number;
}

/** As good as a default route while the prefix is not known: 2000::/3, ::/1 and the like. */
const NEARLY_ALL = 3;
/** Only a gateway tells that more is behind a route than neighbours: perhaps the NAT64. */
const PERHAPS = -1;
/** Parts of everything that win over a default route by their length: how a VPN redirects all without touching it. */
const LONGEST_PART = 7;

/** null: the route does not lead there. */
function reach({ dst, gateway, hops }: HostRoute, prefix: Prefix6 | null): number | null {
  if (dst === 'default') return 0;
  const [text = '', bits] = dst.split('/');
  const length = Number(bits);
  if (prefix === null) {
    if (length <= NEARLY_ALL) return 0;
    return (gateway !== null || hops !== undefined) && !/^f[ef]/.test(text) ? PERHAPS : null;
  }
  return length <= prefix.length && inPrefix6(prefix.address, { address: parseKernel6(text), length })
    ? length
    : null;
}

/** Ours, made because a device is the uplink: no reason for it to be one. */
const isOurs = ({ protocol, metric }: HostRoute): boolean =>
  protocol === 'static' && metric === OUR_WAY_METRIC;

/** Every way, best first: as the kernel chooses, the longest destination, then the lowest metric. */
function waysTo(state: HostState, except: string, platDev: string | null, prefixOn: PrefixOn): Way[] {
  const ruled = new Set(state.rules.flatMap(({ family, table }) => (family === 6 ? (table ?? []) : [])));
  const found: Way[] = [];
  const add = (route: HostRoute, table: string | null): void => {
    if (route.family !== 6 || route.type !== 'unicast' || route.devs.includes(except) || isOurs(route))
      return;
    for (const dev of route.devs) {
      const link = findLink(state, dev);
      // What a rule leads to is for some packets only, those of a VPN for instance.
      if (table !== null && ruled.has(table) && dev !== platDev) continue;
      const length = link === undefined ? null : reach(route, prefixOn(link.index));
      if (length !== null) found.push({ dev, route, table, length });
    }
  };
  for (const route of state.routes) add(route, null);
  for (const route of state.tables) if (!isClatTable(route.table)) add(route, route.table);
  const rank = ({ dev, route: { dst }, length, table }: Way): number => {
    const isPart = dst !== 'default' && Number(dst.split('/')[1]) <= LONGEST_PART;
    const redirects = isPart && findLink(state, dev)?.neighbours === false;
    return table !== null ? 2 : redirects || length === PERHAPS ? 1 : 0;
  };
  return found.sort((a, b) => rank(a) - rank(b) || b.length - a.length || a.route.metric - b.route.metric);
}

/** The best way to the prefix by one interface, whatever rules lead to it; null: none. */
export const wayBy = (state: HostState, except: string, dev: string, prefix: Prefix6 | null): Way | null =>
  waysTo(state, except, dev, () => prefix).find((way) => way.dev === dev) ?? null;

/**
 * The uplink: the interface of the best route to the prefix, or `platDev` (--plat-dev) whatever its routes; null: there
 * is none yet.
 */
export function findUplink(
  state: HostState,
  except: string,
  platDev: string | null = null,
  pool6: Prefix6 | null = null,
): string | null {
  if (platDev !== null) return findLink(state, platDev) === undefined ? null : platDev;
  return waysTo(state, except, null, () => pool6)[0]?.dev ?? null;
}

/**
 * Interfaces that could be the uplink now, best first: up, with a living route to the prefix known on them. With
 * `platDev` that one or none.
 */
export function uplinkCandidates(
  state: HostState,
  except: string,
  platDev: string | null,
  prefixOn: PrefixOn = UNKNOWN,
): Link[] {
  const names = waysTo(state, except, platDev, prefixOn).flatMap(({ route, dev }) =>
    route.alive ? [dev] : [],
  );
  return [...new Set(names)]
    .filter((name) => platDev === null || name === platDev)
    .flatMap((name) => findLink(state, name) ?? [])
    .filter(({ up }) => up);
}

/** Why an interface is the uplink, for people. */
export function wayWords(
  state: HostState,
  { tun, platDev }: { readonly tun: string; readonly platDev: string | null },
  dev: string,
  pool6: Prefix6 | null,
): string {
  if (platDev !== null) return '--plat-dev';
  const { dst = 'default' } = wayBy(state, tun, dev, pool6)?.route ?? {};
  if (dst !== 'default') return `IPv6 route to ${dst}`;
  const [first] = uplinkCandidates(state, tun, null, () => pool6);
  return first === undefined || first.name === dev
    ? 'IPv6 default route with the lowest metric'
    : 'an IPv6 default route, and a NAT64';
}

/**
 * Interfaces where a router may speak before there is a route: candidates first, then those that find neighbours.
 * A candidate is one by its routes whatever prefix is known on it, or its prefix would be forgotten as soon as found.
 */
export function listeningLinks(
  state: HostState,
  except: string,
  platDev: string | null,
  prefixOn: PrefixOn = UNKNOWN,
): (Link & { candidate: boolean })[] {
  const candidates = [
    ...new Set([
      ...uplinkCandidates(state, except, platDev, prefixOn),
      ...uplinkCandidates(state, except, platDev),
    ]),
  ];
  const others = state.links.filter(
    (link) =>
      link.up &&
      link.neighbours &&
      !link.enslaved &&
      link.name !== except &&
      (platDev === null || link.name === platDev) &&
      !candidates.includes(link),
  );
  return [
    ...candidates.map((link) => ({ ...link, candidate: true })),
    ...others.map((link) => ({ ...link, candidate: false })),
  ];
}

/** Devices that have an IPv6 default route in the table of a rule only, with that table: for --plat-dev. */
export function ruledDevices(state: HostState, except: string): { dev: string; table: string }[] {
  const found = new Map<string, string>();
  for (const { family, type, dst, devs, table } of state.tables) {
    if (family !== 6 || type !== 'unicast' || dst !== 'default' || isClatTable(table)) continue;
    for (const dev of devs) if (dev !== except) found.set(dev, table);
  }
  return [...found].map(([dev, table]) => ({ dev, table }));
}
