/**
 * The NAT64's prefixes in what DNS answered (DISC-5, RFC 7050 §3): a DNS64 embeds the well-known IPv4 addresses of
 * ipv4only.arpa in every prefix it uses. Pure.
 */
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import { type Ip6, type Prefix6, prefixOf6 } from '../address/ip.ts';
import { extract, PREFIX_LENGTHS } from '../address/rfc6052.ts';
import { judgePrefix } from './prefix-judgement.ts';

/** 192.0.0.170 and 192.0.0.171 (RFC 7050 §2.2). */
const WELL_KNOWN4: readonly number[] = [0xc00000aa | 0, 0xc00000ab | 0];
/** As many prefixes as are kept of one router (DISC-2). */
const MOST_PREFIXES = 16;
/** So many notes are told: a message by TCP holds some thousand records. */
const MOST_NOTES = 4;

export interface FoundPrefixes {
  /** In received order, each once. */
  readonly prefixes: readonly Prefix6[];
  /** What was left out, and what is odd, one sentence each. */
  readonly notes: readonly string[];
}

interface Hit {
  readonly prefix: Prefix6;
  /** The prefix as text. */
  readonly text: string;
  readonly v4: number;
}

/** Prefixes in the AAAA records of the well-known name (DISC-5, RFC 7050 §3). Pure; linear in the number of records. */
export function prefixesFromAaaa(addresses: readonly Ip6[]): FoundPrefixes {
  const prefixes = new Map<string, Prefix6>();
  const notes: string[] = [];
  const hits = addresses.map(hitsIn);
  const seen = new Set(hits.flat().map(keyOf));
  const withOther = (hit: Hit): boolean =>
    WELL_KNOWN4.some((v4) => v4 !== hit.v4 && seen.has(keyOf({ ...hit, v4 })));
  for (const [i, address] of addresses.entries()) {
    const all = hits[i]!;
    const kept = all.length > 1 ? all.filter(withOther) : all;
    if (kept.length !== 1) {
      notes.push(
        all.length === 0
          ? `left out: ${formatIp6(address)} embeds no well-known address`
          : `left out: ${formatIp6(address)} is ambiguous: it may be of ${all.map(({ text }) => text).join(' or ')}`,
      );
      continue;
    }
    const { prefix, text } = kept[0]!;
    if (prefixes.has(text)) continue;
    const { refused, remark } = judgePrefix(prefix);
    if (refused !== null) notes.push(`left out: ${text}: ${refused}`);
    else if (prefixes.size === MOST_PREFIXES)
      notes.push(`left out: ${text}: more than ${MOST_PREFIXES} prefixes`);
    else prefixes.set(text, prefix);
    if (refused === null && remark !== null) notes.push(`${text}: ${remark}`);
  }
  return { prefixes: [...prefixes.values()], notes: cutShort(notes) };
}

const keyOf = ({ text, v4 }: Hit): string => `${text} ${v4}`;

const cutShort = (notes: readonly string[]): readonly string[] =>
  notes.length <= MOST_NOTES
    ? notes
    : [...notes.slice(0, MOST_NOTES), `${notes.length - MOST_NOTES} more like that`];

function hitsIn(address: Ip6): Hit[] {
  const [, b, c, d] = address;
  return PREFIX_LENGTHS.flatMap((length) => {
    const v4 = extract(b, c, d, length);
    // RFC 6052 §2.2: octet 8 is 0. In a /96 it is part of the prefix, and judged there (ADDR-1).
    if (!WELL_KNOWN4.includes(v4) || (length < 96 && c >>> 24 !== 0)) return [];
    const prefix = prefixOf6(address, length);
    return [{ prefix, text: formatPrefix6(prefix), v4 }];
  });
}
