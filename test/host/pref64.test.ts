/** Router advertisements and the kernel's messages about them, octet by octet (DISC-2, DISC-3). */
import { describe, expect, it } from 'vitest';
import { formatIp6, formatPrefix6 } from '../../src/address/format.ts';
import { readAdvertisement, readNdOptions, readNetlinkOptions } from '../../src/host/pref64.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const PREFIX = '20010db8 00640000 00000000';
/** 600 s = 75 units; PLC in the last three bits. */
const pref64 = (plc: number, units = 75, bits = PREFIX): string =>
  `2602 ${((units << 3) | plc).toString(16).padStart(4, '0')} ${bits}`;
const found = (text: string) =>
  readNdOptions(hex(text))?.pref64.map(({ prefix, lifetime }) => `${formatPrefix6(prefix)} ${lifetime}`);

describe('PREF64 (DISC-2)', () => {
  it.each([
    [0, '2001:db8:aaaa:bbbb:cccc:dddd::/96'],
    [1, '2001:db8:aaaa:bbbb::/64'],
    [2, '2001:db8:aaaa:bb00::/56'],
    [3, '2001:db8:aaaa::/48'],
    [4, '2001:db8:aa00::/40'],
    [5, '2001:db8::/32'],
  ])('prefix length code %i; bits beyond the length are masked off', (plc, prefix) => {
    expect(found(pref64(plc, 75, '20010db8 aaaabbbb ccccdddd'))).toEqual([`${prefix} 600`]);
  });

  it.each([6, 7])('prefix length code %i: only this option is ignored', (plc) => {
    expect(found(pref64(plc) + pref64(0))).toEqual(['2001:db8:64::/96 600']);
  });

  it.each([1, 3])('length %i: only this option is ignored', (units) => {
    const body = '00'.repeat(units * 8 - 2);
    expect(found(`26 0${units} ${body} ${pref64(0)}`)).toEqual(['2001:db8:64::/96 600']);
  });

  it('lifetimes from 0 to 65528 s', () => {
    expect(found(pref64(0, 0) + pref64(0, 0x1fff))).toEqual(['2001:db8:64::/96 0', '2001:db8:64::/96 65528']);
  });

  it('several, in the order received', () => {
    expect(found(pref64(0) + pref64(5))).toEqual(['2001:db8:64::/96 600', '2001:db8::/32 600']);
  });

  it.each([
    ['length 0', `${pref64(0)} 2600`],
    ['an option over the end', `${pref64(0)} 0502 000000000000`],
    ['half an option header', `${pref64(0)} 26`],
  ])('%s voids all', (_what, text) => {
    expect(readNdOptions(hex(text))).toBeNull();
  });
});

describe('other options', () => {
  it('resolvers and MTU; unknown options are passed over', () => {
    const rdnss = `1905 0000 0000012c ${'20010db8000000000000000000000053'} ${'fe800000000000000000000000000053'}`;
    const options = readNdOptions(hex(`0101 020000000001 ${rdnss} 0501 0000 00000578 fd01 000000000000`))!;
    expect(options.mtu).toBe(1400);
    expect(options.rdnss).toHaveLength(1);
    expect(options.rdnss[0]!.lifetime).toBe(300);
    expect(options.rdnss[0]!.addresses.map(formatIp6)).toEqual(['2001:db8::53', 'fe80::53']);
  });

  it('resolvers of a wrong length are ignored', () => {
    expect(readNdOptions(hex(`1902 0000 0000012c ${'00'.repeat(8)}`))?.rdnss).toEqual([]);
  });
});

describe('router advertisement (DISC-3)', () => {
  const ra = (type = '86', code = '00') =>
    hex(`${type} ${code} 0000 40 00 0708 00000000 00000000 ${pref64(0)}`);
  const arrival = { hopLimit: 255, ifindex: 3, source: hex('fe800000000000000000000000000001') };

  it('is taken with hop limit 255 from a link-local address', () => {
    const word = readAdvertisement(ra(), arrival)!;
    expect(formatIp6(word.router)).toBe('fe80::1');
    expect(word.ifindex).toBe(3);
    expect(word.pref64).toHaveLength(1);
  });

  it.each([
    ['hop limit 254', ra(), { ...arrival, hopLimit: 254 }],
    ['hop limit unknown', ra(), { ...arrival, hopLimit: -1 }],
    ['a global source', ra(), { ...arrival, source: hex('20010db8000000000000000000000001') }],
    ['no source', ra(), { ...arrival, source: null }],
    ['code 1', ra('86', '01'), arrival],
    ['another type', ra('85'), arrival],
    ['less than a header', ra().subarray(0, 15), arrival],
    ['options over the end', ra().subarray(0, 30), arrival],
  ])('%s: discarded', (_what, message, from) => {
    expect(readAdvertisement(message, from)).toBeNull();
  });
});

describe('ND user options from the kernel', () => {
  const message = (type: number, icmp = '8600') => {
    const body = `0a00 1000 07000000 ${icmp} 0000 00000000 ${pref64(3)} 1400 0100 fe800000000000000000000000000001`;
    const length = 16 + body.replace(/\s/g, '').length / 2;
    return `${length.toString(16).padStart(2, '0')}000000 ${type.toString(16)}00 0000 00000000 00000000 ${body}`;
  };

  it('little-endian messages, one an option, among others', () => {
    const words = readNetlinkOptions(hex(message(16) + message(68) + message(68)), true);
    expect(words).toHaveLength(2);
    expect(words[0]!.ifindex).toBe(7);
    expect(formatIp6(words[0]!.router)).toBe('fe80::1');
    expect(formatPrefix6(words[0]!.pref64[0]!.prefix)).toBe('2001:db8:64::/48');
  });

  it('of other ICMPv6 types: none', () => {
    expect(readNetlinkOptions(hex(message(68, '8900')), true)).toEqual([]);
  });

  it('cut at every octet: nothing, and no exception', () => {
    const whole = hex(message(68));
    for (let length = 0; length < whole.length; length++) {
      expect(readNetlinkOptions(whole.subarray(0, length), true)).toEqual([]);
    }
  });
});
