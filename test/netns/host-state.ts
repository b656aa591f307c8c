/** What a translator must leave as it found it, as text that can be compared byte for byte. */
import type { Namespace } from './sandbox.ts';

/** Counters among the sysctls, which change by themselves. */
const COUNTERS = /^net\.netfilter\.nf_conntrack_count /;

/** What is left of a lifetime, which runs down by itself. */
const lasting = (text: string): string =>
  text.replace(/\b(valid_lft|preferred_lft|expires) \d+sec/g, '$1 some time');

/** Addresses, routes of both families and all tables, rules, neighbour proxies, firewall and sysctls of a namespace. */
export function hostState(namespace: Namespace): Record<string, string> {
  return {
    links: namespace.ip('-d link show').replace(/ qdisc \S+/g, ''),
    addresses: lasting(namespace.ip('address show').replace(/ qdisc \S+/g, '')),
    routes4: namespace.ip('-4 route show table all'),
    routes6: lasting(namespace.ip('-6 route show table all')),
    rules: namespace.ip('-4 rule show') + namespace.ip('-6 rule show'),
    proxies: namespace.ip('-6 neighbour show proxy'),
    firewall: namespace.exec('nft', ['list', 'ruleset']),
    sysctls: namespace
      .exec('sysctl', ['--all', '--ignore', '--pattern', '^net\\.'])
      .split('\n')
      .filter((line) => !COUNTERS.test(line))
      .join('\n'),
  };
}
