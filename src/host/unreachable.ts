/**
 * Where the network behind a mapping is away, a packet to it would go round: out of the TUN, by the IPv4 default route
 * into it again, and so on until its TTL is used up. Behind every real route to such a network stands one that ends that
 * with "unreachable" (CLAT-14).
 */
import type { EamList } from '../address/eam.ts';
import { formatIp4, formatPrefix4, formatPrefix6 } from '../address/format.ts';
import { type Ip4, inPrefix4, type Prefix4, type Prefix6 } from '../address/ip.ts';
import type { Entry, RouteStep } from './plan.ts';
import type { HostState } from './state.ts';
import { parseKernel4 } from './text.ts';

/** Behind whatever routes anybody has. */
export const UNREACHABLE_METRIC = 2 ** 31 - 1;

export interface UnreachableInput {
  readonly tun: string;
  readonly eam: EamList;
  /** Prefixes of the EAM's IPv6 side as they are routed into the TUN. */
  readonly cover: readonly Prefix6[];
  /** IPv4 addresses that the plan gives this host. */
  readonly planned: readonly Entry[];
  /** More routes than this are left out. */
  readonly most: number;
}

export function unreachableEntries(
  { tun, eam, cover, planned, most }: UnreachableInput,
  state: HostState,
): { entries: Entry[]; warnings: string[] } {
  const to4 = networks4(eam, ownAddresses(state, planned));
  const to6 = cover.filter(({ length }) => length < 128).map((prefix) => formatPrefix6(prefix));
  const warnings: string[] = [];
  const entries: Entry[] = [];
  const add = (family: 4 | 6, to: string[]): void => {
    if (to.length > most) {
      warnings.push(
        `the EAMs have ${to.length} separate IPv${family} networks, more than ${most}: they get no unreachable routes, and packets to one that is away go round through ${tun} until their TTL is used up`,
      );
    } else if (to.length > 0) {
      entries.push({
        why: 'While the network behind this host is away, packets to it end here in place of going round through the translator.',
        step: unreachable(family, to),
      });
    }
  };
  add(4, to4.length > most ? to4.map(formatPrefix4) : uncovered(to4, tun, state).map(formatPrefix4));
  add(6, to6);
  return { entries, warnings };
}

const unreachable = (family: 4 | 6, to: readonly string[]): RouteStep => ({
  kind: 'routes',
  family,
  type: 'unreachable',
  // What the kernel files such IPv6 routes under.
  dev: 'lo',
  to,
  metric: UNREACHABLE_METRIC,
  gateway: null,
  source: null,
  mtu: null,
});

function ownAddresses(state: HostState, planned: readonly Entry[]): Set<string> {
  return new Set([
    ...state.addresses.filter(({ family }) => family === 4).map(({ address }) => address),
    ...planned.flatMap(({ step }) => (step.kind === 'address' && step.family === 4 ? step.address : [])),
  ]);
}

/** The EAM's IPv4 side without addresses of this host, each network once. */
function networks4(eam: EamList, own: ReadonlySet<string>): Prefix4[] {
  const prefixes: Prefix4[] = [];
  for (let i = 0; i < eam.size; i++) {
    const prefix = { address: eam.v4[i]!, length: eam.length4[i]! };
    // A mapping of everything: a default route is what ends it.
    if (prefix.length === 0 || (prefix.length === 32 && own.has(formatIp4(prefix.address)))) continue;
    prefixes.push(prefix);
  }
  prefixes.sort((a, b) => (a.address >>> 0) - (b.address >>> 0) || a.length - b.length);
  const kept: Prefix4[] = [];
  for (const prefix of prefixes) {
    const last = kept.at(-1);
    if (last === undefined || !inPrefix4(prefix.address, last)) kept.push(prefix);
  }
  return kept;
}

/**
 * Those that no shorter real route covers: behind that one the network is there, and an unreachable route, more
 * specific than it, would cut it off whatever its metric.
 */
function uncovered(prefixes: readonly Prefix4[], tun: string, { routes }: HostState): Prefix4[] {
  const real = routes
    .filter(
      ({ family, type, dst, devs }) =>
        family === 4 && type === 'unicast' && dst !== 'default' && !devs.includes(tun),
    )
    .map(({ dst }): { address: Ip4; length: number } => {
      const [address = '', digits] = dst.split('/');
      return { address: parseKernel4(address), length: Number(digits) };
    });
  return prefixes.filter(
    (prefix) => !real.some((route) => route.length < prefix.length && inPrefix4(prefix.address, route)),
  );
}
