/**
 * What a firewall does with a packet that is forwarded, as far as its rules tell: only interfaces, addresses, the protocol
 * family and the state of the connection are known of the packet, so a match on anything else may or may not hold.
 *
 * What only may happen does not count: a drop with a condition (invalid packets, a blocklist) is someone's intention and
 * concerns packets, not the path; an accept with a condition does not help those that do not meet it. So a chain is
 * found to drop where nothing but its end, or a rule without unknown conditions, decides.
 */
import { type Ip4, inPrefix4, type Prefix4 } from '../address/ip.ts';
import type { FirewallRule, FirewallTable } from './firewall.ts';
import type { NftExpression } from './nft.ts';
import { parseKernel4 } from './text.ts';

/** Packets of one direction between two interfaces. */
export interface Path {
  readonly family: 4 | 6;
  readonly from: string;
  readonly to: string;
  /** new: the first packet of a connection; established: what comes back. */
  readonly state: 'new' | 'established';
  /** Sources and destinations, where they are known. */
  readonly source?: Prefix4;
  readonly destination?: Prefix4;
}

type Holds = 'yes' | 'no' | 'maybe';
type Verdict = 'accept' | 'drop' | 'return' | null;

/** Deeper than the kernel lets chains jump (NFT_JUMP_STACK_SIZE). */
const MAX_DEPTH = 16;

/** Does the chain at the forward hook drop such packets? `ours`: rules with this comment are not looked at. */
export function drops(table: FirewallTable, chain: string, path: Path, ours: string): boolean {
  const verdict = walk(table, chain, path, ours, 0);
  if (verdict === 'accept' || verdict === 'drop') return verdict === 'drop';
  return table.chains.get(chain)?.policy === 'drop';
}

function walk(table: FirewallTable, chain: string, path: Path, ours: string, depth: number): Verdict {
  if (depth > MAX_DEPTH) return null;
  for (const rule of table.chains.get(chain)?.rules ?? []) {
    if (rule.comment === ours) continue;
    const decision = decide(rule, path);
    if (decision === null) continue;
    const [word, target] = decision;
    if (word === 'accept' || word === 'drop') return word;
    if (word === 'return') return null;
    const verdict = walk(table, target, path, ours, depth + 1);
    if (verdict !== null) return verdict;
    if (word === 'goto') return null;
  }
  return null;
}

type Decision = readonly [word: 'accept' | 'drop' | 'return' | 'jump' | 'goto', target: string];

/** What the rule says of every such packet; null: nothing, or not of every one. */
function decide({ expr }: FirewallRule, path: Path): Decision | null {
  for (const one of expr) {
    const [kind = '', value] = Object.entries(one)[0] ?? [];
    const body = value as Fields | null;
    switch (kind) {
      case 'match':
        if (matches(body, path) !== 'yes') return null;
        break;
      case 'xt':
        if (body?.type === 'target') {
          if (body.name === 'REJECT') return ['drop', ''];
        } else if (!(body?.name === 'conntrack' && path.state === 'established')) {
          // What the old-style conditions are, nft does not say. Those on connections let answers pass, all but always.
          return null;
        }
        break;
      case 'limit':
      case 'quota':
      case 'ct count':
        return null;
      case 'vmap':
        return fromMap(body, path);
      default: {
        const decision = verdictOf(one);
        if (decision !== null) return decision;
      }
    }
  }
  return null;
}

// biome-ignore lint/suspicious/noExplicitAny: libnftables' JSON as it comes; everything in it is looked at before use.
type Fields = any;

function verdictOf(one: NftExpression): Decision | null {
  if ('drop' in one || 'reject' in one) return ['drop', ''];
  // What is queued, a program decides; it gets to see the packet all the same.
  if ('accept' in one || 'queue' in one) return ['accept', ''];
  if ('return' in one) return ['return', ''];
  for (const word of ['jump', 'goto'] as const) {
    const target = (one[word] as Fields)?.target;
    if (typeof target === 'string') return [word, target];
  }
  return null;
}

/** `iifname vmap { … }`, `ct state vmap { … }` */
function fromMap(map: Fields, path: Path): Decision | null {
  const pairs: unknown = map?.data?.set;
  if (!Array.isArray(pairs)) return null;
  for (const pair of pairs) {
    if (!Array.isArray(pair)) return null;
    const holds = compare(map.key, pair[0], path);
    if (holds === 'maybe') return null;
    if (holds === 'yes') return verdictOf(pair[1] ?? {});
  }
  return null;
}

function matches(match: Fields, path: Path): Holds {
  const { left, right } = match ?? {};
  // A field of the other family makes a rule one of that family, whatever the comparison is.
  if (left?.payload?.protocol === (path.family === 6 ? 'ip' : 'ip6')) return 'no';
  const holds = compare(left, right, path);
  switch (match?.op) {
    case '==':
    case 'in':
      return holds;
    case '!=':
      return holds === 'yes' ? 'no' : holds === 'no' ? 'yes' : 'maybe';
    default:
      return 'maybe';
  }
}

/** Whether the packet's field is the value, or one of the values. */
function compare(left: Fields, right: Fields, path: Path): Holds {
  const values: unknown = Array.isArray(right) ? right : right?.set;
  if (Array.isArray(values)) {
    const all = values.map((value) => compare(left, value, path));
    if (all.includes('yes')) return 'yes';
    return all.includes('maybe') ? 'maybe' : 'no';
  }
  const meta = left?.meta?.key;
  if (typeof right === 'string' && !right.startsWith('@')) {
    if (meta === 'iifname' || meta === 'iif') return sameName(path.from, right);
    if (meta === 'oifname' || meta === 'oif') return sameName(path.to, right);
    if (meta === 'nfproto') return right === `ipv${path.family}` ? 'yes' : 'no';
    if (meta === 'protocol') return right === (path.family === 6 ? 'ip6' : 'ip') ? 'yes' : 'no';
    if (left?.ct?.key === 'state') return right === path.state ? 'yes' : 'no';
  }
  // An interface that is not there any more is shown as a number.
  if ((meta === 'iif' || meta === 'oif') && typeof right === 'number') return 'no';
  const { protocol, field } = left?.payload ?? {};
  if (protocol === 'ip' && field === 'saddr') return within(path.source, right);
  if (protocol === 'ip' && field === 'daddr') return within(path.destination, right);
  return 'maybe';
}

/** `lan*` is every name that begins so. */
function sameName(name: string, pattern: string): Holds {
  const same = pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  return same ? 'yes' : 'no';
}

/** Whether all addresses of a prefix are the value: an address or a prefix. */
function within(prefix: Prefix4 | undefined, value: Fields): Holds {
  const text: unknown = typeof value === 'string' ? value : value?.prefix?.addr;
  if (prefix === undefined || typeof text !== 'string' || !/^[\d.]+$/.test(text)) return 'maybe';
  const address: Ip4 = parseKernel4(text);
  const length = typeof value === 'string' ? 32 : Number(value.prefix.len);
  if (length <= prefix.length) return inPrefix4(prefix.address, { address, length }) ? 'yes' : 'no';
  return inPrefix4(address, prefix) ? 'maybe' : 'no';
}
