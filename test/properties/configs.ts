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
