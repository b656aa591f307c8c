/**
 * The command line as words and options; what they mean is for config/load.ts.
 *
 * Split by node:util's parseArgs with our own table, because starting yargs costs 62 to 106 ms (bundled; yargs/helpers
 * alone 41 to 76) against 1 ms, of the 300 ms that a start may take (Node 20.20, 2 cores, 2026-11). yargs prints the
 * help, where nobody waits for packets (help.ts). parseArgs also keeps each option's place and spelling, so that every
 * mistake can be told at once and in the words that were typed.
 */
import { parseArgs } from 'node:util';
import type { RawOptions } from '../config/load.ts';
import type { Mistake } from '../config/mistake.ts';
import { MOST_SUGGESTIONS, nearest, sameLetters } from '../config/nearest.ts';
import { peerWord } from '../config/peer-words.ts';

/** An option as far as splitting the command line goes. */
export interface WordOption {
  readonly name: string;
  readonly kind: 'value' | 'list' | 'flag';
  readonly aliases?: readonly string[];
}

export interface Words {
  /** What is no option. */
  readonly bare: readonly string[];
  /** By the option's own name: a list of the texts given; '' where the value is missing; true or false for a flag. */
  readonly given: ReadonlyMap<string, readonly (string | boolean)[]>;
  /** As it was typed, for messages: `--prefix` for pool6. */
  readonly typed: ReadonlyMap<string, string>;
  /** Options nobody knows. */
  readonly mistakes: readonly Mistake[];
  /** How many words behind options nobody knows were taken for their values, and are not in `bare`. */
  readonly swallowed: number;
}

/** What TAYGA and Jool write behind such an option. */
const TRUTH = /^(yes|no|on|off|true|false)$/i;

/** Splits the words after the command's name. Never throws: what is wrong is in `mistakes`. */
export function splitWords(argv: readonly string[], options: readonly WordOption[]): Words {
  const known = new Map<string, WordOption>();
  for (const option of options) {
    for (const name of [option.name, ...(option.aliases ?? [])]) known.set(name, option);
  }
  const { tokens } = parseArgs({
    args: missingValues(argv, known),
    options: Object.fromEntries(
      [...known].map(([name, { kind }]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' }] as const),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const bare: string[] = [];
  const given = new Map<string, (string | boolean)[]>();
  const typed = new Map<string, string>();
  const mistakes: Mistake[] = [];
  let swallow = -1;
  let swallowed = 0;
  let behindFlag: { readonly at: number; readonly flag: string } | null = null;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (token.index === swallow) swallowed++;
      else if (token.index === behindFlag?.at && TRUTH.test(token.value)) {
        const { flag } = behindFlag;
        mistakes.push({
          where: `--${flag}`,
          message: `takes no value: write --${flag} or --no-${flag} alone`,
        });
      } else bare.push(token.value);
      continue;
    }
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const long = rawName.startsWith('--');
    const option = long ? known.get(name) : undefined;
    const negated = long && name.startsWith('no-') ? known.get(name.slice(3)) : undefined;
    if (option !== undefined) {
      add(given, option.name, option.kind === 'flag' ? (value ?? true) : (value ?? ''));
      if (!typed.has(option.name)) typed.set(option.name, rawName);
      if (option.kind === 'flag') behindFlag = { at: token.index + 1, flag: option.name };
    } else if (negated?.kind === 'flag') {
      if (value === undefined) add(given, negated.name, false);
      else mistakes.push({ where: rawName, message: 'takes no value' });
      if (!typed.has(negated.name)) typed.set(negated.name, rawName);
    } else {
      // The word after it is most likely its value, and not another mistake.
      if (value === undefined) swallow = token.index + 1;
      mistakes.push({
        where: rawName,
        message: `is not an option${negated === undefined ? suggestion(name, mistakes.length < MOST_SUGGESTIONS ? known : NONE) : `; --${negated.name} takes a value`}`,
      });
    }
  }
  return { bare, given, typed, mistakes, swallowed };
}

/** `--pool6 --eam …` and `--pool6` at the end: without this, parseArgs would take the next option for the value. */
function missingValues(argv: readonly string[], known: ReadonlyMap<string, WordOption>): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return [...words, ...argv.slice(i)];
    const option = word.startsWith('--') ? known.get(word.slice(2)) : undefined;
    if (option === undefined || option.kind === 'flag') {
      words.push(word);
      continue;
    }
    const next = argv[i + 1];
    if (next === undefined || next.startsWith('--')) words.push(`${word}=`);
    else words.push(`${word}=${argv[++i]}`);
  }
  return words;
}

function add(given: Map<string, (string | boolean)[]>, name: string, value: string | boolean): void {
  const values = given.get(name);
  if (values === undefined) given.set(name, [value]);
  else values.push(value);
}

const NONE: ReadonlyMap<string, WordOption> = new Map();

function suggestion(name: string, known: ReadonlyMap<string, WordOption>): string {
  const peer = peerWord(name);
  if (peer !== null) return ` here; ${peer}`;
  const names = [...known].flatMap(([one, { kind }]) => (kind === 'flag' ? [one, `no-${one}`] : [one]));
  const near = sameLetters(name, names) ?? nearest(name, names);
  return near === null ? ' (--help lists all)' : `; did you mean --${near}?`;
}

/** In the form that load.ts takes: one value as itself, several as a list. */
export function toRaw(given: ReadonlyMap<string, readonly (string | boolean)[]>): RawOptions {
  const raw: Record<string, RawOptions[string]> = Object.create(null) as Record<string, RawOptions[string]>;
  for (const [name, values] of given) raw[name] = values.length === 1 ? values[0]! : values.map(String);
  return raw;
}
