/** Address ranges that a rule names (IANA special-purpose registries), as tests on integers. */
import type { Prefix4 } from './ip.ts';
import { mask32 } from './ip.ts';

const prefix = (a: number, b: number, c: number, d: number, length: number): Prefix4 => ({
  address: ((a << 24) | (b << 16) | (c << 8) | d) & mask32(length),
  length,
});

/** 224.0.0.0/4 */
export const isMulticast4 = (address: number): boolean => address >>> 28 === 0xe;
/** 169.254.0.0/16, RFC 3927 */
export const isLinkLocal4 = (address: number): boolean => address >>> 16 === 0xa9fe;
/** 224.0.0.0/4 or 255.255.255.255 */
export const isMulticastOrBroadcast4 = (address: number): boolean => address >>> 28 === 0xe || address === -1;

/** 0/8, 127/8, 224/4 or 255.255.255.255: never a host on the net (ADDR-7; RFC 1812 §5.3.7). */
export function isMartian4(address: number): boolean {
  const octet = address >>> 24;
  return octet === 0 || octet === 127 || (octet & 0xf0) === 0xe0 || address === -1;
}

/** The martians and 169.254/16: what must not come out of an RFC 6052 address (ADDR-11). */
export const isMartianEmbedded4 = (address: number): boolean => isMartian4(address) || isLinkLocal4(address);

/** First 32 bits of 64:ff9b::/32, the one part of ::/8 that is unicast (RFC 6052, RFC 8215). */
const TRANSLATION_BLOCK = 0x0064ff9b;

/** ::/8 outside 64:ff9b::/32, fe80::/10 or ff00::/8, from the first 32 bits of an address (ADDR-8). */
export function isMartian6(word0: number): boolean {
  const octet = word0 >>> 24;
  return octet === 0 ? word0 !== TRANSLATION_BLOCK : octet === 0xff || word0 >>> 22 === 0x3fa;
}
/** ff00::/8 */
export const isMulticast6 = (word0: number): boolean => word0 >>> 24 === 0xff;

/**
 * IPv4 space that the well-known prefix 64:ff9b::/96 must not carry (ADDR-6): RFC 6052 §3.1 with the lists of
 * RFC 5735 §3 and the IANA registry.
 */
export const NON_GLOBAL4: readonly Prefix4[] = [
  prefix(0, 0, 0, 0, 8),
  prefix(10, 0, 0, 0, 8),
  prefix(100, 64, 0, 0, 10),
  prefix(127, 0, 0, 0, 8),
  prefix(169, 254, 0, 0, 16),
  prefix(172, 16, 0, 0, 12),
  prefix(192, 0, 0, 0, 24),
  prefix(192, 0, 2, 0, 24),
  prefix(192, 88, 99, 0, 24),
  prefix(192, 168, 0, 0, 16),
  prefix(198, 18, 0, 0, 15),
  prefix(198, 51, 100, 0, 24),
  prefix(203, 0, 113, 0, 24),
  prefix(224, 0, 0, 0, 4),
  prefix(240, 0, 0, 0, 4),
];

/** 192.0.0.9 and 192.0.0.10: the two members of 192.0.0.0/24 that are global (RFC 7723, RFC 8155). */
const GLOBAL_EXCEPTIONS: readonly number[] = [0xc0000009 | 0, 0xc000000a | 0];

/** True where `address` is in NON_GLOBAL4. A chain on the first octet: ordinary addresses leave after one switch. */
export function isNonGlobal4(address: number): boolean {
  switch (address >>> 24) {
    case 0:
    case 10:
    case 127:
      return true;
    case 100:
    case 169:
    case 172:
    case 192:
    case 198:
    case 203:
      break;
    default:
      return address >>> 28 >= 0xe;
  }
  for (let i = 0; i < NON_GLOBAL4.length; i++) {
    const entry = NON_GLOBAL4[i]!;
    if (((address ^ entry.address) & mask32(entry.length)) === 0) {
      return address !== GLOBAL_EXCEPTIONS[0] && address !== GLOBAL_EXCEPTIONS[1];
    }
  }
  return false;
}
