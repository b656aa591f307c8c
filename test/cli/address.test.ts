/** `clatd address query`: what the tables make of an address, in words. */
import { expect, test } from 'vitest';
import { queryAddresses } from '../../src/cli/address.ts';
import { loadTranslation, type RawOptions } from '../../src/config/load.ts';

function query(raw: RawOptions, ...words: string[]): { code: number; out: string; err: string } {
  const loaded = loadTranslation(raw, { read: () => new Uint8Array() });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  let out = '';
  let err = '';
  const code = queryAddresses(words, loaded.config, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

const OPTIONS: RawOptions = {
  pool6: '64:ff9b::/96',
  eam: ['192.0.0.2=2001:db8::2', '10.1.0.0/16=2001:db8:1::/112'],
  denylist4: ['8.8.4.0/24'],
  'ipv4-addr': '192.0.0.1',
  'ipv6-addr': '2001:db8::fe',
};

test.each([
  ['198.51.0.7', '198.51.0.7 -> 64:ff9b::c633:7  (pool6 64:ff9b::/96)'],
  ['64:FF9B::198.51.0.7', '64:ff9b::c633:7 -> 198.51.0.7  (pool6 64:ff9b::/96)'],
  ['192.0.0.2', '192.0.0.2 -> 2001:db8::2  (mapping 192.0.0.2/32=2001:db8::2/128)'],
  ['10.1.2.3', '10.1.2.3 -> 2001:db8:1::203  (mapping 10.1.0.0/16=2001:db8:1::/112)'],
  ['2001:db8:1::203', '2001:db8:1::203 -> 10.1.2.3  (mapping 10.1.0.0/16=2001:db8:1::/112)'],
])('%s', (word, line) => {
  expect(query(OPTIONS, word)).toEqual({ code: 0, out: `${line}\n`, err: '' });
});

test.each([
  ['10.2.0.1', /10\.2\.0\.1: not translated: the well-known prefix .*--no-wkpf-strict/],
  ['64:ff9b::10.2.0.1', /well-known prefix/],
  ['8.8.4.4', /denylist4/],
  ['64:ff9b::8.8.4.4', /denylist4/],
  ['127.0.0.1', /127\.0\.0\.0\/8/],
  ['64:ff9b::127.0.0.1', /none a host can have/],
  ['fe80::1', /link-local/],
  ['169.254.1.1', /link-local/],
  ['2001:db8::3', /not in pool6 64:ff9b::\/96/],
  ['192.0.0.1', /ipv4-addr, clatd itself/],
  ['2001:db8::fe', /ipv6-addr, clatd itself/],
])('%s has no other form', (word, why) => {
  const { code, out } = query(OPTIONS, word);
  expect(code).toBe(1);
  expect(out).toMatch(why);
});

test.each<[string, RawOptions, string, string]>([
  [
    'EAM-6: a host with a mapping, by its address under pool6',
    { pool6: '2001:db8:64::/96' },
    '2001:db8:64::192.0.0.2',
    'but 192.0.0.2 -> 2001:db8::2  (mapping 192.0.0.2/32=2001:db8::2/128)',
  ],
  [
    'EAM-3: mappings that overlap on one side',
    { eam: ['10.1.0.0/24=2001:db8:1::/120', '10.1.0.7=2001:db8:2::7'] },
    '2001:db8:1::7',
    'but 10.1.0.7 -> 2001:db8:2::7  (mapping 10.1.0.7/32=2001:db8:2::7/128)',
  ],
  [
    'ADDR-5: bits behind the address inside',
    { pool6: '2001:db8:64::/48' },
    '2001:db8:64:c633:7:700:0:1',
    'but 198.51.7.7 -> 2001:db8:64:c633:7:700::  (pool6 2001:db8:64::/48)',
  ],
  [
    'GEN-2: a mapping that contains an address of our own',
    { eam: ['192.0.0.0/30=2001:db8::/126'] },
    '2001:db8::1',
    'but 192.0.0.1 is not translated: it is ipv4-addr, clatd itself',
  ],
])('where the way back leads elsewhere: %s', (_title, raw, word, line) => {
  const { code, out } = query({ ...OPTIONS, ...raw }, word);
  expect(code).toBe(0);
  expect(out.split('\n').slice(1)).toEqual([`  ${line}`, '']);
});

test('without pool6', () => {
  expect(query({}, '8.8.8.8')).toMatchObject({ code: 1, out: expect.stringMatching(/there is no pool6/) });
});

test('what is no address is said, and the others are answered', () => {
  expect(query(OPTIONS, '1.2.3', '8.8.8.8', 'x::y')).toEqual({
    code: 2,
    out: '8.8.8.8 -> 64:ff9b::808:808  (pool6 64:ff9b::/96)\n',
    err: expect.stringMatching(/^clatd: address query: "1\.2\.3" .*\nclatd: address query: "x::y" .*\n$/),
  });
});
