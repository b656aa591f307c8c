/** Options and files into values: every mistake at once, each with its place and remedy. */
import { describe, expect, test } from 'vitest';
import { HairpinMode, UdpCksumMode } from '../../src/config/config.ts';
import { loadRun, loadTranslation, type RawOptions } from '../../src/config/load.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { readConfigFile } from '../../src/config/toml.ts';
import { Offload } from '../../src/io/device.ts';

const files = (contents: Record<string, string> = {}) => ({
  read: (path: string): Uint8Array => {
    const text = contents[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return new TextEncoder().encode(text);
  },
});
const run = (raw: RawOptions, contents = {}) => loadRun(raw, files(contents));
const value = (raw: RawOptions, contents = {}) => {
  const loaded = run(raw, contents);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  return loaded.config;
};
const mistakes = (raw: RawOptions, contents = {}): string[] => {
  const loaded = run(raw, contents);
  return loaded.ok ? [] : loaded.mistakes.map(({ where, message }) => `${where}: ${message}`);
};

test('defaults', () => {
  expect(value({})).toMatchObject({
    tun: 'clat',
    workers: 'auto',
    configure: true,
    offload: Offload.uso,
    coalesce: true,
    eamFile: null,
    translation: {
      pool6: null,
      ipv4Addr: 0xc0000001 | 0,
      ipv6Addr: null,
      rfc6791v4Prefix: { address: 0xc0000008 | 0, length: 32 },
      lowestIpv6Mtu: 1280,
      ipv6Mtu: null,
      ipv4Mtu: null,
      mtuPlateaus: [65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68],
      udpCksumMode: UdpCksumMode.calc,
      wkpfStrict: true,
      strictSuffix: false,
      eamHairpinMode: HairpinMode.intrinsic,
      zeroizeTrafficClass: false,
      overrideTos: null,
      icmpErrors: 'limited',
      mssClamp: null,
    },
  });
});

test('values', () => {
  const { translation, ...rest } = value({
    'mtu-plateaus': '68, 1492,65535,1492',
    'udp-cksum-mode': 'fwd',
    'eam-hairpin-mode': 'off',
    'override-tos': '0xb8',
    'mss-clamp': '1300',
    'icmp-errors': 'off',
    'wkpf-strict': false,
    denylist4: ['10.0.0.0/8', '192.168.0.1'],
    workers: '4',
    offload: 'tso',
    configure: false,
    coalesce: false,
  });
  expect(translation).toMatchObject({
    mtuPlateaus: [65535, 1492, 68],
    udpCksumMode: UdpCksumMode.fwd,
    eamHairpinMode: HairpinMode.off,
    overrideTos: 0xb8,
    mssClamp: 1300,
    icmpErrors: 'off',
    wkpfStrict: false,
    denylist4: [
      { address: 0x0a000000, length: 8 },
      { address: 0xc0a80001 | 0, length: 32 },
    ],
  });
  expect(rest).toMatchObject({ workers: 4, offload: Offload.tso, configure: false, coalesce: false });
});

describe('mistakes', () => {
  test('all at once', () => {
    const found = mistakes({
      pool6: '2001:db8::/95',
      eam: ['x'],
      workers: 'many',
      'lowest-ipv6-mtu': '1000',
      pol6: 'x',
      tun: '',
    });
    expect(found.map((line) => line.split(':')[0])).toEqual([
      '--pol6',
      '--eam',
      '--pool6',
      '--lowest-ipv6-mtu',
      '--tun',
      '--workers',
    ]);
  });
  test.each<[string, RawOptions, RegExp]>([
    ['GEN-1', { 'ipv6-mtu': '1279' }, /--ipv6-mtu: .*1280 to 65535/],
    ['GEN-1', { 'ipv6-mtu': '65536' }, /1280 to 65535/],
    ['GEN-1', { 'ipv4-mtu': '67' }, /68 to 65535/],
    ['GEN-1', { 'lowest-ipv6-mtu': '1279' }, /1280 to 65535/],
    ['GEN-1', { 'lowest-ipv6-mtu': '1e4' }, /1280 to 65535/],
    ['GEN-2', { 'ipv4-addr': '127.0.0.1' }, /host's address/],
    ['GEN-2', { 'ipv6-addr': 'fe80::1' }, /host's address/],
    ['GEN-2', { 'ipv6-addr': 'fe80::1%eth0' }, /zone/],
    ['', { 'ipv4-addr': '010.1.1.1' }, /leading zeros/],
    ['', { 'ipv4-addr': '1.2.3' }, /not an IPv4 address/],
    ['', { pool6: '2001:db8::' }, /prefix length/],
    ['ADDR-1', { pool6: '2001:db8::1/96' }, /not 0/],
    ['', { denylist4: ['10.0.0.1/8'] }, /not 0/],
    ['', { 'mtu-plateaus': '1500,none' }, /"none"/],
    ['', { 'mtu-plateaus': '67' }, /68 to 65535/],
    ['', { 'override-tos': '256' }, /0 to 255/],
    ['', { 'override-tos': '0x1ff' }, /0 to 255/],
    ['', { 'mss-clamp': '0' }, /off, auto/],
    ['', { 'udp-cksum-mode': 'calcc' }, /calc, drop, fwd/],
    ['', { 'eam-hairpin-mode': 'on' }, /intrinsic, simple, off/],
    ['', { workers: '0' }, /auto or a number/],
    ['', { workers: '65' }, /auto or a number/],
    ['', { tun: 'a/b' }, /interface name/],
    ['', { tun: 'sixteen-bytes-xx' }, /interface name/],
    ['', { pool6: ['2001:db8::/96', '2001:db9::/96'] }, /2 times with different values/],
    ['', { 'wkpf-strict': 'maybe' }, /is true or false/],
    ['', { 'eam-file': '/nowhere' }, /--eam-file: cannot read \/nowhere: no such file/],
    ['', { polo6: 'x' }, /did you mean --pool6/],
    ['', { 'completely-else': 'x' }, /not an option \(/],
  ])('%s %j', (_id, raw, message) => {
    expect(mistakes(raw)).toEqual([expect.stringMatching(message)]);
  });
  test('the same value twice is none', () => {
    expect(mistakes({ pool6: ['2001:db8::/96', '2001:db8::/96'] })).toEqual([]);
  });
  test('what only the daemon knows has no meaning in a replay', () => {
    const loaded = loadTranslation({ tun: 'x' }, files());
    expect(loaded).toMatchObject({
      ok: false,
      mistakes: [{ where: '--tun', message: 'has no meaning for this command' }],
    });
  });
});

describe('EAM files', () => {
  const eam = (text: string) => value({ 'eam-file': '/e' }, { '/e': text }).translation.eam;
  test('every form', () => {
    const list = eam(
      '\ufeff# a comment\r\n\n10.0.0.1=2001:db8::1\r\n10.0.0.2 2001:db8::2 # two\n\t10.1.0.0/16\t=\t2001:DB8:1::/112\n10.2.0.0/24 = 2001:db8:2::/120#x\n10.0.0.3=2001:db8::1.2.3.4',
    );
    expect(list.size).toBe(5);
    expect([...list.line.subarray(0, 5)]).toEqual([3, 4, 5, 6, 7]);
    expect([...list.length6.subarray(0, 5)]).toEqual([128, 128, 112, 120, 128]);
  });
  test('an empty file', () => {
    expect(eam('').size).toBe(0);
    expect(eam('# nothing\n\n').size).toBe(0);
  });
  test('mistakes name the line', () => {
    expect(
      mistakes(
        { 'eam-file': '/e' },
        { '/e': '10.0.0.1=2001:db8::1\n10.0.0.300=2001:db8::2\n\nrubbish\n10.0.0.2=fe80::1' },
      ),
    ).toEqual([
      expect.stringMatching(/^\/e:2:1: .*10\.0\.0\.300/),
      expect.stringMatching(/^\/e:4:1: .*rubbish/),
      expect.stringMatching(/^\/e:5:10: .*link-local/),
    ]);
  });
  test('many mistakes are counted', () => {
    const found = mistakes({ 'eam-file': '/e' }, { '/e': 'x\n'.repeat(1000) });
    expect(found.length).toBe(21);
    expect(found.at(-1)).toMatch(/980 more/);
  });
  test('EAM-4: a conflict between option and file names both', () => {
    expect(
      mistakes({ eam: ['10.0.0.1=2001:db8::1'], 'eam-file': '/e' }, { '/e': '\n10.0.0.1=2001:db8::2' }),
    ).toEqual([expect.stringMatching(/^\/e:2: .*another partner.*--eam/)]);
  });
  test('mistakes of different kinds come in the order of the lines, after those of the command line', () => {
    const file = '10.0.0.1=2001:db8::1\n10.0.0.1=2001:db8::2\nrubbish\n10.0.0.1=2001:db8::3\n';
    const found = mistakes({ 'eam-file': '/e', workers: '0' }, { '/e': file });
    expect(found.map((one) => one.slice(0, 9))).toEqual(['--workers', '/e:2: 10.', '/e:3:1: "', '/e:4: 10.']);
  });
  test('EAM-4: the identical entry is kept once', () => {
    const given = { pool6: '2001:db8:64::/96', eam: ['10.0.0.1=2001:db8::1'], 'eam-file': '/e' };
    const loaded = run(given, { '/e': '10.0.0.1=2001:db8::1' });
    expect(loaded).toMatchObject({ ok: true, warnings: [expect.stringMatching(/given twice/)] });
  });
});

describe('configuration files', () => {
  const read = (text: string) => readConfigFile('/c.toml', files({ '/c.toml': text }));
  test('keys are option names, or the peers’ words', () => {
    const file = read(
      'pool6 = "2001:db8:64::/96"\neam = ["192.0.0.2=2001:db8::2"]\ntun-device = "x"\nwkpf-strict = false\nworkers = 2\n',
    );
    expect(file).toMatchObject({
      mistakes: [],
      raw: { pool6: '2001:db8:64::/96', tun: 'x', 'wkpf-strict': false, workers: 2 },
    });
  });
  test('a mistake in the language names line and column', () => {
    const file = read('pool6 = "x"\nworkers = = 2\n');
    expect(file).toMatchObject({
      mistakes: [{ where: expect.stringMatching(/^\/c\.toml:2:\d+$/) }],
    });
  });
  test('a mistake in a value names the line', () => {
    const file = read('# first\npool6 = "2001:db8::/95"\n');
    const loaded = loadRun(file.raw, files(), file.where);
    expect(loaded).toMatchObject({ ok: false, mistakes: [{ where: '/c.toml:2: pool6' }] });
  });
  test('a table is no value', () => {
    expect(read('[pool6]\nx = 1\n')).toMatchObject({
      mistakes: [{ where: expect.stringContaining('pool6') }],
    });
  });
});

test('options have names of their own', () => {
  const names = OPTIONS.flatMap((row) => [row.name, ...(row.aliases ?? [])]);
  expect(new Set(names).size).toBe(names.length);
});
