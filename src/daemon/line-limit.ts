/**
 * A bound on what is logged: so many lines of a kind at once, then one now and then, with the number of those left out.
 * Whoever is on the link can make this program say things (withdraw a prefix and announce it again, ten times a second);
 * nobody can fill the disk by that, nor push the lines of others out of the journal.
 *
 * Lines are of the same kind when they differ only in words with a digit or a colon in them: addresses, prefixes, numbers,
 * names of interfaces. So the kinds are about as many as the sentences in this program. The last line of a kind is always
 * told in the end: it says how things are.
 */

/** So many lines of a kind at once: more than a start makes, and as many as are told of the mistakes in a file. */
export const BURST = 20;
/** Then one in so many ms. */
export const INTERVAL = 60_000;
/** Beyond that many kinds, the rest shares one. */
export const MOST_KINDS = 256;
/** Of a line, what its kind is told by. */
const KIND_LENGTH = 200;

interface Kind {
  /** Lines that may still be written, a fraction among them. */
  left: number;
  /** ms; when `left` was right. */
  at: number;
  /** The last line left out, and how many there were; null: none. */
  latest: { readonly write: (note: string) => void; readonly count: number } | null;
  timer: NodeJS.Timeout | null;
}

const kindOf = (text: string): string =>
  text.slice(0, KIND_LENGTH).replaceAll(/[^\s,;()]*[\d:][^\s,;()]*/g, '#');

export class LineLimit {
  readonly #kinds = new Map<string, Kind>();
  /** Shared by all kinds for which there is no room. */
  readonly #rest: Kind = { left: BURST, at: 0, latest: null, timer: null };
  readonly #now: () => number;
  /** ms; when room was last made. */
  #forgot = Number.NEGATIVE_INFINITY;

  /** @param now ms, never backwards */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Writes a line now, or later in place of all of its kind that were left out until then.
   * @param write writes the line with a note behind it, '' or about what was left out
   */
  line(text: string, write: (note: string) => void): void {
    const now = this.#now();
    const kind = this.#kind(kindOf(text), now);
    if (kind.latest === null && kind.left >= 1) {
      kind.left--;
      write('');
      return;
    }
    kind.latest = { write, count: (kind.latest?.count ?? 0) + 1 };
    kind.timer ??= setTimeout(() => this.#tellLatest(kind), (1 - kind.left) * INTERVAL);
    // What is left out keeps no process alive.
    kind.timer.unref();
  }

  /** Everything may be said again, from now on; what waits is said now. */
  startAnew(): void {
    for (const kind of [...this.#kinds.values(), this.#rest]) {
      if (kind.timer !== null) clearTimeout(kind.timer);
      if (kind.latest !== null) this.#tellLatest(kind);
      kind.left = BURST;
    }
    this.#kinds.clear();
  }

  #tellLatest(kind: Kind): void {
    kind.timer = null;
    refill(kind, this.#now());
    kind.left = Math.max(kind.left - 1, 0);
    const { write, count } = kind.latest!;
    kind.latest = null;
    write(
      count === 1 ? '' : ` (the last of ${count} lines like this within a minute; the others were left out)`,
    );
  }

  #kind(name: string, now: number): Kind {
    const known = this.#kinds.get(name);
    if (known === undefined && this.#kinds.size >= MOST_KINDS) this.#forget(now);
    const hasRoom = known !== undefined || this.#kinds.size < MOST_KINDS;
    const kind = known ?? (hasRoom ? { left: BURST, at: now, latest: null, timer: null } : this.#rest);
    if (hasRoom) this.#kinds.set(name, kind);
    refill(kind, now);
    return kind;
  }

  /** Kinds that were quiet for so long that it makes no difference. Not at every line of a storm. */
  #forget(now: number): void {
    if (now - this.#forgot < INTERVAL) return;
    this.#forgot = now;
    for (const [name, kind] of this.#kinds) {
      refill(kind, now);
      if (kind.left === BURST && kind.latest === null) this.#kinds.delete(name);
    }
  }
}

function refill(kind: Kind, now: number): void {
  kind.left = Math.min(kind.left + (now - kind.at) / INTERVAL, BURST);
  kind.at = now;
}
