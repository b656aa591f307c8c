/**
 * The firewalls on a packet's way through this host: every nftables chain at the forward hook with what it jumps to,
 * which includes what iptables-nft (Docker, UFW), firewalld and libvirt set; and whether there are rules of the old
 * iptables besides.
 *
 * Two steps, since most hosts have no such chain: the names of all chains first, then the tables that matter. Kube-proxy's
 * tens of thousands of rules or a blocklist in a table of its own are never read.
 */
import { MOST_SMALL_FILE, readRegularFile } from '../io/regular-file.ts';
import { runTool, ToolFailedError, ToolMissingError } from './iproute.ts';
import {
  isClatdTable,
  isNoSuch,
  type NftExpression,
  type NftFamily,
  type NftObject,
  nftList,
} from './nft.ts';

export interface Firewall {
  /** Those with a chain at the forward hook. */
  readonly tables: readonly FirewallTable[];
  /** "FAMILY NAME" of all tables with chains, whatever their hooks; null: could not be seen. */
  readonly present: ReadonlySet<string> | null;
  /** "FAMILY NAME" of the tables of clatds: how many rules each has, since a flush leaves the table and its chains. */
  readonly clatd?: ReadonlyMap<string, number>;
  /** Old iptables in use (not iptables-nft), by family. */
  readonly legacy: readonly LegacyTable[];
  /** What could not be seen, one sentence each. */
  readonly unseen: readonly string[];
}

export interface FirewallTable {
  readonly family: NftFamily;
  readonly name: string;
  /** True where only its owner (a running firewalld) may change it. */
  readonly locked: boolean;
  readonly chains: ReadonlyMap<string, FirewallChain>;
}

export interface FirewallChain {
  readonly name: string;
  /** null: not at the forward hook; reached by jumps only. */
  readonly policy: 'accept' | 'drop' | null;
  readonly rules: readonly FirewallRule[];
}

export interface FirewallRule {
  readonly comment: string | null;
  readonly expr: readonly NftExpression[];
}

export interface LegacyTable {
  readonly family: 4 | 6;
  /** As iptables-legacy-save prints it; null: the program is not installed. */
  readonly rules: string | null;
}

/** Where the reading happens. */
export interface FirewallSource {
  /** As nftList. */
  list(what: string): Promise<readonly NftObject[]>;
  /** Runs a program; throws as runTool. */
  run(tool: string, args: readonly string[]): Promise<string>;
  /** A file's text; null: not there. */
  file(path: string): string | null;
}

const LINUX: FirewallSource = {
  list: nftList,
  run: runTool,
  file: (path) => {
    try {
      return readRegularFile(path, MOST_SMALL_FILE).toString();
    } catch {
      return null;
    }
  },
};

/** Reads the firewalls of this process's network namespace. Never throws: what cannot be seen is said in `unseen`. */
export async function readFirewall(source: FirewallSource = LINUX): Promise<Firewall> {
  const unseen: string[] = [];
  const [seen, legacy] = await Promise.all([
    readTables(source).catch((error: Error) => {
      const why = whyUnseen(error, source);
      if (why !== null) unseen.push(why);
      return { tables: [], present: null };
    }),
    readLegacy(source),
  ]);
  return { ...seen, legacy, unseen };
}

async function readTables(source: FirewallSource): Promise<Pick<Firewall, 'tables' | 'present' | 'clatd'>> {
  const present = new Set<string>();
  const clatds = new Set<string>();
  const names = new Map<string, { family: NftFamily; name: string }>();
  for (const { chain } of await source.list('chains')) {
    if (chain === undefined) continue;
    const { family, table: name, hook, type } = chain;
    present.add(`${family} ${name}`);
    if (isClatdTable(name)) clatds.add(`${family} ${name}`);
    if (hook !== 'forward' || type !== 'filter') continue;
    if (family === 'ip' || family === 'ip6' || family === 'inet')
      names.set(`${family} ${name}`, { family, name });
  }
  const found = await Promise.all([...names.values()].map((name) => readTable(name, source)));
  const clatd = new Map<string, number>();
  for (const name of clatds) {
    const rules = await countRules(name, source);
    if (rules === null) present.delete(name);
    else clatd.set(name, rules);
  }
  return { tables: found.filter((table) => table !== null), present, clatd };
}

/** null: gone since. */
async function countRules(table: string, source: FirewallSource): Promise<number | null> {
  try {
    return (await source.list(`table ${table}`)).filter(({ rule }) => rule !== undefined).length;
  } catch (error) {
    if (isNoSuch(error)) return null;
    throw error;
  }
}

/** null: gone since, or dormant and so without effect. */
async function readTable(
  { family, name }: { family: NftFamily; name: string },
  source: FirewallSource,
): Promise<FirewallTable | null> {
  let objects: readonly NftObject[];
  let flags = '';
  try {
    objects = await source.list(`table ${family} ${name}`);
    // nft 1.0.6 has no names for the flags in its JSON (it prints its own release name there), but knows them as text.
    if (objects.some(({ table }) => table?.flags !== undefined)) {
      const text = await source.run('nft', ['--terse', 'list', 'table', family, name]);
      flags = /^\s*flags (.*)$/m.exec(text)?.[1] ?? '';
    }
  } catch (error) {
    if (isNoSuch(error)) return null;
    throw error;
  }
  if (/\bdormant\b/.test(flags)) return null;
  const rules = new Map<string, FirewallRule[]>();
  for (const { rule } of objects) {
    if (rule === undefined) continue;
    const list = rules.get(rule.chain) ?? [];
    list.push({ comment: rule.comment ?? null, expr: rule.expr ?? [] });
    rules.set(rule.chain, list);
  }
  const chains = new Map<string, FirewallChain>();
  for (const { chain } of objects) {
    if (chain === undefined) continue;
    const policy = chain.hook !== 'forward' ? null : chain.policy === 'drop' ? 'drop' : 'accept';
    chains.set(chain.name, { name: chain.name, policy, rules: rules.get(chain.name) ?? [] });
  }
  return { family, name, locked: /\bowner\b/.test(flags), chains };
}

function whyUnseen(error: Error, source: FirewallSource): string | null {
  const nothing = 'whether a firewall here drops what is forwarded could not be seen';
  if (error instanceof ToolMissingError) {
    // Without nft there may still be rules: iptables-nft has its own way to the kernel.
    const loaded = /^nf_tables /m.test(source.file('/proc/modules') ?? '');
    return loaded ? `nft is not installed (Debian: apt-get install nftables): ${nothing}` : null;
  }
  const said = error instanceof ToolFailedError ? error.stderr : error.message;
  // A kernel without nftables.
  if (/not supported/i.test(said)) return null;
  if (/not permitted/i.test(said)) return `${nothing} without root`;
  return `${nothing}: ${said.trim().split('\n')[0]}`;
}

/** The old tables name themselves once they are used; a look at their rules by program would bring them into being. */
async function readLegacy(source: FirewallSource): Promise<LegacyTable[]> {
  const found: LegacyTable[] = [];
  for (const [family, prefix] of [
    [6, 'ip6'],
    [4, 'ip'],
  ] as const) {
    if (!/^filter$/m.test(source.file(`/proc/net/${prefix}_tables_names`) ?? '')) continue;
    const rules = await source.run(`${prefix}tables-legacy-save`, ['-t', 'filter']).catch(() => null);
    found.push({ family, rules });
  }
  return found;
}
