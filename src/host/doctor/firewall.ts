/** Firewalls on the translator's packets' ways through this host, as they are at present: with our own rules, if they stand. */
import type { Firewall, FirewallTable } from '../firewall.ts';
import { type Behind, betweens, firewallEntries, passesTable, pathsOf } from '../firewall-plan.ts';
import { drops, type Path } from '../firewall-verdict.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';

export interface FirewallFacts {
  readonly tun: string;
  readonly uplink: string | null;
  /** Hosts whose packets are forwarded to the translator (--lan, --nat44). */
  readonly behind: readonly Behind[];
  /** Of which of them it is not known where they are, one sentence each. */
  readonly nowhere: readonly string[];
  readonly running: boolean;
  /** --firewall, as far as clatd sets the host up at all. */
  readonly mode: 'accept' | 'warn' | 'off';
}

/** No rule has such a comment: none is left out. */
const NOBODY = '';

export function judgeFirewall(facts: FirewallFacts, firewall: Firewall): Check {
  const { tun, uplink, behind, nowhere, running, mode } = facts;
  const paths = pathsOf(tun, uplink, behind);
  if (paths.length === 0) return skipped('firewall', ['there is no uplink', ...nowhere].join('; '));
  const dropping = firewall.tables.flatMap((table) => dropsIn(table, paths));
  const planned = firewallEntries(tun, uplink, firewall, behind, 'accept');
  const unseen = planned.warnings.filter((warning) => /could not be seen/.test(warning));
  const left = planned.warnings.filter((warning) => !unseen.includes(warning))[0];
  const names = dropping.map(({ chain }) => chain).join(', ');
  const dropped = paths.filter((path) => dropping.some((one) => one.paths.includes(path)));
  const found = `${dropping.length === 1 ? 'the nftables chain' : 'the nftables chains'} ${names} ${dropping.length === 1 ? 'drops' : 'drop'} what is forwarded between ${betweens(dropped)}`;
  if (dropping.length > 0 && running) return problem('firewall', found, byHand(dropping));
  if (left !== undefined) {
    const [what = '', remedy = byHand(dropping)] = left.split(/: (.*)/, 2);
    return problem('firewall', what, remedy);
  }
  if (dropping.length > 0) {
    return mode === 'accept'
      ? note('firewall', `${found}; clatd adds a rule that lets its packets through while it runs`)
      : problem('firewall', found, `use --firewall accept, or ${byHand(dropping)}`);
  }
  if (unseen.length > 0) return skipped('firewall', unseen.join('; '));
  const tables = firewall.tables.map(({ family, name }) => `${family} ${name}`).join(', ');
  const fine =
    firewall.tables.length === 0
      ? 'none looks at what is forwarded'
      : `what is forwarded between ${betweens(paths)} passes the ${firewall.tables.length === 1 ? 'table' : 'tables'} ${tables}`;
  return nowhere.length === 0
    ? ok('firewall', fine)
    : note(
        'firewall',
        [fine, ...nowhere].join('; '),
        'ip route add PREFIX dev INTERFACE, then restart clatd',
      );
}

interface Dropping {
  /** "FAMILY TABLE CHAIN" */
  readonly chain: string;
  readonly paths: readonly Path[];
}

/** The chains at the forward hook that drop some of the paths. */
function dropsIn(table: FirewallTable, all: readonly Path[]): Dropping[] {
  return [...table.chains.values()].flatMap(({ name, policy }) => {
    const paths = all.filter(
      (path) => policy !== null && passesTable(path, table) && drops(table, name, path, NOBODY),
    );
    return paths.length === 0 ? [] : [{ chain: `${table.family} ${table.name} ${name}`, paths }];
  });
}

function byHand(dropping: readonly Dropping[]): string {
  const rules = dropping.flatMap(({ chain, paths }) =>
    paths.map(({ from, to }) => `nft insert rule ${chain} iifname "${from}" oifname "${to}" accept`),
  );
  return `let it through there: ${[...new Set(rules)].join('; ')}`;
}
