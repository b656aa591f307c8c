/**
 * The configuration, as values: what load.ts makes of text and what compile.ts makes tables of.
 * Names are those of the options (docs: README, `clatd --help`); units stand beside each.
 */
import type { EamList } from '../address/eam.ts';
import type { Ip4, Ip6, Prefix4, Prefix6 } from '../address/ip.ts';
import type { Offload } from '../io/device.ts';
import type { Server } from './server.ts';

export const UdpCksumMode = { calc: 0, drop: 1, fwd: 2 } as const;
export type UdpCksumMode = (typeof UdpCksumMode)[keyof typeof UdpCksumMode];

export const HairpinMode = { off: 0, simple: 1, intrinsic: 2 } as const;
export type HairpinMode = (typeof HairpinMode)[keyof typeof HairpinMode];

export type IcmpErrors = 'limited' | 'unlimited' | 'off';
export type MssClamp = 'off' | 'auto' | number;

/** What decides what a packet becomes: the same for `run` and `replay`. */
export interface TranslationConfig {
  /** RFC 6052 prefix; null: none. */
  pool6: Prefix6 | null;
  eam: EamList;
  denylist4: Prefix4[];
  ipv4Addr: Ip4;
  ipv6Addr: Ip6 | null;
  /** Sources of untranslatable ICMPv6 errors; members are chosen at random (RSRC-1). */
  rfc6791v4Prefix: Prefix4;
  /** bytes, 1280..65535 */
  lowestIpv6Mtu: number;
  /** bytes, 1280..65535; null: the device's. */
  ipv6Mtu: number | null;
  /** bytes, 68..65535; null: the device's. */
  ipv4Mtu: number | null;
  /** bytes, greatest first */
  mtuPlateaus: number[];
  udpCksumMode: UdpCksumMode;
  wkpfStrict: boolean;
  strictSuffix: boolean;
  /** Refuse IPv4 sources that no mapping covers. */
  strictSource: boolean;
  eamHairpinMode: HairpinMode;
  zeroizeTrafficClass: boolean;
  /** 0..255; null: copy the Traffic Class. */
  overrideTos: number | null;
  icmpErrors: IcmpErrors;
  /** null: not said, so that it depends on who is behind this host (mss.ts). */
  mssClamp: MssClamp | null;
}

/** --v4-check */
export interface V4Check {
  readonly address: Ip4;
  /** Of TCP; null: ICMP echo. */
  readonly port: number | null;
}

/** Automatic mode: the network decides what pool6 and the one mapping are. */
export interface ClatConfig {
  /** auto: not while there is native IPv4. */
  enable: 'auto' | 'force';
  /** The uplink; null: that of the best IPv6 route to the NAT64. */
  platDev: string | null;
  /** auto: what fits the uplink; shared: none of its own; a prefix: somewhere in it; a /128: this one. */
  clat6: 'auto' | 'shared' | Prefix6;
  /** null: 192.0.0.2, or the next free one of 192.0.0.0/29. */
  clat4: Ip4 | null;
  /** Empty: those of the uplink. */
  dns64Servers: readonly Server[];
  /** Where nobody names a prefix; null: none. */
  fallback: Prefix6 | null;
  /** Pinged through the NAT64 to see whether it works; null: nobody is. */
  healthCheck: Ip4 | null;
  /** s, 5..3600 */
  healthInterval: number;
  /** Of the IPv4 default route. */
  metric: number;
  /** Who has to answer through a native IPv4 default route; null: nobody is asked. */
  nativeCheck: V4Check | null;
}

/** What `clatd run` needs besides. */
export interface RunConfig {
  translation: TranslationConfig;
  /** Interface name, 1..15 bytes. */
  tun: string;
  workers: number | 'auto';
  /** The highest level to ask the kernel for. */
  offload: Offload;
  /** Join consecutive packets of a flow into one write. */
  coalesce: boolean;
  /** Use io_uring where the kernel can. */
  ioUring: boolean;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** False with --no-configure: the host is left as it is. */
  configure: boolean;
  /** Read again at SIGHUP; null: none given. */
  eamFile: string | null;
  clat: ClatConfig;
  /** Mappings of hosts behind this one (--lan): beside those of `translation`, in either mode (withLan). */
  lan: EamList;
  /** Hosts behind this one that share its IPv4 address. */
  nat44: readonly Prefix4[];
  /** Chains of other people that would drop what the translator sends. */
  firewall: FirewallMode;
}

/** accept: let it through; warn: say so; off: do not look. */
export type FirewallMode = 'accept' | 'warn' | 'off';

/** True where no mapping is given: then it is found, with the prefix, and follows the network. */
export const isAutomatic = ({ configure, eamFile, translation }: RunConfig): boolean =>
  configure && eamFile === null && translation.eam.size === 0;
