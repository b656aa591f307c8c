/** Which IPv4 default routes are independent of us (CLAT-5): a VPN over the CLAT is not, PPPoE and modems are. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readClats, rememberOver } from '../../src/host/clats.ts';
import { journalPath } from '../../src/host/journal.ts';
import { nativeDevices, nativeIpv4, tunnelsOver } from '../../src/host/native4.ts';
import { host, type MadeUp } from './made-up.ts';

const OURS = 'default via 192.0.0.1 dev clat static 2048';
const TO_SERVER = '198.51.100.9/32 via 192.0.0.1 dev clat boot';

const native = (routes4: string[], more: MadeUp = {}): string | null =>
  nativeIpv4(host({ links: ['clat', 'tun0'], kinds: ['clat tun', 'tun0 tun'], ...more, routes4 }), 'clat');

describe('native IPv4', () => {
  test.each<[string, string[], MadeUp, string | null]>([
    ['an Ethernet', ['default via 10.0.0.1 dev eth0 dhcp 100'], {}, 'eth0'],
    ['none but ours', [OURS], {}, null],
    ['a route without carrier', ['dead default via 10.0.0.1 dev eth0 dhcp 100'], {}, null],
    ['a VPN over the CLAT', [OURS, TO_SERVER, 'default dev tun0 static 50'], {}, null],
    [
      'a VPN over the CLAT beside an Ethernet',
      [OURS, TO_SERVER, 'default dev tun0 static 50', 'default via 10.0.0.1 dev eth0 dhcp 100'],
      {},
      'eth0',
    ],
    [
      'a VPN whose server is in a network by the TUN alone',
      [OURS, '198.51.100.0/24 dev clat boot', 'default dev tun0 static 50'],
      {},
      null,
    ],
    [
      'a WireGuard that somebody routed by hand',
      [OURS, TO_SERVER, 'default dev wg0 static 50'],
      { links: ['clat', 'wg0'], kinds: ['clat tun', 'wg0 wireguard'] },
      null,
    ],
    ['a tunnel over IPv6, or over another link', [OURS, 'default dev tun0 static 50'], {}, 'tun0'],
    [
      'the same beside the network of our own address',
      [OURS, '192.0.0.0/29 dev clat kernel', 'default dev tun0 static 50'],
      {},
      'tun0',
    ],
    [
      'PPPoE',
      ['default dev ppp0 static 50'],
      { links: ['clat', 'ppp0'], kinds: ['clat tun', 'ppp0 ppp'] },
      'ppp0',
    ],
    [
      'PPP over the CLAT (L2TP, SSTP)',
      [OURS, TO_SERVER, 'default dev ppp0 static 50'],
      { links: ['clat', 'ppp0'], kinds: ['clat tun', 'ppp0 ppp'] },
      null,
    ],
    [
      'a modem, whatever else leads through us',
      [OURS, TO_SERVER, 'default dev wwan0 static 50'],
      { links: ['clat', 'wwan0'], kinds: ['clat tun'] },
      'wwan0',
    ],
    [
      'another CLAT of this host',
      [OURS, 'default dev clat2 static 3000'],
      { links: ['clat', 'clat2'], clats: [{ tun: 'clat2', running: true, over: [] }] },
      null,
    ],
    [
      'what is left of a CLAT that was killed, with a router behind it',
      ['default via 10.0.0.1 dev eth1 static 3000'],
      { clats: [{ tun: 'eth1', running: false, over: [] }] },
      'eth1',
    ],
    ['a router reached by its IPv6 address', ['default via fe80::1 dev eth0 static 5'], {}, 'eth0'],
  ])('%s', (_, routes4, more, expected) => {
    expect(native(routes4, more)).toBe(expected);
  });

  test('is named best first', () => {
    const routes4 = ['default via 10.0.0.1 dev eth1 dhcp 200', 'default via 10.0.0.1 dev eth0 dhcp 100'];
    expect(nativeDevices(host({ routes4 }), 'clat')).toEqual(['eth0', 'eth1']);
  });
});

describe('a tunnel that ran over the CLAT', () => {
  const links = { links: ['clat', 'tun0'], kinds: ['clat tun', 'tun0 tun'] };
  const remembered = (index: number): MadeUp => ({
    ...links,
    clats: [{ tun: 'clat', running: false, over: [{ name: 'tun0', index }] }],
  });
  const state = host(links);
  const { index } = state.links.find(({ name }) => name === 'tun0')!;

  test('is none of native IPv4 when its routes through us went with the TUN', () => {
    expect(native(['default dev tun0 static 50'], remembered(index))).toBeNull();
    expect(tunnelsOver(host(remembered(index)), 'clat')).toEqual([{ name: 'tun0', index }]);
  });

  test('is forgotten when another device has its name', () => {
    expect(native(['default dev tun0 static 50'], remembered(index + 7))).toBe('tun0');
  });
});

describe('what is written down', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'clatd-clats-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('is read by the next process', () => {
    rememberOver('clat', [{ name: 'tun0', index: 7 }], dir);
    expect(readClats(dir)).toEqual([{ tun: 'clat', running: false, over: [{ name: 'tun0', index: 7 }] }]);
    rememberOver('clat', [], dir);
    expect(readdirSync(dir)).toEqual([]);
  });

  test.each([
    '',
    'null',
    '[]',
    '{"over":[{"name":"tun0","index":7}]}',
    '{"boot":"another","over":[{"name":"tun0","index":7}]}',
    '{"boot":1,"over":7}',
    '"'.padEnd(1 << 20, 'x'),
  ])('and not believed where it is not ours: %.40s', (text) => {
    writeFileSync(journalPath('clat', dir).replace(/json$/, 'over'), text);
    expect(readClats(dir).flatMap(({ over }) => over)).toEqual([]);
  });

  test('a directory in its place, or none at all, is nothing', () => {
    mkdirSync(journalPath('clat', dir).replace(/json$/, 'over'));
    expect(readClats(dir).flatMap(({ over }) => over)).toEqual([]);
    expect(readClats(join(dir, 'none'))).toEqual([]);
  });
});
