/** A configuration file: TOML whose keys are the option names. */
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { quote } from '../address/quote.ts';
import { more } from './count.ts';
import type { Files, RawOptions, Whereabouts } from './load.ts';
import type { Mistake } from './mistake.ts';
import { nearest, sameLetters } from './nearest.ts';
import { findOption, OPTIONS } from './options.ts';
import { peerWord } from './peer-words.ts';
import { systemReason } from './system-reason.ts';
import { tomlFault } from './toml-fault.ts';

/** What a key may hold: the options themselves are checked where those of the command line are. */
const Value = v.union([v.string(), v.number(), v.boolean(), v.array(v.union([v.string(), v.number()]))]);

/** A file of options; long lists of mappings belong into the EAM file. */
export const MOST_CONFIG = 4 << 20;

export interface ConfigFile {
  /** What is wrong with the file as such. */
  readonly mistakes: readonly Mistake[];
  /** The rest, by option names: so that mistakes in it are told together with those. */
  readonly raw: RawOptions;
  readonly where: Whereabouts;
}

/** Mistakes of one kind told one by one; a file that is something else altogether has thousands. */
const MOST = 20;
const NAMES = OPTIONS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);

/** Reads a file; keys are translated from the peers' words. Options given elsewhere are the caller's business. */
export function readConfigFile(path: string, files: Files): ConfigFile {
  let text: string;
  try {
    text = new TextDecoder().decode(files.read(path, MOST_CONFIG));
  } catch (error) {
    return {
      mistakes: [{ where: '--config', message: `cannot read ${path}: ${systemReason(error)}` }],
      raw: {},
      where: (name) => `${path}: ${name}`,
    };
  }
  const { document, mistakes } = parseLines(path, text);
  const place = placeOf(path, text);
  const sections = sectionsIn(text);
  const raw: Record<string, RawOptions[string]> = Object.create(null) as Record<string, RawOptions[string]>;
  const written = new Map<string, string>();
  let unknown = 0;
  let firstOfMany = path;
  for (const [key, content] of Object.entries(document)) {
    const option = findOption(key);
    if (option === undefined) {
      if (unknown++ < MOST) {
        mistakes.push({
          where: place(key),
          message: sections.has(key) ? noSections(key) : aboutUnknown(key),
        });
      } else if (unknown === MOST + 1) {
        firstOfMany = place(key);
      }
      continue;
    }
    const { name } = option;
    const other = written.get(name);
    if (other !== undefined) {
      mistakes.push({ where: place(key), message: `means the same as ${other}: keep one of the two` });
      continue;
    }
    written.set(name, key);
    const value = v.safeParse(Value, content);
    if (!value.success) {
      mistakes.push({ where: place(key), message: sections.has(key) ? noSections(key) : WRONG_KIND });
    } else if (!Array.isArray(value.output)) {
      raw[name] = value.output;
    } else {
      // Numbers separated by commas on the command line are a list here.
      raw[name] = option.value === 'LIST' ? value.output.join(',') : value.output.map(String);
    }
  }
  if (unknown > MOST) {
    mistakes.push({ where: firstOfMany, message: more(unknown - MOST, 'unknown name', 'unknown names') });
  }
  return { mistakes, raw, where: (name, value) => place(written.get(name) ?? name, value) };
}

const WRONG_KIND = 'must be a string, a number, true, false or a list of strings or numbers';

/** `[name]`, `[[name]]`, `[name.other]`. */
const sectionsIn = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(SECTION)].map(([, double, single, bare]) => double ?? single ?? bare!));
const SECTION = /^[ \t]*\[+[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([\w-]+))/gm;

const noSections = (key: string): string =>
  `sections are not used: write every NAME = VALUE at top level, without the line [${key}]`;

function aboutUnknown(key: string): string {
  const bare = key.replace(/^-+/, '');
  const peer = peerWord(bare);
  if (peer !== null) return `is not an option here; ${peer}`;
  const same = sameLetters(bare, NAMES);
  if (same !== null) return `is not an option; its name is ${same}`;
  if (bare.startsWith('no-') && findOption(bare.slice(3))?.kind === 'flag') {
    return `is not an option; write ${bare.slice(3)} = false`;
  }
  const near = nearest(bare, NAMES);
  return `is not an option${near === null ? '' : `; did you mean ${near}?`} (clatd run --help lists all)`;
}

/**
 * What the file says. Where the parser stops at a line that can be left out, it goes on without that line, so that a
 * second mistake is told with the first.
 */
function parseLines(path: string, text: string): { document: Record<string, unknown>; mistakes: Mistake[] } {
  const lines = text.split('\n');
  const mistakes: Mistake[] = [];
  for (;;) {
    try {
      return { document: parse(lines.join('\n')), mistakes };
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const { line, column } = error;
      const { message, alone } = tomlFault(lines[line - 1] ?? '', error.message.split('\n')[0]!);
      mistakes.push({ where: `${path}:${line}:${column}`, message });
      if (!alone || mistakes.length === MOST) return { document: {}, mistakes };
      lines[line - 1] = '';
    }
  }
}

const KEY = /^\s*(\[*)\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*([=.\]])/;

/** The key that a line begins with: of a value or of a section. */
function keyIn(line: string): string | undefined {
  const [, opening, double, single, bare, sign] = KEY.exec(line) ?? [];
  return sign === ']' && opening === '' ? undefined : (double ?? single ?? bare);
}

/** A key that can be printed as it is. */
const PLAIN = /^[\w.-]{1,80}$/;

/** Finds keys in the text, and elements of a list behind its key: the parser does not say where they stood. */
function placeOf(path: string, text: string): (key: string, value?: string) => string {
  let lines: string[] | undefined;
  const places = new Map<string, number>();
  return (key, value) => {
    if (lines === undefined) {
      lines = text.split('\n');
      for (const [i, line] of lines.entries()) {
        const name = keyIn(line);
        if (name !== undefined && !places.has(name)) places.set(name, i);
      }
    }
    const line = places.get(key);
    const shown = PLAIN.test(key) ? key : quote(key);
    if (line === undefined) return `${path}: ${shown}`;
    return `${path}:${(value === undefined ? line : lineOf(value, line, lines)) + 1}: ${shown}`;
  };
}

/** Where an element of the list that begins in line `from` stands. */
function lineOf(value: string, from: number, lines: readonly string[]): number {
  for (let i = from; i < lines.length && (i === from || keyIn(lines[i]!) === undefined); i++) {
    if (lines[i]!.includes(`"${value}"`) || lines[i]!.includes(`'${value}'`)) return i;
  }
  return from;
}
