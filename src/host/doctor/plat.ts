/** The NAT64 of the network, from this host's own IPv6 address: clatd has no part in it yet. */

import { formatIp4, formatIp6 } from '../../address/format.ts';
import type { Prefix6 } from '../../address/ip.ts';
import { isNonGlobal4 } from '../../address/special.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import { findPathMtu, LEAST_MTU6, type PathMtu } from './path-mtu.ts';
import type { Echo, Ping } from './ping.ts';
import { behind, type Target } from './target.ts';
import type { Connection, Greeting, TryTcp, TryTls } from './tcp.ts';

export interface Probes {
  readonly ping: Ping;
  readonly tcp: TryTcp;
  readonly tls: TryTls;
}

/** What came of long and short words to a TLS server. */
export interface Greetings {
  readonly short: Greeting;
  readonly long: Greeting;
}

export type PlatFacts =
  | { readonly is: 'not-tried'; readonly why: string }
  | {
      readonly is: 'tried';
      readonly target: Target;
      /** The target behind the NAT64. */
      readonly address: string;
      /** MTU of the uplink, bytes. */
      readonly mtu: number;
      readonly tcp: Connection;
      readonly icmp: Echo;
      /** null: not tried, since small packets are not answered. */
      readonly path: PathMtu | null;
      /** null: not tried, without a connection or a port where TLS is spoken. */
      readonly greetings: Greetings | null;
    };

const TLS_PORT = 443;

export async function tryPlat(
  prefix: Prefix6,
  target: Target,
  mtu: number,
  { ping, tcp, tls }: Probes,
): Promise<PlatFacts> {
  const address = formatIp6(behind(prefix, target.address));
  const [connection, icmp] = await Promise.all([tcp(address, target.port), ping({ family: 6, address })]);
  const [path, greetings] = await Promise.all([
    icmp.is === 'reply' ? findPathMtu(ping, address, mtu) : null,
    greet(tls, address, target, connection),
  ]);
  return { is: 'tried', target, address, mtu, tcp: connection, icmp, path, greetings };
}

/** null: there is no connection, or none that TLS is spoken on. */
export async function greet(
  tls: TryTls,
  address: string,
  { port }: Target,
  tcp: Connection,
): Promise<Greetings | null> {
  if (tcp.is !== 'connected' || port !== TLS_PORT) return null;
  const [short, long] = await Promise.all([tls(address, port, 'short'), tls(address, port, 'long')]);
  return { short, long };
}

export function judgePlat(facts: PlatFacts): Check[] {
  if (facts.is === 'not-tried') {
    return (['plat-tcp', 'plat-icmp', 'mtu-out', 'mtu-back'] as const).map((id) => skipped(id, facts.why));
  }
  const { address, target, tcp, icmp, path, greetings, mtu } = facts;
  const name = `${address} (${formatIp4(target.address)})`;
  return [
    byTcp(`${name} port ${target.port}`, tcp, noAnswer(address, target)),
    byIcmp(name, icmp, tcp, noAnswer(address, target)),
    wayOut(path, mtu, greetings),
    wayBack('mtu-back', greetings, tcp, target),
  ];
}

const NO_ANSWER =
  'the prefix may be wrong (see `clatd discover`), or the NAT64 out of order: ask whoever runs the network; or the target does not answer anyone: try another with --target';

/** What to do where the target does not answer. A NAT64 by the well-known prefix may refuse what is not global. */
const noAnswer = (address: string, target: Target): string =>
  address.startsWith('64:ff9b::') && isNonGlobal4(target.address)
    ? '64:ff9b::/96 is for global IPv4 addresses (RFC 6052 §3.1), and many a NAT64 refuses others: try a --target on the internet'
    : NO_ANSWER;

function byTcp(name: string, tcp: Connection, remedy: string): Check {
  switch (tcp.is) {
    case 'connected':
      return ok('plat-tcp', `${name} connected in ${tcp.ms} ms`);
    case 'refused':
      return ok('plat-tcp', `${name} refused the connection: somebody answers`);
    case 'silent':
      return problem('plat-tcp', `${name} does not answer`, remedy);
    case 'failed':
      return problem('plat-tcp', `${name}: ${tcp.why}`, remedy);
  }
}

function byIcmp(name: string, icmp: Echo, tcp: Connection, remedy: string): Check {
  const works = tcp.is === 'connected' || tcp.is === 'refused';
  switch (icmp.is) {
    case 'reply':
      return ok('plat-icmp', `${name} answers${icmp.ms === null ? '' : ` in ${icmp.ms} ms`}`);
    case 'unsent':
      return skipped('plat-icmp', `no echo request could be sent: ${icmp.why}`);
    case 'silent': {
      const found = `${name} does not answer`;
      return works
        ? note('plat-icmp', `${found}: ICMP is filtered somewhere, and path MTU discovery may suffer`)
        : problem('plat-icmp', found, remedy);
    }
    case 'refused':
      return problem('plat-icmp', `${name}: ${icmp.from} says: ${icmp.why}`, remedy);
    case 'too-big':
      return problem(
        'plat-icmp',
        `${name}: even a small packet is too big, ${icmp.mtu} bytes`,
        'raise the MTU there: IPv6 needs 1280 bytes',
      );
  }
}

/**
 * Long answers to echo requests may come in fragments, which get lost for reasons of their own: where full packets of TCP
 * pass, what ping says is only worth a note.
 */
function wayOut(path: PathMtu | null, mtu: number, greetings: Greetings | null): Check {
  if (greetings?.short.is === 'whole' && greetings.long.is === 'stuck') {
    return problem(
      'mtu-out',
      `long packets get lost on the way out, and nobody says why${path?.is === 'mute' ? `; ${path.bytes} bytes pass` : ''}`,
      `let ICMPv6 Packet Too Big through on the way, or make the MTU of the uplink what passes: ip link set mtu ${path?.is === 'mute' ? path.bytes : LEAST_MTU6}`,
    );
  }
  const byTcp = greetings?.long.is === 'whole' ? 'long requests by TCP get through' : null;
  switch (path?.is) {
    case 'full':
      return ok('mtu-out', `packets of ${mtu} bytes, the MTU of the uplink, pass`);
    case 'told':
      return ok('mtu-out', `${path.bytes} bytes: ${told(path.from)}, and so much passes`);
    case 'mute':
      return note(
        'mtu-out',
        `echo requests of ${mtu} bytes, the MTU of the uplink, get no answer and nobody says why; ${path.bytes} bytes pass${byTcp === null ? '' : `. But ${byTcp}: it may be the answers, which come in fragments`}`,
        byTcp === null ? 'try a target that speaks TLS on port 443 to see whether it matters' : null,
      );
    default:
      if (byTcp !== null) return ok('mtu-out', byTcp);
      return skipped(
        'mtu-out',
        path?.why ?? 'without an answer to small packets there is nothing to compare',
      );
  }
}

/** Who named the path's MTU. */
const told = (from: string | null): string =>
  from === null ? 'this host has learned so lately' : `${from} says so by ICMP`;

/** Whether full packets come back, over either of both ways. */
export function wayBack(
  id: 'mtu-back' | 'clat-mtu',
  greetings: Greetings | null,
  tcp: Connection,
  target: Target,
): Check {
  if (greetings === null) {
    return skipped(
      id,
      tcp.is === 'connected'
        ? `needs a target that speaks TLS on port ${TLS_PORT}, not ${target.port}`
        : 'there is no connection to try it with',
    );
  }
  const { short } = greetings;
  switch (short.is) {
    case 'whole':
      return short.bytes > LEAST_MTU6
        ? ok(id, `${short.bytes} bytes at once came through`)
        : note(id, `${short.bytes} bytes came through, too few for a full packet`);
    case 'stuck':
      return problem(
        id,
        'a connection stands, but long answers get lost: packets too big for the way back, and those who should hear of it do not',
        'ask whoever runs the network; meanwhile --mss-clamp 1220 keeps TCP segments small',
      );
    case 'unknown':
      return skipped(id, `the target gave no greeting by TLS: ${short.why}`);
  }
}
