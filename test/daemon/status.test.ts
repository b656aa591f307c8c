/** The status line of a mapping by hand tells what is translated. */
import { expect, test } from 'vitest';
import { loadRun, type RawOptions } from '../../src/config/load.ts';
import { statusByHand } from '../../src/daemon/status.ts';

test.each<[RawOptions, string]>([
  [
    { pool6: '64:ff9b::/96', eam: '192.0.0.2=2001:db8:1::2' },
    'translating on clat: 1 mapping, NAT64 64:ff9b::/96',
  ],
  [{ eam: ['192.0.0.2=2001:db8:1::2', '192.0.0.3=2001:db8:1::3'] }, 'translating on clat: 2 mappings'],
  [{ eam: '192.0.0.2=2001:db8:1::2' }, 'nothing is translated on clat: 1 mapping, and pool6 is not given'],
  [{ configure: false }, 'nothing is translated on clat: neither mappings nor pool6 are given'],
  [{ 'eam-file': '/e' }, 'nothing is translated on clat: neither mappings nor pool6 are given'],
  [
    { configure: false, pool6: '64:ff9b::/96' },
    'translating on clat: no mapping, NAT64 64:ff9b::/96 (not this host)',
  ],
])('%j', (raw, status) => {
  const loaded = loadRun(raw, { read: () => new Uint8Array() });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  expect(statusByHand('clat', loaded.config)).toBe(status);
});
