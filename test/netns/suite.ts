/** Test suites that need namespaces: where those cannot be made they are skipped, and say why. */
import { describe } from 'vitest';
import { cannotBuild } from './topology.ts';

/** `describe`, or the same suite skipped with the reason in its name and on standard error. */
export function describeNetns(title: string, tools: readonly string[], body: () => void): void {
  const reason = cannotBuild(tools);
  if (reason === null) {
    describe(title, body);
    return;
  }
  process.stderr.write(`skipped: ${title}: ${reason}\n`);
  describe.skip(`${title} (skipped: ${reason})`, body);
}
