/** Reading small files that may not be there. */
import { MOST_SMALL_FILE, readRegularFile } from '../../io/regular-file.ts';

/** A file's text; null: not there, or not to be read. */
export type ReadText = (path: string) => string | null;

export const readText: ReadText = (path) => {
  try {
    return readRegularFile(path, MOST_SMALL_FILE).toString();
  } catch {
    return null;
  }
};
