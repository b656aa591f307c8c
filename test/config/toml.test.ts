/** Configuration files: keys in the words of the options; every mistake with its place. */
import { describe, expect, test } from 'vitest';
import { loadRun } from '../../src/config/load.ts';
import { readConfigFile } from '../../src/config/toml.ts';

const none = { read: (): Uint8Array => new Uint8Array() };
const read = (text: string) => readConfigFile('/c.toml', { read: () => new TextEncoder().encode(text) });
const mistakes = (text: string): string[] => {
  const file = read(text);
  const loaded = loadRun(file.raw, none, file.where);
  const all = [...file.mistakes, ...(loaded.ok ? [] : loaded.mistakes)];
  return all.map(({ where, message }) => `${where}: ${message}`);
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
    ['\npol6 = "x"', [/^\/c\.toml:2: pol6: is not an option; did you mean --pool6\?/]],
    ['pool6 = "2001:db8::/95"\nworkers = 0', [/^\/c\.toml:1: pool6: .*\/95/, /^\/c\.toml:2: workers: "0"/]],
    ['\nprefix = "x"', [/^\/c\.toml:2: prefix: "x"/]],
    ['pool6 = "64:ff9b::/96"\nprefix = "64:ff9b::/96"', [/^\/c\.toml:2: prefix: means the same as pool6/]],
    ['pool6 = true', [/pool6: needs a value/]],
    ['pool6 = ["2001:db8::/96", "2001:db9::/96"]', [/pool6: is given 2 times/]],
    ['wkpf-strict = "maybe"', [/wkpf-strict: is true or false/]],
    ['lowest-ipv6-mtu = 1280.5', [/"1280\.5" must be a number/]],
    ['[eam]\n"1.2.3.4" = "2001:db8::1"', [/^\/c\.toml:1: eam: must be a string/]],
    [
      '\ntun.name = "x"\nworkers = 2020-01-01',
      [/^\/c\.toml:2: tun: must be/, /^\/c\.toml:3: workers: must be/],
    ],
    ['pool6 = "x', [/^\/c\.toml:1:\d+: /]],
    ['pool6 = "x"\npool6 = "x"', [/^\/c\.toml:2:\d+: /]],
    ['__proto__ = "x"\nconstructor = "y"', [/__proto__: is not an option/, /constructor: is not an option/]],
    [
      'pool6 = {}\nnonsense = {}\nworkers = "many"\nprefix = 1',
      [
        /^\/c\.toml:1: pool6: must be a string/,
        /^\/c\.toml:4: prefix: means the same as pool6/,
        /^\/c\.toml:2: nonsense: is not an option/,
        /^\/c\.toml:3: workers: "many"/,
      ],
    ],
  ])('%j', (text, expected) => {
    expect(mistakes(text)).toEqual(expected.map((one) => expect.stringMatching(one)));
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
