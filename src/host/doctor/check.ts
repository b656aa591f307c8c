/** What `clatd doctor` looks at, and the form of what it finds. */

/** THE table of checks, in the order they are printed: what the host is, where the network leads, what clatd makes of it. */
export const CHECKS = {
  privilege: 'privilege',
  tools: 'programs',
  kernel: 'kernel',
  sysctl: 'kernel settings',
  tun: 'TUN device',
  offload: 'offload',
  daemon: 'clatd running',
  others: 'other translators',
  uplink: 'uplink',
  route6: 'IPv6 default route',
  address6: 'IPv6 address',
  'accept-ra': 'accept_ra',
  forwarding: 'IPv6 forwarding',
  'nd-proxy': 'neighbour proxy',
  firewall: 'firewall',
  dns: 'DNS servers',
  'prefix-ra': 'prefix from routers',
  'prefix-dns': 'prefix from DNS',
  prefix: 'NAT64 prefix',
  'plat-tcp': 'NAT64 by TCP',
  'plat-icmp': 'NAT64 by ICMP',
  'mtu-out': 'MTU on the way out',
  'mtu-back': 'MTU on the way back',
  ipv4: 'IPv4 default route',
  clat6: 'IPv6 address for IPv4',
  'clat-tcp': 'IPv4 by TCP',
  'clat-icmp': 'IPv4 by ICMP',
  'clat-mtu': 'IPv4 MTU',
} as const;

export type CheckId = keyof typeof CHECKS;

export interface Check {
  readonly id: CheckId;
  readonly title: string;
  /** note: works, or may be meant so, but worth knowing; skipped: could not be looked at, or there is nothing to look at. */
  readonly state: 'ok' | 'problem' | 'note' | 'skipped';
  /** What was found, in words. */
  readonly found: string;
  /** What to do about it. */
  readonly remedy: string | null;
}

const check = (id: CheckId, state: Check['state'], found: string, remedy: string | null): Check => {
  return { id, title: CHECKS[id], state, found, remedy };
};

export const ok = (id: CheckId, found: string): Check => check(id, 'ok', found, null);

export const note = (id: CheckId, found: string, remedy: string | null = null): Check =>
  check(id, 'note', found, remedy);

export const problem = (id: CheckId, found: string, remedy: string): Check =>
  check(id, 'problem', found, remedy);

export const skipped = (id: CheckId, why: string, remedy: string | null = null): Check =>
  check(id, 'skipped', why, remedy);

/** In the order of the table. */
export function sorted(checks: readonly Check[]): Check[] {
  const order = Object.keys(CHECKS);
  return [...checks].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
}
