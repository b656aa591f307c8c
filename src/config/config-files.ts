/** Several configuration files as one: what a later one says goes before the same in an earlier one. */
import type { Files, RawOptions } from './load.ts';
import { type ConfigFile, MOST_CONFIG, readConfigFile } from './toml.ts';

/**
 * What the service unit names. It may be missing: a unit that is installed without it, or an administrator who deletes
 * it, wants the automatic mode.
 */
export const SERVICE_CONFIG = '/etc/clatd/clatd.toml';

export interface ConfigFiles extends ConfigFile {
  readonly warnings: readonly string[];
}

/** @param paths in the order they are given; one given twice is read once */
export function readConfigFiles(paths: readonly string[], files: Files): ConfigFiles {
  const warnings: string[] = [];
  const read = [...new Set(paths)].flatMap((path) => {
    if (path === SERVICE_CONFIG && isMissing(path, files)) {
      warnings.push(`there is no ${path}: nothing is taken from it`);
      return [];
    }
    return [readConfigFile(path, files)];
  });
  const raw: RawOptions = Object.assign(Object.create(null), ...read.map((file) => file.raw));
  return {
    warnings,
    raw,
    mistakes: read.flatMap(({ mistakes }) => mistakes),
    where: (name, value) =>
      (read.findLast((file) => Object.hasOwn(file.raw, name)) ?? read.at(-1)!).where(name, value),
  };
}

function isMissing(path: string, files: Files): boolean {
  try {
    files.read(path, MOST_CONFIG);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
