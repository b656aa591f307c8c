/** Which MSS clamping counts where nobody said (CLAT-17, MSS-1). */
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/config/compile.ts';
import { loadRun, loadTranslation } from '../../src/config/load.ts';
import { type Behind, chooseMss } from '../../src/config/mss.ts';

const NOBODY: Behind = { lan: false, nat44: false, forwarder: null };
const files = { read: () => new Uint8Array() };
const LAN = '192.168.1.0/24=2001:db8:12:3401::/96';

describe('CLAT-17', () => {
  test.each<[string, Behind, string, string]>([
    ['nobody behind', NOBODY, 'off', 'no hosts behind this one'],
    ['--lan', { ...NOBODY, lan: true }, 'auto', 'hosts behind this one, --lan'],
    ['--nat44', { ...NOBODY, nat44: true }, 'auto', 'hosts behind this one, --nat44'],
    ['containers', { ...NOBODY, forwarder: 'docker0' }, 'auto', 'docker0 forwards IPv4 for others'],
  ])('%s', (_, behind, clamp, why) => {
    expect(chooseMss(null, behind)).toEqual({ clamp, why });
  });

  test.each(['off', 'auto', 1300] as const)('an explicit %s wins over everything', (given) => {
    const all = { lan: true, nat44: true, forwarder: 'docker0' };
    for (const behind of [NOBODY, all])
      expect(chooseMss(given, behind)).toEqual({ clamp: given, why: '--mss-clamp' });
  });

  test('not said and off are told apart', () => {
    const of = (raw: Record<string, string>): unknown => {
      const loaded = loadRun(raw, files);
      return loaded.ok && loaded.config.translation.mssClamp;
    };
    expect(of({})).toBe(null);
    expect(of({ 'mss-clamp': 'off' })).toBe('off');
  });

  test('replay does as run does', () => {
    const limit = (raw: Record<string, string | string[]>): unknown => {
      const loaded = loadTranslation(raw, files);
      return loaded.ok && compile(loaded.config, 1500).mssLimit;
    };
    expect(limit({})).toBe(0);
    expect(limit({ lan: [LAN] })).toBe(1440);
    expect(limit({ lan: [LAN], 'mss-clamp': 'off' })).toBe(0);
  });
});
