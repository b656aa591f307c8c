/**
 * The networks where nothing comes back to an address of our own, remembered beyond this process and this boot (CLAT-15):
 * by the router's link-layer address, the network and the NAT64's prefix. Otherwise every start would begin with IPv4 that
 * is dead until it has been found out again.
 *
 * What is in the file is checked as anybody's input, and what cannot be read is nothing. It is written whole, beside the
 * old one, and renamed.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { formatPrefix6 } from '../address/format.ts';
import type { Prefix6 } from '../address/ip.ts';
import { parsePrefix6 } from '../address/parse.ts';

/** Where systemd puts it (StateDirectory=clatd); in the foreground the same. */
const STATE_DIRECTORY = '/var/lib/clatd';
/** @param given the variable STATE_DIRECTORY, of which systemd may name several, the unit's own first */
export const stateDirectory = (given: string | undefined): string => given?.split(':')[0] || STATE_DIRECTORY;
const FILE = 'unanswered.json';
const VERSION = 1;
/** The networks of a traveller; of more the ones asked longest ago are forgotten. */
const MOST = 64;
const MOST_BYTES = 65_536;
/** As the kernel writes it, InfiniBand's 20 octets included. */
const LINK_LAYER = /^[0-9a-f]{2}(:[0-9a-f]{2}){0,31}$/;

export interface Network {
  /** Its router's link-layer address; null: not known, or the link has none. */
  readonly router: string | null;
  /** Where the address was chosen. */
  readonly network: Prefix6;
  /** The NAT64's. */
  readonly pool6: Prefix6;
}

export interface Unanswered extends Network {
  /** ms since 1970: found out, and tried last. */
  readonly since: number;
  readonly tried: number;
}

interface Row {
  readonly router: string | null;
  readonly network: string;
  readonly prefix: string;
  readonly since: number;
  readonly tried: number;
}

/** The same network, as far as can be told: a router that is not known yet may be the same. */
export function isSame(a: Network, b: Network): boolean {
  return (
    (a.router === null || b.router === null || a.router === b.router) &&
    formatPrefix6(a.network) === formatPrefix6(b.network) &&
    formatPrefix6(a.pool6) === formatPrefix6(b.pool6)
  );
}

export class UnansweredNetworks {
  readonly #folder: string;
  readonly #warn: (text: string) => void;
  #rows: readonly Unanswered[];
  #warned = false;

  /** @param warn told once where nothing can be kept: then it is remembered by this process alone */
  constructor(folder: string, warn: (text: string) => void) {
    this.#folder = folder;
    this.#warn = warn;
    this.#rows = readUnanswered(folder);
  }

  /** Is there any network with this prefix to be told from others? */
  mayKnow(pool6: Prefix6): boolean {
    return this.#rows.some((row) => formatPrefix6(row.pool6) === formatPrefix6(pool6));
  }

  find(network: Network): Unanswered | null {
    return this.#rows.find((row) => isSame(row, network)) ?? null;
  }

  /** Found out, or tried again in vain, at this time. */
  add(network: Network, now: number): void {
    const before = this.find(network);
    const router = network.router ?? before?.router ?? null;
    this.#keep({ ...network, router, since: before?.since ?? now, tried: now }, network);
  }

  forget(network: Network): void {
    this.#keep(null, network);
  }

  /** Another clatd of this host may have written meanwhile: its rows are kept. */
  #keep(row: Unanswered | null, network: Network): void {
    const read = readUnanswered(this.#folder);
    const rest = (read.length > 0 ? read : this.#rows).filter((one) => !isSame(one, network));
    this.#rows = [...(row === null ? [] : [row]), ...rest].sort((a, b) => b.tried - a.tried).slice(0, MOST);
    try {
      write(this.#folder, this.#rows);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (this.#warned) return;
      this.#warned = true;
      this.#warn(
        `cannot write ${this.#folder}/${FILE}: ${code ?? message}; networks where nothing comes back are remembered until clatd ends`,
      );
    }
  }
}

/** What is remembered; nothing where that cannot be read, or is not ours. Never throws. */
export function readUnanswered(folder: string): Unanswered[] {
  let text: string;
  try {
    // Neither a link to elsewhere nor a pipe that makes us wait.
    const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
    const file = openSync(`${folder}/${FILE}`, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    try {
      const found = fstatSync(file);
      if (!found.isFile() || found.size > MOST_BYTES) return [];
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
    const content = JSON.parse(text) as { version?: unknown; networks?: unknown } | null;
    if (content?.version !== VERSION || !Array.isArray(content.networks)) return [];
    return content.networks.slice(0, MOST).flatMap((row) => check(row) ?? []);
  } catch {
    return [];
  }
}

function check(row: Partial<Row> | null): Unanswered | null {
  const { router, network, prefix, since, tried } = row ?? {};
  if (router !== null && (typeof router !== 'string' || !LINK_LAYER.test(router))) return null;
  if (typeof network !== 'string' || typeof prefix !== 'string' || !isTime(since) || !isTime(tried))
    return null;
  const parsed = [parsePrefix6(network), parsePrefix6(prefix)] as const;
  if (!parsed[0].ok || !parsed[1].ok) return null;
  return { router, network: parsed[0].value, pool6: parsed[1].value, since, tried };
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function write(folder: string, rows: readonly Unanswered[]): void {
  const networks = rows.map(
    ({ router, network, pool6, since, tried }): Row => ({
      router,
      network: formatPrefix6(network),
      prefix: formatPrefix6(pool6),
      since,
      tried,
    }),
  );
  const path = `${folder}/${FILE}`;
  const next = `${path}.new`;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  try {
    rmSync(next, { force: true });
    const file = openSync(next, 'wx', 0o644);
    try {
      writeFileSync(file, `${JSON.stringify({ version: VERSION, networks }, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}
