/** Whether anything comes back to the translator's own IPv6 address, or would (CLAT-15). */
import { formatIp6, formatPrefix6 } from '../../address/format.ts';
import { inPrefix6, type Prefix6 } from '../../address/ip.ts';
import { guessedNetwork, onLink6, ownNetworks } from '../clat-address.ts';
import type { HostState } from '../state.ts';
import type { Unanswered } from '../unanswered.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import { translated6 } from './forwarding.ts';
import type { PlatFacts } from './plat.ts';
import type { ThroughFacts } from './through.ts';

export interface OwnAddressFacts {
  readonly tun: string;
  /** null: there is none. */
  readonly uplink: string | null;
  /** The NAT64's; null: none is known. */
  readonly prefix: Prefix6 | null;
  /** Networks where a clatd of this host found out that nothing comes back. */
  readonly remembered: readonly Unanswered[];
  /** Something on this host is in the way: forwarding, neighbour proxy, firewall. */
  readonly obstructed: boolean;
  readonly plat: PlatFacts;
  readonly through: ThroughFacts;
}

export function judgeOwnAddress(facts: OwnAddressFacts, state: HostState): Check {
  const { tun, uplink, prefix, remembered } = facts;
  if (uplink === null) return skipped('clat6', 'there is no uplink');
  // A /96 that was guessed looks like any other network that one of ours is in.
  const guessed = prefix === null ? null : guessedNetwork(state, uplink, prefix);
  const networks = [...onLink6(state, uplink), ...(guessed === null ? [] : [guessed])];
  const own = translated6(state, tun).find((address) => networks.some((one) => inPrefix6(address, one)));
  if (own !== undefined && isDeaf(facts)) {
    return problem(
      'clat6',
      `nothing comes back to ${formatIp6(own)}, while this host’s own address is answered, and nothing on this host is in the way: the network delivers only to addresses it assigned`,
      '--clat-v6-addr shared (clatd without --clat-v6-addr finds that out by itself within a minute of traffic)',
    );
  }
  const known =
    prefix === null
      ? []
      : [...ownNetworks(state, uplink, prefix), ...(guessed === null ? [] : [guessed])].map(formatPrefix6);
  const row = remembered.find(
    ({ network, pool6 }) =>
      known.includes(formatPrefix6(network)) && formatPrefix6(pool6) === formatPrefix6(prefix!),
  );
  if (row !== undefined) {
    return note(
      'clat6',
      `nothing came back to one in ${formatPrefix6(row.network)} (found out ${day(row.since)}, tried last ${day(row.tried)}): where that is the network now, clatd shares this host’s address`,
      '--clat-v6-addr shared says so from the start; one of its own is tried again once a day',
    );
  }
  return own === undefined
    ? ok('clat6', `none in a network of ${uplink} at the moment`)
    : ok('clat6', `${formatIp6(own)}, in a network of ${uplink}`);
}

/** The NAT64 answers this host, and nobody answers the translator. */
function isDeaf({ obstructed, plat, through }: OwnAddressFacts): boolean {
  if (obstructed || plat.is !== 'tried' || through.is !== 'tried') return false;
  const answers = [plat.tcp.is === 'connected' || plat.tcp.is === 'refused', plat.icmp.is === 'reply'];
  const silent = [through.tcp.is === 'silent', through.icmp.is === 'silent'];
  return answers.some((yes, i) => yes && silent[i]) && answers.every((yes, i) => !yes || silent[i]);
}

const day = (ms: number): string => {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? 'at some time' : date.toISOString().slice(0, 10);
};
