/**
 * Somebody else undoes what we do, and we do it again: how often? Three times in a minute, then it is left as it is, and
 * named (CLAT-10, CLAT-16). Later it is tried once more, since what undid it may have been a cable or another program's
 * start; the pause is twice as long each time.
 */
const TIMES = 3;
const SPAN = 60_000; // ms
const LONGEST = 3_600_000; // ms

interface Contested {
  /** When it was done again, within the last SPAN. */
  rounds: number[];
  pause: number;
  /** The end of the pause. */
  until: number;
  /** It is left as it is. */
  left: boolean;
}

export class Contest {
  readonly #now: () => number;
  readonly #contested = new Map<string, Contested>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Something is left as it is, and to be tried once more some time. */
  get open(): boolean {
    return [...this.#contested.values()].some(({ left }) => left);
  }

  /** Anything is known at all. */
  get any(): boolean {
    return this.#contested.size > 0;
  }

  /** May it be done once more? That is counted. lost: no, and this is the first time; given-up: no, as said before. */
  again(what: string): 'again' | 'lost' | 'given-up' {
    const now = this.#now();
    const one = this.#contested.get(what) ?? { rounds: [], pause: SPAN, until: 0, left: false };
    this.#contested.set(what, one);
    if (one.left && now < one.until) return 'given-up';
    if (now - one.until > LONGEST) one.pause = SPAN;
    one.rounds = one.rounds.filter((then) => now - then < SPAN);
    if (one.rounds.length < TIMES) {
      one.rounds.push(now);
      one.left = false;
      return 'again';
    }
    one.rounds = [];
    one.until = now + one.pause;
    one.pause = Math.min(2 * one.pause, LONGEST);
    one.left = true;
    return 'lost';
  }

  /** It was given up, and nothing has been done about it since. */
  isLeft(what: string): boolean {
    return this.#contested.get(what)?.left === true;
  }

  /** It is as it should be. */
  settled(what: string): void {
    const one = this.#contested.get(what);
    if (one !== undefined) one.left = false;
  }

  /** Forgets all else. `of` is asked only where there is something to forget. */
  keep(of: () => ReadonlySet<string>): void {
    if (!this.any) return;
    const wanted = of();
    for (const what of this.#contested.keys()) if (!wanted.has(what)) this.#contested.delete(what);
  }
}
