/**
 * What the host looks like: what plans are made from. One reading is two processes of `ip`, side by side, and a third one
 * where IPv4 has policy rules.
 */
import type { Ip6 } from '../address/ip.ts';
import { type KnownClat, readClats } from './clats.ts';
import type { Firewall } from './firewall.ts';
import { ipJsonBatch } from './iproute.ts';
import { type HostRule, type JsonRule, rulesBeforeMain, toRule } from './rules.ts';
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
  /** The kernel's name for what it is (tun, ppp, wireguard, veth, …); null: nothing in particular, as real hardware. */
  readonly kind: string | null;
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
  /** Of a multipath route: where each hop leads; else none. */
  readonly hops?: readonly { readonly dev: string; readonly gateway: string | null }[];
  readonly metric: number;
  readonly protocol: string;
  /** bytes; null: the interface's. */
  readonly mtu: number | null;
  /** False while the interface has no carrier. */
  readonly alive: boolean;
}

/** A route of another table than main and local. */
export interface TableRoute extends HostRoute {
  /** As iproute2 calls it: a number, or its name in /etc/iproute2/rt_tables. */
  readonly table: string;
}

export interface HostProxy {
  readonly dev: string;
  readonly address: Ip6;
}

export interface HostState {
  readonly links: readonly Link[];
  readonly addresses: readonly HostAddress[];
  /** The main tables only: the local table follows from the addresses. */
  readonly routes: readonly HostRoute[];
  /** The other tables, which policy rules choose between. IPv4's are read only where it has such rules. */
  readonly tables: readonly TableRoute[];
  /** Policy rules of both families, each in the order the kernel tries them. */
  readonly rules: readonly HostRule[];
  /** IPv6 neighbour proxy entries. */
  readonly proxies: readonly HostProxy[];
  readonly sysctls: Sysctls;
  /** What processes of clatd in this network namespace wrote down, this one's among it. */
  readonly clats: readonly KnownClat[];
  /** Where it was asked for. */
  readonly firewall?: Firewall;
}

interface JsonAddr {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  master?: string;
  linkinfo?: { info_kind?: string };
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
  table?: string;
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
  const [[devices, routes4, json4], [all6, proxies, json6]] = (await Promise.all([
    // -details: the kind of each link.
    ipJsonBatch(['-details'], ['address show', 'route show table main', 'rule show']),
    ipJsonBatch(['-6'], ['route show table all', 'neighbour show proxy', 'rule show']),
  ])) as [[JsonAddr[], JsonRoute[], JsonRule[]], [JsonRoute[], { dst: string; dev: string }[], JsonRule[]]];
  const rules4 = json4.map((rule) => toRule(rule, 4));
  const all4 =
    rulesBeforeMain(rules4).length === 0 ? [] : await ipJsonBatch(['-4'], ['route show table all']);
  const tables4 = (all4.flat() as JsonRoute[]).filter(isOfOthers);
  return {
    links: devices.map(toLink),
    addresses: devices.flatMap(toAddresses),
    routes: [
      ...routes4.map((route) => toRoute(route, 4)),
      ...all6.filter(({ table = 'main' }) => table === 'main').map((route) => toRoute(route, 6)),
    ],
    tables: [
      ...tables4.map((route) => ({ ...toRoute(route, 4), table: route.table! })),
      ...all6.filter(isOfOthers).map((route) => ({ ...toRoute(route, 6), table: route.table! })),
    ],
    rules: [...rules4, ...json6.map((rule) => toRule(rule, 6))],
    proxies: proxies.map(({ dst, dev }) => ({ dev, address: parseKernel6(dst) })),
    sysctls,
    clats: readClats(),
  };
}

const isOfOthers = ({ table }: JsonRoute): boolean =>
  table !== undefined && table !== 'main' && table !== 'local';

function toLink(device: JsonAddr): Link {
  return {
    index: device.ifindex,
    name: device.ifname,
    up: device.flags.includes('UP'),
    mtu: device.mtu,
    neighbours: !device.flags.some((flag) => ['NOARP', 'POINTOPOINT', 'LOOPBACK'].includes(flag)),
    enslaved: device.master !== undefined,
    kind: device.linkinfo?.info_kind ?? null,
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
    ...(hops.length === 0
      ? {}
      : {
          hops: hops.flatMap(({ dev, gateway }) =>
            dev === undefined ? [] : [{ dev, gateway: gateway ?? null }],
          ),
        }),
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

/** The next hop on one of a route's interfaces; null: none, all there are neighbours, or the route leads elsewhere. */
export function gatewayBy({ devs, gateway, hops }: HostRoute, dev: string): string | null {
  if (hops !== undefined) return hops.find((hop) => hop.dev === dev)?.gateway ?? null;
  return devs.includes(dev) ? gateway : null;
}
