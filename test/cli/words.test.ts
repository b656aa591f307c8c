/** Splitting the command line: everything typed is an option, a word, or a mistake with its own spelling. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitWords, toRaw, type WordOption } from '../../src/cli/words.ts';

const OPTIONS: WordOption[] = [
  { name: 'pool6', kind: 'value', aliases: ['prefix'] },
  { name: 'eam', kind: 'list' },
  { name: 'configure', kind: 'flag' },
  { name: 'config', kind: 'value' },
];
const split = (...argv: string[]) => splitWords(argv, OPTIONS);
const given = (...argv: string[]) => Object.fromEntries(split(...argv).given);
const mistakes = (...argv: string[]) =>
  split(...argv).mistakes.map(({ where, message }) => `${where} ${message}`);

describe('values', () => {
  test.each<[string[], Record<string, unknown>]>([
    [['--pool6', 'x'], { pool6: ['x'] }],
    [['--pool6=x'], { pool6: ['x'] }],
    [['--eam=a=b'], { eam: ['a=b'] }],
    [['--eam', 'a=b', '--eam', 'c=d'], { eam: ['a=b', 'c=d'] }],
    [['--prefix', 'x', '--pool6', 'y'], { pool6: ['x', 'y'] }],
    [['--configure'], { configure: [true] }],
    [['--no-configure'], { configure: [false] }],
    [['--configure', '--no-configure'], { configure: [true, false] }],
    [['--configure=false'], { configure: ['false'] }],
    [['--pool6', '-5'], { pool6: ['-5'] }],
    [['--config', '-'], { config: ['-'] }],
    [['--pool6', ''], { pool6: [''] }],
  ])('%j', (argv, expected) => {
    expect(given(...argv)).toEqual(expected);
    expect(mistakes(...argv)).toEqual([]);
    expect(split(...argv).bare).toEqual([]);
  });
});

describe('a missing value', () => {
  test.each<[string[], Record<string, unknown>]>([
    [['--pool6'], { pool6: [''] }],
    [['--pool6='], { pool6: [''] }],
    [['--pool6', '--configure'], { pool6: [''], configure: [true] }],
    [['--eam', '--eam', 'a=b'], { eam: ['', 'a=b'] }],
    [['--pool6', '--', 'x'], { pool6: [''] }],
  ])('%j', (argv, expected) => {
    expect(given(...argv)).toEqual(expected);
  });
});

describe('words', () => {
  test.each<[string[], string[]]>([
    [['in.pcap'], ['in.pcap']],
    [['--pool6', 'no'], []],
    [['--configure', '--', 'no'], ['no']],
    [
      ['in.pcap', '--configure', 'x'],
      ['in.pcap', 'x'],
    ],
    [
      ['--', '--pool6', 'x'],
      ['--pool6', 'x'],
    ],
    [['-'], ['-']],
    [[''], ['']],
  ])('%j', (argv, expected) => {
    expect(split(...argv).bare).toEqual(expected);
  });
});

describe('options nobody knows', () => {
  test.each<[string[], string[]]>([
    [['--pol6', 'x'], ['--pol6 is not an option; did you mean --pool6?']],
    [['--pol6=x'], ['--pol6 is not an option; did you mean --pool6?']],
    [['--prefx', 'x'], ['--prefx is not an option; did you mean --prefix?']],
    [['--no-configur'], ['--no-configur is not an option; did you mean --no-configure?']],
    [['--something-else'], ['--something-else is not an option (--help lists all)']],
    [['--no-pool6'], ['--no-pool6 is not an option; --pool6 takes a value']],
    [['--no-configure=yes'], ['--no-configure takes no value']],
    [['--configure', 'No'], ['--configure takes no value: write --configure or --no-configure alone']],
    [['-x'], ['-x is not an option (--help lists all)']],
    [['-c'], ['-c is not an option here; write --config FILE (TOML)']],
    [
      ['--constructor', '--__proto__', '--toString'],
      [
        '--constructor is not an option (--help lists all)',
        '--__proto__ is not an option (--help lists all)',
        '--toString is not an option (--help lists all)',
      ],
    ],
  ])('%j', (argv, expected) => {
    expect(mistakes(...argv)).toEqual(expected);
    // The word after it was meant as its value.
    expect(split(...argv).bare).toEqual([]);
  });
});

test('the spelling is kept for messages', () => {
  expect(Object.fromEntries(split('--prefix', 'x', '--no-configure').typed)).toEqual({
    pool6: '--prefix',
    configure: '--no-configure',
  });
});

test('in the form of a configuration', () => {
  const { given: all } = split('--pool6', 'x', '--eam', 'a', '--eam', 'b', '--no-configure');
  expect({ ...toRaw(all) }).toEqual({ pool6: 'x', eam: ['a', 'b'], configure: false });
});

test('never throws, and loses nothing that is no option', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '--pool6',
      '--eam',
      '--no-configure',
      '--configure=x',
      '--',
      '-',
      '--x',
      '-xy',
      '--=',
      '---',
    ),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      const { bare, given: all, mistakes: wrong } = splitWords(argv, OPTIONS);
      const values = [...all.values()].flat();
      if (argv.length > 0 && !argv.every((one) => one === '--'))
        expect(bare.length + values.length + wrong.length).toBeGreaterThan(0);
      for (const one of bare) expect(argv).toContain(one);
    }),
  );
});
