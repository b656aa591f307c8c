/** When there is to be a CLAT, and on which uplink (CLAT-5, CLAT-6, CLAT-10). Pure. */
import { formatPrefix6 } from '../address/format.ts';
import type { KnownPrefix } from './prefix-book.ts';
import type { HostState, Link } from './state.ts';
import { ruledDevices, uplinkCandidates } from './uplink.ts';

export interface Rules {
  readonly tun: string;
  readonly platDev: string | null;
}

export type Decision =
  | { readonly is: 'down'; readonly why: string }
  | { readonly is: 'up'; readonly uplink: Link; readonly known: KnownPrefix };

/** CLAT-6: native IPv4 must last this long before a CLAT that works makes room for it, ms. */
export const NATIVE_PATIENCE = 10_000;

/**
 * @param native the interface of native IPv4 that is here to stay; null: there is none, or it does not matter
 * @param prefixOn the prefix that counts on an interface, by index
 */
export function decide(
  { tun, platDev }: Rules,
  state: HostState,
  native: string | null,
  prefixOn: (ifindex: number) => KnownPrefix | null,
): Decision {
  const down = (why: string): Decision => ({ is: 'down', why });
  if (native !== null) return down(`native IPv4 through ${native} (--enable force does without that test)`);
  const candidates = uplinkCandidates(state, tun, platDev, (index) => prefixOn(index)?.prefix ?? null);
  for (const uplink of candidates) {
    const known = prefixOn(uplink.index);
    if (known !== null) return { is: 'up', uplink, known };
  }
  if (candidates.length > 0) {
    return down(`no NAT64 prefix on ${candidates.map(({ name }) => name).join(', ')} yet`);
  }
  for (const { name, index } of uplinkCandidates(state, tun, platDev)) {
    const known = prefixOn(index);
    if (known !== null)
      return down(`no IPv6 route to ${formatPrefix6(known.prefix)} on ${name}, where that is the NAT64`);
  }
  if (platDev !== null) return down(`no IPv6 default route through ${platDev} yet`);
  const [ruled] = ruledDevices(state, tun);
  return down(
    ruled === undefined
      ? 'no IPv6 default route yet'
      : `no IPv6 default route yet for all packets (${ruled.dev} has one in table ${ruled.table} for those of a rule: --plat-dev ${ruled.dev} takes it)`,
  );
}
