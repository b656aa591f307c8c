/** An output that is the input, or the other output, would destroy it: refused before anything is opened. */
import { fstatSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ReplayArguments } from './replay.ts';

const STDIN = 0;

/** @returns what is wrong, in words, or null */
export function clash({ input, output, report }: ReplayArguments): string | null {
  if (output === '-' && report === '-') return '--output and --report cannot both be standard output';
  const read = input === '-' ? identify(() => fstatSync(STDIN)) : ofPath(input);
  const written = ofPath(output);
  const reported = ofPath(report);
  if (read !== null && read === written) return `--output ${output} is the input; choose another file`;
  if (read !== null && read === reported) return `--report ${report} is the input; choose another file`;
  if (written !== null && written === reported) {
    return `--output and --report are both ${output}; choose two files`;
  }
  return null;
}

/** What tells files apart, links followed; null for what can be written twice (devices, pipes, standard output). */
function ofPath(path: string | undefined): string | null {
  if (path === undefined || path === '-') return null;
  return identify(() => statSync(path, { throwIfNoEntry: false }) ?? null, path);
}

function identify(stat: () => Stats | null, path?: string): string | null {
  try {
    const found = stat();
    if (found !== null) return found.isFile() ? `${found.dev}:${found.ino}` : null;
  } catch {
    // What cannot be looked at cannot be opened either; opening says why.
    return null;
  }
  return path === undefined ? null : resolve(path);
}
