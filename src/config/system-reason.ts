/** "ENOENT: no such file or directory, open 'x'" without what the sentence around it says already. */
export const systemReason = (error: unknown): string =>
  (error as Error).message
    .replace(/^[A-Z]+: /, '')
    .replace(/, \w+( '.*')?$/, '')
    .replace(/^illegal operation on a directory$/, 'it is a directory');
