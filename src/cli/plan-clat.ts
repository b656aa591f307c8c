/** What the automatic mode of `clatd run` would find at this moment: for `clatd plan`. */
import { EamList } from '../address/eam.ts';
import { formatIp4, formatIp6, formatPrefix6 } from '../address/format.ts';
import type { Prefix6 } from '../address/ip.ts';
import type { RunConfig, TranslationConfig } from '../config/config.ts';
import { stableBytes } from '../daemon/boot.ts';
import { chooseClat6, ownNetworks } from '../host/clat-address.ts';
import { type Decision, decide } from '../host/clat-decision.ts';
import { chooseClat4 } from '../host/clat4.ts';
import { prefixThatCounts } from '../host/discovery.ts';
import { discoveryLinks } from '../host/discovery-links.ts';
import { findSilent } from '../host/native-check.ts';
import { patientProbe } from '../host/native-probe.ts';
import { nativeIpv4, nativeLinks } from '../host/native4.ts';
import { type KnownPrefix, PrefixBook } from '../host/prefix-book.ts';
import type { ClatSurroundings } from '../host/run-plan.ts';
import { stateDirectoryFor } from '../host/running.ts';
import type { HostState, Link } from '../host/state.ts';
import { NOW, survey } from '../host/survey.ts';
import { isSame, readUnanswered } from '../host/unanswered.ts';
import { preferredNetwork, routerTowards } from '../host/way6.ts';

export interface FoundClat {
  readonly translation: TranslationConfig;
  readonly clat: ClatSurroundings;
  /** How it was found, a line each. */
  readonly lines: readonly string[];
}

const ORIGIN = {
  static: '--pool6',
  ra: 'said by a router',
  dns: 'from DNS',
  fallback: '--prefix-fallback',
} as const;

/**
 * Asks routers and servers, as `clatd discover` does, and decides as `clatd run` does. `lacking`: why there would be no CLAT
 * at the moment.
 */
export async function findClat(
  { tun, clat, translation }: RunConfig,
  state: HostState,
  ask: typeof survey = survey,
  probe = patientProbe(() => {}),
): Promise<FoundClat | { readonly lacking: string }> {
  const { platDev, dns64Servers: servers, fallback } = clat;
  const silent =
    clat.nativeCheck === null || clat.enable === 'force'
      ? new Set<string>()
      : await findSilent(clat.nativeCheck, nativeLinks(state, tun), probe);
  const native = clat.enable === 'force' ? null : nativeIpv4(state, tun, (dev) => !silent.has(dev));
  const decideBy = (prefixOn: (index: number) => KnownPrefix | null): Decision =>
    decide({ tun, platDev }, state, native, prefixOn);
  const links = discoveryLinks(state, tun, platDev, () => translation.pool6);
  // What can be said before anybody is asked.
  const early = decideBy(() => null);
  const isVain = native !== null || !links.some(({ candidate }) => candidate);
  if (isVain && early.is === 'down') return { lacking: early.why };
  const asked = translation.pool6 === null ? await ask({ servers, tun, platDev }, state) : null;
  const book = asked?.book ?? new PrefixBook();
  const decision = decideBy((index) =>
    prefixThatCounts({ static: translation.pool6, fallback }, book, index, NOW, true),
  );
  // `clatd run` has the privilege to hear them: whoever plans without it must not take silence for an answer.
  const unheard = asked?.found.notHeard ?? null;
  const mayAnnounce = (what: string): string[] =>
    unheard === null ? [] : [`routers were not heard and may announce ${what}: ${unheard}`];
  if (decision.is === 'down') return { lacking: [decision.why, ...mayAnnounce('one')].join('; ') };
  const { uplink, known } = decision;
  const { prefix } = known;
  const pair = chooseClat4({ tun, wanted: clat.clat4, ipv4Addr: translation.ipv4Addr }, state);
  if ('lacking' in pair) return pair;
  const choice = chooseClat6(
    {
      uplink: uplink.name,
      wanted: clat.clat6,
      tun,
      pool6: prefix,
      clat4: pair.clat4,
      before: await preferredNetwork(ownNetworks(state, uplink.name, prefix), uplink.name, prefix),
      attempt: 0,
      unanswered: await unansweredOn(tun, uplink, prefix),
    },
    state,
    stableBytes(),
  );
  if ('lacking' in choice) return choice;
  const eam = new EamList(1);
  eam.add(pair.clat4, 32, choice.address, 128);
  const link = asked?.links.find(({ index }) => index === uplink.index);
  return {
    translation: { ...translation, pool6: prefix, ipv4Addr: pair.ipv4Addr, eam },
    clat: {
      uplink: uplink.name,
      advertisedMtu: link === undefined ? null : book.mtu(link.index, link.mtu),
      clat4Length: pair.length,
      shared: choice.shared,
    },
    lines: [
      `NAT64 prefix: ${formatPrefix6(prefix)} (${ORIGIN[known.source]})`,
      ...mayAnnounce('another NAT64 prefix'),
      `IPv4 address: ${formatIp4(pair.clat4)}`,
      `IPv6 address: ${formatIp6(choice.address)}, ${choice.why}${choice.onLink ? '; neighbours would be asked whether it is free' : ''}`,
    ],
  };
}

/** What an earlier `clatd run` found out about this network (CLAT-15). */
async function unansweredOn(
  tun: string,
  { name }: Link,
  pool6: Prefix6,
): Promise<(network: Prefix6) => boolean> {
  const known = readUnanswered(stateDirectoryFor(tun)).filter(
    (row) => formatPrefix6(row.pool6) === formatPrefix6(pool6),
  );
  if (known.length === 0) return () => false;
  const router = await routerTowards(pool6, name);
  return (network) => known.some((row) => isSame(row, { router, network, pool6 }));
}
