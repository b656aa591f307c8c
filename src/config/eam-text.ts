/** Explicit address mappings from text: one entry (an option's value, or a file's line), strictly; EAM-1. */
import { formatIp6 } from '../address/format.ts';
import type { Ip4, Ip6 } from '../address/ip.ts';
import { type Parsed, parsePrefix4, parsePrefix6 } from '../address/parse.ts';
import { quote } from '../address/quote.ts';

export interface EamEntry {
  readonly v4: Ip4;
  readonly length4: number;
  readonly v6: Ip6;
  readonly length6: number;
}

/** `V4[/len]=V6[/len]`, or the two separated by white space. */
export function parseEam(text: string): Parsed<EamEntry> {
  const parts = text.trim().split(/\s*=\s*|\s+/);
  const [left, right] = parts;
  if (parts.length !== 2 || !left || !right) {
    return {
      ok: false,
      message: `${quote(text.trim())} is not a mapping: write V4[/LENGTH]=V6[/LENGTH], for instance 192.0.0.2=2001:db8::2`,
    };
  }
  const v4 = parsePrefix4(left, 32);
  if (!v4.ok) return v4;
  const v6 = parsePrefix6(right, 128);
  if (!v6.ok) return v6;
  const entry = {
    v4: v4.value.address,
    length4: v4.value.length,
    v6: v6.value.address,
    length6: v6.value.length,
  };
  const fault = eamFault(entry.v4, entry.length4, entry.v6[0], entry.length6);
  return fault === null
    ? { ok: true, value: entry }
    : { ok: false, message: `${quote(text.trim())}: ${fault}` };
}

/** What is wrong with an entry whose prefixes are right by themselves (EAM-1), or null. `word0`: of the IPv6 prefix. */
export function eamFault(v4: number, length4: number, word0: number, length6: number): string | null {
  if (32 - length4 > 128 - length6) {
    return `the IPv6 side has room for ${128 - length6} suffix bits, the IPv4 side has ${32 - length4}: use a shorter IPv6 prefix`;
  }
  const octet4 = v4 >>> 24;
  if (
    (length4 >= 8 && (octet4 === 0 || octet4 === 127)) ||
    (length4 >= 4 && octet4 >>> 4 === 0xe) ||
    (length4 === 32 && v4 === -1)
  ) {
    return 'the IPv4 side lies in 0.0.0.0/8, 127.0.0.0/8, multicast or broadcast space, which is never translated';
  }
  const octet6 = word0 >>> 24;
  const inside =
    (length6 >= 8 && octet6 === 0xff) ||
    (length6 >= 10 && word0 >>> 22 === 0x3fa) ||
    (length6 >= 8 && octet6 === 0 && !meetsTranslationBlock(word0, length6));
  return inside
    ? `the IPv6 side (${formatIp6([word0, 0, 0, 0])}…) lies in multicast, link-local or reserved (::/8) space, which is never translated`
    : null;
}

/** True where a prefix inside ::/8 contains or lies in 64:ff9b::/32. */
function meetsTranslationBlock(word0: number, length6: number): boolean {
  const bits = Math.min(length6, 32);
  return (word0 ^ 0x0064ff9b) >>> (32 - bits) === 0;
}
