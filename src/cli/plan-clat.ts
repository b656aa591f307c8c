/** What the automatic mode of `clatd run` would find at this moment: for `clatd plan`. */
import { EamList } from '../address/eam.ts';
import { formatIp4, formatIp6, formatPrefix6 } from '../address/format.ts';
import type { Prefix6 } from '../address/ip.ts';
import { parsePrefix6 } from '../address/parse.ts';
import type { RunConfig, TranslationConfig } from '../config/config.ts';
import { stableBytes } from '../daemon/boot.ts';
import { chooseClat6 } from '../host/clat-address.ts';
import { chooseClat4 } from '../host/clat4.ts';
import { nativeIpv4 } from '../host/native4.ts';
import type { ClatSurroundings } from '../host/run-plan.ts';
import type { HostState, Link } from '../host/state.ts';
import { uplinkCandidates } from '../host/uplink.ts';
import { type Discovered, look } from './discover.ts';

export interface FoundClat {
  readonly translation: TranslationConfig;
  readonly clat: ClatSurroundings;
  /** How it was found, a line each. */
  readonly lines: readonly string[];
}

/** Asks routers and servers, as `clatd discover` does. `lacking`: why there would be no CLAT at the moment. */
export async function findClat(
  { tun, clat, translation }: RunConfig,
  state: HostState,
  ask: typeof look = look,
): Promise<FoundClat | { readonly lacking: string }> {
  const native = clat.enable === 'force' ? null : nativeIpv4(state, tun);
  if (native !== null)
    return { lacking: `native IPv4 through ${native} (--enable force does without that test)` };
  const candidates = uplinkCandidates(state, tun, clat.platDev);
  if (candidates.length === 0) return { lacking: 'no IPv6 default route' };
  const discovered =
    translation.pool6 === null
      ? await ask({ servers: clat.dns64Servers, tun, platDev: clat.platDev, json: false }, state)
      : null;
  const found = prefixOn(candidates, discovered, translation.pool6, clat.fallback);
  // `clatd run` has the privilege to hear them: whoever plans without it must not take silence for an answer.
  const unheard = discovered?.notHeard ?? null;
  const mayAnnounce = (what: string): string[] =>
    unheard === null ? [] : [`routers were not heard and may announce ${what}: ${unheard}`];
  if (found === null) {
    const none = `no NAT64 prefix known on ${candidates.map(({ name }) => name).join(', ')}`;
    return { lacking: [none, ...mayAnnounce('one')].join('; ') };
  }
  const { uplink, prefix, from } = found;
  const pair = chooseClat4({ tun, wanted: clat.clat4, ipv4Addr: translation.ipv4Addr }, state);
  if ('lacking' in pair) return pair;
  const choice = chooseClat6(
    {
      uplink: uplink.name,
      wanted: clat.clat6,
      tun,
      pool6: prefix,
      clat4: pair.clat4,
      before: null,
      attempt: 0,
    },
    state,
    stableBytes(),
  );
  if ('lacking' in choice) return choice;
  const eam = new EamList(1);
  eam.add(pair.clat4, 32, choice.address, 128);
  const mtus = (discovered?.routers ?? []).flatMap((router) =>
    router.interface === uplink.name && router.mtu !== null ? [router.mtu] : [],
  );
  return {
    translation: { ...translation, pool6: prefix, ipv4Addr: pair.ipv4Addr, eam },
    clat: {
      uplink: uplink.name,
      advertisedMtu: mtus.length === 0 ? null : Math.min(...mtus),
      clat4Length: pair.length,
      shared: choice.shared,
    },
    lines: [
      `NAT64 prefix: ${formatPrefix6(prefix)} (${from})`,
      ...mayAnnounce('another NAT64 prefix'),
      `IPv4 address: ${formatIp4(pair.clat4)}`,
      `IPv6 address: ${formatIp6(choice.address)}, ${choice.why}${choice.onLink ? '; neighbours would be asked whether it is free' : ''}`,
    ],
  };
}

function prefixOn(
  candidates: readonly Link[],
  discovered: Discovered | null,
  given: Prefix6 | null,
  fallback: Prefix6 | null,
): { uplink: Link; prefix: Prefix6; from: string } | null {
  const best = candidates[0]!;
  if (given !== null) return { uplink: best, prefix: given, from: '--pool6' };
  for (const uplink of candidates) {
    const said = discovered?.routers
      .filter((router) => router.interface === uplink.name)
      .flatMap(({ prefixes }) => prefixes)
      .find(({ lifetime }) => lifetime > 0);
    const text =
      said?.prefix ?? (uplink === best ? discovered?.dns.flatMap(({ prefixes }) => prefixes)[0] : undefined);
    const parsed = text === undefined ? null : parsePrefix6(text);
    if (parsed?.ok === true)
      return { uplink, prefix: parsed.value, from: said === undefined ? 'from DNS' : 'said by a router' };
  }
  return fallback === null ? null : { uplink: best, prefix: fallback, from: '--prefix-fallback' };
}
