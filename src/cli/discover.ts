/** `clatd discover`: what each source says about the NAT64 prefix of this network. Changes nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import { formatServer, type Server } from '../config/server.ts';
import { askServer, type DnsAnswer, prefixesFromAaaa } from '../host/dns64.ts';
import type { RouterWord } from '../host/pref64.ts';
import { resolversOf } from '../host/resolvers.ts';
import { RouterListener } from '../host/router-listener.ts';
import { type HostState, readHost } from '../host/state.ts';
import { listeningLinks } from '../host/uplink.ts';

export interface DiscoverIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export interface DiscoverOptions {
  /** --dns64-servers; empty: those of the uplink. */
  readonly servers: readonly Server[];
  readonly tun: string;
  readonly platDev: string | null;
  readonly json: boolean;
}

/** RFC 4861 §10: a router may take 0.5 s to answer, and 3 s where it answered someone else just now. */
const ROUTER_TIME = 4000; // ms
const ROUTER_GRACE = 200; // ms, for a second router

interface RouterFinding {
  readonly interface: string;
  readonly router: string;
  readonly prefixes: { prefix: string; lifetime: number }[];
  readonly mtu: number | null;
}

interface DnsFinding {
  readonly server: string;
  readonly from: string;
  readonly prefixes: string[];
  /** s */
  readonly ttl: number | null;
  readonly notes: string[];
  /** Whatever it said: also that there are no addresses. */
  readonly answered: boolean;
  /** Why there are no addresses; null: there are. */
  readonly why: string | null;
}

export interface Discovered {
  readonly uplink: string | null;
  readonly routers: RouterFinding[];
  /** Why routers could not be asked. */
  readonly notHeard: string | null;
  readonly dns: DnsFinding[];
  /** In order of precedence, each once. */
  readonly prefixes: { prefix: string; source: 'ra' | 'dns' }[];
}

/** Prints what every source says. Exit code 0: a prefix was found; 1: none. */
export async function discover(options: DiscoverOptions, io: DiscoverIo): Promise<number> {
  let found: Discovered;
  try {
    found = await look(options, await readHost());
  } catch (error) {
    io.stderr.write(`clatd: ${(error as Error).message}\n`);
    return 1;
  }
  io.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : asText(found));
  return found.prefixes.length > 0 ? 0 : 1;
}

/** Asks routers and servers side by side. */
export async function look(options: DiscoverOptions, state: HostState): Promise<Discovered> {
  const links = listeningLinks(state, options.tun, options.platDev);
  const uplink = links.find(({ candidate }) => candidate) ?? null;
  // Routers are asked whether or not there is a route: their word may say why not.
  const heard = listen(links);
  const given = options.servers.length > 0;
  const early = given ? askAll(options.servers, 'given') : null;
  const { words, refused } = await heard;
  const advertised = words
    .filter(({ ifindex }) => ifindex === uplink?.index)
    .flatMap(({ rdnss }) => rdnss.flatMap(({ addresses, lifetime }) => (lifetime > 0 ? addresses : [])));
  const { servers, from } =
    uplink === null ? { servers: [], from: '' } : resolversOf(uplink.name, uplink.index, advertised);
  const dns = await (early ?? askAll(servers, from));
  const routers = words.map((word): RouterFinding => {
    return {
      interface: links.find(({ index }) => index === word.ifindex)?.name ?? `${word.ifindex}`,
      router: formatIp6(word.router),
      prefixes: word.pref64.map(({ prefix, lifetime }) => ({ prefix: formatPrefix6(prefix), lifetime })),
      mtu: word.mtu,
    };
  });
  const prefixes = new Map<string, 'ra' | 'dns'>();
  for (const { interface: dev, prefixes: all } of routers) {
    if (uplink !== null && dev !== uplink.name) continue;
    for (const { prefix, lifetime } of all) if (lifetime > 0) prefixes.set(prefix, 'ra');
  }
  for (const prefix of dns.flatMap((one) => one.prefixes)) {
    if (!prefixes.has(prefix)) prefixes.set(prefix, 'dns');
  }
  return {
    uplink: uplink?.name ?? null,
    routers,
    notHeard: refused,
    dns,
    prefixes: [...prefixes].map(([prefix, source]) => ({ prefix, source })),
  };
}

/** The last word of each router on these interfaces. */
async function listen(
  links: readonly { index: number; candidate: boolean }[],
): Promise<{ words: RouterWord[]; refused: string | null }> {
  const words = new Map<string, RouterWord>();
  let wake = (): void => {};
  const some = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const uplink = links.find(({ candidate }) => candidate)?.index;
  const listener = new RouterListener((word) => {
    words.set(`${word.ifindex} ${formatIp6(word.router)}`, word);
    if (uplink === undefined || word.ifindex === uplink) wake();
  });
  let refused: string | null = links.length === 0 ? 'no interface is up' : null;
  let ears = 0;
  for (const { index } of links) {
    const error = listener.listen(index);
    if (error >= 0) ears++;
    else refused = error === -1 ? 'needs CAP_NET_RAW (run as root)' : `error ${-error}`;
  }
  if (ears > 0) {
    const patience = new AbortController();
    await Promise.race([some, sleep(ROUTER_TIME, undefined, { signal: patience.signal })]);
    patience.abort();
    if (words.size > 0) await sleep(ROUTER_GRACE);
  }
  listener.stop();
  return { words: [...words.values()], refused: ears > 0 ? null : refused };
}

const askAll = (servers: readonly Server[], from: string): Promise<DnsFinding[]> =>
  Promise.all(servers.map(async (server) => toFinding(server, from, await askServer(server, { tries: 2 }))));

function toFinding(server: Server, from: string, answer: DnsAnswer): DnsFinding {
  const common = { server: formatServer(server), from, answered: answer.is !== 'failed' };
  if (answer.is !== 'answer') return { ...common, prefixes: [], ttl: null, notes: [], why: answer.why };
  const { prefixes, notes } = prefixesFromAaaa(answer.addresses);
  return { ...common, prefixes: prefixes.map(formatPrefix6), ttl: answer.ttl, notes: [...notes], why: null };
}

function asText({ uplink, routers, notHeard, dns, prefixes }: Discovered): string {
  const lines: string[] = [];
  lines.push(
    uplink === null
      ? 'uplink: none: this host has no IPv6 default route (yet)'
      : `uplink: ${uplink} (IPv6 default route with the lowest metric)`,
  );
  lines.push('', 'router advertisements (PREF64, RFC 8781):');
  if (notHeard !== null) lines.push(`  not heard: ${notHeard}`);
  else if (routers.length === 0) lines.push(`  no router answered within ${ROUTER_TIME / 1000} s`);
  for (const one of routers) {
    const from = `  ${one.router} on ${one.interface}`;
    if (one.prefixes.length === 0) lines.push(`${from}: advertises, but no NAT64 prefix`);
    for (const { prefix, lifetime } of one.prefixes) {
      lines.push(
        lifetime === 0 ? `${from}: ${prefix} is withdrawn` : `${from}: ${prefix}, lifetime ${lifetime} s`,
      );
    }
  }
  lines.push('', 'DNS (AAAA of ipv4only.arpa, RFC 7050; not authenticated):');
  if (dns.length === 0) {
    lines.push('  no servers known: name some with --dns64-servers');
  }
  for (const one of dns) {
    const from = `  ${one.server} (${one.from})`;
    if (one.why !== null) lines.push(`${from}: no NAT64 prefix: ${one.why}`);
    for (const prefix of one.prefixes) lines.push(`${from}: ${prefix}, TTL ${one.ttl} s`);
    for (const note of one.notes) lines.push(`${from}: left out: ${note}`);
  }
  lines.push('');
  const first = prefixes[0];
  lines.push(
    first === undefined
      ? 'No NAT64 prefix was found.'
      : `clatd would use ${first.prefix} (${first.source === 'ra' ? 'a router said so' : 'from DNS'})${prefixes.length > 1 ? `, first of ${prefixes.length}` : ''}.`,
  );
  return `${lines.join('\n')}\n`;
}
