/** A configuration file: TOML whose keys are the option names. */
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import type { Files, RawOptions, Whereabouts } from './load.ts';
import type { Mistake } from './mistake.ts';
import { findOption } from './options.ts';
import { systemReason } from './system-reason.ts';

/** What a key may hold: the options themselves are checked where those of the command line are. */
const Value = v.union([v.string(), v.number(), v.boolean(), v.array(v.union([v.string(), v.number()]))]);
const Document = v.record(v.string(), Value);

export type ConfigFile =
  | { readonly ok: true; readonly raw: RawOptions; readonly where: Whereabouts }
  | { readonly ok: false; readonly mistakes: Mistake[] };

/** Reads a file; keys are translated from the peers' words. Options given elsewhere are the caller's business. */
export function readConfigFile(path: string, files: Files): ConfigFile {
  const refuse = (where: string, message: string): ConfigFile => ({
    ok: false,
    mistakes: [{ where, message }],
  });
  let text: string;
  try {
    text = new TextDecoder().decode(files.read(path));
  } catch (error) {
    return refuse('--config', `cannot read ${path}: ${systemReason(error)}`);
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return refuse(`${path}:${error.line}:${error.column}`, error.message.split('\n')[0]!);
  }
  const place = placeOf(path, text);
  const checked = v.safeParse(Document, document);
  if (!checked.success) {
    const keys = new Set(checked.issues.map((issue) => String(issue.path?.[0].key)));
    const message = 'must be a string, a number, true, false or a list of strings or numbers';
    return { ok: false, mistakes: [...keys].map((key) => ({ where: place(key), message })) };
  }
  const raw: Record<string, RawOptions[string]> = Object.create(null) as Record<string, RawOptions[string]>;
  const written = new Map<string, string>();
  const mistakes: Mistake[] = [];
  for (const [key, value] of Object.entries(checked.output)) {
    const option = findOption(key);
    const name = option?.name ?? key;
    const other = written.get(name);
    if (other !== undefined) {
      mistakes.push({ where: place(key), message: `means the same as ${other}: keep one of the two` });
    }
    written.set(name, key);
    if (!Array.isArray(value)) raw[name] = value;
    // Numbers separated by commas on the command line are a list here.
    else raw[name] = option?.value === 'LIST' ? value.join(',') : value.map(String);
  }
  // valibot passes over `constructor` and its like; nobody's option, and to be told so.
  for (const key of Object.keys(document as object)) raw[findOption(key)?.name ?? key] ??= '';
  if (mistakes.length > 0) return { ok: false, mistakes };
  return { ok: true, raw, where: (name) => place(written.get(name) ?? name) };
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
