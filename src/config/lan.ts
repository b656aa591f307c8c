/** Hosts behind this one: `--lan` gives each an IPv6 address of its own, `--nat44` lets them share this host's. */
import { EamList } from '../address/eam.ts';
import { formatIp4, formatIp6, formatPrefix4 } from '../address/format.ts';
import { type Ip6, inPrefix4, type Prefix4 } from '../address/ip.ts';
import { type Parsed, parsePrefix4, parsePrefix6 } from '../address/parse.ts';
import { quote } from '../address/quote.ts';
import type { TranslationConfig } from './config.ts';
import { type EamEntry, eamFault } from './eam-text.ts';

/** RFC 7335: the translator's own. */
const CLAT4: Prefix4 = { address: 0xc0000000 | 0, length: 29 };
/** The largest private network; more is a slip of the pen. */
const SHORTEST = 8;
const PAIR = /^\s*([^\s=]+)(?:\s*=\s*|\s+)([^\s=]+)\s*$/;

const bad = (message: string): Parsed<never> => ({ ok: false, message });

/**
 * `V4PREFIX=V6PREFIX/96` as the mapping it stands for: each IPv4 address as it is behind the 96 bits (RFC 6052 §2.2), so
 * 192.168.1.0/24=2001:db8:12:3401::/96 is 192.168.1.0/24=2001:db8:12:3401::c0a8:100/120.
 */
export function parseLan(text: string): Parsed<EamEntry> {
  const [, left, right] = PAIR.exec(text) ?? [];
  if (left === undefined || right === undefined) {
    return bad(
      `${quote(text)} is not a LAN: write V4PREFIX=V6PREFIX/96, for instance 192.168.1.0/24=2001:db8:12:3401::/96`,
    );
  }
  const v4 = parseNetwork(left);
  if (!v4.ok) return v4;
  const v6 = parsePrefix6(right);
  if (!v6.ok) return v6;
  const { address, length } = v6.value;
  if (length !== 96) {
    const remedy =
      length < 96 ? `choose a /96 inside it, for instance ${formatIp6(address)}/96` : 'give a whole /96';
    return bad(
      `${quote(text)}: the IPv6 prefix must be a /96, where the whole IPv4 address stands in one piece at the end: ${remedy}`,
    );
  }
  const v6Address: Ip6 = [address[0], address[1], address[2], v4.value.address];
  const length6 = 96 + v4.value.length;
  const fault = eamFault(v4.value.address, v4.value.length, v6Address, length6);
  if (fault !== null) return bad(`${quote(text)}: ${fault.message}`);
  return {
    ok: true,
    value: { v4: v4.value.address, length4: v4.value.length, v6: v6Address, length6 },
  };
}

/** An IPv4 prefix of hosts behind this one. */
export function parseNat44(text: string): Parsed<Prefix4> {
  const parsed = parseNetwork(text);
  if (!parsed.ok) return parsed;
  const fault = eamFault(parsed.value.address, parsed.value.length, [0x2000_0000, 0, 0, 0], 128 - 32);
  return fault === null
    ? parsed
    : bad(`${quote(text)} lies in 0.0.0.0/8, 127.0.0.0/8, multicast or broadcast space, where no hosts are`);
}

function parseNetwork(text: string): Parsed<Prefix4> {
  const parsed = parsePrefix4(text);
  if (!parsed.ok) return parsed;
  if (parsed.value.length < SHORTEST)
    return bad(`${quote(text)} is no LAN: its prefix length must be ${SHORTEST} to 32`);
  if (overlap(parsed.value, CLAT4))
    return bad(`${quote(text)} overlaps ${formatPrefix4(CLAT4)}, which the translator itself uses`);
  return parsed;
}

const overlap = (a: Prefix4, b: Prefix4): boolean =>
  a.length < b.length ? inPrefix4(b.address, a) : inPrefix4(a.address, b);

/** What is wrong with `--nat44` beside `--lan`: one sentence for each prefix that is in both. */
export function inBoth(lan: EamList, nat44: readonly Prefix4[]): string[] {
  return nat44.flatMap((prefix) => {
    for (let i = 0; i < lan.size; i++) {
      const other: Prefix4 = { address: lan.v4[i]!, length: lan.length4[i]! };
      if (overlap(prefix, other)) {
        return `${formatPrefix4(prefix)} overlaps ${formatIp4(other.address)}/${other.length} (--lan), whose hosts have IPv6 addresses of their own; give one of the two`;
      }
    }
    return [];
  });
}

/** The configuration with the mappings of `--lan` among its own: the same list for the same two lists, which are complete. */
export function withLan<T extends Pick<TranslationConfig, 'eam'>>(translation: T, lan: EamList): T {
  if (lan.size === 0) return translation;
  const known = joined.get(translation.eam);
  const eam = known?.lan === lan ? known.eam : join(translation.eam, lan);
  joined.set(translation.eam, { lan, eam });
  return { ...translation, eam };
}

/** The list joined last, by the one without `lan`. */
const joined = new WeakMap<EamList, { readonly lan: EamList; readonly eam: EamList }>();

function join(own: EamList, lan: EamList): EamList {
  const eam = new EamList(own.size + lan.size);
  for (const list of [own, lan]) {
    for (let i = 0; i < list.size; i++) copy(list, i, eam);
  }
  return eam;
}

/** A checked list in two: what was given by `--lan`, and all else. */
export function splitLan(list: EamList): { eam: EamList; lan: EamList } {
  const lan = new EamList();
  if (!list.line.subarray(0, list.size).includes(LAN_LINE)) return { eam: list, lan };
  const eam = new EamList(list.size);
  for (let i = 0; i < list.size; i++) copy(list, i, list.line[i] === LAN_LINE ? lan : eam);
  return { eam, lan };
}

/** What stands in place of a line number for an entry of `--lan`. */
export const LAN_LINE = -1;

function copy(from: EamList, i: number, to: EamList): void {
  const [a, b, c, d] = from.v6.subarray(4 * i, 4 * i + 4);
  to.addWords(from.v4[i]!, from.length4[i]!, a!, b!, c!, d!, from.length6[i]!, from.line[i]!);
}
