/**
 * Somebody else undoes what we do, and we do it again: how often? Three times in a minute, then it is left as it is, and
 * named, until the minute is over (CLAT-10, CLAT-16).
 */
const TIMES = 3;
const SPAN = 60_000; // ms

export class Contest {
  readonly #now: () => number;
  /** By what is contested: when it was done again, ms. */
  readonly #rounds = new Map<string, number[]>();
  readonly #named = new Set<string>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** May it be done once more? That is counted. lost: no, and this is the first time; given-up: no, as said before. */
  again(what: string): 'again' | 'lost' | 'given-up' {
    const now = this.#now();
    const rounds = (this.#rounds.get(what) ?? []).filter((then) => now - then < SPAN);
    if (rounds.length < TIMES) {
      this.#rounds.set(what, [...rounds, now]);
      this.#named.delete(what);
      return 'again';
    }
    if (this.#named.has(what)) return 'given-up';
    this.#named.add(what);
    return 'lost';
  }
}
