/** CLAT-13: what counts as this side of the translator, read off a host that is made up. */
import { describe, expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { formatIp4 } from '../../src/address/format.ts';
import type { Inside } from '../../src/address/inside.ts';
import { mask32 } from '../../src/address/ip.ts';
import { inRanges } from '../../src/address/ranges.ts';
import { readInside } from '../../src/host/inside.ts';
import type { Entry } from '../../src/host/plan.ts';
import { parseKernel4 } from '../../src/host/text.ts';
import { host, type MadeUp } from './made-up.ts';

const prefix = (text: string) => {
  const [address = '', length = '32'] = text.split('/');
  return { address: parseKernel4(address), length: Number(length) };
};
const list = (...texts: string[]): EamList => {
  const eam = new EamList();
  texts.forEach((text, i) => {
    const { address, length } = prefix(text);
    eam.add(address, length, [0x20010db8, i + 1, 0, address], 96 + length);
  });
  return eam;
};

interface Given extends MadeUp {
  eam?: string[];
  lan?: string[];
  nat44?: string[];
  entries?: Entry[];
}
function read({ eam = [], lan = [], nat44 = [], entries = [], ...madeUp }: Given): Inside {
  return readInside(
    {
      eam: list(...eam, ...lan),
      lan: list(...lan),
      nat44: nat44.map(prefix),
      ipv4Addr: parseKernel4('192.0.0.1'),
    },
    host(madeUp),
    entries,
  );
}
const isSource = (inside: Inside, v4: string): boolean => inRanges(inside.sources4, parseKernel4(v4));
const isClosed = (inside: Inside, v4: string): boolean => inRanges(inside.closed4, parseKernel4(v4));

describe('CLAT-13: sources', () => {
  const inside = read({
    addresses: ['eth0 2001:db8:1:1::10/64', 'eth1 192.168.1.1/24', 'eth1 10.9.0.1/32', 'lo 127.0.0.1/8'],
    routes4: [
      ...['192.168.1.0/24 dev eth1 kernel', '10.20.0.0/16 dev eth1 kernel', '10.30.0.2/32 dev eth1 kernel'],
      ...[
        '10.40.0.0/16 via 192.168.1.7 dev eth1 static',
        '10.50.0.0/16 dev eth1 static',
        'default dev eth1 kernel',
      ],
      'unreachable 10.60.0.0/16 dev eth1 kernel',
    ],
    nat44: ['172.16.5.0/24'],
    entries: [
      { why: '', step: { kind: 'address', dev: 'clat', family: 4, address: '192.0.0.2', length: 29 } },
      { why: '', step: { kind: 'address', dev: 'clat', family: 6, address: '2001:db8::1', length: 128 } },
    ],
  });
  test.each([
    ['192.0.0.1', 'the translator'],
    ['192.0.0.2', 'an address that the plan is about to set'],
    ['192.0.0.7', 'its network'],
    ['192.168.1.1', 'an address'],
    ['192.168.1.200', 'its network'],
    ['10.9.0.1', 'an address of its own network'],
    ['10.20.3.4', 'a network that only a route of the kernel’s tells of'],
    ['10.30.0.2', 'a peer'],
    ['172.16.5.9', 'hosts behind this one'],
  ])('%s: %s', (v4) => expect(isSource(inside, v4)).toBe(true));
  test.each([
    ['198.51.100.2', 'the internet, default route of the kernel’s or not'],
    ['10.9.0.2', 'the neighbour of an address of its own'],
    ['10.40.0.1', 'behind a router'],
    ['10.50.0.1', 'what an administrator or a VPN routes somewhere: it may be half of the internet'],
    ['10.60.0.1', 'what is unreachable'],
    ['0.0.0.0', 'nobody'],
  ])('not %s: %s', (v4) => expect(isSource(inside, v4)).toBe(false));
  test('an address with a whole internet for its network is an address', () => {
    const all = read({ addresses: ['eth1 10.0.0.1/0'] });
    expect([isSource(all, '10.0.0.1'), isSource(all, '10.0.0.2')]).toEqual([true, false]);
  });
});

describe('CLAT-13: closed destinations', () => {
  const given: Given = {
    addresses: ['eth1 192.168.1.1/24', 'eth1 192.168.1.254/24', 'eth1 10.7.0.1/16'],
    lan: ['192.168.1.0/24', '10.8.0.0/31', '10.9.0.0/30'],
  };
  const closedOf = (inside: Inside): string[] =>
    Array.from({ length: inside.closed4.length / 2 }, (_, i) =>
      formatIp4(inside.closed4[2 * i]! ^ 0x80000000),
    );
  test('the router’s addresses in a LAN; network and broadcast of LANs and of what is connected', () => {
    const inside = read(given);
    for (const v4 of ['192.168.1.0', '192.168.1.1', '192.168.1.254', '192.168.1.255', '10.9.0.0', '10.9.0.3'])
      expect(isClosed(inside, v4), v4).toBe(true);
    for (const v4 of ['10.7.0.0', '10.7.255.255']) expect(isClosed(inside, v4), v4).toBe(true);
    for (const v4 of ['192.168.1.2', '10.7.0.1', '10.8.0.0', '10.8.0.1', '10.9.0.1', '192.168.0.255'])
      expect(isClosed(inside, v4), v4).toBe(false);
  });
  test('but what has a mapping of its own', () => {
    const inside = read({ ...given, eam: ['192.168.1.1', '192.168.1.255', '10.7.0.0'] });
    expect([isClosed(inside, '192.168.1.1'), isClosed(inside, '192.168.1.255')]).toEqual([false, false]);
    expect(closedOf(inside)).not.toContain('10.7.0.0');
    expect(isClosed(inside, '192.168.1.254')).toBe(true);
  });
  test('a host without LANs: the edges of its networks', () => {
    expect(closedOf(read({ addresses: ['eth1 10.1.2.3/24'] }))).toEqual(['10.1.2.0', '10.1.2.255']);
    expect(mask32(24)).toBe(-256);
  });
});
