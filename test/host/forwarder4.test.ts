/** Who else's IPv4 packets a CLAT gets (CLAT-17). */
import { expect, test } from 'vitest';
import { forwarder4 } from '../../src/host/forwarder4.ts';
import { host } from './made-up.ts';

/** net.ipv4.ip_forward=1: every interface follows. */
const forwarding = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [`net/ipv4/conf/${name}/forwarding`, '1']));
const ALL = forwarding('all', 'lo', 'eth0', 'clat');

test.each<[string, { links?: string[]; sysctls: Record<string, string> }, string | null]>([
  ['a host that forwards nothing', { links: ['docker0'], sysctls: {} }, null],
  ['one with forwarding on, and nothing but its uplink', { links: ['clat'], sysctls: ALL }, null],
  [
    'one with Docker',
    { links: ['clat', 'docker0'], sysctls: { ...ALL, ...forwarding('docker0') } },
    'docker0',
  ],
  ['one whose bridge alone forwards', { links: ['virbr0'], sysctls: forwarding('virbr0') }, 'virbr0'],
])('%s', (_, madeUp, found) => {
  expect(forwarder4(host(madeUp), 'clat', 'eth0')).toBe(found);
});

test('what is down, or part of a bridge, forwards nothing by itself', () => {
  const state = host({ links: ['docker0'], sysctls: forwarding('docker0') });
  const other = (change: object) => ({
    ...state,
    links: state.links.map((link) => (link.name === 'docker0' ? { ...link, ...change } : link)),
  });
  expect(forwarder4(other({ up: false }), 'clat', 'eth0')).toBe(null);
  expect(forwarder4(other({ enslaved: true }), 'clat', 'eth0')).toBe(null);
});
