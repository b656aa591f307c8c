/** A configuration file: TOML whose keys are the option names. */
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import type { Files, RawOptions, Whereabouts } from './load.ts';
import type { Mistake } from './mistake.ts';
import { findOption } from './options.ts';
import { systemReason } from './system-reason.ts';

/** What a key may hold: the options themselves are checked where those of the command line are. */
const Value = v.union([v.string(), v.number(), v.boolean(), v.array(v.union([v.string(), v.number()]))]);

export interface ConfigFile {
  /** What is wrong with the file as such. */
  readonly mistakes: readonly Mistake[];
  /** The rest, by option names: so that mistakes in it are told together with those. */
  readonly raw: RawOptions;
  readonly where: Whereabouts;
}

/** Reads a file; keys are translated from the peers' words. Options given elsewhere are the caller's business. */
export function readConfigFile(path: string, files: Files): ConfigFile {
  const refuse = (where: string, message: string): ConfigFile => ({
    mistakes: [{ where, message }],
    raw: {},
    where: (name) => `${path}: ${name}`,
  });
  let text: string;
  try {
    text = new TextDecoder().decode(files.read(path));
  } catch (error) {
    return refuse('--config', `cannot read ${path}: ${systemReason(error)}`);
  }
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return refuse(`${path}:${error.line}:${error.column}`, error.message.split('\n')[0]!);
  }
  const place = placeOf(path, text);
  const raw: Record<string, RawOptions[string]> = Object.create(null) as Record<string, RawOptions[string]>;
  const written = new Map<string, string>();
  const mistakes: Mistake[] = [];
  for (const [key, content] of Object.entries(document)) {
    const option = findOption(key);
    const name = option?.name ?? key;
    const other = written.get(name);
    if (other !== undefined) {
      mistakes.push({ where: place(key), message: `means the same as ${other}: keep one of the two` });
      continue;
    }
    written.set(name, key);
    const value = v.safeParse(Value, content);
    if (option === undefined) {
      // Nobody's, whatever its value: told where the names of the command line are.
      raw[name] = '';
    } else if (!value.success) {
      const message = 'must be a string, a number, true, false or a list of strings or numbers';
      mistakes.push({ where: place(key), message });
    } else if (!Array.isArray(value.output)) {
      raw[name] = value.output;
    } else {
      // Numbers separated by commas on the command line are a list here.
      raw[name] = option.value === 'LIST' ? value.output.join(',') : value.output.map(String);
    }
  }
  return { mistakes, raw, where: (name) => place(written.get(name) ?? name) };
}

/** Finds keys in the text: the parser does not say where they stood. */
function placeOf(path: string, text: string): (key: string) => string {
  const lines = text.split('\n');
  return (key) => {
    const name = key.replaceAll(/[^\w-]/g, '.');
    const start = new RegExp(`^\\s*(\\[+\\s*)?["']?${name}["']?\\s*[=.\\]]`);
    const line = lines.findIndex((one) => start.test(one));
    return line < 0 ? `${path}: ${key}` : `${path}:${line + 1}: ${key}`;
  };
}
