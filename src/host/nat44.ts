/**
 * Hosts behind this one, whose IPv4 packets are forwarded to the translator: those with a mapping of their own (`--lan`),
 * and those that share this host's address (`--nat44`; RFC 6877 §6.3: the kernel's NAT44 before the stateless translator).
 *
 * Forwarding is turned on for the interfaces concerned alone. Linux asks the interface a packet came in by, and unlike
 * net.ipv4.ip_forward that makes a router of nothing else and drags no other setting along.
 */
import type { EamList } from '../address/eam.ts';
import { formatPrefix4 } from '../address/format.ts';
import { inPrefix4, type Prefix4 } from '../address/ip.ts';
import type { Behind } from './firewall-plan.ts';
import { isPlainInterface, tableOf } from './nft.ts';
import type { Entry } from './plan.ts';
import type { HostState } from './state.ts';
import { parseKernel4 } from './text.ts';

/** The prefixes of `--lan`. */
export const lanPrefixes = ({ size, v4, length4 }: EamList): Prefix4[] =>
  Array.from({ length: size }, (_, i) => ({ address: v4[i]!, length: length4[i]! }));

/** Which interfaces the hosts of these prefixes are behind, by the routes there are; without one, a warning. */
export function findBehind(
  prefixes: readonly Prefix4[],
  tun: string,
  state: HostState,
): { behind: Behind[]; warnings: string[] } {
  const behind: Behind[] = [];
  const warnings: string[] = [];
  for (const prefix of prefixes) {
    const devs = devicesOf(prefix, tun, state);
    behind.push(...devs.map((dev) => ({ prefix, dev })));
    if (devs.length === 0) {
      warnings.push(
        `there is no route to ${formatPrefix4(prefix)} (--lan, --nat44), so the interface its hosts are behind is not known: nothing is forwarded for them`,
      );
    }
  }
  return { behind, warnings };
}

/** Those of the most specific route that contains the prefix, and of all routes inside it. */
function devicesOf(prefix: Prefix4, tun: string, { routes }: HostState): string[] {
  const devs = new Set<string>();
  let around: { length: number; devs: readonly string[] } = { length: 0, devs: [] };
  for (const route of routes) {
    if (route.family !== 4 || route.dst === 'default' || route.type !== 'unicast') continue;
    if (route.devs.includes(tun)) continue;
    const [address = '', digits] = route.dst.split('/');
    const network: Prefix4 = { address: parseKernel4(address), length: Number(digits) };
    if (network.length > prefix.length) {
      if (inPrefix4(network.address, prefix)) for (const dev of route.devs) devs.add(dev);
    } else if (network.length > around.length && inPrefix4(prefix.address, network)) {
      around = { length: network.length, devs: route.devs };
    }
  }
  for (const dev of around.devs) devs.add(dev);
  return [...devs];
}

/** IPv4 forwarding between the interfaces of these hosts and the TUN. */
export function forwardingEntries4(tun: string, behind: readonly Behind[]): Entry[] {
  if (behind.length === 0) return [];
  const entry = (dev: string, why: string): Entry => ({
    why,
    step: { kind: 'sysctl', key: `net/ipv4/conf/${dev}/forwarding`, value: '1', drags: [] },
  });
  return [
    ...[...new Set(behind.map(({ dev }) => dev))].map((dev) =>
      entry(dev, `IPv4 packets of the hosts behind ${dev} must be forwarded to the translator.`),
    ),
    entry(tun, 'What the translator sends to hosts behind this one must be forwarded.'),
  ];
}

/**
 * The table that gives packets from `prefixes` the address `source` (text) on their way into the translator.
 * null: the TUN has a name that nftables would not take literally.
 */
export function nat44Entry(tun: string, prefixes: readonly Prefix4[], source: string): Entry | null {
  if (!isPlainInterface(tun)) return null;
  const table = tableOf(tun);
  const rules = prefixes.map(
    (prefix) => `    oifname "${tun}" ip saddr ${formatPrefix4(prefix)} snat to ${source}`,
  );
  return {
    why: `Hosts behind this one share its IPv4 address ${source} (--nat44).`,
    step: {
      kind: 'nft',
      family: 'ip',
      table,
      rules: [
        `table ip ${table} {`,
        '  chain postrouting {',
        '    type nat hook postrouting priority 100; policy accept;',
        ...rules,
        '  }',
        '}',
      ].join('\n'),
    },
  };
}
