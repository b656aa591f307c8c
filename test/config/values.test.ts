/** Single options, strictly: what is taken, what is refused, and with which remedy. */
import { describe, expect, test } from 'vitest';
import { formatPrefix6 } from '../../src/address/format.ts';
import { quote } from '../../src/address/quote.ts';
import { count } from '../../src/config/count.ts';
import { nearest } from '../../src/config/nearest.ts';
import {
  number,
  parseMss,
  parseOwn4,
  parseOwn6,
  parsePlateaus,
  parsePool4,
  parsePool6,
  parseTos,
  parseTun,
  parseWorkers,
} from '../../src/config/values.ts';

describe('ADDR-1, ADDR-2: pool6', () => {
  test.each([
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '64:ff9b:1:fffe::/96',
    '64:ff9b:1:ab00::/56',
    '2001:db8::/32',
    '2001:db8:100::/40',
    '2001:db8:122::/48',
    '2001:db8:122:300::/56',
    '2001:db8:122:344::/64',
    '2001:db8:122:344::/96',
    'fd00::/64',
    'fec0::/64',
  ])('%s', (text) => {
    const parsed = parsePool6(text);
    expect(parsed.ok && formatPrefix6(parsed.value)).toBe(text);
  });
  test.each([
    ['64:ff9b::', /no prefix length.*64:ff9b::\/96/],
    ['2001:db8::/95', /\/95 must be one of \/32, \/40, \/48, \/56, \/64, \/96/],
    ['2001:db8::/0', /\/0 must be one of/],
    ['2001:db8::/128', /\/128 must be one of/],
    ['2001:db8::1/96', /did you mean 2001:db8::\/96\?/],
    ['2001:db8:0:0:100::/96', /bits 64 to 71/],
    ['2001:db8:0:0:ff00::/96', /bits 64 to 71/],
    ['ff00::/32', /multicast/],
    ['ff02::/96', /multicast/],
    ['fe80::/64', /link-local/],
    ['febf::/64', /link-local/],
    ['::/96', /of ::\/8 only/],
    ['::ffff:0:0/96', /of ::\/8 only/],
    ['64:ff9b::/32', /of ::\/8 only/],
    ['64:ff9b::/64', /of ::\/8 only/],
    ['64:ff9b:0:0:0:1::/96', /of ::\/8 only/],
    ['64:ff9b:2::/96', /of ::\/8 only/],
    ['100::/64', null],
  ])('%s', (text, message) => {
    const parsed = parsePool6(text);
    if (message === null) expect(parsed.ok).toBe(true);
    else expect(parsed).toEqual({ ok: false, message: expect.stringMatching(message) });
  });
});

describe('own addresses (GEN-2) and rfc6791v4-prefix (RSRC-1)', () => {
  test.each(['192.0.0.1', '10.0.0.1', '240.0.0.1'])('%s', (text) => expect(parseOwn4(text).ok).toBe(true));
  test.each(['0.0.0.1', '127.0.0.1', '224.0.0.1', '255.255.255.255', '10.0.0.1/32', ''])('not %j', (text) => {
    expect(parseOwn4(text).ok).toBe(false);
  });
  test.each(['2001:db8::1', 'fd00::1', '64:ff9b::1'])('%s', (text) => expect(parseOwn6(text).ok).toBe(true));
  test.each(['::1', '::', 'ff02::1', 'fe80::1', '::ffff:1.2.3.4', '2001:db8::1/128'])('not %j', (text) => {
    expect(parseOwn6(text).ok).toBe(false);
  });
  test.each(['192.0.0.8', '192.0.0.8/32', '198.51.100.0/24', '128.0.0.0/2', '240.0.0.0/5'])('%s', (text) => {
    expect(parsePool4(text).ok).toBe(true);
  });
  test.each([
    '127.0.0.0/8',
    '127.1.2.3',
    '0.0.0.0/0',
    '239.0.0.0/8',
    '64.0.0.0/2',
    '192.0.0.0/2',
    '240.0.0.0/4',
    '192.0.0.8/29x',
    '192.0.0.9/29',
  ])('not %j', (text) => {
    expect(parsePool4(text).ok).toBe(false);
  });
});

describe('numbers', () => {
  test.each(['68', '65535'])('%s', (text) =>
    expect(number(68, 65535)(text)).toEqual({ ok: true, value: Number(text) }),
  );
  test.each(['67', '65536', '068', '0x50', '1e3', '-68', '+68', ' 68', '68.0', '', '99999999999999999999'])(
    'not %j',
    (text) => {
      expect(number(68, 65535)(text)).toEqual({
        ok: false,
        message: `${quote(text)} must be a number from 68 to 65535`,
      });
    },
  );
  test.each([
    ['0', 0],
    ['255', 255],
    ['0x0', 0],
    ['0xFF', 255],
  ])('TOS %s', (text, value) => expect(parseTos(text)).toEqual({ ok: true, value }));
  test.each(['256', '0x100', '010', '0b1', 'ff', '-1'])('no TOS: %s', (text) =>
    expect(parseTos(text).ok).toBe(false),
  );
  test.each<[string, unknown]>([
    ['off', 'off'],
    ['auto', 'auto'],
    ['1', 1],
    ['65535', 65535],
  ])('MSS %s', (text, value) => expect(parseMss(text)).toEqual({ ok: true, value }));
  test.each(['0', '65536', 'on', '01300'])('no MSS: %s', (text) => expect(parseMss(text).ok).toBe(false));
  test.each<[string, unknown]>([
    ['auto', 'auto'],
    ['1', 1],
    ['64', 64],
  ])('%s workers', (text, value) => expect(parseWorkers(text)).toEqual({ ok: true, value }));
  test.each(['0', '65', '1.5', 'all'])('not %s workers', (text) => expect(parseWorkers(text).ok).toBe(false));
});

describe('plateaus (I46-PTB-2)', () => {
  test('sorted, each once', () => {
    expect(parsePlateaus('68,65535, 1492,1492')).toEqual({ ok: true, value: [65535, 1492, 68] });
  });
  test('all that is wrong at once', () => {
    expect(parsePlateaus('1,1500,2')).toEqual({
      ok: false,
      message: expect.stringMatching(/^"1" must be .*; "2" must be .* separated by commas\)$/),
    });
  });
  test.each(['', ',', '1500,', '1500;1280', '67', '65536', '0x600', '1500 1280'])('not %j', (text) => {
    expect(parsePlateaus(text)).toEqual({
      ok: false,
      message: expect.stringContaining('separated by commas'),
    });
  });
});

describe('interface names', () => {
  test.each(['clat', 'a', 'fifteen-bytes-x', 'clat.7', 'ü'])('%s', (text) =>
    expect(parseTun(text).ok).toBe(true),
  );
  test.each([
    '',
    '.',
    '..',
    'a b',
    'a/b',
    'a:b',
    'a%b',
    'sixteen-bytes-xx',
    'üüüüüüüü',
    'a\nb',
    'a\u001b[31m',
    'a\u007f',
    'a\u009b',
    'a\u202eb',
    'a"b',
    "a'b",
    'a\\b',
    'a*',
    'a#b',
    '-a',
    'all',
    'default',
  ])('not %j', (text) => expect(parseTun(text).ok).toBe(false));
});

test('text from outside stays on its line and within bounds', () => {
  expect(quote('a\nb\u001b[31m\u009b\u202e"')).toBe('"a\\nb\\u001b[31m\\u009b\\u202e\\""');
  expect(quote('x'.repeat(1000)).length).toBeLessThan(110);
});

test.each([
  [0, '0'],
  [999, '999'],
  [4711, '4,711'],
  [1_000_000, '1,000,000'],
])('%i is written %s', (n, text) => expect(count(n)).toBe(text));

test.each([
  ['pol6', 'pool6'],
  ['lowest-ipv6-mut', 'lowest-ipv6-mtu'],
  ['polo6', 'pool6'],
  ['ema', 'eam'],
  ['ran', null],
  ['foo', null],
  ['tan', 'tun'],
  ['x', null],
  ['something-wholly-different', null],
])('%s was meant as %s', (name, meant) => {
  expect(nearest(name, ['pool6', 'tun', 'lowest-ipv6-mtu', 'eam'])).toBe(meant);
});
