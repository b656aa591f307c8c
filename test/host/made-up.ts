/** Hosts that do not exist: their state written in a few words. */
import type { KnownClat } from '../../src/host/clats.ts';
import { type JsonRule, toRule } from '../../src/host/rules.ts';
import type { HostState } from '../../src/host/state.ts';
import { parseKernel6 } from '../../src/host/text.ts';

export interface MadeUp {
  /** Besides lo, eth0 and eth1. */
  links?: string[];
  /** Of every link. */
  mtu?: number;
  /** "eth0 2001:db8::1/64 [deprecated]" */
  addresses?: string[];
  /** "[dead] [TYPE] DST [via GATEWAY] dev DEV PROTOCOL [METRIC]" */
  routes4?: string[];
  routes6?: string[];
  /** "eth0 2001:db8::1" */
  proxies?: string[];
  /** Over those of a fresh host. */
  sysctls?: Record<string, string>;
  /** Kinds of links by name ("tun0 tun"); those that are no Ethernet have no neighbours. */
  kinds?: string[];
  /** Routes of other tables, "TABLE " before the words of a route. */
  tables4?: string[];
  tables6?: string[];
  /** As `ip -json rule` says them, in order. */
  rules4?: JsonRule[];
  rules6?: JsonRule[];
  clats?: KnownClat[];
  /** No force_forwarding. */
  oldKernel?: boolean;
}

const ROUTES6 = [
  '2001:db8:1:1::/64 dev eth0 kernel 256',
  'fe80::/64 dev eth0 kernel 256',
  'default via fe80::1 dev eth0 ra 1024',
];

/** An IPv6-only host with an uplink eth0 in 2001:db8:1:1::/64, unless told otherwise. */
const STANDARD: JsonRule[] = [
  { priority: 0, src: 'all', table: 'local' },
  { priority: 32766, src: 'all', table: 'main' },
];

export function host(madeUp: MadeUp): HostState {
  const kinds = new Map((madeUp.kinds ?? []).map((text) => text.split(' ') as [string, string]));
  const names = ['lo', 'eth0', 'eth1', ...(madeUp.links ?? [])];
  const values: Record<string, string> = {
    'net/ipv4/ip_forward': '0',
    'net/ipv4/conf/all/rp_filter': '0',
    'net/ipv4/conf/default/rp_filter': '0',
  };
  for (const name of ['all', 'default', ...names]) {
    const conf = `net/ipv6/conf/${name}`;
    values[`${conf}/forwarding`] = '0';
    values[`${conf}/accept_ra`] = name === 'eth1' ? '0' : '1';
    values[`${conf}/proxy_ndp`] = '0';
    values[`${conf}/disable_ipv6`] = '0';
    values[`${conf}/mtu`] = String(madeUp.mtu ?? 1500);
    if (madeUp.oldKernel !== true) values[`${conf}/force_forwarding`] = '0';
  }
  Object.assign(values, madeUp.sysctls);
  const route = (family: 4 | 6) => (text: string) => {
    const words = text.split(' ');
    const alive = words[0] !== 'dead';
    if (!alive) words.shift();
    const type = words[0] === 'unreachable' ? words.shift()! : 'unicast';
    const dst = words.shift()!;
    const gateway = words[0] === 'via' ? (words.splice(0, 2)[1] ?? null) : null;
    const [, dev = '', protocol = '', metric = '0'] = words;
    return { family, dst, type, gateway, devs: [dev], protocol, metric: Number(metric), mtu: null, alive };
  };
  const inTable = (family: 4 | 6) => (text: string) => {
    const [table = '', ...words] = text.split(' ');
    return { ...route(family)(words.join(' ')), table };
  };
  return {
    links: names.map((name, i) => ({
      index: i + 1,
      name,
      up: name !== 'clat',
      mtu: madeUp.mtu ?? 1500,
      neighbours: name.startsWith('eth') && !kinds.has(name),
      enslaved: false,
      kind: kinds.get(name) ?? null,
    })),
    addresses: (madeUp.addresses ?? ['eth0 2001:db8:1:1::5/64']).map((text) => {
      const [dev = '', address = '', length = '', not] = text.split(/[ /]/);
      const family = address.includes(':') ? 6 : 4;
      const scope = /^fe80/.test(address) ? 'link' : 'global';
      return { dev, address, length: Number(length), family, scope, usable: not === undefined };
    }),
    routes: [...(madeUp.routes4 ?? []).map(route(4)), ...(madeUp.routes6 ?? ROUTES6).map(route(6))],
    tables: [...(madeUp.tables4 ?? []).map(inTable(4)), ...(madeUp.tables6 ?? []).map(inTable(6))],
    rules: [
      ...(madeUp.rules4 ?? STANDARD).map((rule) => toRule(rule, 4)),
      ...(madeUp.rules6 ?? STANDARD).map((rule) => toRule(rule, 6)),
    ],
    clats: madeUp.clats ?? [],
    proxies: (madeUp.proxies ?? []).map((text) => {
      const [dev = '', address = ''] = text.split(' ');
      return { dev, address: parseKernel6(address) };
    }),
    sysctls: {
      read: (key) => values[key] ?? null,
      write: (key, value) => {
        values[key] = value;
      },
      list: () => ['all', 'default', ...names],
    },
  };
}
