/** What the TOML parser objects to, in the words of somebody who writes `name = value`: what to write in its place. Pure. */
import { quote } from '../address/quote.ts';

export interface TomlFault {
  readonly message: string;
  /** The line can be left out without changing the meaning of the others: more mistakes can be looked for. */
  readonly alone: boolean;
}

/** A key, and what stands behind it. */
const ASSIGNMENT = /^\s*(?:--)?(["']?)([A-Za-z_][\w-]*)\1\s*(=|:|\s)?\s*(.*?)\s*$/;
/** An element of a list that goes over several lines. */
const ELEMENT = /^\s*([^\s"'=[\]{}#][^\s"'[\]{}#,]*)\s*,?\s*(#.*)?$/;
const BOOLEANS = /^(yes|no|on|off|true|false)$/i;
const CURLY = /[“”„‘’«»]/;

/** A line that nobody wrote by hand: too long, or with control characters, to be repeated. */
const ODD = /.{400}|[^\P{Cc}\t\r]/u;

const JSON_FILE =
  'this is JSON, and options are written as TOML: one NAME = VALUE a line, without braces (clatd run --help lists the names)';

/** @param line the text of the line that the parser objects to. @param said what the parser says about it */
export function tomlFault(line: string, said: string): TomlFault {
  const parser = said.replace(/^Invalid TOML document: /, '');
  if (ODD.test(line)) return { message: parser, alone: false };
  if (CURLY.test(line))
    return alone(`curly quotation marks mean nothing here: write plain double quotes (")`);
  if (/^\s*\{/.test(line)) return { message: JSON_FILE, alone: false };
  const [, , key, sign, rest = ''] = ASSIGNMENT.exec(line) ?? [];
  const value = withoutComment(rest);
  if (key !== undefined && sign === '=') {
    if (parser.includes('already defined'))
      return alone(`${key} stands in this file twice: keep one of the two`);
    if (value === '') return alone(`${key} has no value: write ${key} = "VALUE"`);
    if (BOOLEANS.test(value)) {
      return alone(`${quote(value)} is no value: write ${key} = true or ${key} = false, in small letters`);
    }
    const bare = bareElement(value);
    if (bare !== null)
      return alone(`put the value in double quotes: ${bare === value ? `${key} = ` : ''}"${bare}"`);
    return { message: parser, alone: false };
  }
  const element = ELEMENT.exec(line)?.[1];
  if (element !== undefined && /[.:]/.test(element))
    return alone(`put the value in double quotes: "${element}"`);
  if (key !== undefined && (sign === ':' || sign === undefined || /\s/.test(sign))) {
    return alone(`between a name and its value stands "=": ${key} = ${asValue(value)}`);
  }
  return { message: parser, alone: false };
}

const alone = (message: string): TomlFault => ({ message, alone: true });

/** A value as it would be right. */
const asValue = (value: string): string => {
  if (value === '') return 'true';
  return /^(["'[]|-?\d+$|(true|false)$)/.test(value) ? value : `"${value}"`;
};

const withoutComment = (text: string): string => (/^["'[{]/.test(text) ? text : text.replace(/\s*#.*$/, ''));

/** The first word of a value, or of a list of them, that should stand in quotes; null: it is something else. */
function bareElement(value: string): string | null {
  if (!/^["'[{]/.test(value)) return /["'[\]{}]/.test(value) ? null : value;
  if (!/^\[.*\]$/.test(value)) return null;
  const words = value.slice(1, -1).split(',');
  const bare = words
    .map((word) => word.trim())
    .find((word) => word !== '' && !/^(".*"|'.*'|-?\d+)$/.test(word));
  return bare === undefined || /["']/.test(bare) ? null : bare;
}
