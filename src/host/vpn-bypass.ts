/** IPv4 that goes past a VPN because of us: the VPN carries IPv6 only, and IPv4 leaves by the uplink (CLAT-10). Pure. */
import { isOfClats, rulesBeforeMain } from './rules.ts';
import { findLink, type HostRoute, type HostState } from './state.ts';

const VPNS = new Set([
  ...['tun', 'ppp', 'wireguard', 'ipip', 'gre', 'vti', 'xfrm', 'ip6tnl', 'ip6gre', 'vti6', 'sit'],
]);
/** A default route, or one of the parts that together make one. */
const LONGEST_PART = 7;

/** A sentence for the administrator; null: there is no such VPN. */
export function vpnBypass(state: HostState, tun: string, uplink: string): string | null {
  const past = carriers(state, 6, [tun, uplink]);
  if (past.length === 0 || carriers(state, 4, [tun]).length > 0) return null;
  const names = past.join(', ');
  return `${names} carries the IPv6 packets of this host (a VPN) and none of IPv4: IPv4 goes past it, through ${tun} and ${uplink}; where that must not be, give ${names} an IPv4 default route too`;
}

/** Tunnels with a default route of that family that is preferred for some packets at least. */
function carriers(state: HostState, family: 4 | 6, except: readonly string[]): string[] {
  const clats = state.clats.map(({ tun }) => tun);
  const ruled = new Set(
    rulesBeforeMain(state.rules.filter((rule) => rule.family === family))
      .filter((rule) => !isOfClats(rule))
      .flatMap(({ table }) => table ?? []),
  );
  const routes: HostRoute[] = [...state.routes, ...state.tables.filter(({ table }) => ruled.has(table))];
  const devices = routes
    .filter((route) => route.family === family && route.type === 'unicast' && isForAll(route))
    .flatMap(({ devs }) => devs)
    .filter((dev) => !except.includes(dev) && !clats.includes(dev));
  return [...new Set(devices)].filter((dev) => {
    const link = findLink(state, dev);
    return link !== undefined && !link.neighbours && VPNS.has(link.kind ?? '');
  });
}

const isForAll = ({ dst }: HostRoute): boolean =>
  dst === 'default' || Number(dst.split('/')[1]) <= LONGEST_PART;
