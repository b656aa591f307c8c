/** REQUIREMENTS.md and the tests agree. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { REASONS } from '../../src/translate/reasons.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const rows = readFileSync(join(root, 'rfc7915/REQUIREMENTS.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| [A-Z0-9]+-/.test(line))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .map(([, id, text, tests]) => ({ id: id!, text: text!, tests: tests! }));
const known = new Set(rows.map(({ id }) => id));
const ID =
  /\b(?:GEN|ADDR|EAM|T46|T64|I46|I64|IERR|IEXT|RSRC|SELF|GERR|STAT|OFF|MSS|DISC|CLAT)(?:-[A-Z0-9]+)*-(?:\d+|[A-Z]+)\b/g;
const cites = (file: string): Set<string> => new Set(readFileSync(join(root, file), 'utf8').match(ID) ?? []);

describe('requirements', () => {
  test('are listed once', () => {
    expect(known.size).toBe(rows.length);
    expect(rows.length).toBeGreaterThanOrEqual(170);
  });
  test.each(rows)('$id has a test that cites it, or a reason', ({ id, tests }) => {
    if (/^none( yet)?: \S/.test(tests)) return;
    const files = tests.split(', ');
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(cites(file), file).toContain(id);
  });
  test('whatever a test cites is listed', () => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.test.ts') && !file.endsWith('requirements.test.ts'),
    );
    const families = [...known].map((id) => id.replace(/-[^-]+$/, ''));
    for (const file of files) {
      // A family ("T46-IN") may be cited as a whole.
      const unknown = [...cites(file)].filter((id) => !known.has(id) && !families.includes(id));
      expect(unknown, file).toEqual([]);
    }
  });
  test('every reason cites a requirement of the list', () => {
    for (const { name, spec } of REASONS) expect(known, name).toContain(spec);
  });
});
