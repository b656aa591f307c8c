/** The IPv4 side of a CLAT (CLAT-2): which addresses of 192.0.0.0/29, as a pure function of the host's state. */
import { describe, expect, test } from 'vitest';
import { formatIp4 } from '../../src/address/format.ts';
import { chooseClat4 } from '../../src/host/clat4.ts';
import { parseKernel4 } from '../../src/host/text.ts';
import { host } from './made-up.ts';

interface Options {
  /** --clat-v4-addr */
  wanted?: string;
  /** --ipv4-addr */
  own?: string;
}

/** "192.0.0.2/29, translator 192.0.0.1", or what is lacking, on a host with these addresses. */
function chosen(addresses: string[], { wanted, own = '192.0.0.1' }: Options = {}): string {
  const request = {
    tun: 'clat',
    wanted: wanted === undefined ? null : parseKernel4(wanted),
    ipv4Addr: parseKernel4(own),
  };
  const pair = chooseClat4(request, host({ links: ['clat'], addresses }));
  if ('lacking' in pair) return pair.lacking;
  return `${formatIp4(pair.clat4)}/${pair.length}, translator ${formatIp4(pair.ipv4Addr)}`;
}

const FIRST = '192.0.0.2/29, translator 192.0.0.1';

describe('a pair of 192.0.0.0/29', () => {
  test('the first where nobody has any', () => {
    expect(chosen([])).toBe(FIRST);
    expect(chosen(['eth0 192.0.2.1/24', 'eth1 10.0.0.1/8', 'eth0 2001:db8::1/64'])).toBe(FIRST);
  });

  test('what the TUN has is our own', () => {
    expect(chosen(['clat 192.0.0.2/29'])).toBe(FIRST);
  });

  test.each([
    [['192.0.0.1/32'], '192.0.0.4/32, translator 192.0.0.3'],
    [['192.0.0.2/32'], '192.0.0.4/32, translator 192.0.0.3'],
    [['192.0.0.3/32'], '192.0.0.2/32, translator 192.0.0.1'],
    [['192.0.0.2/32', '192.0.0.3/32'], '192.0.0.6/32, translator 192.0.0.5'],
    [['192.0.0.1/32', '192.0.0.4/32'], '192.0.0.6/32, translator 192.0.0.5'],
  ])('the next where another interface has %j: a pair is free as a whole', (taken, expected) => {
    expect(chosen(taken.map((address) => `eth1 ${address}`))).toBe(expected);
  });

  test.each([
    ['lies in it', '192.0.0.7/32'],
    ['is the same', '192.0.0.6/29'],
    ['contains it', '192.0.0.170/24'],
  ])('where a network elsewhere %s, our address goes without one', (_, address) => {
    expect(chosen([`eth1 ${address}`])).toBe('192.0.0.2/32, translator 192.0.0.1');
  });

  test.each(['192.0.0.9/29', '192.0.1.1/24', '191.255.255.255/32'])('%s is beside it', (address) => {
    expect(chosen([`eth1 ${address}`])).toBe(FIRST);
  });

  test('none is free: says who has them, and what to do', () => {
    const lacking = chosen([
      'v4-wlan 192.0.0.2/32',
      'tun1 192.0.0.3/32',
      'eth1 192.0.0.6/32',
      'eth0 10.0.0.1/8',
    ]);
    expect(lacking).toBe(
      '192.0.0.0/29 is all in use here (192.0.0.2 on v4-wlan, 192.0.0.3 on tun1, 192.0.0.6 on eth1): ' +
        'is another CLAT running? Stop it, or name an address with --clat-v4-addr',
    );
  });
});

describe('--clat-v4-addr', () => {
  test('is the address, of a network only inside 192.0.0.0/29', () => {
    expect(chosen([], { wanted: '192.0.0.4' })).toBe('192.0.0.4/29, translator 192.0.0.1');
    expect(chosen([], { wanted: '10.99.0.1' })).toBe('10.99.0.1/32, translator 192.0.0.1');
    expect(chosen([], { wanted: '192.0.0.8' })).toBe('192.0.0.8/32, translator 192.0.0.1');
  });

  test('goes without a network where that is in use elsewhere', () => {
    expect(chosen(['eth1 192.0.0.6/32'], { wanted: '192.0.0.4' })).toBe('192.0.0.4/32, translator 192.0.0.1');
  });

  test('leaves the translator the first address that is free', () => {
    expect(chosen([], { wanted: '192.0.0.1' })).toBe('192.0.0.1/29, translator 192.0.0.2');
    expect(chosen(['eth1 192.0.0.2/32'], { wanted: '192.0.0.1' })).toBe('192.0.0.1/32, translator 192.0.0.3');
    expect(chosen(['eth1 192.0.0.1/32'], { wanted: '10.99.0.1' })).toBe('10.99.0.1/32, translator 192.0.0.2');
  });

  test('helps where all pairs are in use', () => {
    const taken = ['eth1 192.0.0.1/32', 'eth1 192.0.0.3/32', 'eth1 192.0.0.5/32'];
    expect(chosen(taken)).toMatch(/all in use/);
    expect(chosen(taken, { wanted: '10.99.0.1' })).toBe('10.99.0.1/32, translator 192.0.0.2');
  });

  test('is refused where another interface has it; the TUN may', () => {
    expect(chosen(['eth1 10.99.0.1/24'], { wanted: '10.99.0.1' })).toBe(
      '10.99.0.1 (--clat-v4-addr) is an address of eth1 already',
    );
    expect(chosen(['clat 10.99.0.1/32'], { wanted: '10.99.0.1' })).toBe('10.99.0.1/32, translator 192.0.0.1');
  });
});

test('--ipv4-addr is kept, whichever address this host takes', () => {
  const own = '198.51.100.7';
  expect(chosen([], { own })).toBe('192.0.0.2/29, translator 198.51.100.7');
  expect(chosen(['eth1 192.0.0.2/32'], { own })).toBe('192.0.0.4/32, translator 198.51.100.7');
  expect(chosen([], { own, wanted: '192.0.0.1' })).toBe('192.0.0.1/29, translator 198.51.100.7');
});
