/**
 * The plan of `clatd run`: what one would otherwise type by hand so that IPv4 programs of this host reach the
 * translator and its answers find back. Built from the configuration and the host's state; changes nothing.
 */
import { EamList } from '../address/eam.ts';
import { formatIp4, formatIp6, formatPrefix4, formatPrefix6 } from '../address/format.ts';
import { type Ip4, type Ip6, inPrefix4, inPrefix6, type Prefix4, type Prefix6 } from '../address/ip.ts';
import { DEFAULT_METRIC } from '../config/defaults.ts';
import type { Host } from './apply.ts';
import { onLink6 } from './clat-address.ts';
import { coverEam6 } from './cover.ts';
import { type Behind, firewallEntries } from './firewall-plan.ts';
import { forwarder4 } from './forwarder4.ts';
import { forwardingEntries } from './forwarding.ts';
import { findBehind, forwardingEntries4, lanPrefixes, nat44Entry } from './nat44.ts';
import { nat66Entry } from './nat66.ts';
import { check, type Done, describe, type Entry, type Finding } from './plan.ts';
import { policyEntries } from './policy.ts';
import { OUR_WAY_METRIC } from './policy-table.ts';
import { rulesBeforeMain } from './rules.ts';
import { findLink, type HostRoute, type HostState } from './state.ts';
import { parseKernel4, parseKernel6 } from './text.ts';
import { unreachableEntries } from './unreachable.ts';
import { findUplink } from './uplink.ts';
import { vpnBypass } from './vpn-bypass.ts';

/** RFC 7335: the addresses set aside for the IPv4 side of a CLAT, 192.0.0.0/29. */
const CLAT4 = { address: (192 << 24) | 0, length: 29 };
/**
 * Beyond this many IPv6 routes (after merging neighbours) a list is no list of this host's addresses but a table of a
 * border router, which is configured by hand; it also keeps start and stop within a second on an attached device.
 */
export const MAX_ROUTES = 4096;
/** More single-host EAMs than this are hosts behind us, not addresses of ours. */
export const MAX_OWN_ADDRESSES = 16;
const OUR_METRIC6 = 1024;
const MIN_MTU6 = 1280;
const MAX_MTU = 65_535;

export interface RunPlanInput {
  readonly tun: string;
  /** True: the device is clatd's and vanishes with it; false: it was there before and is only attached to. */
  readonly created: boolean;
  readonly eam: EamList;
  readonly pool6: Prefix6 | null;
  readonly ipv4Addr: Ip4;
  readonly ipv6Addr: Ip6 | null;
  /** bytes; null: the uplink's on a device of our own, the device's on an attached one. */
  readonly ipv6Mtu: number | null;
  /** Those of `eam` that are of hosts behind this one (--lan); default: none. */
  readonly lan?: EamList;
  /** Hosts behind this one that share its IPv4 address; default: none. */
  readonly nat44?: readonly Prefix4[];
  /** Chains of others that would drop what the translator sends; default: off. */
  readonly firewall?: 'accept' | 'warn' | 'off';
  /** --v4-defaultroute-metric; default: DEFAULT_METRIC. */
  readonly metric?: number;
  /** --plat-dev, for mappings by hand; default: the best route to pool6 tells. */
  readonly platDev?: string | null;
  /** Automatic mode: what was found out about the network. */
  readonly clat?: ClatSurroundings;
}

export interface ClatSurroundings {
  readonly uplink: string;
  /** The least MTU that its routers advertised, bytes; null: none did. */
  readonly advertisedMtu: number | null;
  /** 29: the translator is the neighbour of clat4; 32: 192.0.0.0/29 is in use elsewhere. */
  readonly clat4Length: 29 | 32;
  /** The IPv6 address of the mapping is nobody's outside: NAT66 hides it behind the uplink's. */
  readonly shared: boolean;
  /** An address for the uplink to have for some seconds, to be tried (CLAT-15); default: none. */
  readonly spare?: Ip6 | null;
}

export interface RunPlan {
  readonly tun: string;
  /** null: there is no IPv6 default route (yet). */
  readonly uplink: string | null;
  /** MTU the TUN has once the plan is applied, bytes. */
  readonly tunMtu: number;
  /** Automatic mode: an interface that forwards IPv4 for others, whose packets the translator gets too; null: none. */
  readonly forwarder: string | null;
  readonly entries: readonly Entry[];
  /** For each entry what was found on the host when the plan was made. */
  readonly findings: readonly Finding[];
  /** The host as it was read when the plan was made. */
  readonly state: HostState;
  /** What stands in the way, one sentence each; the plan cannot be applied while there are any. */
  readonly conflicts: readonly string[];
  /** What the administrator should know; the plan can be applied. */
  readonly warnings: readonly string[];
}

/**
 * Reads the host and makes the plan. `done`: what is applied at present (journal.done), so that a later plan of the same
 * process does not take its own changes for those of the host. Throws ToolMissingError or ToolFailedError.
 */
export async function prepareHost(
  input: RunPlanInput,
  host: Pick<Host, 'read' | 'firewall'>,
  done: readonly Done[] = [],
): Promise<RunPlan> {
  const state = await readForPlan(input, host, input.clat?.shared);
  const plan = buildRunPlan(input, withoutOurs(state, done));
  return { ...plan, state, findings: plan.entries.map(({ step }) => check(step, state)) };
}

/**
 * The host, with its firewalls where they matter: others' that drop, and tables of ours, which a firewall that is loaded
 * anew takes along. Throws ToolMissingError or ToolFailedError.
 */
export async function readForPlan(
  { firewall: mode = 'off', nat44 = [] }: Pick<RunPlanInput, 'firewall' | 'nat44'>,
  host: Pick<Host, 'read' | 'firewall'>,
  shared = false,
): Promise<HostState> {
  if (mode === 'off' && nat44.length === 0 && !shared) return host.read();
  const [state, firewall] = await Promise.all([host.read(), host.firewall()]);
  return { ...state, firewall };
}

/**
 * The state with sysctls as they were before us, and without our route to the prefix: it leads through a device of others.
 * Addresses and routes of ours are known by their device.
 */
function withoutOurs(state: HostState, done: readonly Done[]): HostState {
  const isOurWay = ({ family, dst, devs, metric }: HostRoute): boolean =>
    done.some(
      ({ step }) =>
        step.kind === 'routes' &&
        step.family === family &&
        step.metric === OUR_WAY_METRIC &&
        metric === OUR_WAY_METRIC &&
        devs.includes(step.dev) &&
        step.to.includes(dst),
    );
  const before = new Map(done.flatMap((one) => Object.entries(one.before.values ?? {})).reverse());
  const { sysctls } = state;
  const routes = state.routes.filter((route) => !isOurWay(route));
  return { ...state, routes, sysctls: { ...sysctls, read: (key) => before.get(key) ?? sysctls.read(key) } };
}

/** The same as a pure function of the configuration and the host's state. */
export function buildRunPlan(input: RunPlanInput, state: HostState): RunPlan {
  const notes: Notes = { conflicts: [], warnings: [] };
  const uplink =
    input.clat === undefined ? findUplink(state, input.tun, input.platDev, input.pool6) : input.clat.uplink;
  if (uplink === null) {
    notes.warnings.push(
      'there is no IPv6 default route yet: what belongs to the uplink is done once there is one',
    );
  }
  const tunMtu = chooseMtu(input, state, uplink, notes);
  const cover = coverEam6(input.eam);
  const singles = ownSingles6(input);
  findOwnAddressesInside(input, cover, state, notes);
  const addresses = addressEntries(input, state, notes);
  const { tun, eam } = input;
  const unreachable = unreachableEntries(
    { tun, eam, cover, planned: addresses.entries, most: MAX_ROUTES },
    state,
  );
  notes.warnings.push(...unreachable.warnings);
  const lan = lanPrefixes(input.lan ?? new EamList());
  const { behind, warnings } = findBehind([...lan, ...(input.nat44 ?? [])], input.tun, state);
  notes.warnings.push(...warnings);
  const entries: Entry[] = [
    ...forwardingEntries(input.tun, uplink, needsProxy(singles, state, uplink), state),
    ...tunEntries(input, state, tunMtu),
    ...addresses.entries,
    ...routeEntries6(input, cover, notes),
    ...unreachable.entries,
    ...proxyEntries(singles, input, state, uplink, notes),
    ...nat66Entries(input, singles, notes),
    ...spareEntry(input),
    ...wayEntries(input, uplink, cover, state, notes),
    ...forwardingEntries4(input.tun, behind),
    ...nat44Entries(input, addresses.source, notes),
    ...acceptEntries(input, uplink, behind, state, notes),
    // Last, so that no IPv4 packet comes before all else stands; hence undone first (CLAT-6).
    ...defaultRoute4(input, state, addresses.source, input.ipv6Mtu ?? tunMtu, notes),
  ];
  const findings = entries.map(({ step }) => check(step, state));
  for (const [i, finding] of findings.entries()) {
    if (finding.is === 'conflict') notes.conflicts.push(`${describe(entries[i]!.step)}: ${finding.with}`);
  }
  const forwarder = input.clat === undefined ? null : forwarder4(state, input.tun, uplink);
  return { tun: input.tun, uplink, tunMtu, forwarder, state, entries, findings, ...notes };
}

function nat66Entries({ tun, clat }: RunPlanInput, singles: readonly Ip6[], notes: Notes): Entry[] {
  if (clat?.shared !== true) return [];
  const entry = nat66Entry(tun, clat.uplink, singles);
  if (entry === null)
    notes.conflicts.push(`NAT66 needs interfaces with plainer names than ${tun}, ${clat.uplink}`);
  return entry === null ? [] : [entry];
}

function nat44Entries({ tun, nat44 = [] }: RunPlanInput, source: string | null, notes: Notes): Entry[] {
  if (nat44.length === 0) return [];
  if (source === null) {
    notes.conflicts.push(
      '--nat44 needs an IPv4 address of this host behind the translator to share: --eam 192.0.0.2=…',
    );
    return [];
  }
  const entry = nat44Entry(tun, nat44, source);
  if (entry === null) notes.conflicts.push(`--nat44 needs a TUN with a plainer name than ${tun}`);
  return entry === null ? [] : [entry];
}

function acceptEntries(
  { tun, firewall: mode = 'off' }: RunPlanInput,
  uplink: string | null,
  behind: readonly Behind[],
  { firewall }: HostState,
  notes: Notes,
): Entry[] {
  if (mode === 'off' || firewall === undefined) return [];
  const { entries, warnings } = firewallEntries(tun, uplink, firewall, behind, mode);
  notes.warnings.push(...warnings);
  return entries;
}

interface Notes {
  readonly conflicts: string[];
  readonly warnings: string[];
}

function chooseMtu(input: RunPlanInput, state: HostState, uplink: string | null, notes: Notes): number {
  const existing = findLink(state, input.tun);
  if (!input.created && existing !== undefined) {
    if (existing.mtu < MIN_MTU6)
      notes.conflicts.push(`${input.tun} has MTU ${existing.mtu}, IPv6 needs at least ${MIN_MTU6}`);
    return existing.mtu;
  }
  if (input.ipv6Mtu !== null) return input.ipv6Mtu;
  const link = uplink === null ? undefined : findLink(state, uplink);
  if (link === undefined) return 1500;
  // CLAT-8: the MTU a router advertised may be lower than the link's; the kernel keeps it in this sysctl.
  const kept = Number(state.sysctls.read(`net/ipv6/conf/${link.name}/mtu`) ?? link.mtu);
  const advertised = input.clat?.advertisedMtu ?? link.mtu;
  return Math.min(Math.max(Math.min(link.mtu, kept, advertised), MIN_MTU6), MAX_MTU);
}

/** CLAT-15: deprecated, so that nothing is written from it but what tries it. */
function spareEntry({ clat }: RunPlanInput): Entry[] {
  const spare = clat?.spare ?? null;
  if (clat === undefined || spare === null) return [];
  return [
    {
      why: 'Tried for some seconds: is an address of our own in this network answered by now?',
      step: {
        kind: 'address',
        dev: clat.uplink,
        family: 6,
        address: formatIp6(spare),
        length: 128,
        deprecated: true,
      },
    },
  ];
}

/** CLAT-10: its packets leave by this uplink, and answers come back, whichever way is preferred for all else. */
function wayEntries(
  { tun, pool6, clat, platDev = null, ipv6Addr }: RunPlanInput,
  uplink: string | null,
  cover: readonly Prefix6[],
  state: HostState,
  notes: Notes,
): Entry[] {
  if (pool6 === null || uplink === null) return [];
  if (clat === undefined && platDev === null && rulesBeforeMain(state.rules.filter(isIp6)).length === 0)
    return [];
  const own = ipv6Addr === null ? [] : [{ address: ipv6Addr, length: 128 }];
  const { entries, warnings } = policyEntries({ tun, uplink, pool6, inside: [...cover, ...own] }, state);
  notes.warnings.push(...warnings);
  const past = vpnBypass(state, tun, uplink);
  if (past !== null) notes.warnings.push(past);
  return [...entries];
}

const isIp6 = ({ family }: { readonly family: 4 | 6 }): boolean => family === 6;

function tunEntries({ tun, created }: RunPlanInput, state: HostState, mtu: number): Entry[] {
  const entries: Entry[] = [];
  const sysctl = (key: string, value: string, why: string, optional = false) =>
    entries.push({
      why,
      step: { kind: 'sysctl', key, value, drags: [] },
      ...(optional ? { optional } : {}),
    });
  // A device that does not exist yet takes its values from "default".
  const read = (family: string, name: string) =>
    state.sysctls.read(`net/${family}/conf/${tun}/${name}`) ??
    state.sysctls.read(`net/${family}/conf/default/${name}`);

  if (read('ipv6', 'disable_ipv6') === '1') {
    sysctl(
      `net/ipv6/conf/${tun}/disable_ipv6`,
      '0',
      `IPv6 is disabled on new interfaces here, ${tun} needs it.`,
    );
  }
  if (created) {
    sysctl(
      `net/ipv6/conf/${tun}/addr_gen_mode`,
      '1',
      'Without a link-local address the kernel sends no router solicitations or multicast reports into the translator.',
      true,
    );
  }
  // The kernel takes the greater of the two.
  const filters = [state.sysctls.read('net/ipv4/conf/all/rp_filter'), read('ipv4', 'rp_filter')];
  if (filters.includes('1')) {
    const loose = filters.includes('2');
    sysctl(
      `net/ipv4/conf/${tun}/rp_filter`,
      '2',
      `A strict reverse path filter would drop what arrives by ${tun} whenever another IPv4 route is preferred; a loose one only wants some route.`,
      loose,
    );
  }
  entries.push({
    why: created
      ? `IPv4 packets enter the translator here; the MTU is that of the IPv6 side.`
      : `${tun} was there before: it is only brought up.`,
    step: { kind: 'link', dev: tun, mtu: created ? mtu : null },
  });
  return entries;
}

/** The host's own IPv4 addresses among the EAMs, and the one to be preferred as source. */
function addressEntries(
  { tun, eam, lan, clat }: RunPlanInput,
  state: HostState,
  notes: Notes,
): { entries: Entry[]; source: string | null } {
  const entries: Entry[] = [];
  let source: string | null = null;
  let prefixes = 0;
  const singles: number[] = [];
  const others = new Set(lanPrefixes(lan ?? new EamList()).map(formatPrefix4));
  for (let i = 0; i < eam.size; i++) {
    if (others.size > 0 && others.has(formatPrefix4({ address: eam.v4[i]!, length: eam.length4[i]! })))
      continue;
    if (eam.length4[i] === 32) singles.push(eam.v4[i]!);
    else prefixes++;
  }
  const inClat4 = singles.filter((address) => inPrefix4(address, CLAT4));
  let rest = singles.filter((address) => !inPrefix4(address, CLAT4));
  if (rest.length > MAX_OWN_ADDRESSES) {
    notes.warnings.push(
      `${rest.length} EAMs are of single IPv4 addresses, too many to be this host's: none is put on ${tun}`,
    );
    rest = [];
  }
  for (const address of [...inClat4, ...rest]) {
    const text = formatIp4(address);
    const holder = state.addresses.find((own) => own.family === 4 && own.address === text);
    // A service address on the loopback is where it belongs already.
    if (holder?.dev === 'lo') {
      source ??= text;
      continue;
    }
    const first = inPrefix4(address, CLAT4) && entries.length === 0 && clat?.clat4Length !== 32;
    const neighbours = onLink4(state, address, tun);
    if (holder === undefined && neighbours !== undefined && clat?.clat4Length !== 32) {
      if (!inPrefix4(address, CLAT4)) {
        notes.warnings.push(
          `${text} (--eam) lies in ${neighbours.dst} on ${neighbours.devs.join(', ')}: taken for a neighbour's address, not put on ${tun}`,
        );
        continue;
      }
      notes.conflicts.push(
        `192.0.0.0/29 is in use on ${neighbours.devs.join(', ')} (${neighbours.dst}): is another CLAT running?`,
      );
    }
    entries.push({
      why: first
        ? 'The IPv4 address of this host behind the translator (RFC 7335); with /29 the translator itself, 192.0.0.1, is its neighbour.'
        : `The IPv4 address of this host behind the translator${clat === undefined ? ' (--eam)' : ''}.`,
      step: { kind: 'address', dev: tun, family: 4, address: text, length: first ? 29 : 32 },
    });
    source ??= text;
  }
  if (prefixes > 0 && state.sysctls.read('net/ipv4/ip_forward') === '0') {
    notes.warnings.push(
      `${prefixes === 1 ? 'an EAM maps' : `${prefixes} EAMs map`} whole IPv4 prefixes: for the hosts in them this host must forward IPv4 (sysctl -w net.ipv4.ip_forward=1), which clatd leaves to you`,
    );
  }
  return { entries, source };
}

/** A directly connected IPv4 network on another interface that contains the address. */
function onLink4(state: HostState, address: Ip4, tun: string): HostRoute | undefined {
  return state.routes.find((route) => {
    if (route.family !== 4 || route.protocol !== 'kernel' || route.gateway !== null) return false;
    if (route.dst === 'default' || route.devs.includes(tun)) return false;
    const [network = '', length] = route.dst.split('/');
    return (
      Number(length) < 32 && inPrefix4(address, { address: parseKernel4(network), length: Number(length) })
    );
  });
}

function routeEntries6({ tun, ipv6Addr }: RunPlanInput, cover: readonly Prefix6[], notes: Notes): Entry[] {
  const to = cover.map(({ address, length }) => formatPrefix6({ address, length }));
  if (to.length > MAX_ROUTES) {
    notes.conflicts.push(
      `the EAMs need ${to.length} IPv6 routes, more than ${MAX_ROUTES}: route a prefix that covers them into ${tun} yourself and use --no-configure`,
    );
    return [];
  }
  if (ipv6Addr !== null && !cover.some((prefix) => inPrefix6(ipv6Addr, prefix))) {
    to.push(formatPrefix6({ address: ipv6Addr, length: 128 }));
  }
  if (to.length === 0) return [];
  return [
    {
      why: 'IPv6 packets to these addresses are answers for the translator, not for this host.',
      step: {
        kind: 'routes',
        family: 6,
        dev: tun,
        to,
        metric: OUR_METRIC6,
        gateway: null,
        source: null,
        mtu: null,
      },
    },
  ];
}

/** Single IPv6 addresses the translator uses: those that can be answered for by neighbour proxy. */
function ownSingles6({ eam, ipv6Addr }: RunPlanInput): Ip6[] {
  const found: Ip6[] = ipv6Addr === null ? [] : [ipv6Addr];
  for (let i = 0; i < eam.size && found.length <= MAX_ROUTES; i++) {
    if (eam.length6[i] === 128) found.push(eamAddress6(eam, i));
  }
  return found;
}

function eamAddress6(eam: EamList, i: number): Ip6 {
  return [eam.v6[4 * i]!, eam.v6[4 * i + 1]!, eam.v6[4 * i + 2]!, eam.v6[4 * i + 3]!];
}

/** The directly connected IPv6 networks of the uplink, where neighbours ask for addresses by ND. */
const askedFor = (state: HostState, uplink: string | null): Prefix6[] =>
  uplink === null || findLink(state, uplink)?.neighbours !== true ? [] : onLink6(state, uplink);

const needsProxy = (singles: readonly Ip6[], state: HostState, uplink: string | null): boolean =>
  askedFor(state, uplink).some((prefix) => singles.some((address) => inPrefix6(address, prefix)));

function proxyEntries(
  singles: readonly Ip6[],
  { eam }: RunPlanInput,
  state: HostState,
  uplink: string | null,
  notes: Notes,
): Entry[] {
  const networks = askedFor(state, uplink);
  if (uplink === null || networks.length === 0) return [];
  const entries: Entry[] = [];
  for (const address of singles) {
    const network = networks.find((prefix) => inPrefix6(address, prefix));
    if (network === undefined) continue;
    entries.push({
      why: `${formatPrefix6(network)} is directly connected: the router asks by neighbour discovery who has the address, and without an answer nothing comes back.`,
      step: { kind: 'proxy', dev: uplink, address: formatIp6(address) },
    });
  }
  for (let i = 0; i < eam.size; i++) {
    const address = eamAddress6(eam, i);
    if (eam.length6[i] === 128 || !networks.some((prefix) => inPrefix6(address, prefix))) continue;
    notes.warnings.push(
      `${formatPrefix6({ address, length: eam.length6[i]! })} (--eam, --lan) lies inside a network directly connected to ${uplink}: neighbour discovery cannot be answered for a whole prefix, have it routed to this host`,
    );
  }
  return entries;
}

/** An address of the host inside an EAM: the local table comes before any route, so answers would stay in the host. */
function findOwnAddressesInside(
  { eam, ipv6Addr }: RunPlanInput,
  cover: readonly Prefix6[],
  state: HostState,
  notes: Notes,
): void {
  for (const own of state.addresses) {
    if (own.family !== 6) continue;
    const address = parseKernel6(own.address);
    if (ipv6Addr !== null && inPrefix6(address, { address: ipv6Addr, length: 128 })) {
      notes.conflicts.push(`${own.address} (--ipv6-addr) is an address of ${own.dev} itself`);
    }
    if (!cover.some((prefix) => inPrefix6(address, prefix))) continue;
    for (let i = 0; i < eam.size; i++) {
      const side: Prefix6 = { address: eamAddress6(eam, i), length: eam.length6[i]! };
      if (!inPrefix6(address, side)) continue;
      notes.conflicts.push(
        `${own.address} is an address of ${own.dev} itself, but the EAM ${formatPrefix4({ address: eam.v4[i]!, length: eam.length4[i]! })}=${formatPrefix6(side)} needs it for the translator: the host would keep all answers; choose another IPv6 address for the EAM`,
      );
      break;
    }
  }
}

function defaultRoute4(
  { tun, pool6, ipv4Addr, clat, metric = DEFAULT_METRIC }: RunPlanInput,
  state: HostState,
  source: string | null,
  mtu6: number,
  notes: Notes,
): Entry[] {
  if (pool6 === null) {
    notes.warnings.push('without --pool6 there is no way to the IPv4 internet: no IPv4 default route is set');
    return [];
  }
  for (const route of state.routes) {
    if (route.family !== 4 || route.dst !== 'default' || route.devs.includes(tun)) continue;
    if (route.metric < metric) {
      notes.warnings.push(
        `the IPv4 default route through ${route.devs.join(', ')} (metric ${route.metric}) stays preferred to the one through ${tun} (metric ${metric})${route.metric > 0 ? ': --v4-defaultroute-metric with a lower number changes that' : ''}`,
      );
    } else if (route.metric > metric) {
      notes.warnings.push(
        `the IPv4 default route through ${route.devs.join(', ')} (metric ${route.metric}) will come after the one through ${tun} (metric ${metric})`,
      );
    }
  }
  // A next hop must be a neighbour of an address on the TUN; elsewhere the interface alone says as much.
  const neighbour =
    source !== null &&
    clat?.clat4Length !== 32 &&
    inPrefix4(ipv4Addr, CLAT4) &&
    inPrefix4(parseKernel4(source), CLAT4);
  return [
    {
      why: `IPv4 leaves by the translator; metric ${metric} ${metric >= DEFAULT_METRIC ? 'lets any native IPv4 route win' : 'is as you asked for'}, and the MTU leaves the 20 bytes an IPv6 header is longer.`,
      step: {
        kind: 'routes',
        family: 4,
        dev: tun,
        to: ['default'],
        metric,
        gateway: neighbour ? formatIp4(ipv4Addr) : null,
        source,
        mtu: mtu6 - 20,
      },
    },
  ];
}
