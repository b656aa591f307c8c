/** Policy rules, as `ip rule` shows them: which of them could decide where a packet goes. Pure. */
import { inPrefix6, type Prefix6 } from '../address/ip.ts';
import { isClatTable } from './policy-table.ts';
import { parseKernel6 } from './text.ts';

export interface HostRule {
  readonly family: 4 | 6;
  readonly priority: number;
  /** With its length; null: any. */
  readonly from: string | null;
  readonly to: string | null;
  readonly iif: string | null;
  readonly oif: string | null;
  /** As iproute2 calls it; null: it leads to no table (unreachable, goto, the table of a VRF). */
  readonly table: string | null;
  /** True where it asks for nothing but what stands above, and passes over no route it finds. */
  readonly plain: boolean;
  /** It means what its selector does not ("not"). */
  readonly inverted: boolean;
}

/** `ip -json rule`. */
export interface JsonRule {
  readonly priority: number;
  readonly src?: string;
  readonly srclen?: number;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly iif?: string;
  readonly oif?: string;
  readonly table?: string;
}

const PLAIN = new Set([
  ...['priority', 'src', 'srclen', 'dst', 'dstlen', 'iif', 'iif_detached', 'oif', 'oif_detached'],
  ...['table', 'protocol'],
]);

export function toRule(rule: JsonRule, family: 4 | 6): HostRule {
  const whole = family === 4 ? 32 : 128;
  const prefix = (address: string | undefined, length: number = whole): string | null =>
    address === undefined || address === 'all' ? null : `${address}/${length}`;
  return {
    family,
    priority: rule.priority,
    from: prefix(rule.src, rule.srclen),
    to: prefix(rule.dst, rule.dstlen),
    iif: rule.iif ?? null,
    oif: rule.oif ?? null,
    table: rule.table ?? null,
    plain: Object.keys(rule).every((key) => PLAIN.has(key)),
    inverted: 'not' in rule,
  };
}

const leadsAllTo = ({ from, to, iif, oif, table, plain }: HostRule, name: string): boolean =>
  plain && table === name && from === null && to === null && iif === null && oif === null;

/** Those of one family that are tried before the main table, without the one for the host's own addresses. */
export function rulesBeforeMain(rules: readonly HostRule[]): HostRule[] {
  const main = rules.findIndex((rule) => leadsAllTo(rule, 'main'));
  return rules.slice(0, main === -1 ? rules.length : main).filter((rule) => !leadsAllTo(rule, 'local'));
}

/** Made by this or another clatd: each for its own packets. */
export const isOfClats = ({ table }: HostRule): boolean => table !== null && isClatTable(table);

/** What is known of packets that are forwarded; null: anything. */
export interface Flow {
  readonly iif: string | null;
  readonly from: readonly Prefix6[] | null;
  readonly to: readonly Prefix6[] | null;
}

/** Could an IPv6 rule decide about some of these packets? Marks, users and the like may be anything. */
export function mayDecide(rule: HostRule, { iif, from, to }: Flow): boolean {
  if (rule.inverted) return true;
  // Forwarded packets have no interface to leave by yet.
  if (rule.oif !== null || (rule.iif !== null && iif !== null && rule.iif !== iif)) return false;
  return overlaps(rule.from, from) && overlaps(rule.to, to);
}

function overlaps(text: string | null, prefixes: readonly Prefix6[] | null): boolean {
  if (text === null || prefixes === null) return true;
  const [address = '', length] = text.split('/');
  const own: Prefix6 = { address: parseKernel6(address), length: Number(length) };
  return prefixes.some((one) =>
    one.length < own.length ? inPrefix6(own.address, one) : inPrefix6(one.address, own),
  );
}
