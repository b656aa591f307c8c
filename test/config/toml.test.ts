/** Configuration files: keys in the words of the options; every mistake with its place. */
import { describe, expect, test } from 'vitest';
import { loadRun } from '../../src/config/load.ts';
import { inOrder } from '../../src/config/mistake.ts';
import { readConfigFile } from '../../src/config/toml.ts';

const none = { read: (): Uint8Array => new Uint8Array() };
const read = (text: string) => readConfigFile('/c.toml', { read: () => new TextEncoder().encode(text) });
const mistakes = (text: string): string[] => {
  const file = read(text);
  const loaded = loadRun(file.raw, none, file.where);
  const all = [...file.mistakes, ...(loaded.ok ? [] : loaded.mistakes)];
  return inOrder(all).map(({ where, message }) => `${where}: ${message}`);
};

test('everything a file can hold', () => {
  const file = read(`\ufeff# comment
prefix = "2001:db8:64::/96"
map = [
  "192.0.0.2=2001:db8::2",
]
mtu-plateaus = [1280, 1492]
offlink-mtu = 1400
"log-level" = 'debug'
wkpf-strict = false
workers = "auto"
`);
  expect(file.mistakes).toEqual([]);
  expect({ ...file.raw }).toEqual({
    pool6: '2001:db8:64::/96',
    eam: ['192.0.0.2=2001:db8::2'],
    'mtu-plateaus': '1280,1492',
    'lowest-ipv6-mtu': 1400,
    'log-level': 'debug',
    'wkpf-strict': false,
    workers: 'auto',
  });
  expect(loadRun(file.raw, none, file.where)).toMatchObject({
    ok: true,
    config: { logLevel: 'debug', translation: { mtuPlateaus: [1492, 1280], lowestIpv6Mtu: 1400 } },
  });
});

describe('mistakes', () => {
  test.each<[string, RegExp[]]>([
    ['\npol6 = "x"', [/^\/c\.toml:2: pol6: is not an option; did you mean pool6\?/]],
    ['pool6 = "2001:db8::/95"\nworkers = 0', [/^\/c\.toml:1: pool6: .*\/95/, /^\/c\.toml:2: workers: "0"/]],
    ['\nprefix = "x"', [/^\/c\.toml:2: prefix: "x"/]],
    ['pool6 = "64:ff9b::/96"\nprefix = "64:ff9b::/96"', [/^\/c\.toml:2: prefix: means the same as pool6/]],
    ['pool6 = true', [/pool6: needs a value/]],
    ['pool6 = ["2001:db8::/96", "2001:db9::/96"]', [/pool6: is given 2 times/]],
    ['wkpf-strict = "maybe"', [/wkpf-strict: is true or false/]],
    ['lowest-ipv6-mtu = 1280.5', [/"1280\.5" must be a number/]],
    [
      '[eam]\n"1.2.3.4" = "2001:db8::1"',
      [/^\/c\.toml:1: eam: sections are not used: .*without the line \[eam\]/],
    ],
    [
      '\ntun.name = "x"\nworkers = 2020-01-01',
      [/^\/c\.toml:2: tun: must be/, /^\/c\.toml:3: workers: must be/],
    ],
    ['pool6 = "x', [/^\/c\.toml:1:\d+: /]],
    ['__proto__ = "x"\nconstructor = "y"', [/__proto__: is not an option/, /constructor: is not an option/]],
    [
      'pool6 = {}\nnonsense = {}\nworkers = "many"\nprefix = 1',
      [
        /^\/c\.toml:1: pool6: must be a string/,
        /^\/c\.toml:2: nonsense: is not an option/,
        /^\/c\.toml:3: workers: "many"/,
        /^\/c\.toml:4: prefix: means the same as pool6/,
      ],
    ],
  ])('%j', (text, expected) => {
    expect(mistakes(text)).toEqual(expected.map((one) => expect.stringMatching(one)));
  });
  test.each<[string, ...string[]]>([
    ['pool6 = 64:ff9b::/96', '1:9: put the value in double quotes: pool6 = "64:ff9b::/96"'],
    ['prefix = 2001:db8::/96 # ours', '1:14: put the value in double quotes: prefix = "2001:db8::/96"'],
    ['eam = [192.0.0.2=2001:db8::2]', '1:13: put the value in double quotes: "192.0.0.2=2001:db8::2"'],
    ['eam = [\n  192.0.0.2=2001:db8::2,\n]', '2:8: put the value in double quotes: "192.0.0.2=2001:db8::2"'],
    ['eam = 10.0.0.1 = 2001:db8::1', '1:11: put the value in double quotes: eam = "10.0.0.1 = 2001:db8::1"'],
    ['workers = auto', '1:11: put the value in double quotes: workers = "auto"'],
    ['nat44=10.0.0.0/8', '1:11: put the value in double quotes: nat44 = "10.0.0.0/8"'],
    [
      'configure = no',
      '1:13: "no" is no value: write configure = true or configure = false, in small letters',
    ],
    [
      'pool6 = \u201c64:ff9b::/96\u201d',
      '1:9: curly quotation marks mean nothing here: write plain double quotes (")',
    ],
    ['pool6: "x"', '1:6: between a name and its value stands "=": pool6 = "x"'],
    ['pool6 64:ff9b::/96', '1:7: between a name and its value stands "=": pool6 = "64:ff9b::/96"'],
    ['strict-suffix', '1:1: between a name and its value stands "=": strict-suffix = true'],
    ['workers =\ntun = "x"', '1:10: workers has no value: write workers = "VALUE"'],
    [
      'pool6 = 64:ff9b::/96\n\nworkers = "many"\ntun = clat9\n',
      '1:9: put the value in double quotes: pool6 = "64:ff9b::/96"',
      '3: workers: "many" must be auto or a number from 1 to 64',
      '4:7: put the value in double quotes: tun = "clat9"',
    ],
    [
      'tun = "a"\nworkers = "many"\ntun = "b"',
      '2: workers: "many" must be auto or a number from 1 to 64',
      '3:1: tun stands in this file twice: keep one of the two',
    ],
    [
      '{\n  "pool6": "64:ff9b::/96"\n}',
      '1:1: this is JSON, and options are written as TOML: one NAME = VALUE a line, without braces (clatd run --help lists the names)',
    ],
    [
      '[clatd]\npool6 = "64:ff9b::/96"',
      '1: clatd: sections are not used: write every NAME = VALUE at top level, without the line [clatd]',
    ],
    [
      '[[eam]]\nv4 = "x"',
      '1: eam: sections are not used: write every NAME = VALUE at top level, without the line [eam]',
    ],
    ['pool_6 = "64:ff9b::/96"', '1: pool_6: is not an option; its name is pool6'],
    ['eam_file = "x"', '1: eam_file: is not an option; its name is eam-file'],
    [
      'Zeroize_Traffic_Class = true',
      '1: Zeroize_Traffic_Class: is not an option; its name is zeroize-traffic-class',
    ],
    ['no-wkpf-strict = true', '1: no-wkpf-strict: is not an option; write wkpf-strict = false'],
    ['--tun = "x"', '1: --tun: is not an option; its name is tun'],
    ['colour = "x"', '1: colour: is not an option (clatd run --help lists all)'],
    [
      'eam = [\n  "192.0.0.2=2001:db8::2",\n  "192.0.0.3=",\n  "x"]\nworkers = 0',
      '3: eam: "192.0.0.3=" is not a mapping: write V4[/LENGTH]=V6[/LENGTH], for instance 192.0.0.2=2001:db8::2',
      '4: eam: "x" is not a mapping: write V4[/LENGTH]=V6[/LENGTH], for instance 192.0.0.2=2001:db8::2',
      '5: workers: "0" must be auto or a number from 1 to 64',
    ],
  ])('%j, in the words of somebody new to TOML', (text, ...expected) => {
    expect(mistakes(text)).toEqual(expected.map((one) => `/c.toml:${one}`));
  });
  test('many unknown names are counted, and soon', () => {
    const found = mistakes(Array.from({ length: 1000 }, (_, i) => `name-${i} = 1\n`).join(''));
    expect(found).toHaveLength(21);
    expect(found.at(-1)).toBe('/c.toml:21: name-20: and 980 more unknown names');
  });
  test('a file that cannot be read', () => {
    const read = () => {
      throw new Error("EACCES: permission denied, open '/c.toml'");
    };
    expect(readConfigFile('/c.toml', { read })).toMatchObject({
      raw: {},
      mistakes: [{ where: '--config', message: 'cannot read /c.toml: permission denied' }],
    });
  });
});
