/** An EnvironmentFile= of systemd (systemd.exec(5)), and `$NAME` of a command line of it as words (systemd.service(5)). Pure. */

/** The variables, by name; of one that is set twice the last. */
export function parseEnvironment(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    const line = /[^\n]*/y;
    line.lastIndex = at;
    const start = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[ \t]*/.exec(line.exec(text)![0]);
    if (start === null) {
      // A comment, an empty line, or none of ours.
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end + 1;
      continue;
    }
    const value = readValue(text, at + start[0].length);
    found.set(start[1]!, value.text);
    at = value.end;
  }
  return found;
}

/** A value up to its line's end; quotes go, a backslash keeps what follows, one at the end of a line joins the next. */
function readValue(text: string, from: number): { text: string; end: number } {
  let value = '';
  /** Up to here blanks count, since they stood in quotes. */
  let solid = 0;
  let quote = '';
  let at = from;
  for (; at < text.length; at++) {
    const c = text[at]!;
    if (quote === '' && c === '\n') break;
    if (c === '\\' && quote !== "'") {
      const next = text[++at];
      if (next === undefined) break;
      // In double quotes only these need one; before others it is itself.
      if (quote === '"' && !'"\\`$\n'.includes(next)) value += c;
      if (next !== '\n') value += next;
      solid = value.length;
    } else if (c === quote) {
      quote = '';
      solid = value.length;
    } else if (quote === '' && (c === '"' || c === "'")) {
      quote = c;
    } else {
      value += c;
      if (quote !== '') solid = value.length;
    }
  }
  return { text: value.slice(0, solid) + value.slice(solid).trimEnd(), end: at + 1 };
}

/** Splits at blanks; quotes keep them and go, a backslash outside of single quotes keeps what follows. */
export function splitUnquoted(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const c = text[at]!;
    if (quote === '' && /\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (c === '\\' && quote !== "'") {
      word = (word ?? '') + (text[++at] ?? '');
    } else if (c === quote) {
      quote = '';
    } else if (quote === '' && (c === '"' || c === "'")) {
      quote = c;
      word ??= '';
    } else {
      word = (word ?? '') + c;
    }
  }
  if (word !== null) words.push(word);
  return words;
}
