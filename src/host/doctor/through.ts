/** IPv4 through the translator, as programs of this host have it. */
import { formatIp4 } from '../../address/format.ts';
import { ipJson } from '../iproute.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import type { Echo } from './ping.ts';
import { type Greetings, greet, type PlatFacts, type Probes, wayBack } from './plat.ts';
import type { Target } from './target.ts';
import type { Connection } from './tcp.ts';

/** What the translator itself refuses. */
export interface Refusal {
  /** Its name in the table of reasons. */
  readonly reason: string;
  readonly text: string;
  readonly remedy: string;
}

export type ThroughFacts =
  /** There is no use in trying. */
  | { readonly is: 'refused'; readonly target: Target; readonly by: Refusal }
  | { readonly is: 'not-tried'; readonly why: string }
  | {
      readonly is: 'tried';
      readonly target: Target;
      readonly tcp: Connection;
      readonly icmp: Echo;
      /** As in PlatFacts. */
      readonly greetings: Greetings | null;
      /** What came of an echo request that makes the greatest packet the uplink takes; null: not tried. */
      readonly full: Echo | null;
      /** Its size as an IPv4 packet, bytes. */
      readonly mtu: number;
    };

/** The interface by which IPv4 packets to the target leave; null: none. Never rejects. */
export async function wayTo(target: Target): Promise<string | null> {
  const address = formatIp4(target.address);
  const routes = await ipJson<{ dev?: string }>(['-4', 'route', 'get', address]).catch(() => []);
  return routes[0]?.dev ?? null;
}

/** @param mtu greatest IPv4 packet for the translator, bytes */
export async function tryThrough(
  target: Target,
  mtu: number,
  { ping, tcp, tls }: Probes,
): Promise<ThroughFacts> {
  const address = formatIp4(target.address);
  const [connection, icmp] = await Promise.all([tcp(address, target.port), ping({ family: 4, address })]);
  const [full, greetings] = await Promise.all([
    icmp.is === 'reply' ? ping({ family: 4, address, bytes: mtu }) : null,
    greet(tls, address, target, connection),
  ]);
  return { is: 'tried', target, tcp: connection, icmp, greetings, full, mtu };
}

type Tried = Extract<ThroughFacts, { readonly is: 'tried' }>;

export function judgeThrough(facts: ThroughFacts, plat: PlatFacts): Check[] {
  if (facts.is === 'not-tried') {
    return (['clat-tcp', 'clat-icmp', 'clat-mtu'] as const).map((id) => skipped(id, facts.why));
  }
  const name = formatIp4(facts.target.address);
  if (facts.is === 'refused') {
    const { reason, text, remedy } = facts.by;
    const found = `the translator refuses ${name}: ${reason}. ${text}`;
    return [
      ...(['clat-tcp', 'clat-icmp'] as const).map((id) => problem(id, found, remedy)),
      skipped('clat-mtu', 'nothing is translated to the target'),
    ];
  }
  const { target, tcp, icmp } = facts;
  return [byTcp(`${name} port ${target.port}`, tcp, plat), byIcmp(name, icmp, plat), size(facts, plat)];
}

/** Where to look, given whether the NAT64 answers without us. */
function remedy(answers: boolean): string {
  return answers
    ? "the NAT64 answers, so it is on this host or on the way back to the translator's address: see forwarding, neighbour proxy and firewall above, and `ip -6 route get` for that address on the router; some networks deliver only to addresses they assigned (--clat-v6-addr shared)"
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

/**
 * Long answers to echo requests are no test: the NAT64 sends them in fragments, and fragments of ICMP no translator
 * translates (RFC 7915 §1.2). So the way back is tried by TLS, and of the way out it counts what routers say.
 */
function size({ full, greetings, tcp, target, mtu }: Tried, plat: PlatFacts): Check {
  if (greetings?.short.is === 'whole' && greetings.long.is === 'stuck') {
    return problem(
      'clat-mtu',
      'long packets get lost on the way out, and nobody says why',
      'see the MTU on the way out above; ICMP errors must get through to the translator',
    );
  }
  const told = plat.is === 'tried' && plat.path?.is === 'told';
  if (told && full?.is === 'silent') {
    return problem(
      'clat-mtu',
      `packets of ${mtu} bytes are too big for the way out, and the error that says so does not arrive as IPv4`,
      'see whether a firewall on this host drops ICMP errors; meanwhile --ipv6-mtu keeps packets small',
    );
  }
  const back = wayBack('clat-mtu', greetings, tcp, target);
  if (full?.is === 'reply') {
    return back.state === 'skipped' ? ok('clat-mtu', `packets of ${mtu} bytes pass`) : back;
  }
  if (full?.is !== 'too-big') return back;
  const out = `${full.mtu} bytes on the way out, as ${full.from ?? 'this host'} says`;
  if (back.state === 'problem') return back;
  return ok('clat-mtu', back.state === 'skipped' ? out : `${out}; ${back.found}`);
}
