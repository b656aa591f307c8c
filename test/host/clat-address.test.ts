/** Which IPv6 address a CLAT gets on which uplink (CLAT-3, CLAT-5), as a pure function of the host's state. */
import { describe, expect, test } from 'vitest';
import { formatIp6 } from '../../src/address/format.ts';
import { inPrefix6, type Prefix6 } from '../../src/address/ip.ts';
import { parsePrefix6 } from '../../src/address/parse.ts';
import { type Clat6Request, chooseClat6 } from '../../src/host/clat-address.ts';
import { host, type MadeUp } from './made-up.ts';

function prefix(text: string): Prefix6 {
  const parsed = parsePrefix6(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value;
}

/** Bytes that depend on the text and look like nothing in particular. */
const stable = (text: string): Uint8Array => {
  const bytes = new Uint8Array(16);
  let state = 0x811c9dc5;
  for (let i = 0; i < 16; i++) {
    for (const char of `${text} ${i}`) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
    bytes[i] = state >>> 24;
  }
  return bytes;
};

function choose(madeUp: MadeUp, request: Partial<Clat6Request> = {}) {
  const all: Clat6Request = {
    uplink: 'eth0',
    wanted: 'auto',
    tun: 'clat',
    pool6: prefix('64:ff9b::/96'),
    clat4: 0xc0000002 | 0,
    before: null,
    attempt: 0,
    ...request,
  };
  const found = chooseClat6(all, host(madeUp), stable);
  if ('lacking' in found) throw new Error(found.lacking);
  return found;
}

const DEFAULT = 'default via fe80::1 dev eth0 ra 1024';
const ONE = { routes6: ['2001:db8:1:1::5/128 dev eth0 kernel 256', DEFAULT] };

describe('auto', () => {
  test('in a /64: one of its own there, asked for and answered for', () => {
    const { address, network, onLink, shared, guessed } = choose({});
    expect(inPrefix6(address, prefix('2001:db8:1:1::/64'))).toBe(true);
    expect(network).toEqual(prefix('2001:db8:1:1::/64'));
    expect({ onLink, shared, guessed }).toEqual({ onLink: true, shared: false, guessed: false });
  });

  test('is the same each time, another one for the next attempt', () => {
    expect(choose({}).address).toEqual(choose({}).address);
    expect(choose({}, { attempt: 1 }).address).not.toEqual(choose({}).address);
  });

  test('passes over what new connections may not use, unless there is nothing else', () => {
    const addresses = ['eth0 2001:db8:9::5/64 deprecated', 'eth0 2001:db8:1:1::5/64'];
    expect(choose({ addresses }).network).toEqual(prefix('2001:db8:1:1::/64'));
    const only = host({ addresses: ['eth0 2001:db8:9::5/64'] });
    const state = {
      ...only,
      addresses: only.addresses.map((one) => ({ ...one, usable: false, deprecated: true })),
    };
    const request = { uplink: 'eth0', wanted: 'auto', tun: 'clat', pool6: prefix('64:ff9b::/96') } as const;
    const found = chooseClat6({ ...request, clat4: 0xc0000002 | 0, before: null, attempt: 0 }, state, stable);
    expect(found).toMatchObject({ network: prefix('2001:db8:9::/64') });
  });

  test('a local network does for a local prefix only, while there is a global address', () => {
    const addresses = ['eth0 fd00:1::5/64', 'eth0 2001:db8:1:1::5/128'];
    const madeUp = { addresses, ...ONE };
    expect(choose(madeUp).network).toEqual(prefix('2001:db8:1:1::/96'));
    expect(choose(madeUp, { pool6: prefix('fd00:64::/96') }).network).toEqual(prefix('fd00:1::/64'));
    expect(choose({ addresses: ['eth0 fd00:1::5/64'] }).network).toEqual(prefix('fd00:1::/64'));
  });

  test('a single /128 with nothing around it: the /96, as a guess; shared where that was wrong', () => {
    const madeUp = { addresses: ['eth0 2001:db8:1:1::5/128'], ...ONE };
    expect(choose(madeUp)).toMatchObject({
      network: prefix('2001:db8:1:1::/96'),
      guessed: true,
      onLink: false,
    });
    expect(choose(madeUp, { unanswered: () => true })).toMatchObject({ shared: true, guessed: false });
  });

  test('CLAT-15: where nothing came back to one in a /64, another network is chosen in, or the host’s address shared', () => {
    const unanswered = (network: Prefix6): boolean =>
      network.address[2] === 0 && network.address[1] === 0x10001;
    expect(choose({}, { unanswered })).toMatchObject({ shared: true });
    const addresses = ['eth0 2001:db8:1:1::5/64', 'eth0 2001:db8:1:2::5/64'];
    expect(choose({ addresses }, { unanswered }).network).toEqual(prefix('2001:db8:1:2::/64'));
  });

  test('a single /128 out of a network: shared', () => {
    const { shared, address } = choose({ addresses: ['eth0 2001:db8:1:1::5/128'] });
    expect(shared).toBe(true);
    expect(formatIp6(address)).toMatch(/^fd/);
  });

  test('a delegated prefix: its last /64; a route that keeps a block out is none', () => {
    const delegated = (dst: string): MadeUp => ({
      addresses: ['eth0 fe80::5/64'],
      routes6: [`unreachable ${dst} dev lo static 1024`, DEFAULT],
    });
    expect(choose(delegated('2001:db8:100::/56')).network).toEqual(prefix('2001:db8:100:ff::/64'));
    expect(() => choose(delegated('fc00::/7'))).toThrow(/no global IPv6 address/);
    expect(() => choose(delegated('2000::/3'))).toThrow(/no global IPv6 address/);
  });

  test('stays in the network of before while it is there', () => {
    const addresses = ['eth0 2001:db8:1:1::5/64', 'eth0 2001:db8:9::5/64'];
    expect(choose({ addresses }, { before: prefix('2001:db8:9::/64') }).network).toEqual(
      prefix('2001:db8:9::/64'),
    );
    expect(choose({ addresses }, { before: prefix('2001:db8:8::/64') }).network).toEqual(
      prefix('2001:db8:1:1::/64'),
    );
  });
});

test.each(['64:ff9b::/96', '2a00:1::/32'])('with %s no checksum has to change', (text) => {
  const pool6 = prefix(text);
  const { address } = choose({ addresses: ['eth0 2001:db8:1:1::5/64'] }, { pool6 });
  const sum = [...address, ...pool6.address].reduce((all, word) => all + (word >>> 16) + (word & 0xffff), 0);
  expect(sum % 0xffff).toBe((0xc000 + 0x0002) % 0xffff);
});

test('as given: an address as it is, a prefix to choose in', () => {
  const one = choose({}, { wanted: prefix('2001:db8:1:1::c1a7/128') });
  expect([formatIp6(one.address), one.onLink]).toEqual(['2001:db8:1:1::c1a7', true]);
  const routed = choose({}, { wanted: prefix('2001:db8:77::/64') });
  expect(inPrefix6(routed.address, prefix('2001:db8:77::/64'))).toBe(true);
  expect(routed.onLink).toBe(false);
});
