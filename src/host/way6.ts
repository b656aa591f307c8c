/** How the kernel would send an IPv6 packet by the uplink: from which of its addresses, and by which router. */
import { formatIp6 } from '../address/format.ts';
import { type Ip6, inPrefix6, type Prefix6 } from '../address/ip.ts';
import { ipJson } from './iproute.ts';
import { parseKernel6 } from './text.ts';

export interface Way6 {
  /** The kernel's choice of source (RFC 6724). */
  readonly source: Ip6;
  /** As the kernel writes it; null: the destination is a neighbour, or the link has none. */
  readonly gateway: string | null;
}

interface JsonWay {
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly gateway?: string;
}

/** null: there is no way by this uplink, or it cannot be asked. Never rejects. */
export async function way6(to: Ip6, uplink: string): Promise<Way6 | null> {
  const ways = await ipJson<JsonWay>(['-6', 'route', 'get', formatIp6(to), 'oif', uplink]).catch(() => []);
  const way = ways.find(({ dev }) => dev === uplink);
  if (way?.prefsrc === undefined) return null;
  return { source: parseKernel6(way.prefsrc), gateway: way.gateway ?? null };
}

/**
 * Of the networks of the uplink the one that the kernel writes from to the NAT64 (RFC 6724); null: there is no choice, or
 * it cannot be asked. Never rejects.
 */
export async function preferredNetwork(
  networks: readonly Prefix6[],
  uplink: string,
  pool6: Prefix6,
): Promise<Prefix6 | null> {
  if (networks.length < 2) return null;
  const way = await way6(pool6.address, uplink);
  return networks.find((network) => way !== null && inPrefix6(way.source, network)) ?? null;
}

/** The link-layer address of the router by which packets to the NAT64 leave; null: none is known. Never rejects. */
export async function routerTowards(pool6: Prefix6, uplink: string): Promise<string | null> {
  const way = await way6(pool6.address, uplink);
  return way === null || way.gateway === null ? null : linkLayerOf(way.gateway, uplink);
}

/** The link-layer address of a router, as the kernel writes it; null: none is known. Never rejects. */
async function linkLayerOf(gateway: string, uplink: string): Promise<string | null> {
  const known = await ipJson<{ dst: string; lladdr?: string }>([
    ...['-6', 'neighbour', 'show', 'dev', uplink],
  ]).catch(() => []);
  return known.find(({ dst }) => dst === gateway)?.lladdr ?? null;
}
