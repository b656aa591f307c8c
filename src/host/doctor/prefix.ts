/** The prefix of the NAT64, by each source. */
import { formatPrefix6 } from '../../address/format.ts';
import type { Prefix6 } from '../../address/ip.ts';
import { parsePrefix6 } from '../../address/parse.ts';
import type { Discovered, DnsFinding, RouterFinding } from '../survey.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';

/** What routers and servers said. */
export interface Said extends Pick<Discovered, 'notHeard' | 'prefixes'> {
  /** The best interface whose network has a NAT64; default: the best by its routes. */
  readonly uplink?: string | null;
  readonly routers: readonly Pick<RouterFinding, 'interface' | 'router' | 'prefixes'>[];
  readonly dns: readonly Omit<DnsFinding, 'interface' | 'ttl'>[];
}

export interface PrefixFacts {
  readonly uplink: string | null;
  /** --pool6 */
  readonly static: Prefix6 | null;
  /** --prefix-fallback */
  readonly fallback: Prefix6 | null;
  readonly said: Said;
}

/** The prefix that clatd would use; null: none. */
export function prefixInUse({ static: fixed, fallback, said }: PrefixFacts): Prefix6 | null {
  if (fixed !== null) return fixed;
  const parsed = parsePrefix6(said.prefixes[0]?.prefix ?? '');
  return parsed.ok ? parsed.value : fallback;
}

export function judgePrefix(facts: PrefixFacts): Check[] {
  return [dnsServers(facts), fromRouters(facts), fromDns(facts), chosen(facts)];
}

function fromRouters({ said: { routers, notHeard } }: PrefixFacts): Check {
  if (notHeard !== null) return skipped('prefix-ra', `routers could not be asked: ${notHeard}`);
  const all = routers.flatMap(({ router, interface: dev, prefixes }) =>
    prefixes.map(({ prefix, lifetime, refused }) => {
      const text = `${prefix} ${lifetime === 0 ? 'withdrawn ' : ''}by ${router} on ${dev}`;
      if (refused !== null) return { text: `${text} is not used: ${refused}`, counts: false };
      return lifetime === 0
        ? { text, counts: false }
        : { text: `${text}, lifetime ${lifetime} s`, counts: true };
    }),
  );
  const found = all.map(({ text }) => text).join('; ');
  if (all.some(({ counts }) => counts)) return ok('prefix-ra', found);
  if (all.length > 0) return note('prefix-ra', found);
  return note(
    'prefix-ra',
    routers.length === 0
      ? 'no router answered a solicitation'
      : `none: ${routers.map(({ router, interface: dev }) => `${router} on ${dev}`).join(', ')} advertise${routers.length === 1 ? 's' : ''} no PREF64 (RFC 8781)`,
  );
}

function dnsServers({ uplink, said: { dns } }: PrefixFacts): Check {
  if (dns.length === 0) {
    if (uplink === null) return skipped('dns', 'there is no uplink to learn servers from');
    return problem(
      'dns',
      `none known on ${uplink}, nor in /etc/resolv.conf`,
      'the network has to name one (RDNSS, DHCPv6), or name some in /etc/resolv.conf or with --dns64-servers',
    );
  }
  const silent = dns.filter(({ answered }) => !answered);
  const name = ({ server, from }: Said['dns'][number]): string => `${server} (${from})`;
  const answering = dns.filter(({ answered }) => answered).map(name);
  const failing = silent.map((one) => `${name(one)}: ${one.why}`);
  if (silent.length === 0) return ok('dns', `${answering.join(', ')} answer${dns.length === 1 ? 's' : ''}`);
  const remedy = 'see whether they are reachable by IPv6, or name others with --dns64-servers';
  return answering.length === 0
    ? problem('dns', `no answer from any: ${failing.join('; ')}`, remedy)
    : note('dns', `${answering.join(', ')} answer; not so ${failing.join('; ')}`, remedy);
}

function fromDns({ said: { dns } }: PrefixFacts): Check {
  const answered = dns.filter((one) => one.answered);
  if (answered.length === 0) return skipped('prefix-dns', 'no server answered');
  const found = answered.flatMap(({ server, prefixes, why, notes }) => [
    ...prefixes.map((prefix) => `${prefix} by ${server}`),
    ...(why === null ? [] : [`none by ${server}: ${why}`]),
    ...notes,
  ]);
  const some = answered.some(({ prefixes }) => prefixes.length > 0);
  return some
    ? ok('prefix-dns', found.join('; '))
    : note('prefix-dns', `ipv4only.arpa shows no DNS64: ${found.join('; ')}`);
}

function chosen(facts: PrefixFacts): Check {
  const { uplink, static: fixed, fallback, said } = facts;
  const named = said.prefixes.map(({ prefix }) => prefix);
  if (fixed !== null) {
    const own = formatPrefix6(fixed);
    if (named.length === 0 || named.includes(own)) return ok('prefix', `${own} (--pool6)`);
    return note(
      'prefix',
      `${own} (--pool6), while the network names ${named.join(', ')}`,
      'leave --pool6 out to follow the network',
    );
  }
  const [first] = said.prefixes;
  if (first !== undefined) {
    const others = named.length === 1 ? '' : `; others: ${named.slice(1).join(', ')}`;
    return ok(
      'prefix',
      `${first.prefix} (${first.source === 'ra' ? 'a router said so' : 'from DNS'})${others}`,
    );
  }
  if (fallback !== null) {
    return note('prefix', `${formatPrefix6(fallback)} (--prefix-fallback): the network names none`);
  }
  if (uplink === null) return skipped('prefix', 'there is no uplink');
  if (said.notHeard !== null) {
    return note('prefix', `not found by DNS, and routers could not be asked: ${said.notHeard}`);
  }
  return problem(
    'prefix',
    'none: neither routers nor DNS name one',
    'ask whoever runs the network for its NAT64 prefix and give it with --pool6, or for a DNS64 and name it with --dns64-servers; without a NAT64 there is no way to IPv4',
  );
}
