/** What `systemctl status` shows of a mapping by hand. Pure. */
import { formatPrefix6 } from '../address/format.ts';
import { hollow } from '../config/bearing.ts';
import type { RunConfig } from '../config/config.ts';
import { count } from '../config/count.ts';

/** @param device the TUN's name */
export function statusByHand(device: string, config: RunConfig): string {
  const { translation, lan } = config;
  const mappings = translation.eam.size + lan.size;
  const { pool6 } = translation;
  if (mappings === 0 && pool6 === null)
    return `nothing is translated on ${device}: neither mappings nor pool6 are given`;
  const less = hollow(config) !== null;
  if (less && pool6 === null) return `nothing is translated on ${device}: 1 mapping, and pool6 is not given`;
  const what = [
    mappings === 1 ? '1 mapping' : mappings === 0 ? 'no mapping' : `${count(mappings)} mappings`,
    ...(pool6 === null ? [] : [`NAT64 ${formatPrefix6(pool6)}`]),
  ];
  return `translating on ${device}: ${what.join(', ')}${less ? ' (not this host)' : ''}`;
}
