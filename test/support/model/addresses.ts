/** Which address becomes which: ADDR-3 to ADDR-11, EAM-2, EAM-3, EAM-5, read from the specification once more. */
import type { Bytes } from '../packets.ts';
import { type Bits, bits, bytesOf, prefix4, prefix6, type Settings } from './settings.ts';

export type Mapped =
  | { is: 'mapped'; address: Bytes; by: 'eam' | 'pool6' }
  | { is: 'unmapped' | 'denied' | 'wkp' | 'martian' };

const within = (address: Bytes, prefixes: readonly Bits[]): boolean =>
  prefixes.some((prefix) => bits(address).startsWith(prefix));

const MARTIAN4 = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255'].map(prefix4);
const NEVER4 = ['224.0.0.0/4', '255.255.255.255'].map(prefix4);
const LINK_LOCAL4 = prefix4('169.254.0.0/16');
const NOT_GLOBAL = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
].map(prefix4);
const GLOBAL_ALL_THE_SAME = ['192.0.0.9', '192.0.0.10'].map(prefix4);
const WELL_KNOWN = prefix6('64:ff9b::/96');

/** ADDR-7. */
export const martian4 = (address: Bytes): boolean => within(address, MARTIAN4);
/** I46-S: what is no source of an error either. */
export const never4 = (address: Bytes): boolean => within(address, NEVER4);
export const linkLocal4 = (address: Bytes): boolean => within(address, [LINK_LOCAL4]);
/** ADDR-8. */
export const multicast6 = (address: Bytes): boolean => within(address, [prefix6('ff00::/8')]);
export const martian6 = (address: Bytes): boolean =>
  (within(address, [prefix6('::/8')]) && !within(address, [prefix6('64:ff9b::/32')])) ||
  multicast6(address) ||
  within(address, [prefix6('fe80::/10')]);

/** ADDR-6. */
const offLimits = (of: Settings, address: Bytes): boolean =>
  of.wkpStrict &&
  of.pool6 === WELL_KNOWN &&
  within(address, NOT_GLOBAL) &&
  !within(address, GLOBAL_ALL_THE_SAME);

/** ADDR-3: the bits of the IPv4 address go behind the prefix, octet 8 is stepped over. */
function embed(pool6: Bits, address: Bytes): Bytes {
  const v4 = bits(address);
  const room = Math.max(0, 64 - pool6.length);
  const all =
    pool6.length >= 96 ? pool6 + v4 : `${pool6}${v4.slice(0, room)}${'0'.repeat(8)}${v4.slice(room)}`;
  return bytesOf(all.padEnd(128, '0'));
}
function extract(pool6: Bits, address: Bytes): Bytes {
  const all = bits(address);
  if (pool6.length >= 96) return bytesOf(all.slice(96));
  return bytesOf((all.slice(pool6.length, 64) + all.slice(72)).slice(0, 32));
}

const longest = <Entry>(entries: readonly Entry[], of: (entry: Entry) => Bits): Entry | undefined =>
  [...entries].sort((a, b) => of(b).length - of(a).length)[0];
const eam4 = (of: Settings, address: Bytes) =>
  longest(
    of.eam.filter(({ v4 }) => bits(address).startsWith(v4)),
    ({ v4 }) => v4,
  );
/** Whether an EAM's IPv4 side matches: EAM-6. */
export const hasEam4 = (of: Settings, address: Bytes): boolean => eam4(of, address) !== undefined;

export interface Lookup {
  /** EAM-7, EAM-8: the EAM is not asked. */
  withoutEam?: boolean;
  /** I46-S: the rule of 169.254/16 is not asked. */
  errorSource?: boolean;
  /** CLAT-12: only what an EAM covers. */
  covered?: boolean;
}

/** ADDR-9, 46. */
export function to6(of: Settings, address: Bytes, how: Lookup = {}): Mapped {
  const entry = how.withoutEam ? undefined : eam4(of, address);
  if (entry !== undefined) {
    const suffix = bits(address).slice(entry.v4.length);
    return { is: 'mapped', address: bytesOf((entry.v6 + suffix).padEnd(128, '0')), by: 'eam' };
  }
  if (of.pool6 === null || (how.covered && !hasEam4(of, address))) return { is: 'unmapped' };
  if (within(address, of.denylist4)) return { is: 'denied' };
  if (linkLocal4(address) && !how.errorSource) return { is: 'unmapped' };
  if (offLimits(of, address)) return { is: 'wkp' };
  return { is: 'mapped', address: embed(of.pool6, address), by: 'pool6' };
}

/** ADDR-9, 64. */
export function to4(of: Settings, address: Bytes): Mapped {
  const entry = longest(
    of.eam.filter(({ v6 }) => bits(address).startsWith(v6)),
    ({ v6 }) => v6,
  );
  if (entry !== undefined) {
    const from = entry.v6.length;
    const suffix = bits(address).slice(from, from + 32 - entry.v4.length);
    return { is: 'mapped', address: bytesOf(entry.v4 + suffix), by: 'eam' };
  }
  if (of.pool6 === null || !bits(address).startsWith(of.pool6)) return { is: 'unmapped' };
  const v4 = extract(of.pool6, address);
  if (of.strictSuffix && bits(embed(of.pool6, v4)) !== bits(address)) return { is: 'unmapped' };
  if (martian4(v4) || linkLocal4(v4)) return { is: 'martian' };
  if (within(v4, of.denylist4)) return { is: 'denied' };
  if (offLimits(of, v4)) return { is: 'wkp' };
  return { is: 'mapped', address: v4, by: 'pool6' };
}
