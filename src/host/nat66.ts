/**
 * Where the uplink has one IPv6 address and no more: translated packets leave with it, and connection tracking tells
 * their answers from the host's own.
 */
import { formatIp6 } from '../address/format.ts';
import type { Ip6 } from '../address/ip.ts';
import { isPlainInterface, tableOf } from './nft.ts';
import type { Entry } from './plan.ts';

/**
 * The table that hides `sources` behind the uplink's address; null: an interface has a name that nftables would not take
 * literally.
 */
export function nat66Entry(tun: string, uplink: string, sources: readonly Ip6[]): Entry | null {
  if (!isPlainInterface(tun) || !isPlainInterface(uplink)) return null;
  const table = tableOf(tun);
  return {
    why: `${uplink} has no address to spare: translated packets leave with its own, and connection tracking finds their answers.`,
    step: {
      kind: 'nft',
      family: 'ip6',
      table,
      rules: [
        `table ip6 ${table} {`,
        '  chain postrouting {',
        '    type nat hook postrouting priority 100; policy accept;',
        `    oifname "${uplink}" ip6 saddr { ${sources.map(formatIp6).join(', ')} } masquerade`,
        '  }',
        '}',
      ].join('\n'),
    },
  };
}
