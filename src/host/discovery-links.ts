/** The interfaces as prefix discovery needs them (DISC-2, DISC-6, CLAT-10). Pure functions of the host's state. */
import { formatPrefix6 } from '../address/format.ts';
import { onLink6 } from './clat-address.ts';
import { gatewayBy, type HostState } from './state.ts';
import { listeningLinks, type PrefixOn } from './uplink.ts';

/** An interface where routers may speak. */
export interface DiscoveryLink {
  readonly name: string;
  readonly index: number;
  /** It has an IPv6 route that could lead to a NAT64: DNS is asked about it too. */
  readonly candidate: boolean;
  /** bytes; what routers say above it does not count. */
  readonly mtu: number;
  /** Link-local addresses of the kernel's default routers there. */
  readonly routers: ReadonlySet<string>;
  /** The networks on the link, as one text: with others it is another place. */
  readonly networks: string;
}

/** Best candidate first. */
export function discoveryLinks(
  state: HostState,
  tun: string,
  platDev: string | null,
  prefixOn?: PrefixOn,
): DiscoveryLink[] {
  return listeningLinks(state, tun, platDev, prefixOn).map(({ name, index, mtu, candidate }) => {
    const routers = state.routes.flatMap((route) =>
      route.family === 6 && route.dst === 'default' ? (gatewayBy(route, name) ?? []) : [],
    );
    const networks = onLink6(state, name).map(formatPrefix6).sort().join();
    return { name, index, candidate, mtu, routers: new Set(routers), networks };
  });
}
