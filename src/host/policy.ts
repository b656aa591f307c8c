/**
 * Packets of the translator leave by its uplink, and answers to it enter the TUN, whatever else the host does with its
 * packets (CLAT-10). Pure.
 *
 * Where policy rules come before the main table (wg-quick with ::/0, Tailscale's exit node, VRFs) they would decide about
 * our packets too: a VPN would carry them, or its own packets to an IPv4 server would go round in it. Two rules of ours
 * then lead to a table of ours, which holds the route to the NAT64's prefix and those into the TUN. A rule without
 * preference is put first by the kernel; whoever adds one after us comes before us again, which rule events tell.
 *
 * Without such rules the main table decides, and a route to the prefix is needed only where another interface has one as
 * good.
 */
import { formatPrefix6 } from '../address/format.ts';
import { inPrefix6, type Prefix6 } from '../address/ip.ts';
import type { Entry, RouteStep, RuleStep } from './plan.ts';
import { OUR_WAY_METRIC, ownTable } from './policy-table.ts';
import { type Flow, type HostRule, isOfClats, mayDecide, rulesBeforeMain } from './rules.ts';
import { gatewayBy, type HostRoute, type HostState } from './state.ts';
import { parseKernel6 } from './text.ts';
import { type Way, wayBy } from './uplink.ts';

export interface PolicyInput {
  readonly tun: string;
  readonly uplink: string;
  readonly pool6: Prefix6;
  /** What is routed into the TUN. */
  readonly inside: readonly Prefix6[];
}

export interface Policy {
  readonly entries: readonly Entry[];
  readonly warnings: readonly string[];
}

const NONE: Policy = { entries: [], warnings: [] };

/** More prefixes than this are a border router's, whose rules are made by hand. */
export const MAX_RULES = 16;
const METRIC = 1024;

export function policyEntries(input: PolicyInput, state: HostState): Policy {
  const { tun, uplink, pool6, inside } = input;
  const way = wayBy(state, tun, uplink, pool6);
  if (way === null) return NONE;
  const rules = decidingRules(input, state);
  const exact = rivals(input, way, state).filter((route) => liesIn(route, pool6));
  if (rules.length === 0 && exact.length === 0 && way.table === null) {
    return rivals(input, way, state).length === 0 ? NONE : { entries: [mainRoute(input, way)], warnings: [] };
  }
  const table = ownTable(state, tun);
  const because =
    rules.length > 0
      ? `this host has policy rules that are tried before the main table (${rules.map(named).join(', ')})`
      : exact.length > 0
        ? `the main table has another route to the NAT64's prefix (through ${exact[0]!.devs.join(', ')})`
        : `the way to the NAT64's prefix is in the table ${way.table}`;
  const routes = (dev: string, to: readonly Prefix6[], gateway: string | null): RouteStep => ({
    ...{ kind: 'routes', family: 6, dev, to: to.map(formatPrefix6), metric: METRIC },
    ...{ gateway, source: null, mtu: null, table },
  });
  const rule = (iif: string | null, to: string | null): RuleStep => ({ kind: 'rule', iif, to, table });
  const answers = inside.length <= MAX_RULES ? inside : [];
  return {
    entries: [
      {
        why: `Translated packets leave by ${uplink}, where the NAT64 is: ${because}.`,
        step: routes(uplink, [pool6], gatewayBy(way.route, uplink)),
      },
      {
        why: 'Answers for the translator enter it, whatever those rules say of other packets.',
        step: routes(tun, inside, null),
      },
      ...answers.map((prefix) => ({
        why: `Answers to the translator are looked up in the table ${table} first; without a preference of its own the kernel puts the rule before all others.`,
        step: rule(null, formatPrefix6(prefix)),
      })),
      {
        why: `What comes out of the translator is looked up in the table ${table} first.`,
        step: rule(tun, null),
      },
    ],
    warnings: [
      ...(answers.length === inside.length
        ? []
        : [
            `${inside.length} IPv6 prefixes lead to the translator, too many for rules: see to it that answers to them are not caught by ${rules.map(named).join(', ')}`,
          ]),
    ],
  };
}

/** Rules of others that could decide about our packets. */
function decidingRules({ tun, uplink, pool6, inside }: PolicyInput, { rules }: HostState): HostRule[] {
  const flows: Flow[] = [
    { iif: tun, from: inside, to: [pool6] },
    { iif: uplink, from: null, to: inside },
  ];
  return rulesBeforeMain(rules.filter(({ family }) => family === 6)).filter(
    (rule) => !isOfClats(rule) && flows.some((flow) => mayDecide(rule, flow)),
  );
}

/** Other ways in the main table that the kernel would prefer, or might. */
function rivals({ tun, uplink, pool6 }: PolicyInput, way: Way, { routes }: HostState): HostRoute[] {
  return routes.filter((route) => {
    if (route.family !== 6 || route.devs.includes(tun) || route === way.route) return false;
    // Of several hops the kernel takes any.
    if (route.devs.includes(uplink) && route.devs.length === 1) return false;
    const length = lengthOf(route);
    const leadsThere =
      route.dst === 'default' || inPrefix6(pool6.address, prefixOf(route)) || liesIn(route, pool6);
    if (!leadsThere || (route.type !== 'unicast' && route.dst === 'default')) return false;
    return length > way.length || (length === way.length && route.metric <= way.route.metric);
  });
}

const lengthOf = ({ dst }: HostRoute): number => (dst === 'default' ? 0 : Number(dst.split('/')[1]));

const prefixOf = (route: HostRoute): Prefix6 => ({
  address: parseKernel6(route.dst.split('/')[0]!),
  length: lengthOf(route),
});

/** The same prefix, or a part of it: a route of ours beside it would not win. */
const liesIn = (route: HostRoute, pool6: Prefix6): boolean =>
  route.dst !== 'default' && lengthOf(route) >= pool6.length && inPrefix6(prefixOf(route).address, pool6);

function mainRoute({ uplink, pool6 }: PolicyInput, way: Way): Entry {
  return {
    why: `The NAT64 is reached by ${uplink}, while another interface has an IPv6 route there as good.`,
    step: {
      ...{ kind: 'routes', family: 6, dev: uplink, to: [formatPrefix6(pool6)], metric: OUR_WAY_METRIC },
      ...{ gateway: gatewayBy(way.route, uplink), source: null, mtu: null },
    },
  };
}

const named = ({ priority, table }: HostRule): string =>
  table === null ? `${priority}` : `${priority} → table ${table}`;
