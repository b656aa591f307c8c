/**
 * The list as a whole (EAM-4): the same prefix twice, and overlaps. Typed arrays and few messages: reading and checking a
 * file of a million host addresses takes 0.7 to 1 s of CPU time, of a million prefixes of all lengths 2 s (Node 20.20,
 * 2 cores, 2026-11).
 */
import { EamList } from '../address/eam.ts';
import { formatIp4, formatIp6 } from '../address/format.ts';
import { type Ip6, inPrefix4, inPrefix6, type Prefix4, type Prefix6 } from '../address/ip.ts';
import { more } from './count.ts';
import type { Mistake } from './mistake.ts';
import { type Relations, relate } from './prefix-order.ts';

export interface Neighbours {
  readonly pool6: Prefix6 | null;
  readonly ipv4Addr: number;
  readonly ipv6Addr: Ip6 | null;
  readonly rfc6791v4Prefix: Prefix4;
}

/** More warnings of a kind, and more conflicts, than this are only counted. */
const MOST = 5;
const MOST_MISTAKES = 20;

export interface CheckedEam {
  /** Without the repetitions. */
  readonly list: EamList;
  readonly mistakes: Mistake[];
  readonly warnings: string[];
}

/** @param place says where entry i of the list was given */
export function checkEam(list: EamList, place: (line: number) => string, others: Neighbours): CheckedEam {
  const by4 = relate(list, 4);
  const by6 = relate(list, 6);
  const mistakes: Mistake[] = [];
  let conflicts = 0;
  const repeated = new Capped();
  const drop = new Uint8Array(list.size);
  let dropped = 0;
  for (let i = 0; i < list.size; i++) {
    const twin4 = by4.twin[i]!;
    const twin6 = by6.twin[i]!;
    if (twin4 < 0 && twin6 < 0) continue;
    drop[i] = 1;
    dropped++;
    const where = place(list.line[i]!);
    if (twin4 === twin6) {
      repeated.add(() => `${where}: ${text(list, i)} is given twice (kept once)`);
    } else if (conflicts++ < MOST_MISTAKES) {
      const twin = twin4 >= 0 ? twin4 : twin6;
      const side = twin4 >= 0 ? prefix4(list, i) : prefix6(list, i);
      const message = `${side} has another partner already: ${text(list, twin)} (${place(list.line[twin]!)}); remove one of the two`;
      mistakes.push({ where, message });
    }
  }
  if (conflicts > MOST_MISTAKES) {
    const where = mistakes.at(-1)!.where;
    mistakes.push({ where, message: more(conflicts - MOST_MISTAKES, 'such conflict', 'such conflicts') });
  }
  const warnings = [
    ...repeated.all('mapping is given twice', 'mappings are given twice'),
    ...overlaps(list, drop, by4, by6),
  ];
  const kept = dropped === 0 ? list : without(list, drop);
  warnings.push(...meetings(kept, others));
  return { list: kept, mistakes, warnings };
}

function overlaps(list: EamList, drop: Uint8Array, by4: Relations, by6: Relations): string[] {
  const found = new Capped();
  for (let i = 0; i < list.size; i++) {
    if (drop[i] === 1) continue;
    const outer4 = by4.outer[i]!;
    if (outer4 >= 0)
      found.add(() => `${text(list, i)} lies inside ${text(list, outer4)}: the longer IPv4 prefix wins`);
    const outer6 = by6.outer[i]!;
    if (outer6 >= 0)
      found.add(() => `${text(list, i)} lies inside ${text(list, outer6)}: the longer IPv6 prefix wins`);
  }
  return found.all('overlap between mappings', 'overlaps between mappings');
}

function meetings(list: EamList, others: Neighbours): string[] {
  const found = new Capped();
  const { pool6, ipv4Addr, ipv6Addr, rfc6791v4Prefix: pool4 } = others;
  for (let i = 0; i < list.size; i++) {
    const v4: Prefix4 = { address: list.v4[i]!, length: list.length4[i]! };
    const inPool = v4.length >= pool4.length ? inPrefix4(v4.address, pool4) : inPrefix4(pool4.address, v4);
    if (inPool) found.add(() => `${text(list, i)} overlaps rfc6791v4-prefix`);
    if (inPrefix4(ipv4Addr, v4))
      found.add(
        () => `${text(list, i)} contains ipv4-addr ${formatIp4(ipv4Addr)}, which is answered by clatd itself`,
      );
    if (pool6 === null && ipv6Addr === null) continue;
    const v6: Prefix6 = { address: address6(list, i), length: list.length6[i]! };
    if (
      pool6 !== null &&
      (v6.length >= pool6.length ? inPrefix6(v6.address, pool6) : inPrefix6(pool6.address, v6))
    ) {
      found.add(() => `${text(list, i)} overlaps pool6: the mapping wins`);
    }
    if (ipv6Addr !== null && inPrefix6(ipv6Addr, v6)) {
      found.add(
        () => `${text(list, i)} contains ipv6-addr ${formatIp6(ipv6Addr)}, which is answered by clatd itself`,
      );
    }
  }
  const neighbours = 'with pool6, ipv4-addr, ipv6-addr or rfc6791v4-prefix';
  return found.all(`overlap ${neighbours}`, `overlaps ${neighbours}`);
}

const address6 = (list: EamList, i: number): Ip6 => [
  list.v6[4 * i]!,
  list.v6[4 * i + 1]!,
  list.v6[4 * i + 2]!,
  list.v6[4 * i + 3]!,
];
const prefix4 = (list: EamList, i: number): string => `${formatIp4(list.v4[i]!)}/${list.length4[i]}`;
const prefix6 = (list: EamList, i: number): string => `${formatIp6(address6(list, i))}/${list.length6[i]}`;
const text = (list: EamList, i: number): string => `${prefix4(list, i)}=${prefix6(list, i)}`;

function without(list: EamList, drop: Uint8Array): EamList {
  const kept = new EamList(list.size);
  for (let i = 0; i < list.size; i++) {
    if (drop[i] === 0)
      kept.add(list.v4[i]!, list.length4[i]!, address6(list, i), list.length6[i]!, list.line[i]!);
  }
  return kept;
}

/** The first few messages and how many more there were. */
class Capped {
  readonly #messages: string[] = [];
  #more = 0;

  add(message: () => string): void {
    if (this.#messages.length < MOST) this.#messages.push(message());
    else this.#more++;
  }

  all(one: string, many: string): string[] {
    return this.#more === 0 ? this.#messages : [...this.#messages, more(this.#more, one, many)];
  }
}
