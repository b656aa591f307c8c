/**
 * What the processes of clatd in this network namespace wrote down beside their journals: which TUNs are CLATs at
 * present, and which tunnels run over one of them. The latter has to outlive the process: with the TUN its routes go,
 * and nothing of the host tells a VPN over the CLAT from native IPv4 any more (CLAT-5).
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { JOURNAL_DIR, journalPath, ownerOfThisProcess, readLeftover } from './journal.ts';

export interface KnownClat {
  readonly tun: string;
  /** Its process lives, and is another one. */
  readonly running: boolean;
  /** Devices whose default route led to a tunnel that this CLAT carries. */
  readonly over: readonly Tunnel[];
}

export interface Tunnel {
  readonly name: string;
  readonly index: number;
}

/** More than any host has, and small enough to read at every look. */
const MOST_BYTES = 4096;

/** Never throws: what cannot be read is not known. */
export function readClats(dir: string = JOURNAL_DIR): KnownClat[] {
  try {
    const owner = ownerOfThisProcess();
    const suffix = basename(journalPath('', dir));
    const names = new Set<string>();
    const memory = suffix.replace(/json$/, 'over');
    for (const name of readdirSync(dir)) {
      for (const end of [suffix, memory]) if (name.endsWith(end)) names.add(name.slice(0, -end.length));
    }
    return [...names].map((tun) => ({
      tun,
      running: readLeftover(journalPath(tun, dir), owner).is === 'running',
      over: readOver(memoryPath(tun, dir), owner.boot),
    }));
  } catch {
    return [];
  }
}

/** Throws where the file cannot be written. */
export function rememberOver(tun: string, over: readonly Tunnel[], dir: string = JOURNAL_DIR): void {
  const path = memoryPath(tun, dir);
  if (over.length === 0) {
    rmSync(path, { force: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const { boot } = ownerOfThisProcess();
  writeFileSync(`${path}.new`, `${JSON.stringify({ boot, over })}\n`, { mode: 0o644 });
  renameSync(`${path}.new`, path);
}

const memoryPath = (tun: string, dir: string): string => journalPath(tun, dir).replace(/json$/, 'over');

function readOver(path: string, boot: string): Tunnel[] {
  try {
    const about = statSync(path);
    if (!about.isFile() || about.size > MOST_BYTES) return [];
    const content = JSON.parse(readFileSync(path, 'utf8')) as { boot?: unknown; over?: unknown };
    if (content.boot !== boot || !Array.isArray(content.over)) return [];
    return content.over.flatMap((one: Partial<Tunnel> | null) =>
      typeof one?.name === 'string' && Number.isSafeInteger(one.index)
        ? [{ name: one.name, index: one.index! }]
        : [],
    );
  } catch {
    return [];
  }
}
