/**
 * Does IPv4 work without us (CLAT-5)? Native is an IPv4 default route that is independent of the CLAT. A VPN whose packets
 * to its server go through the CLAT has one too, and would lose it with the CLAT. Pure.
 */
import { inPrefix4 } from '../address/ip.ts';
import { CLAT4_NETWORK } from './clat4.ts';
import type { Tunnel } from './clats.ts';
import { findLink, type HostRoute, type HostState, type Link } from './state.ts';
import { parseKernel4 } from './text.ts';

/** What may carry its packets inside IPv4 packets, as the kernel calls it (PPPoE, too, is "ppp"). Modems are none. */
const TUNNELS = new Set(['tun', 'ppp', 'wireguard', 'ipip', 'gre', 'vti', 'xfrm']);

const isTunnel = ({ kind, neighbours }: Link): boolean => !neighbours && TUNNELS.has(kind ?? '');

/** Living IPv4 default routes of the main table that lead to other devices than CLATs. */
function otherDefaults4(state: HostState, tun: string): HostRoute[] {
  const ours = [tun, ...state.clats.flatMap((one) => (one.running ? [one.tun] : []))];
  return state.routes.filter(
    ({ family, dst, type, alive, devs }) =>
      family === 4 &&
      dst === 'default' &&
      type === 'unicast' &&
      alive &&
      devs.length > 0 &&
      !devs.some((dev) => ours.includes(dev)),
  );
}

/** A way through the CLAT that somebody else set, to a host or a network: a VPN's to its server. */
const leadsThroughUs = ({ family, dst, type, devs, gateway, protocol }: HostRoute, tun: string): boolean =>
  family === 4 &&
  dst !== 'default' &&
  type === 'unicast' &&
  protocol !== 'kernel' &&
  (devs.includes(tun) ||
    (gateway !== null && isIp4(gateway) && inPrefix4(parseKernel4(gateway), CLAT4_NETWORK)));

/** The next hop of an IPv4 route may be a router's IPv6 address (RFC 5549). */
const isIp4 = (text: string): boolean => !text.includes(':');

/**
 * Tunnels with an IPv4 default route that run over the CLAT: those known before that are still there, and, while somebody
 * else has a route through the CLAT, every one.
 */
export function tunnelsOver(state: HostState, tun: string): Tunnel[] {
  const before = state.clats.filter((one) => one.tun === tun).flatMap(({ over }) => over);
  const carriesOne = state.routes.some((route) => leadsThroughUs(route, tun));
  const withDefault = new Set(otherDefaults4(state, tun).flatMap(({ devs }) => devs));
  return state.links
    .filter(
      (link) =>
        isTunnel(link) &&
        ((carriesOne && withDefault.has(link.name)) ||
          before.some(({ name, index }) => name === link.name && index === link.index)),
    )
    .map(({ name, index }) => ({ name, index }));
}

/** Interfaces of native IPv4, as far as routes tell, best first. */
export function nativeDevices(state: HostState, tun: string): string[] {
  const over = tunnelsOver(state, tun).map(({ name }) => name);
  const devices = otherDefaults4(state, tun)
    .filter(({ devs }) => !devs.every((dev) => over.includes(dev)))
    .sort((a, b) => a.metric - b.metric)
    .flatMap(({ devs }) => devs.filter((dev) => !over.includes(dev) && findLink(state, dev) !== undefined));
  return [...new Set(devices)];
}

/**
 * The interface of an IPv4 default route that is independent of us; null: this host has no native IPv4.
 * @param answers false for one that is known to be dead (--v4-check)
 */
export const nativeIpv4 = (
  state: HostState,
  tun: string,
  answers: (dev: string) => boolean = () => true,
): string | null => nativeDevices(state, tun).find(answers) ?? null;

/** The links of native IPv4 default routes, dead or alive: whom to ask. */
export const nativeLinks = (state: HostState, tun: string): Link[] =>
  nativeDevices(state, tun).flatMap((name) => findLink(state, name) ?? []);
