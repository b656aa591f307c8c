/**
 * Letting the translator's packets through firewalls that drop what is forwarded, as Docker, UFW and firewalld set them up.
 *
 * A drop is final in nftables, whichever table it is in, and an accept only ends the chain at the hook it is reached
 * from. So a table of our own could not help: the rule has to stand in each chain that drops, and first, before whatever
 * else there is. That is also the right place for Docker and UFW, whose own chains (DOCKER-USER, ufw6-before-forward) are
 * reached from that one, and are emptied by their owners when those start again, while it is not.
 *
 * Only what is needed is opened: from the translator to the uplink, and back where answers would be dropped too; there
 * only answers, wherever the chain can tell. It cannot in the chains of iptables-nft, which takes a table with native
 * `ct` expressions in it for incompatible and refuses to work with it from then on (tried with 1.8.9).
 */
import { formatPrefix4 } from '../address/format.ts';
import type { Prefix4 } from '../address/ip.ts';
import type { Firewall, FirewallTable, LegacyTable } from './firewall.ts';
import { drops, type Path } from './firewall-verdict.ts';
import { isPlainInterface, isPlainName } from './nft.ts';
import type { Entry } from './plan.ts';

/** Hosts behind us whose IPv4 packets are forwarded to the translator. */
export interface Behind {
  readonly prefix: Prefix4;
  readonly dev: string;
}

/** What our rules are known by; one TUN's are not another's. */
export const commentOf = (tun: string): string => `clatd:${tun}`;

/**
 * @param uplink null: there is none yet, and nothing IPv6 to let through
 * @param mode warn: chains that drop are only named, in the warnings
 */
export function firewallEntries(
  tun: string,
  uplink: string | null,
  firewall: Firewall,
  behind: readonly Behind[] = [],
  mode: 'accept' | 'warn' = 'accept',
): { entries: Entry[]; warnings: string[] } {
  const paths = pathsOf(tun, uplink, behind);
  const entries: Entry[] = [];
  const warnings = paths.length === 0 ? [] : [...firewall.unseen];
  const comment = commentOf(tun);
  for (const table of firewall.tables) {
    for (const { name: chain, policy } of table.chains.values()) {
      if (policy === null) continue;
      const dropped = paths.filter((path) => passesTable(path, table) && drops(table, chain, path, comment));
      if (dropped.length === 0) continue;
      const where = `the nftables chain ${table.family} ${table.name} ${chain} drops what is forwarded between ${betweens(dropped)}`;
      const names = [tun, ...dropped.flatMap(({ from, to }) => [from, to])];
      if (mode === 'warn') warnings.push(`${where} (--firewall accept lets it through)`);
      else if (table.locked)
        warnings.push(`${where}, and only its owner may change it: ${remedy(table, tun)}`);
      else if (!isPlainName(table.name) || !isPlainName(chain) || !names.every(isPlainInterface))
        warnings.push(`${where}, which clatd leaves to you because of its name, or that of an interface`);
      else {
        entries.push({
          why: `T${where.slice(1)}; a drop there is final, so the rules have to stand there too, before all others.`,
          step: {
            kind: 'accept',
            family: table.family,
            table: table.name,
            chain,
            comment,
            rules: dropped.map((path) => ruleFor(path, table, chain)),
          },
        });
      }
    }
  }
  warnings.push(...firewall.legacy.flatMap((table) => legacyWarning(table, tun, paths)));
  return { entries, warnings };
}

/** What the firewalls have to let pass: THE list, for the plan and for `clatd doctor`. */
export function pathsOf(tun: string, uplink: string | null, behind: readonly Behind[]): Path[] {
  const paths: Path[] = [];
  if (uplink !== null) {
    paths.push({ family: 6, from: tun, to: uplink, state: 'new' });
    paths.push({ family: 6, from: uplink, to: tun, state: 'established' });
  }
  for (const { prefix, dev } of behind) {
    paths.push({ family: 4, from: dev, to: tun, state: 'new', source: prefix });
    paths.push({ family: 4, from: tun, to: dev, state: 'established', destination: prefix });
  }
  return paths;
}

export const passesTable = ({ family }: Path, table: FirewallTable): boolean =>
  table.family === 'inet' || table.family === (family === 6 ? 'ip6' : 'ip');

function ruleFor(
  { family, from, to, state, source, destination }: Path,
  table: FirewallTable,
  chain: string,
) {
  const words: string[] = [];
  if (table.family === 'inet') words.push(`meta nfproto ipv${family}`);
  words.push(`iifname "${from}" oifname "${to}"`);
  if (source !== undefined) words.push(`ip saddr ${formatPrefix4(source)}`);
  if (destination !== undefined) words.push(`ip daddr ${formatPrefix4(destination)}`);
  if (state === 'established' && !isOfIptables(table, chain)) words.push('ct state established,related');
  words.push('accept');
  return words.join(' ');
}

/** The names iptables-nft works with. */
const isOfIptables = ({ family, name }: FirewallTable, chain: string): boolean =>
  family !== 'inet' && ['filter', 'mangle', 'security'].includes(name) && chain === 'FORWARD';

/** "clat and eth0", each pair once. */
export function betweens(paths: readonly Path[]): string {
  return [...new Set(paths.map(({ from, to }) => [from, to].sort().join(' and ')))].join(', ');
}

const remedy = ({ name }: FirewallTable, tun: string): string =>
  name === 'firewalld'
    ? `firewall-cmd --permanent --zone=trusted --add-interface=${tun} && firewall-cmd --reload`
    : `let what passes between ${tun} and the uplink through there`;

/** Old iptables are only looked at: changing them takes their lock, and their rules have no handles to find again. */
function legacyWarning({ family, rules }: LegacyTable, tun: string, paths: readonly Path[]): string[] {
  if (!paths.some((path) => path.family === family)) return [];
  const tool = family === 6 ? 'ip6tables-legacy' : 'iptables-legacy';
  if (rules === null)
    return [
      `there are rules of ${tool} here, and without that program it could not be seen whether they drop what is forwarded`,
    ];
  const lines = rules.split('\n');
  const drops = lines.some((line) => /^:FORWARD DROP |^-A FORWARD -j (DROP|REJECT)\b/.test(line));
  if (!drops || lines.some((line) => line.startsWith('-A FORWARD ') && line.split(' ').includes(tun)))
    return [];
  return [
    `${tool} drops what is forwarded: ${tool} -I FORWARD -i ${tun} -j ACCEPT; ${tool} -I FORWARD -o ${tun} -j ACCEPT`,
  ];
}
