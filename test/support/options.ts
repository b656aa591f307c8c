/** Appendix A's configuration, with overrides as on the command line. */
import type { TranslationConfig } from '../../src/config/config.ts';
import { loadTranslation, type RawOptions } from '../../src/config/load.ts';
import { OWN4, OWN6 } from './packets.ts';

export const BASE: RawOptions = {
  pool6: '2001:db8:64::/96',
  eam: ['192.0.2.1=2001:db8:1::1'],
  'ipv4-addr': OWN4,
  'ipv6-addr': OWN6,
  'icmp-errors': 'unlimited',
};

export function configure(options: RawOptions = {}): TranslationConfig {
  const loaded = loadTranslation({ ...BASE, ...options }, { read: () => new Uint8Array(0) });
  if (!loaded.ok)
    throw new Error(loaded.mistakes.map(({ where, message }) => `${where}: ${message}`).join('\n'));
  return loaded.config;
}
