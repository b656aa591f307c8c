/** Which DNS servers to ask for the NAT64's prefix: those learned from the uplink (DISC-4), or those given by hand. */
import { existsSync, readlinkSync, realpathSync } from 'node:fs';
import { isIP } from 'node:net';
import { basename, dirname, resolve } from 'node:path';
import { formatIp6 } from '../address/format.ts';
import type { Ip6 } from '../address/ip.ts';
import { formatServer, parseServer, type Server } from '../config/server.ts';
import { MOST_SMALL_FILE, readRegularFile } from '../io/regular-file.ts';

const DNS_PORT = 53;
/** systemd-resolved's stubs: they answer ipv4only.arpa as they please, and ask whom we would ask. */
const STUBS = ['127.0.0.53', '127.0.0.54'];

/** A resolver that a router on an interface advertised. */
export function advertisedServer(address: Ip6, dev: string): Server {
  const linkLocal = address[0] >>> 22 === 0x3fa;
  return { address: linkLocal ? `${formatIp6(address)}%${dev}` : formatIp6(address), port: DNS_PORT };
}

/** `nameserver` lines of resolv.conf(5), without systemd-resolved's stubs. */
export function serversInResolvConf(text: string): Server[] {
  const found: Server[] = [];
  for (const line of text.split('\n')) {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    if (address === undefined || STUBS.includes(address) || isIP(address) === 0) continue;
    found.push({ address, port: DNS_PORT });
  }
  return found;
}

/** `DNS=` of systemd-networkd's and `SERVERS=` of systemd-resolved's file about a link (systemd 252 to 257). */
export function serversInLinkState(text: string, dev: string): Server[] {
  const found: Server[] = [];
  for (const line of text.split('\n')) {
    const list = /^(?:DNS|SERVERS)=(.*)$/.exec(line)?.[1];
    for (const word of list?.split(/\s+/) ?? []) {
      // "address#server.name" where DNS over TLS is configured; "address:853" and "%interface" are possible.
      const parsed = parseServer(word.replace(/#.*$/, ''));
      if (parsed.ok && !STUBS.includes(parsed.value.address)) found.push(parsed.value);
      else if (/^fe[89ab]/i.test(word) && isIP(word) === 6) {
        found.push({ address: `${word}%${dev}`, port: DNS_PORT });
      }
    }
  }
  return found;
}

export interface Resolvers {
  readonly servers: readonly Server[];
  /** Learned on the interface, host-wide, named by --dns64-servers, or there are none. */
  readonly of: 'link' | 'host' | 'given' | 'none';
  /** Where the list came from, in words. */
  readonly from: string;
}

/** Host-wide resolvers, and those named by hand, are asked for the best candidate alone (DISC-4, CLAT-10). */
export function serversFor(given: readonly Server[], isBest: boolean, find: () => Resolvers): Resolvers {
  const found: Resolvers =
    given.length > 0 ? { servers: given, of: 'given', from: 'given (--dns64-servers)' } : find();
  return isBest || found.of === 'link' ? found : { ...found, servers: [] };
}

export const RESOLV_CONF = '/etc/resolv.conf';
const UPLINK_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';

/** Directories any change of which may mean other resolvers. */
export const RESOLVER_DIRECTORIES: readonly string[] = [
  '/run/systemd/resolve',
  '/run/systemd/resolve/netif',
  '/run/systemd/netif/links',
];

/** Where a change shows: of this name in the directory; null: of any name. */
export interface Place {
  readonly directory: string;
  readonly name: string | null;
}

/** As many symbolic links as the kernel follows. */
const MAX_LINKS = 40;

/**
 * Where a change of the resolvers shows: beside resolv.conf, and as long as that is a symbolic link (systemd-resolved's
 * leads to /run/systemd/resolve), beside what it leads to, which changes without the link.
 */
export function resolverPlaces(resolvConf: string, directories: readonly string[]): Place[] {
  const places: Place[] = directories.map((directory) => ({ directory, name: null }));
  let path: string | null = resolvConf;
  for (let links = 0; path !== null && links <= MAX_LINKS; links++) {
    places.push({ directory: dirname(path), name: basename(path) });
    path = linkTarget(path);
  }
  return places.map(waitingPlace);
}

/** null: not a symbolic link, or not there. */
function linkTarget(path: string): string | null {
  try {
    return resolve(realpathSync(dirname(path)), readlinkSync(path));
  } catch {
    return null;
  }
}

/** A directory may come with its service: until then, where the next step on the way to it will appear. */
function waitingPlace({ directory, name }: Place): Place {
  if (existsSync(directory) || directory === dirname(directory)) return { directory, name };
  return waitingPlace({ directory: dirname(directory), name: basename(directory) });
}

export type ReadText = (path: string) => string | null;

const readText: ReadText = (path) => {
  try {
    return readRegularFile(path, MOST_SMALL_FILE).toString();
  } catch {
    return null;
  }
};

/**
 * The resolvers of an interface: what its routers advertised and what the network manager learned on it; else the
 * host's, as last resort. `advertised`: from router advertisements, still valid.
 */
export function resolversOf(
  dev: string,
  ifindex: number,
  advertised: readonly Ip6[],
  read: ReadText = readText,
): Resolvers {
  const own = [
    ...advertised.map((address) => advertisedServer(address, dev)),
    ...serversInLinkState(read(`/run/systemd/netif/links/${ifindex}`) ?? '', dev),
    ...serversInLinkState(read(`/run/systemd/resolve/netif/${ifindex}`) ?? '', dev),
  ];
  if (own.length > 0) return { servers: unique(own), of: 'link', from: `learned on ${dev}` };
  for (const path of [UPLINK_RESOLV_CONF, RESOLV_CONF]) {
    const servers = unique(serversInResolvConf(read(path) ?? ''));
    if (servers.length > 0) return { servers, of: 'host', from: `of this host, ${path}` };
  }
  return { servers: [], of: 'none', from: `none known on ${dev}` };
}

function unique(servers: readonly Server[]): Server[] {
  const seen = new Map(servers.map((server) => [formatServer(server), server]));
  return [...seen.values()];
}
