/** What the host looks like: what plans are made from. One reading is four calls of `ip`, run side by side. */
import type { Ip6 } from '../address/ip.ts';
import type { Firewall } from './firewall.ts';
import { ipJsonBatch } from './iproute.ts';
import { procSysctls, type Sysctls } from './sysctl.ts';
import { parseKernel6 } from './text.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  /** True where neighbours are found by ND (Ethernet and the like); false on tunnels, PPP, loopback. */
  readonly neighbours: boolean;
  /** Part of a bridge, bond or VRF: that one speaks for it. */
  readonly enslaved: boolean;
}

export interface HostAddress {
  readonly dev: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly length: number;
  readonly scope: string;
  /** Not tentative, deprecated, or found to be another's: may be a source of new connections. */
  readonly usable: boolean;
  /** Valid, but not for new connections where there is another one. */
  readonly deprecated?: boolean;
}

export interface HostRoute {
  readonly family: 4 | 6;
  /** "default", or a prefix always written with its length. */
  readonly dst: string;
  readonly type: string;
  /** Every interface it leads to: several for a multipath route. */
  readonly devs: readonly string[];
  readonly gateway: string | null;
  readonly metric: number;
  readonly protocol: string;
  /** bytes; null: the interface's. */
  readonly mtu: number | null;
  /** False while the interface has no carrier. */
  readonly alive: boolean;
}

export interface HostProxy {
  readonly dev: string;
  readonly address: Ip6;
}

export interface HostState {
  readonly links: readonly Link[];
  readonly addresses: readonly HostAddress[];
  /** The main tables only: the local table follows from the addresses, others belong to policy routing. */
  readonly routes: readonly HostRoute[];
  /** IPv6 neighbour proxy entries. */
  readonly proxies: readonly HostProxy[];
  readonly sysctls: Sysctls;
  /** Where it was asked for. */
  readonly firewall?: Firewall;
}

interface JsonAddr {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  master?: string;
  addr_info?: JsonAddress[];
}

interface JsonAddress {
  family: string;
  local?: string;
  prefixlen?: number;
  scope?: string;
  tentative?: boolean;
  deprecated?: boolean;
  dadfailed?: boolean;
}

interface JsonRoute {
  type?: string;
  dst: string;
  gateway?: string;
  via?: { host: string };
  dev?: string;
  metric?: number;
  protocol?: string;
  metrics?: { mtu?: number }[];
  flags?: string[];
  nexthops?: { dev?: string; gateway?: string; flags?: string[] }[];
}

/** Reads the host (the network namespace of this process). Throws ToolMissingError or ToolFailedError. */
export async function readHost(sysctls: Sysctls = procSysctls()): Promise<HostState> {
  const [[devices, routes4], [routes6, proxies]] = (await Promise.all([
    ipJsonBatch('any', ['address show', 'route show table main']),
    ipJsonBatch('inet6', ['route show table main', 'neighbour show proxy']),
  ])) as [[JsonAddr[], JsonRoute[]], [JsonRoute[], { dst: string; dev: string }[]]];
  return {
    links: devices.map(toLink),
    addresses: devices.flatMap(toAddresses),
    routes: [...routes4.map((route) => toRoute(route, 4)), ...routes6.map((route) => toRoute(route, 6))],
    proxies: proxies.map(({ dst, dev }) => ({ dev, address: parseKernel6(dst) })),
    sysctls,
  };
}

function toLink(device: JsonAddr): Link {
  return {
    index: device.ifindex,
    name: device.ifname,
    up: device.flags.includes('UP'),
    mtu: device.mtu,
    neighbours: !device.flags.some((flag) => ['NOARP', 'POINTOPOINT', 'LOOPBACK'].includes(flag)),
    enslaved: device.master !== undefined,
  };
}

function toAddresses(device: JsonAddr): HostAddress[] {
  const found: HostAddress[] = [];
  for (const info of device.addr_info ?? []) {
    if (info.local === undefined || (info.family !== 'inet' && info.family !== 'inet6')) continue;
    const family = info.family === 'inet' ? 4 : 6;
    found.push({
      dev: device.ifname,
      family,
      address: info.local,
      length: info.prefixlen ?? (family === 4 ? 32 : 128),
      scope: info.scope ?? 'global',
      usable: info.tentative !== true && info.deprecated !== true && info.dadfailed !== true,
      deprecated: info.deprecated === true && info.tentative !== true && info.dadfailed !== true,
    });
  }
  return found;
}

function toRoute(route: JsonRoute, family: 4 | 6): HostRoute {
  const hops = route.nexthops ?? [];
  const devs = route.dev === undefined ? hops.flatMap((hop) => hop.dev ?? []) : [route.dev];
  return {
    family,
    dst: withLength(route.dst, family),
    type: route.type ?? 'unicast',
    devs: [...new Set(devs)],
    gateway: route.gateway ?? route.via?.host ?? hops[0]?.gateway ?? null,
    metric: route.metric ?? 0,
    protocol: route.protocol ?? 'boot',
    mtu: route.metrics?.find((metric) => metric.mtu !== undefined)?.mtu ?? null,
    alive: ![route.flags ?? [], ...hops.map((hop) => hop.flags ?? [])].some((flags) =>
      flags.some((flag) => flag === 'linkdown' || flag === 'dead'),
    ),
  };
}

/** iproute2 omits the length of host routes. */
function withLength(dst: string, family: 4 | 6): string {
  return dst === 'default' || dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`;
}

export function findLink(state: HostState, name: string): Link | undefined {
  return state.links.find((link) => link.name === name);
}
