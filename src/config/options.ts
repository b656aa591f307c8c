/**
 * THE option table: one row an option. From it come the command line, the configuration file's keys, `--help` and
 * docs/options.md. To add an option: a row here, its value in config.ts, its check in load.ts.
 */

import type { RunConfig } from './config.ts';

/** value: once; list: any number of times; flag: `--name` or `--no-name`. */
export type OptionKind = 'value' | 'list' | 'flag';

/** translation: run and replay; run: the daemon only. */
export type OptionScope = 'translation' | 'run';

/** The values of RunConfig that `===` compares. */
type PlainValue = {
  [Name in keyof RunConfig]: RunConfig[Name] extends string | number | boolean ? Name : never;
}[keyof RunConfig];

export interface OptionRow {
  readonly name: string;
  readonly kind: OptionKind;
  /** What stands for the value in help. */
  readonly value?: string;
  /** In words. */
  readonly default: string;
  readonly scope: OptionScope;
  readonly group: 'Addresses' | 'Network' | 'Packets' | 'Daemon';
  readonly help: string;
  /** The peers' words for the same thing, taken silently. */
  readonly aliases?: readonly string[];
  /** Without this it has no effect (bearing.ts says why). None: it has one in every mode. */
  readonly bearsOn?:
    | 'automatic mode'
    | 'discovery'
    | 'health check'
    | 'host'
    | 'default route'
    | 'native IPv4'
    | 'pool6'
    | 'well-known prefix'
    | 'segmentation';
  /** Read at the start only: the value it has. None: a reload takes it into use. */
  readonly restart?: PlainValue;
}

export const OPTIONS: readonly OptionRow[] = [
  {
    name: 'pool6',
    kind: 'value',
    value: 'PREFIX',
    default: 'none',
    scope: 'translation',
    group: 'Addresses',
    help: 'RFC 6052 prefix of the NAT64 (PLAT), /32, /40, /48, /56, /64 or /96',
    aliases: ['prefix', 'plat-prefix'],
  },
  {
    name: 'eam',
    kind: 'list',
    value: 'V4[/LEN]=V6[/LEN]',
    default: 'none',
    scope: 'translation',
    group: 'Addresses',
    help: 'explicit address mapping (RFC 7757); may be given several times',
    aliases: ['map', 'eamt'],
  },
  {
    name: 'eam-file',
    kind: 'value',
    value: 'FILE',
    default: 'none',
    scope: 'translation',
    group: 'Addresses',
    help: 'more mappings, one a line, # comments; read again at SIGHUP',
    aliases: ['map-file'],
  },
  {
    name: 'lan',
    kind: 'list',
    value: 'V4PREFIX=V6PREFIX/96',
    default: 'none',
    scope: 'translation',
    group: 'Addresses',
    help: 'hosts behind this one: each gets the IPv6 address that ends in its IPv4 address; may be given several times',
  },
  {
    name: 'denylist4',
    kind: 'list',
    value: 'PREFIX',
    default: 'none',
    scope: 'translation',
    group: 'Addresses',
    help: 'IPv4 prefix that pool6 does not translate; may be given several times',
    bearsOn: 'pool6',
    aliases: ['blacklist4'],
  },
  {
    name: 'ipv4-addr',
    kind: 'value',
    value: 'ADDR',
    default: '192.0.0.1',
    scope: 'translation',
    group: 'Addresses',
    help: 'own IPv4 address: source of ICMP errors, answers ping',
  },
  {
    name: 'ipv6-addr',
    kind: 'value',
    value: 'ADDR',
    default: 'none: errors carry the address they stand in for',
    scope: 'translation',
    group: 'Addresses',
    help: 'own IPv6 address: source of ICMPv6 errors, answers ping',
  },
  {
    name: 'rfc6791v4-prefix',
    kind: 'value',
    value: 'PREFIX',
    default: '192.0.0.8/32',
    scope: 'translation',
    group: 'Addresses',
    help: 'sources for ICMPv6 errors of routers that have no IPv4 address',
  },
  {
    name: 'wkpf-strict',
    kind: 'flag',
    default: 'on',
    scope: 'translation',
    group: 'Addresses',
    help: 'refuse non-global IPv4 addresses under 64:ff9b::/96 (RFC 6052 §3.1); lift it (--no-wkpf-strict) in networks that carry private addresses over that prefix',
    bearsOn: 'well-known prefix',
  },
  {
    name: 'strict-suffix',
    kind: 'flag',
    default: 'off',
    scope: 'translation',
    group: 'Addresses',
    help: 'refuse IPv6 addresses with bits set behind the embedded IPv4 address',
    bearsOn: 'pool6',
  },
  {
    name: 'strict-source',
    kind: 'flag',
    default: 'on without mappings of yours and with --lan, else off',
    scope: 'translation',
    group: 'Addresses',
    help: 'refuse IPv4 packets from addresses that no mapping covers, in place of giving them an address inside pool6',
    bearsOn: 'pool6',
  },
  {
    name: 'eam-hairpin-mode',
    kind: 'value',
    value: 'intrinsic|simple|off',
    default: 'intrinsic',
    scope: 'translation',
    group: 'Addresses',
    help: 'how hosts with mappings reach each other by their IPv4 addresses (RFC 7757 §4)',
  },
  {
    name: 'enable',
    kind: 'value',
    value: 'auto|force',
    default: 'auto',
    scope: 'run',
    group: 'Network',
    help: 'without mappings of yours: stand back while there is native IPv4, or not',
    bearsOn: 'automatic mode',
  },
  {
    name: 'plat-dev',
    kind: 'value',
    value: 'NAME',
    default: 'best IPv6 route to the NAT64',
    scope: 'run',
    group: 'Network',
    help: 'the uplink: where IPv6 packets leave',
    bearsOn: 'host',
  },
  {
    name: 'clat-v6-addr',
    kind: 'value',
    value: 'auto|shared|ADDR[/LEN]',
    default: 'auto',
    scope: 'run',
    group: 'Network',
    help: 'IPv6 address of this host for translated packets: what fits the uplink, its own behind NAT66, or this one (in this prefix)',
    bearsOn: 'automatic mode',
  },
  {
    name: 'clat-v4-addr',
    kind: 'value',
    value: 'ADDR',
    default: '192.0.0.2, or the next free of 192.0.0.0/29',
    scope: 'run',
    group: 'Network',
    help: 'IPv4 address of this host',
    bearsOn: 'automatic mode',
  },
  {
    name: 'dns64-servers',
    kind: 'value',
    value: 'LIST',
    default: 'the uplink’s',
    scope: 'run',
    group: 'Network',
    help: 'DNS servers to ask for the NAT64 prefix, separated by commas: ADDR, ADDR%INTERFACE, [ADDR]:PORT',
    aliases: ['dns64-server'],
    bearsOn: 'discovery',
  },
  {
    name: 'prefix-fallback',
    kind: 'value',
    value: 'PREFIX',
    default: 'none',
    scope: 'run',
    group: 'Network',
    help: 'prefix of the NAT64 where neither routers nor DNS name one',
    bearsOn: 'discovery',
    aliases: ['plat-fallback-prefix'],
  },
  {
    name: 'nat44',
    kind: 'list',
    value: 'PREFIX',
    default: 'none',
    scope: 'run',
    group: 'Network',
    help: 'IPv4 prefix of hosts behind this one that share its IPv4 address (NAT44 by nftables); may be given several times',
    bearsOn: 'host',
  },
  {
    name: 'health-check',
    kind: 'value',
    value: 'ADDR|off',
    default: 'off: nobody is sent packets unasked',
    scope: 'run',
    group: 'Network',
    help: 'IPv4 address to ping through the NAT64; when it is silent and another known prefix answers, that one takes over',
    bearsOn: 'automatic mode',
  },
  {
    name: 'health-interval',
    kind: 'value',
    value: 'SECONDS',
    default: '30',
    scope: 'run',
    group: 'Network',
    help: 'between two pings of --health-check, 5..3600',
    bearsOn: 'health check',
  },
  {
    name: 'v4-defaultroute-metric',
    kind: 'value',
    value: 'N',
    default: '2048',
    scope: 'run',
    group: 'Network',
    help: 'metric of the IPv4 default route through the translator; below that of a native one it is preferred to it',
    bearsOn: 'default route',
  },
  {
    name: 'v4-check',
    kind: 'value',
    value: 'ADDR[:PORT]|off',
    default: 'off',
    scope: 'run',
    group: 'Network',
    help: 'a native IPv4 default route counts only while this address answers through it, to pings or (with a port) to TCP connections',
    bearsOn: 'native IPv4',
  },
  {
    name: 'lowest-ipv6-mtu',
    kind: 'value',
    value: 'BYTES',
    default: '1280',
    scope: 'translation',
    group: 'Packets',
    help: 'IPv4 packets without DF are fragmented to this size, 1280..65535',
    aliases: ['offlink-mtu'],
  },
  {
    name: 'ipv6-mtu',
    kind: 'value',
    value: 'BYTES',
    default: "the device's",
    scope: 'translation',
    group: 'Packets',
    help: 'next-hop MTU on the IPv6 side, 1280..65535',
  },
  {
    name: 'ipv4-mtu',
    kind: 'value',
    value: 'BYTES',
    default: "the device's",
    scope: 'translation',
    group: 'Packets',
    help: 'next-hop MTU on the IPv4 side, 68..65535',
  },
  {
    name: 'mtu-plateaus',
    kind: 'value',
    value: 'LIST',
    default: '65535,32000,17914,8166,4352,2002,1492,1006,508,296,68',
    scope: 'translation',
    group: 'Packets',
    help: 'MTUs to assume of routers that name none (RFC 1191), separated by commas',
  },
  {
    name: 'udp-cksum-mode',
    kind: 'value',
    value: 'calc|drop|fwd',
    default: 'calc',
    scope: 'translation',
    group: 'Packets',
    help: 'UDP over IPv4 without checksum: compute one, drop, or forward as it is',
  },
  {
    name: 'zeroize-traffic-class',
    kind: 'flag',
    default: 'off',
    scope: 'translation',
    group: 'Packets',
    help: 'set the Traffic Class to 0 instead of copying TOS',
  },
  {
    name: 'override-tos',
    kind: 'value',
    value: 'N',
    default: 'off: the Traffic Class is copied',
    scope: 'translation',
    group: 'Packets',
    help: 'TOS of translated IPv4 packets, 0..255, decimal or 0x',
  },
  {
    name: 'icmp-errors',
    kind: 'value',
    value: 'limited|unlimited|off',
    default: 'limited',
    scope: 'translation',
    group: 'Packets',
    help: 'ICMP errors of our own: rate limited, all, or none',
  },
  {
    name: 'mss-clamp',
    kind: 'value',
    value: 'off|auto|N',
    default: 'auto with hosts behind this one (--lan, --nat44, containers), else off',
    scope: 'translation',
    group: 'Packets',
    help: 'lower the TCP MSS to N, or to what the MTUs allow (auto)',
  },
  {
    name: 'tun',
    kind: 'value',
    value: 'NAME',
    default: 'clat',
    scope: 'run',
    group: 'Daemon',
    help: 'TUN device to create, or to attach to if it exists',
    aliases: ['tun-device', 'clat-dev'],
    restart: 'tun',
  },
  {
    name: 'configure',
    kind: 'flag',
    default: 'on',
    scope: 'run',
    group: 'Daemon',
    help: 'set up addresses, routes and forwarding, and undo it at the end; --no-configure leaves the host alone',
    restart: 'configure',
  },
  {
    name: 'firewall',
    kind: 'value',
    value: 'accept|warn|off',
    default: 'accept',
    scope: 'run',
    group: 'Daemon',
    help: "other people's nftables chains that drop what is forwarded (Docker, UFW, firewalld): let the translator's packets through and undo it at the end, only name them, or do not look",
    bearsOn: 'host',
  },
  {
    name: 'workers',
    kind: 'value',
    value: 'N|auto',
    default: 'auto',
    scope: 'run',
    group: 'Daemon',
    help: 'data-plane threads, each with a queue of its own, 1..64; auto: one fewer than CPUs, 1..8',
    restart: 'workers',
  },
  {
    name: 'offload',
    kind: 'value',
    value: 'auto|uso|tso|csum|off',
    default: 'auto',
    scope: 'run',
    group: 'Daemon',
    help: 'the most to ask of the kernel: UDP and TCP segmentation, TCP only, checksums only, nothing',
    restart: 'offload',
  },
  {
    name: 'coalesce',
    kind: 'flag',
    default: 'on',
    scope: 'run',
    group: 'Daemon',
    help: 'write consecutive packets of a flow at once, as one that the kernel cuts apart again',
    bearsOn: 'segmentation',
    restart: 'coalesce',
  },
  {
    name: 'io-uring',
    kind: 'flag',
    default: 'on',
    scope: 'run',
    group: 'Daemon',
    help: 'write and read whole batches by one system call, where the kernel allows it',
    restart: 'ioUring',
  },
  {
    name: 'log-level',
    kind: 'value',
    value: 'debug|info|warn|error',
    default: 'info',
    scope: 'run',
    group: 'Daemon',
    help: 'how much to say on standard error',
    restart: 'logLevel',
  },
];

/** A row by its name or by a peer's word for it. */
export function findOption(name: string): OptionRow | undefined {
  return OPTIONS.find((row) => row.name === name || (row.aliases?.includes(name) ?? false));
}
