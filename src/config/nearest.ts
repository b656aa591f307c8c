/** "Did you mean …?" */

/** To how many unknown names a suggestion is looked for: a search costs 0.1 ms. */
export const MOST_SUGGESTIONS = 20;

/** Slips of the pen that are likely in a name of this length: one in three letters. */
const slips = (length: number): number => Math.max(1, Math.floor(length / 3));

/** The name that differs least, if that is little for its length. */
export function nearest(name: string, names: readonly string[]): string | null {
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of names) {
    const most = Math.min(least - 1, slips(Math.min(name.length, candidate.length)));
    // What is wholly different needs no counting, however long it is.
    if (Math.abs(candidate.length - name.length) > most) continue;
    const distance = editDistance(name, candidate);
    if (distance <= most) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Letters to insert, remove, replace or swap with their neighbour to make one of the other (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, before[j - 2]! + 1);
      next[j] = least;
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** The same name written otherwise: with underscores, in capitals, with a dash too many or too few; null: none is. */
export function sameLetters(name: string, names: readonly string[]): string | null {
  const letters = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const wanted = letters(name);
  return names.find((candidate) => letters(candidate) === wanted) ?? null;
}
