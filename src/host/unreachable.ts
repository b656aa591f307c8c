/**
 * Where the network behind a mapping is away, a packet to it would go round: out of the TUN, by the IPv4 default route
 * into it again, and so on until its TTL is used up. Behind every real route to such a network stands one that ends that
 * with "unreachable" (CLAT-14).
 */
import type { EamList } from '../address/eam.ts';
import { formatPrefix4, formatPrefix6 } from '../address/format.ts';
import { type Ip4, inPrefix4, type Prefix4, type Prefix6 } from '../address/ip.ts';
import { networksEam4 } from './cover.ts';
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
  const to6 = cover.filter(({ length }) => length < 128);
  const warnings: string[] = [];
  const entries: Entry[] = [];
  const add = (family: 4 | 6, count: number, to: () => string[]): void => {
    if (count > most) {
      warnings.push(
        `the EAMs have ${count} separate IPv${family} networks, more than ${most}: they get no unreachable routes, and packets to one that is away go round through ${tun} until their TTL is used up`,
      );
      return;
    }
    const destinations = to();
    if (destinations.length === 0) return;
    entries.push({
      why: 'While the network behind this host is away, packets to it end here in place of going round through the translator.',
      step: unreachable(family, destinations),
    });
  };
  add(4, to4.length, () => uncovered(to4, tun, state).map(formatPrefix4));
  add(6, to6.length, () => to6.map((prefix) => formatPrefix6(prefix)));
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

function ownAddresses(state: HostState, planned: readonly Entry[]): Set<Ip4> {
  return new Set(
    [
      ...state.addresses.filter(({ family }) => family === 4).map(({ address }) => address),
      ...planned.flatMap(({ step }) => (step.kind === 'address' && step.family === 4 ? step.address : [])),
    ].map(parseKernel4),
  );
}

/** The EAM's IPv4 side without addresses of this host, each network once. A mapping of everything ends by a default route. */
function networks4(eam: EamList, own: ReadonlySet<Ip4>): Prefix4[] {
  const { addresses, lengths } = networksEam4(eam);
  const prefixes: Prefix4[] = [];
  for (const [i, length] of lengths.entries()) {
    const address = addresses[i]!;
    if (length < 32 || !own.has(address)) prefixes.push({ address, length });
  }
  return prefixes;
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
