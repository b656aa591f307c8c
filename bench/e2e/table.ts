/** The printed table: a row a figure, a column a contestant, then the ratios. */
import { type Results, ratio, type Spread, summary } from './summary.ts';

/** Three digits, as many as such a measurement can bear. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

const withSpread = (s: Spread | null): string =>
  s === null ? '–' : `${digits(s.median)} (${digits(s.least)}–${digits(s.most)})`;

type Row = readonly string[];

/** First column left, the others right. */
function layOut(rows: readonly Row[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

export function valueTable(results: Results): string[] {
  const names = results.contestants.map(({ name }) => name);
  const rows: Row[] = [['', '', ...names]];
  for (const { key, label, unit } of results.figures) {
    const cells = names.map((name) => withSpread(summary(results, name, key)));
    if (cells.some((cell) => cell !== '–')) rows.push([label, unit, ...cells]);
  }
  return layOut(rows);
}

/** Every contestant against `reference`, pair by pair. */
export function ratioTable(results: Results, reference: string): string[] {
  const names = results.contestants.map(({ name }) => name).filter((name) => name !== reference);
  const rows: Row[] = [['', '', ...names]];
  for (const { key, label, better } of results.figures) {
    const cells = names.map((name) => withSpread(ratio(results, name, reference, key)));
    if (cells.some((cell) => cell !== '–')) rows.push([label, better === 'more' ? '↑' : '↓', ...cells]);
  }
  return layOut(rows);
}
