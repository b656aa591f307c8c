import { more } from './count.ts';

/** A mistake of the person who wrote the configuration: where, and what is wrong with the remedy. */
export interface Mistake {
  /** An option (`--pool6`), a place in a file (`/etc/clatd/eam:17`, `clatd.toml:3:5`) or a key of it. */
  readonly where: string;
  readonly message: string;
}

/** The command line first, then each file in the order of its lines. */
export function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  const files: string[] = [];
  const placed = mistakes.map((mistake) => {
    const [, file, line, column] = /^(.+?):(\d+)(?::(\d+))?(?::|$)/.exec(mistake.where) ?? [];
    if (file === undefined) return { mistake, file: -1, line: 0, column: 0 };
    if (!files.includes(file)) files.push(file);
    return { mistake, file: files.indexOf(file), line: Number(line), column: Number(column ?? 0) };
  });
  // sort() is stable: what has no place keeps its order.
  placed.sort((a, b) => a.file - b.file || a.line - b.line || a.column - b.column);
  return placed.map(({ mistake }) => mistake);
}

/** As many as anybody reads at once. */
const MOST = 50;

/** The first of them, and how many there are besides. @param where of that number, for instance the command */
export function bounded(mistakes: readonly Mistake[], where: string): Mistake[] {
  if (mistakes.length <= MOST) return [...mistakes];
  const message = more(mistakes.length - MOST, 'mistake', 'mistakes');
  return [...mistakes.slice(0, MOST), { where, message }];
}
