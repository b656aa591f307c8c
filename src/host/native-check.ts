/**
 * Which native IPv4 default routes work (--v4-check, CLAT-5). One answer more or less says nothing: a device is dead after
 * three losses in a row, and alive again after two answers in a row. While nothing is known it counts as alive.
 */
import { formatIp4 } from '../address/format.ts';
import type { V4Check } from '../config/config.ts';
import type { HostLog } from './apply.ts';
import type { Link } from './state.ts';

export interface NativeCheckDeps {
  readonly log: HostLog;
  /** Resolves with whether an answer came in time; must not reject. */
  readonly ask: (check: V4Check, ifindex: number) => Promise<boolean>;
  /** Something is dead that was alive, or the other way round. */
  readonly onChange: () => void;
}

export const LOSSES = 3;
const ANSWERS = 2;
/** While it is not decided, and after. */
const QUICK = 1000; // ms
const INTERVAL = 10_000; // ms

interface Watched {
  readonly name: string;
  readonly index: number;
  alive: boolean | null;
  /** In a row, of what speaks against `alive`. */
  against: number;
  timer: NodeJS.Timeout | null;
}

export class NativeCheck {
  readonly #check: V4Check;
  readonly #deps: NativeCheckDeps;
  readonly #watched = new Map<number, Watched>();

  constructor(check: V4Check, deps: NativeCheckDeps) {
    this.#check = check;
    this.#deps = deps;
  }

  /** The devices that have a native default route now. */
  watch(links: readonly Pick<Link, 'name' | 'index'>[]): void {
    for (const [index, watched] of this.#watched) {
      if (!links.some((link) => link.index === index)) this.#forget(watched);
    }
    for (const { name, index } of links) {
      if (this.#watched.has(index)) continue;
      const watched: Watched = { name, index, alive: null, against: 0, timer: null };
      this.#watched.set(index, watched);
      this.#askIn(watched, 0);
    }
  }

  /** Does IPv4 work there? True while that is not known. */
  answers(name: string): boolean {
    return ![...this.#watched.values()].some((one) => one.name === name && one.alive === false);
  }

  stop(): void {
    for (const watched of this.#watched.values()) this.#forget(watched);
  }

  #forget(watched: Watched): void {
    if (watched.timer !== null) clearTimeout(watched.timer);
    this.#watched.delete(watched.index);
  }

  #askIn(watched: Watched, delay: number): void {
    watched.timer = setTimeout(() => void this.#ask(watched), delay);
  }

  async #ask(watched: Watched): Promise<void> {
    const answered = await this.#deps.ask(this.#check, watched.index);
    if (this.#watched.get(watched.index) !== watched) return;
    const changed = this.#heard(watched, answered);
    this.#askIn(watched, watched.against > 0 ? QUICK : INTERVAL);
    if (changed) this.#deps.onChange();
  }

  /** @returns true where the device is alive now, or dead, and was not known to be so */
  #heard(watched: Watched, answered: boolean): boolean {
    if (watched.alive === answered || (watched.alive === null && answered)) {
      watched.against = 0;
      watched.alive = answered;
      return false;
    }
    watched.against++;
    if (watched.against < (answered ? ANSWERS : LOSSES)) return false;
    watched.against = 0;
    watched.alive = answered;
    const { log } = this.#deps;
    const target = formatIp4(this.#check.address);
    if (answered) log.info(`${target} (--v4-check) answers through ${watched.name}: native IPv4`);
    else
      log.warn(
        `${target} (--v4-check) is silent through ${watched.name}: its IPv4 default route does not count`,
      );
    return true;
  }
}

/** Which of these devices are silent, asked now. For `plan` and `doctor`. */
export async function findSilent(
  check: V4Check,
  links: readonly Pick<Link, 'name' | 'index'>[],
  ask: NativeCheckDeps['ask'],
): Promise<Set<string>> {
  const silent = new Set<string>();
  await Promise.all(
    links.map(async ({ name, index }) => {
      for (let round = 0; round < LOSSES; round++) if (await ask(check, index)) return;
      silent.add(name);
    }),
  );
  return silent;
}
