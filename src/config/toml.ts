/** A configuration file: TOML whose keys are the option names. */
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import type { Files, RawOptions, Whereabouts } from './load.ts';
import type { Mistake } from './mistake.ts';
import { findOption } from './options.ts';

/** What a key may hold: the options themselves are checked where those of the command line are. */
const Value = v.union([v.string(), v.number(), v.boolean(), v.array(v.string())]);
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
    return refuse(
      '--config',
      `cannot read ${path}: ${(error as Error).message.replace(/^[A-Z]+: /, '').replace(/, (open|read).*$/, '')}`,
    );
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return refuse(`${path}:${error.line}:${error.column}`, error.message.split('\n')[0]!);
  }
  const checked = v.safeParse(Document, document);
  if (!checked.success) {
    return {
      ok: false,
      mistakes: checked.issues.map((issue) => ({
        where: `${path}: ${v.getDotPath(issue)}`,
        message: 'must be a string, a number, true, false or a list of strings',
      })),
    };
  }
  const lines = text.split('\n');
  const raw: Record<string, string | number | boolean | readonly string[]> = {};
  const written = new Map<string, string>();
  for (const [key, value] of Object.entries(checked.output)) {
    const name = findOption(key)?.name ?? key;
    raw[name] = value;
    written.set(name, key);
  }
  const where: Whereabouts = (name) => {
    const key = written.get(name);
    if (key === undefined) return path;
    const line = lines.findIndex((one) =>
      new RegExp(`^\\s*["']?${key.replaceAll(/[^\w-]/g, '.')}["']?\\s*=`).test(one),
    );
    return line < 0 ? `${path}: ${key}` : `${path}:${line + 1}: ${key}`;
  };
  return { ok: true, raw, where };
}
