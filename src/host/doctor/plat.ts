/** The NAT64 of the network, from this host's own IPv6 address: clatd has no part in it yet. */
import { formatIp4, formatIp6 } from '../../address/format.ts';
import type { Prefix6 } from '../../address/ip.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import { findPathMtu, leastMtu, type PathMtu } from './path-mtu.ts';
import type { Echo, Ping } from './ping.ts';
import { behind, type Target } from './target.ts';
import type { Connection, Greeting, TryTcp, TryTls } from './tcp.ts';

export interface Probes {
  readonly ping: Ping;
  readonly tcp: TryTcp;
  readonly tls: TryTls;
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
      readonly greeting: Greeting | null;
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
  const [path, greeting] = await Promise.all([
    icmp.is === 'reply' ? findPathMtu(ping, { family: 6, address, mtu }) : null,
    connection.is === 'connected' && target.port === TLS_PORT ? tls(address, target.port) : null,
  ]);
  return { is: 'tried', target, address, mtu, tcp: connection, icmp, path, greeting };
}

export function judgePlat(facts: PlatFacts): Check[] {
  if (facts.is === 'not-tried') {
    return (['plat-tcp', 'plat-icmp', 'mtu-out', 'mtu-back'] as const).map((id) => skipped(id, facts.why));
  }
  const { address, target, tcp, icmp, path, greeting, mtu } = facts;
  const name = `${address} (${formatIp4(target.address)})`;
  return [
    byTcp(`${name} port ${target.port}`, tcp),
    byIcmp(name, icmp, tcp),
    path === null
      ? skipped('mtu-out', 'without an answer to small packets there is nothing to compare')
      : wayOut(path, mtu, greeting),
    wayBack(greeting, tcp, target),
  ];
}

const NO_ANSWER =
  'the prefix may be wrong (see `clatd discover`), or the NAT64 out of order: ask whoever runs the network; or the target does not answer anyone: try another with --target';

function byTcp(name: string, tcp: Connection): Check {
  switch (tcp.is) {
    case 'connected':
      return ok('plat-tcp', `${name} connected in ${tcp.ms} ms`);
    case 'refused':
      return ok('plat-tcp', `${name} refused the connection: somebody answers`);
    case 'silent':
      return problem('plat-tcp', `${name} does not answer`, NO_ANSWER);
    case 'failed':
      return problem('plat-tcp', `${name}: ${tcp.why}`, NO_ANSWER);
  }
}

function byIcmp(name: string, icmp: Echo, tcp: Connection): Check {
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
        : problem('plat-icmp', found, NO_ANSWER);
    }
    case 'refused':
      return problem('plat-icmp', `${name}: ${icmp.from} says: ${icmp.why}`, NO_ANSWER);
    case 'too-big':
      return problem(
        'plat-icmp',
        `${name}: even a small packet is too big, ${icmp.mtu} bytes`,
        'raise the MTU there: IPv6 needs 1280 bytes',
      );
  }
}

function wayOut(path: PathMtu, mtu: number, greeting: Greeting | null): Check {
  switch (path.is) {
    case 'full':
      return ok('mtu-out', `packets of ${mtu} bytes, the MTU of the uplink, pass`);
    case 'told':
      return ok('mtu-out', `${path.bytes} bytes: ${told(path.from)}, and so much passes`);
    case 'unknown':
      return skipped('mtu-out', path.why);
    case 'mute': {
      const found = `packets of ${mtu} bytes, the MTU of the uplink, get no answer and nobody says why; ${path.bytes} bytes pass`;
      // Answers of more than 1280 bytes may come in fragments, which is what gets lost then.
      if (path.bytes === leastMtu(6) && greeting?.is === 'whole') {
        return note('mtu-out', `${found}; maybe it is fragments of the answer that get lost`);
      }
      return problem(
        'mtu-out',
        found,
        `let ICMPv6 Packet Too Big through on the way, or make the MTU of the uplink what passes: ip link set mtu ${path.bytes}`,
      );
    }
  }
}

/** Who named the path's MTU. */
export const told = (from: string | null): string =>
  from === null ? 'this host has learned so lately' : `${from} says so by ICMP`;

function wayBack(greeting: Greeting | null, tcp: Connection, target: Target): Check {
  if (greeting === null) {
    return skipped(
      'mtu-back',
      tcp.is === 'connected'
        ? `needs a target that speaks TLS on port ${TLS_PORT}, not ${target.port}`
        : 'there is no connection to try it with',
    );
  }
  switch (greeting.is) {
    case 'whole':
      return greeting.bytes > leastMtu(6)
        ? ok('mtu-back', `${greeting.bytes} bytes at once came through`)
        : note('mtu-back', `${greeting.bytes} bytes came through, too few for a full packet`);
    case 'stuck':
      return problem(
        'mtu-back',
        'a connection stands, but long answers get lost: packets too big for the way back, and those who should hear of it do not',
        'ask whoever runs the network; meanwhile --mss-clamp 1220 keeps TCP segments small',
      );
    case 'unknown':
      return skipped('mtu-back', `the target gave no greeting by TLS: ${greeting.why}`);
  }
}
