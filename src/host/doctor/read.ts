/** Reading small files that may not be there. */
import { readFileSync } from 'node:fs';

/** A file's text; null: not there, or not to be read. */
export type ReadText = (path: string) => string | null;

export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};
