/** IPv4 through the translator, as programs of this host have it. */
import { formatIp4 } from '../../address/format.ts';
import { ipJson } from '../iproute.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import { findPathMtu, type PathMtu } from './path-mtu.ts';
import type { Echo } from './ping.ts';
import { type PlatFacts, type Probes, told } from './plat.ts';
import type { Target } from './target.ts';
import type { Connection } from './tcp.ts';

export type ThroughFacts =
  | { readonly is: 'not-tried'; readonly why: string }
  | {
      readonly is: 'tried';
      readonly target: Target;
      readonly tcp: Connection;
      readonly icmp: Echo;
      /** null: not tried, since small packets are not answered. */
      readonly path: PathMtu | null;
      /** Greatest IPv4 packet for the translator, bytes. */
      readonly mtu: number;
    };

/** The interface by which IPv4 packets to the target leave; null: none. Never rejects. */
export async function wayTo(target: Target): Promise<string | null> {
  const address = formatIp4(target.address);
  const routes = await ipJson<{ dev?: string }>(['-4', 'route', 'get', address]).catch(() => []);
  return routes[0]?.dev ?? null;
}

/** @param mtu greatest IPv4 packet for the translator, bytes */
export async function tryThrough(target: Target, mtu: number, { ping, tcp }: Probes): Promise<ThroughFacts> {
  const address = formatIp4(target.address);
  const [connection, icmp] = await Promise.all([tcp(address, target.port), ping({ family: 4, address })]);
  const path = icmp.is === 'reply' ? await findPathMtu(ping, { family: 4, address, mtu }) : null;
  return { is: 'tried', target, tcp: connection, icmp, path, mtu };
}

export function judgeThrough(facts: ThroughFacts, plat: PlatFacts): Check[] {
  if (facts.is === 'not-tried') {
    return (['clat-tcp', 'clat-icmp', 'clat-mtu'] as const).map((id) => skipped(id, facts.why));
  }
  const { target, tcp, icmp, path, mtu } = facts;
  const name = formatIp4(target.address);
  return [
    byTcp(`${name} port ${target.port}`, tcp, plat),
    byIcmp(name, icmp, plat),
    path === null
      ? skipped('clat-mtu', 'without an answer to small packets there is nothing to compare')
      : size(path, mtu),
  ];
}

/** Where to look, given whether the NAT64 answers without us. */
function remedy(answers: boolean): string {
  return answers
    ? "the NAT64 answers, so it is on this host or on the way back to the translator's address: see forwarding, neighbour proxy and firewall above, and `ip -6 route get` for that address on the router"
    : 'see the NAT64 above first';
}

function byTcp(name: string, tcp: Connection, plat: PlatFacts): Check {
  const answers = plat.is === 'tried' && (plat.tcp.is === 'connected' || plat.tcp.is === 'refused');
  switch (tcp.is) {
    case 'connected':
      return ok('clat-tcp', `${name} connected in ${tcp.ms} ms`);
    case 'refused':
      return ok('clat-tcp', `${name} refused the connection: somebody answers`);
    case 'silent':
      return problem('clat-tcp', `${name} does not answer`, remedy(answers));
    case 'failed':
      return problem('clat-tcp', `${name}: ${tcp.why}`, remedy(answers));
  }
}

function byIcmp(name: string, icmp: Echo, plat: PlatFacts): Check {
  const answers = plat.is === 'tried' && plat.icmp.is === 'reply';
  switch (icmp.is) {
    case 'reply':
      return ok('clat-icmp', `${name} answers${icmp.ms === null ? '' : ` in ${icmp.ms} ms`}`);
    case 'unsent':
      return skipped('clat-icmp', `no echo request could be sent: ${icmp.why}`);
    case 'silent':
      return answers || plat.is !== 'tried'
        ? problem('clat-icmp', `${name} does not answer`, remedy(answers))
        : note('clat-icmp', `${name} does not answer, no more than it does behind the NAT64 itself`);
    case 'refused':
      return problem('clat-icmp', `${name}: ${icmp.from} says: ${icmp.why}`, remedy(answers));
    case 'too-big':
      return problem(
        'clat-icmp',
        `${name}: even a small packet is too big, ${icmp.mtu} bytes`,
        remedy(answers),
      );
  }
}

function size(path: PathMtu, mtu: number): Check {
  switch (path.is) {
    case 'full':
      return ok('clat-mtu', `packets of ${mtu} bytes pass`);
    case 'told':
      return ok('clat-mtu', `${path.bytes} bytes: ${told(path.from)}, and so much passes`);
    case 'unknown':
      return skipped('clat-mtu', path.why);
    case 'mute':
      return problem(
        'clat-mtu',
        `packets of ${mtu} bytes get no answer and nobody says why; ${path.bytes} bytes pass`,
        'see the MTU on the way out above; ICMP errors must get through to the translator',
      );
  }
}
