/** Firewalls on the way between the translator and the uplink, as they are at present: with our own rules, if they stand. */
import type { Firewall, FirewallTable } from '../firewall.ts';
import { firewallEntries } from '../firewall-plan.ts';
import { drops, type Path } from '../firewall-verdict.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';

export interface FirewallFacts {
  readonly tun: string;
  readonly uplink: string | null;
  readonly running: boolean;
  /** --firewall, as far as clatd sets the host up at all. */
  readonly mode: 'accept' | 'warn' | 'off';
}

/** No rule has such a comment: none is left out. */
const NOBODY = '';

export function judgeFirewall({ tun, uplink, running, mode }: FirewallFacts, firewall: Firewall): Check {
  if (uplink === null) return skipped('firewall', 'there is no uplink');
  const paths: Path[] = [
    { family: 6, from: tun, to: uplink, state: 'new' },
    { family: 6, from: uplink, to: tun, state: 'established' },
  ];
  const dropping = firewall.tables.flatMap((table) => dropsIn(table, paths));
  const planned = firewallEntries(tun, uplink, firewall, [], 'accept');
  const unseen = planned.warnings.filter((warning) => /could not be seen/.test(warning));
  const left = planned.warnings.filter((warning) => !unseen.includes(warning))[0];
  const names = dropping.join(', ');
  const found = `${dropping.length === 1 ? 'the nftables chain' : 'the nftables chains'} ${names} ${dropping.length === 1 ? 'drops' : 'drop'} what is forwarded between ${tun} and ${uplink}`;
  const byHand = `let it through there: nft insert rule ${dropping[0] ?? ''} iifname "${tun}" oifname "${uplink}" accept, and the same the other way`;
  if (dropping.length > 0 && running) return problem('firewall', found, byHand);
  if (left !== undefined) {
    const [what = '', remedy = byHand] = left.split(/: (.*)/, 2);
    return problem('firewall', what, remedy);
  }
  if (dropping.length > 0) {
    return mode === 'accept'
      ? note('firewall', `${found}; clatd adds a rule that lets its packets through while it runs`)
      : problem('firewall', found, `use --firewall accept, or ${byHand}`);
  }
  if (unseen.length > 0) return skipped('firewall', unseen.join('; '));
  const chains = firewall.tables.length;
  return ok(
    'firewall',
    chains === 0
      ? 'none looks at what is forwarded'
      : `what is forwarded between ${tun} and ${uplink} passes the ${chains === 1 ? 'table' : 'tables'} ${firewall.tables.map(({ family, name }) => `${family} ${name}`).join(', ')}`,
  );
}

/** "FAMILY TABLE CHAIN" of the chains at the forward hook that drop one of the paths. */
function dropsIn(table: FirewallTable, paths: readonly Path[]): string[] {
  if (table.family === 'ip') return [];
  return [...table.chains.values()]
    .filter(({ policy }) => policy !== null)
    .filter(({ name }) => paths.some((path) => drops(table, name, path, NOBODY)))
    .map(({ name }) => `${table.family} ${table.name} ${name}`);
}
