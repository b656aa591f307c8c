/** The whole examination: gathers facts in the order they depend on each other, and judges each group of them. */
import type { Prefix4, Prefix6 } from '../../address/ip.ts';
import type { Firewall } from '../firewall.ts';
import { findBehind } from '../nat44.ts';
import { findLink, type HostState } from '../state.ts';
import type { Unanswered } from '../unanswered.ts';
import { type Check, type CheckId, skipped, sorted } from './check.ts';
import { type DaemonFacts, judgeDaemon, pidsOf } from './daemon.ts';
import { judgeFirewall } from './firewall.ts';
import { isIdle, judgeForwarding } from './forwarding.ts';
import { judgeOthers, type OthersFacts, unrecordedOn } from './others.ts';
import { judgeOwnAddress, type OwnAddressFacts } from './own-address.ts';
import { judgePlat, type PlatFacts, type Probes, tryPlat } from './plat.ts';
import { judgePrefix, prefixInUse, type Said } from './prefix.ts';
import { judgeSystem, type SystemFacts } from './system.ts';
import type { Target } from './target.ts';
import { judgeThrough, type Refusal, type ThroughFacts, tryThrough } from './through.ts';
import { type Device, judgeTun, type TunFacts } from './tun.ts';
import { judgeUplink, type Neighbour, uplinkOf } from './uplink.ts';

/** What clatd was told, as far as it matters here. */
export interface Told {
  readonly tun: string;
  readonly platDev: string | null;
  readonly pool6: Prefix6 | null;
  readonly fallback: Prefix6 | null;
  /** Native IPv4 does not matter: --enable force, or mappings given. */
  readonly forced: boolean;
  /** False with --no-configure. */
  readonly configure: boolean;
  readonly firewall: 'accept' | 'warn' | 'off';
  /** Of hosts whose packets are forwarded to the translator (--lan, --nat44). */
  readonly behind: readonly Prefix4[];
  /** null: nobody is to be tried. */
  readonly target: Target | null;
}

/** Where facts come from. */
export interface Sources extends Probes {
  system(): Promise<SystemFacts>;
  tun(name: string, mayCreate: boolean): Promise<TunFacts>;
  /** Rejects with a sentence for the administrator. */
  host(): Promise<HostState>;
  firewall(): Promise<Firewall>;
  /** What routers and DNS say about the prefix. */
  said(state: HostState): Promise<Said>;
  daemon(tun: string): DaemonFacts;
  others(tun: string, ours: readonly number[]): OthersFacts;
  /** Devices of native IPv4 that are dead (--v4-check); default: nobody is asked. */
  silent?(state: HostState): Promise<ReadonlySet<string>>;
  router(state: HostState, uplink: string | null): Promise<Neighbour | null>;
  /** Networks where nothing comes back to an address of our own. */
  unanswered(): readonly Unanswered[];
  /** The interface by which IPv4 packets to the target leave; null: none. */
  way(target: Target): Promise<string | null>;
  /** What the translator itself has against the target behind this prefix; null: nothing. Absent: not asked. */
  refusal?(prefix: Prefix6, target: Target): Refusal | null;
}

export interface Examined {
  readonly system: SystemFacts;
  /** In the order of CHECKS, each once. */
  readonly checks: readonly Check[];
}

/** Changes nothing on the host. Never rejects for what is found there. */
export async function examine(told: Told, sources: Sources): Promise<Examined> {
  const system = await sources.system();
  const tun = await sources.tun(told.tun, system.netAdmin);
  const daemon = sources.daemon(told.tun);
  const others = sources.others(told.tun, pidsOf(daemon));
  const unrecorded = unrecordedOn(others);
  const running = daemon.journal.is === 'running' || unrecorded !== null;
  const state = await sources.host().catch((error: Error) => error);
  const checks = [
    ...judgeSystem(system),
    ...judgeTun(tun),
    judgeDaemon(daemon, tun.device, unrecorded),
    judgeOthers(others, state instanceof Error ? null : state),
    ...(state instanceof Error
      ? NEED_HOST.map((id) => skipped(id, state.message))
      : await examineNetwork(told, sources, state, running, tun.device)),
  ];
  return { system, checks: sorted(checks) };
}

/** What nothing can be said about without the host's links, addresses and routes. */
const NEED_HOST: readonly CheckId[] = [
  ...(['uplink', 'route6', 'address6', 'accept-ra', 'forwarding', 'nd-proxy', 'firewall'] as const),
  ...(['dns', 'prefix-ra', 'prefix-dns', 'prefix', 'plat-tcp', 'plat-icmp', 'mtu-out', 'mtu-back'] as const),
  ...(['ipv4', 'clat6', 'clat-tcp', 'clat-icmp', 'clat-mtu'] as const),
];

async function examineNetwork(
  told: Told,
  sources: Sources,
  state: HostState,
  running: boolean,
  device: Device | null,
): Promise<Check[]> {
  const { tun, platDev, configure, target } = told;
  const [firewall, said] = await Promise.all([sources.firewall(), sources.said(state)]);
  // Of several the one whose network has a NAT64, as the daemon chooses.
  const found = told.pool6 === null ? (said.uplink ?? null) : null;
  const uplink = found ?? uplinkOf(state, tun, platDev, told.pool6);
  const prefixFacts = { uplink, static: told.pool6, fallback: told.fallback, said };
  const prefix = prefixInUse(prefixFacts);
  const plat = await platFacts(told, sources, state, uplink, prefix);
  const through = await throughFacts(target, prefix, sources, device, running);
  const silent = (await sources.silent?.(state)) ?? new Set<string>();
  // Asked last: the probes have made the kernel look for it.
  const router = await sources.router(state, uplink);
  const mode = configure ? told.firewall : 'off';
  const { behind, warnings: nowhere } = findBehind(told.behind, tun, state);
  const onThisHost = [
    ...judgeForwarding(
      { tun, uplink, clatd: configure ? 'sets-up' : 'sets-nothing-up', running, idle: isIdle(state, tun) },
      state,
    ),
    judgeFirewall({ tun, uplink, behind, nowhere, running, mode }, firewall),
  ];
  const own: OwnAddressFacts = {
    ...{ tun, uplink, plat, through },
    prefix: prefixInUse(prefixFacts),
    remembered: sources.unanswered(),
    obstructed: onThisHost.some(({ state: found }) => found === 'problem'),
  };
  return [
    ...judgeUplink(
      { ...{ tun, platDev, uplink, pool6: prefix, configure }, forced: told.forced, running, router, silent },
      state,
    ),
    ...onThisHost,
    ...judgePrefix(prefixFacts),
    ...judgePlat(plat),
    judgeOwnAddress(own, state),
    ...judgeThrough(through, plat),
  ];
}

async function platFacts(
  { target }: Told,
  sources: Sources,
  state: HostState,
  uplink: string | null,
  prefix: Prefix6 | null,
): Promise<PlatFacts> {
  if (target === null) return { is: 'not-tried', why: 'not wanted (--target none)' };
  if (uplink === null) return { is: 'not-tried', why: 'there is no uplink' };
  if (prefix === null) return { is: 'not-tried', why: 'there is no NAT64 prefix' };
  return tryPlat(prefix, target, mtuOf(state, uplink), sources);
}

/** What the kernel sends at most: a router may have lowered it. */
function mtuOf(state: HostState, uplink: string): number {
  const link = findLink(state, uplink)!.mtu;
  return Math.min(link, Number(state.sysctls.read(`net/ipv6/conf/${uplink}/mtu`) ?? link));
}

/** An IPv6 header is that much longer than an IPv4 header. */
const LONGER = 20;

async function throughFacts(
  target: Target | null,
  prefix: Prefix6 | null,
  sources: Sources,
  device: Device | null,
  running: boolean,
): Promise<ThroughFacts> {
  if (target === null) return { is: 'not-tried', why: 'not wanted (--target none)' };
  if (device === null || !(running || device.served)) return { is: 'not-tried', why: 'clatd does not run' };
  const way = await sources.way(target);
  const by = way === device.name && prefix !== null ? (sources.refusal?.(prefix, target) ?? null) : null;
  if (by !== null) return { is: 'refused', target, by };
  if (way === device.name) return tryThrough(target, device.mtu - LONGER, sources);
  return {
    is: 'not-tried',
    why: way === null ? 'there is no IPv4 route to the target' : `IPv4 to the target leaves by ${way}`,
  };
}
