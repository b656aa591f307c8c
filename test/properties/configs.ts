/** Configurations that the fuzz runs take in turn: together they open every branch. */
import type { RawOptions } from '../../src/config/load.ts';

export const CONFIGS: readonly RawOptions[] = [
  {},
  { 'ipv4-mtu': '68', 'udp-cksum-mode': 'drop', 'mss-clamp': '500' },
  {
    pool6: '2001:db8::/32',
    eam: ['192.0.2.0/24=2001:db9:1::/64'],
    'strict-suffix': true,
    'ipv6-addr': undefined,
    'override-tos': '3',
  },
  {
    pool6: '64:ff9b::/96',
    denylist4: ['198.51.100.0/25'],
    'eam-hairpin-mode': 'simple',
    'zeroize-traffic-class': true,
    'mss-clamp': 'auto',
  },
  {
    eam: ['192.0.2.1=2001:db8:1::1', '198.51.100.0/24=2001:db8:2::/96'],
    'ipv6-mtu': '1280',
    'udp-cksum-mode': 'fwd',
  },
];

/** More, for the comparison with the model: every length of pool6 that packets-at-random.ts knows, every hairpin mode. */
export const MODEL_CONFIGS: readonly RawOptions[] = [
  ...CONFIGS,
  {
    pool6: '2001:db8:100::/40',
    eam: ['192.0.2.1=2001:db8:1::1', '192.0.2.0/24=2001:db9:1::/64', '10.0.0.2=2001:db8:2::2'],
    'eam-hairpin-mode': 'intrinsic',
    'ipv6-mtu': '1400',
    'ipv4-mtu': '1300',
    'lowest-ipv6-mtu': '1287',
    'mss-clamp': '1201',
  },
  {
    pool6: '2001:db8:122:344::/64',
    eam: ['192.0.2.1=2001:db8:1::1', '198.51.100.0/24=2001:db8:2::/96'],
    'strict-suffix': true,
    'strict-source': true,
    'eam-hairpin-mode': 'off',
    'ipv4-mtu': '576',
    'mtu-plateaus': '9000,1400,1300,68',
    denylist4: ['10.0.0.0/8', '203.0.113.0/24'],
    'ipv6-addr': undefined,
  },
  {
    pool6: '64:ff9b::/96',
    eam: ['192.0.2.1=2001:db8:1::1', '169.254.1.1=2001:db8:1::2', '0.0.0.0/0=2001:db8:ffff::/64'],
    'rfc6791v4-prefix': '203.0.113.200/32',
    'udp-cksum-mode': 'drop',
    'ipv6-mtu': '9000',
    'lowest-ipv6-mtu': '9000',
  },
  { eam: ['192.0.2.1=2001:db8:1::1', '10.0.0.0/8=2001:db8:2::/96'], 'strict-source': true },
  { 'strict-source': true, 'eam-hairpin-mode': 'simple', 'ipv6-addr': undefined },
  {
    pool6: undefined,
    eam: ['192.0.2.1=2001:db8:1::1', '10.0.0.0/8=2001:db8:2::/96', '8.0.0.0/5=2001:db8::/32'],
  },
];
