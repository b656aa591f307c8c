/**
 * What clatd would change on the host, as data: an ordered list of entries, each with its reason, that can be printed,
 * kept in the journal, applied and undone. Plain JSON throughout, since the process that undoes a plan may be another
 * one than the one that applied it.
 *
 * Everything here is a pure function of an entry and of the host's state; apply.ts does it.
 */
import { equal6, type Prefix6, samePrefix6 } from '../address/ip.ts';
import { type Flow, isOfClats, mayDecide, rulesBeforeMain } from './rules.ts';
import { findLink, type HostState } from './state.ts';
import { dotted } from './sysctl.ts';
import { parseKernel6 } from './text.ts';

/** A new kind, or a new field, also gets its check in step-fields.ts (the compiler asks for it). */
export type Step =
  | SysctlStep
  | { readonly kind: 'link'; readonly dev: string; readonly mtu: number | null }
  | {
      readonly kind: 'address';
      readonly dev: string;
      readonly family: 4 | 6;
      readonly address: string;
      readonly length: number;
      /** IPv6: there, and never chosen as a source. */
      readonly deprecated?: true;
    }
  | RouteStep
  | RuleStep
  | { readonly kind: 'proxy'; readonly dev: string; readonly address: string }
  | AcceptStep
  | { readonly kind: 'nft'; readonly family: string; readonly table: string; readonly rules: string };

export interface SysctlStep {
  readonly kind: 'sysctl';
  /** As in sysctl.ts: net/ipv6/conf/all/forwarding */
  readonly key: string;
  readonly value: string;
  /** Keys the kernel changes along with this one, so that undoing can restore each. */
  readonly drags: readonly string[];
}

/** Routes of one family through one interface: one entry, since an EAM file may need thousands. */
export interface RouteStep {
  readonly kind: 'routes';
  readonly family: 4 | 6;
  readonly dev: string;
  /** "default" or prefixes, with their lengths. */
  readonly to: readonly string[];
  readonly metric: number;
  readonly gateway: string | null;
  /** Preferred source address. */
  readonly source: string | null;
  /** bytes */
  readonly mtu: number | null;
  /** Default: the main table. */
  readonly table?: number;
  /** Default: unicast. */
  readonly type?: 'unreachable';
}

/** A policy rule for IPv6 packets, without a preference: the kernel puts it before all others (CLAT-10). */
export interface RuleStep {
  readonly kind: 'rule';
  /** Of these packets one is given. */
  readonly iif: string | null;
  readonly to: string | null;
  readonly table: number;
}

/** Rules of ours at the head of a chain of someone else's, told apart by their comment. One step a chain. */
export interface AcceptStep {
  readonly kind: 'accept';
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly comment: string;
  /** As nft writes them, without the comment, in their order in the chain. */
  readonly rules: readonly string[];
}

export interface Entry {
  /** One sentence for the administrator: why this is needed. */
  readonly why: string;
  readonly step: Step;
  /** It only makes things nicer: where it cannot be had, a warning says so, and the rest is done (CLAT-16). */
  readonly optional?: boolean;
}

/** What was there before a step, as far as undoing needs it. */
export interface Before {
  /** sysctl: values by key, the step's own first. */
  readonly values?: Readonly<Record<string, string>>;
  /** link */
  readonly up?: boolean;
  readonly mtu?: number;
  /** routes: those that were there already, which are not ours. */
  readonly present?: readonly string[];
  /** Interfaces that the step names, with their indices: a name may be another's by the time of undoing. */
  readonly devs?: Readonly<Record<string, number>>;
}

/** A step together with what it replaced: what the journal holds and rolling back needs. */
export interface Done {
  readonly step: Step;
  readonly before: Before;
}

export type Finding =
  /** Nothing to do: it is so already, and will be left so. */
  | { readonly is: 'so' }
  | { readonly is: 'needed'; readonly before: Before }
  /** Something of someone else is in the way; it is not touched. */
  | { readonly is: 'conflict'; readonly with: string };

const needed = (before: Before): Finding => ({ is: 'needed', before });
const conflict = (what: string): Finding => ({ is: 'conflict', with: what });
const SO: Finding = { is: 'so' };

/** Is this step done already, needed, or is something in its way? */
export function check(step: Step, state: HostState): Finding {
  switch (step.kind) {
    case 'sysctl':
      return checkSysctl(step, state);
    case 'link': {
      const link = findLink(state, step.dev);
      if (link === undefined) return needed({});
      if (link.up && (step.mtu === null || link.mtu === step.mtu)) return SO;
      return needed({ up: link.up, mtu: link.mtu });
    }
    case 'address': {
      const same = state.addresses.find((a) => a.family === step.family && a.address === step.address);
      if (same === undefined) return needed({});
      return same.dev === step.dev ? SO : conflict(`${step.address} is an address of ${same.dev} already`);
    }
    case 'routes':
      return checkRoutes(step, state);
    case 'rule':
      return findRule(step, state) === -1 ? needed({}) : SO;
    case 'proxy': {
      const address = parseKernel6(step.address);
      const same = state.proxies.filter((proxy) => equal6(proxy.address, address));
      if (same.some((proxy) => proxy.dev === step.dev)) return SO;
      return same.length === 0
        ? needed({})
        : conflict(`there is a neighbour proxy entry for ${step.address} on ${same[0]!.dev} already`);
    }
    case 'accept':
    case 'nft':
      // Rules with our comment, and a table of our name, can only be ours: they are replaced whole.
      return needed({});
  }
}

/**
 * True where a step that was done is not true any more because someone loaded their firewall anew, which takes rules and
 * tables of others along, or flushed a table of ours.
 */
export function isLost(step: Step, { firewall }: HostState): boolean {
  if (firewall === undefined) return false;
  if (step.kind === 'nft') {
    const name = `${step.family} ${step.table}`;
    const rules = firewall.clatd?.get(name);
    return firewall.present?.has(name) === false || (rules !== undefined && rules < rulesOf(step.rules));
  }
  if (step.kind !== 'accept') return false;
  const table = firewall.tables.find(({ family, name }) => family === step.family && name === step.table);
  const rules = table?.chains.get(step.chain)?.rules ?? [];
  return rules.filter(({ comment }) => comment === step.comment).length !== step.rules.length;
}

/** How many rules the text of a table of ours has: one a line. */
const rulesOf = (text: string): number =>
  text.split('\n').filter((line) => !/^\s*(table |chain |type |\}|$)/.test(line)).length;

function checkSysctl(step: SysctlStep, { sysctls }: HostState): Finding {
  const now = sysctls.read(step.key);
  if (now === step.value) return SO;
  const values: Record<string, string> = {};
  for (const key of [step.key, ...step.drags]) {
    const value = key === step.key ? now : sysctls.read(key);
    if (value !== null) values[key] = value;
  }
  return needed({ values });
}

/** An unreachable route has no device: not in IPv4, and in IPv6 the kernel's choice. */
const isSame = (step: RouteStep, { type, devs, metric }: HostState['routes'][number]): boolean =>
  metric === step.metric &&
  (step.type === 'unreachable' ? type === step.type : type === 'unicast' && devs.includes(step.dev));

function checkRoutes(step: RouteStep, state: HostState): Finding {
  const rivals = new Map<string, HostState['routes'][number][]>();
  const routes =
    step.table === undefined ? state.routes : state.tables.filter(({ table }) => table === `${step.table}`);
  for (const route of routes) {
    if (route.family !== step.family) continue;
    const list = rivals.get(route.dst);
    if (list === undefined) rivals.set(route.dst, [route]);
    else list.push(route);
  }
  const present: string[] = [];
  for (const to of step.to) {
    for (const route of rivals.get(to) ?? []) {
      if (isSame(step, route)) {
        present.push(to);
        continue;
      }
      // Behind whatever there is: real routes are what it waits for.
      if (step.type === 'unreachable' && route.metric !== step.metric) continue;
      // Native default routes live beside ours: the metric decides. An unreachable route with a greater metric
      // catches what a delegated prefix leaves over; more cannot be meant by it.
      if (to === 'default' && route.metric !== step.metric) continue;
      if (route.type !== 'unicast' && route.metric > step.metric) continue;
      const way = route.type === 'unicast' ? `through ${route.devs.join(', ')}` : `(${route.type})`;
      const name = to === 'default' ? `an IPv${step.family} default route` : `a route to ${to}`;
      const wayOut = to === 'default' && step.family === 4 ? ': --v4-defaultroute-metric takes another' : '';
      return conflict(
        `${name} ${way} with metric ${route.metric}, set by ${route.protocol}, is there already${wayOut}`,
      );
    }
  }
  return present.length === step.to.length ? SO : needed({ present });
}

/** What a step does, as commands to read (and to type): `sysctl -w …`, `ip …`, `nft …`. */
export function commands(step: Step): string[] {
  if (step.kind === 'sysctl') return [`sysctl -w ${dotted(step.key)}=${step.value}`];
  if (step.kind === 'nft')
    return [`nft add table ${step.family} ${step.table}  # and its rules:`, step.rules];
  if (step.kind === 'accept') return insertLines(step).map((line) => `nft '${line}'`);
  return applyLines(step, {}).map((line) => `ip ${line}`);
}

/** What undoes a step, as commands to type. */
export function undoCommands(done: Done): string[] {
  const { step, before } = done;
  switch (step.kind) {
    case 'sysctl':
      return Object.entries(before.values ?? {}).map(([key, value]) => `sysctl -w ${dotted(key)}=${value}`);
    case 'nft':
      return [`nft delete table ${step.family} ${step.table}`];
    case 'accept':
      return [
        `nft -a list chain ${step.family} ${step.table} ${step.chain}  # and delete the rules "${step.comment}" by their handles`,
      ];
    default:
      return undoLines(done).map((line) => `ip ${line}`);
  }
}

/** The nft lines that insert the rules of a step, last one first, since each goes to the head of the chain. */
export function insertLines({ family, table, chain, comment, rules }: AcceptStep): string[] {
  const line = (rule: string) => `insert rule ${family} ${table} ${chain} ${rule} comment "${comment}"`;
  return rules.map(line).reverse();
}

/** The `ip` lines (for ipBatch) that apply a step; none for sysctls and what nft does. */
export function applyLines(step: Step, before: Before): string[] {
  switch (step.kind) {
    case 'link':
      return [`link set dev ${step.dev}${step.mtu === null ? '' : ` mtu ${step.mtu}`} up`];
    case 'address':
      return [
        `address add ${step.address}/${step.length} dev ${step.dev}${step.deprecated === true ? ' preferred_lft 0' : ''}`,
      ];
    case 'routes':
      return ours(step, before).map((to) => `route add ${routeSpec(step, to)}`);
    case 'rule':
      return [`-6 rule add ${ruleSpec(step)}`];
    case 'proxy':
      return [`neighbour add proxy ${step.address} dev ${step.dev}`];
    case 'sysctl':
    case 'accept':
    case 'nft':
      return [];
  }
}

/** The `ip` lines that undo a step; each may fail where the thing is gone already. */
export function undoLines({ step, before }: Done): string[] {
  switch (step.kind) {
    case 'link': {
      const lines: string[] = [];
      if (before.mtu !== undefined && step.mtu !== null)
        lines.push(`link set dev ${step.dev} mtu ${before.mtu}`);
      if (before.up === false) lines.push(`link set dev ${step.dev} down`);
      return lines;
    }
    case 'address':
      return [`address del ${step.address}/${step.length} dev ${step.dev}`];
    case 'routes':
      return ours(step, before).map((to) => `route del ${routeSpec(step, to)}`);
    case 'rule':
      return [`-6 rule del ${ruleSpec(step)}`];
    case 'proxy':
      return [`neighbour del proxy ${step.address} dev ${step.dev}`];
    case 'sysctl':
    case 'accept':
    case 'nft':
      return [];
  }
}

function ours(step: RouteStep, before: Before): readonly string[] {
  if (before.present === undefined || before.present.length === 0) return step.to;
  const present = new Set(before.present);
  return step.to.filter((to) => !present.has(to));
}

function routeSpec(step: RouteStep, to: string): string {
  const words = step.type === undefined ? [to] : [step.type, to];
  if (step.gateway !== null) words.push('via', step.gateway);
  if (step.type === undefined || step.family === 6) words.push('dev', step.dev);
  words.push('proto', 'static', 'metric', String(step.metric));
  if (step.source !== null) words.push('src', step.source);
  if (step.mtu !== null) words.push('mtu', String(step.mtu));
  if (step.table !== undefined) words.push('table', String(step.table));
  return words.join(' ');
}

function ruleSpec({ iif, to, table }: RuleStep): string {
  const words = [...(iif === null ? [] : ['iif', iif]), ...(to === null ? [] : ['to', to])];
  return [...words, 'lookup', String(table)].join(' ');
}

/** Where our rule stands among those of the host; -1: it is not there. */
function findRule(step: RuleStep, { rules }: HostState): number {
  return rules.findIndex(
    ({ family, iif, to, from, oif, table }) =>
      family === 6 &&
      iif === step.iif &&
      (to === step.to || (to !== null && step.to !== null && samePrefix(to, step.to))) &&
      from === null &&
      oif === null &&
      table === `${step.table}`,
  );
}

/** The priority of a rule of ours where somebody put one before it that could decide in its stead; null: nobody did. */
export function overtakenAt(step: Step, state: HostState): number | null {
  if (step.kind !== 'rule') return null;
  const at = findRule(step, state);
  if (at === -1) return null;
  const flow: Flow = { iif: step.iif, from: null, to: step.to === null ? null : [prefixOf(step.to)] };
  const before = state.rules.slice(0, at).filter(({ family }) => family === 6);
  const overtaken = rulesBeforeMain(before).some((rule) => !isOfClats(rule) && mayDecide(rule, flow));
  return overtaken ? state.rules[at]!.priority : null;
}

const prefixOf = (text: string): Prefix6 => {
  const [address = '', length] = text.split('/');
  return { address: parseKernel6(address), length: Number(length) };
};

const samePrefix = (a: string, b: string): boolean => samePrefix6(prefixOf(a), prefixOf(b));

/** The step in a few words, for logs. */
export function describe(step: Step): string {
  switch (step.kind) {
    case 'sysctl':
      return `${dotted(step.key)} = ${step.value}`;
    case 'link':
      return `${step.dev} up${step.mtu === null ? '' : `, MTU ${step.mtu}`}`;
    case 'address':
      return `address ${step.address}/${step.length} on ${step.dev}`;
    case 'routes':
      if (step.type === 'unreachable')
        return `IPv${step.family} ${step.to.length === 1 ? `route to ${step.to[0]}` : `routes to ${step.to.length} networks`}: unreachable where there is no other`;
      return `${
        step.to.length === 1
          ? `IPv${step.family} ${step.to[0] === 'default' ? 'default route' : `route to ${step.to[0]}`} through ${step.dev}`
          : `${step.to.length} IPv${step.family} routes through ${step.dev}`
      }${step.table === undefined ? '' : ` in table ${step.table}`}`;
    case 'rule':
      return `rule for packets ${step.iif === null ? `to ${step.to}` : `from ${step.iif}`}, table ${step.table}`;
    case 'proxy':
      return `neighbour proxy for ${step.address} on ${step.dev}`;
    case 'accept':
      return `rules in the nftables chain ${step.family} ${step.table} ${step.chain}`;
    case 'nft':
      return `nftables table ${step.family} ${step.table}`;
  }
}
