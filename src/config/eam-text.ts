/** Explicit address mappings from text: one entry (an option's value, or a file's line), strictly; EAM-1. */
import type { Ip4, Ip6 } from '../address/ip.ts';
import { parsePrefix4, parsePrefix6 } from '../address/parse.ts';
import { quote } from '../address/quote.ts';

export interface EamEntry {
  readonly v4: Ip4;
  readonly length4: number;
  readonly v6: Ip6;
  readonly length6: number;
}

/** What is wrong, and the index in the text where it begins. */
export interface EamFault {
  readonly ok: false;
  readonly message: string;
  readonly at: number;
}

/** Two words with "=" or blanks between; blanks are spaces and tabs, and the return of lines that end in CRLF. */
const PAIR = /^([ \t\r]*)([^ \t\r=]+)([ \t\r]*=[ \t\r]*|[ \t\r]+)([^ \t\r=]+)[ \t\r]*$/;
const BLANKS = /^[ \t\r]+|[ \t\r]+$/g;

/** `V4[/len]=V6[/len]`, or the two separated by blanks. */
export function parseEam(text: string): { readonly ok: true; readonly value: EamEntry } | EamFault {
  const bare = text.replace(BLANKS, '');
  const [, before, left, between, right] = PAIR.exec(text) ?? [];
  if (left === undefined || right === undefined) {
    return {
      ok: false,
      message: `${quote(bare)} is not a mapping: write V4[/LENGTH]=V6[/LENGTH], for instance 192.0.0.2=2001:db8::2`,
      at: text.search(/[^ \t\r]|$/),
    };
  }
  const at4 = before!.length;
  const at6 = at4 + left.length + between!.length;
  const v4 = parsePrefix4(left, 32);
  if (!v4.ok) return { ...v4, at: at4 };
  const v6 = parsePrefix6(right, 128);
  if (!v6.ok) return { ...v6, at: at6 };
  const entry = {
    v4: v4.value.address,
    length4: v4.value.length,
    v6: v6.value.address,
    length6: v6.value.length,
  };
  const fault = eamFault(entry.v4, entry.length4, entry.v6, entry.length6);
  if (fault === null) return { ok: true, value: entry };
  return { ok: false, message: `${quote(bare)}: ${fault.message}`, at: fault.side === 4 ? at4 : at6 };
}

/** What is wrong with an entry whose prefixes are right by themselves (EAM-1), on which side; or null. */
export function eamFault(
  v4: Ip4,
  length4: number,
  v6: ArrayLike<number>,
  length6: number,
): { readonly side: 4 | 6; readonly message: string } | null {
  const word0 = v6[0]!;
  if (32 - length4 > 128 - length6) {
    return {
      side: 6,
      message: `the IPv6 side has room for ${128 - length6} suffix bits, the IPv4 side has ${32 - length4}: use an IPv6 prefix of at most /${96 + length4}`,
    };
  }
  const octet4 = v4 >>> 24;
  if (
    (length4 >= 8 && (octet4 === 0 || octet4 === 127)) ||
    (length4 >= 4 && octet4 >>> 4 === 0xe) ||
    (length4 === 32 && v4 === -1)
  ) {
    return {
      side: 4,
      message:
        'the IPv4 side lies in 0.0.0.0/8, 127.0.0.0/8, multicast or broadcast space, which is never translated',
    };
  }
  const octet6 = word0 >>> 24;
  const inside =
    (length6 >= 8 && octet6 === 0xff) ||
    (length6 >= 10 && word0 >>> 22 === 0x3fa) ||
    (length6 >= 8 && octet6 === 0 && !meetsTranslationBlock(word0, length6));
  return inside
    ? {
        side: 6,
        message:
          'the IPv6 side lies in multicast, link-local or reserved (::/8) space, which is never translated',
      }
    : null;
}

/** True where a prefix inside ::/8 contains or lies in 64:ff9b::/32. */
function meetsTranslationBlock(word0: number, length6: number): boolean {
  const bits = Math.min(length6, 32);
  return (word0 ^ 0x0064ff9b) >>> (32 - bits) === 0;
}
