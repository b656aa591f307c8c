/** Where IPv6 leaves this host (CLAT-10). Pure functions of the host's state. */
import { findLink, type HostRoute, type HostState, type Link } from './state.ts';

/** IPv6 default routes that could carry packets, best first. `except`: our own TUN, never an uplink. */
function defaultRoutes6(state: HostState, except: string): HostRoute[] {
  return state.routes
    .filter(
      (route) =>
        route.family === 6 &&
        route.dst === 'default' &&
        route.type === 'unicast' &&
        route.devs.length > 0 &&
        !route.devs.includes(except),
    )
    .sort((a, b) => a.metric - b.metric);
}

/**
 * The uplink: the interface of the IPv6 default route with the lowest metric, or `platDev` (--plat-dev) whatever its
 * routes; null: there is none yet.
 */
export function findUplink(state: HostState, except: string, platDev: string | null = null): string | null {
  if (platDev !== null) return findLink(state, platDev) === undefined ? null : platDev;
  return defaultRoutes6(state, except)[0]?.devs[0] ?? null;
}

/**
 * Interfaces that could be the uplink now, best first: up, with a living IPv6 default route. With `platDev` that one or
 * none.
 */
export function uplinkCandidates(state: HostState, except: string, platDev: string | null): Link[] {
  const names = defaultRoutes6(state, except)
    .filter(({ alive }) => alive)
    .flatMap(({ devs }) => devs);
  return [...new Set(names)]
    .filter((name) => platDev === null || name === platDev)
    .flatMap((name) => findLink(state, name) ?? [])
    .filter(({ up }) => up);
}

/** Interfaces where a router may speak before there is a route: candidates first, then those that find neighbours. */
export function listeningLinks(
  state: HostState,
  except: string,
  platDev: string | null,
): (Link & { candidate: boolean })[] {
  const candidates = uplinkCandidates(state, except, platDev);
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
