/** `clatd address query`: what an address is translated to, by which rule, and whether that leads back to it. */
import { find4, find6 } from '../address/eam-table.ts';
import { formatIp4, formatIp6, formatPrefix6 } from '../address/format.ts';
import { equal6, type Ip6 } from '../address/ip.ts';
import { Lookup, MapOutcome, map46, map64 } from '../address/mapper.ts';
import { parseIp4, parseIp6 } from '../address/parse.ts';
import { isMartian4, isMartian6 } from '../address/special.ts';
import { compile } from '../config/compile.ts';
import type { TranslationConfig } from '../config/config.ts';
import type { Tables } from '../translate/tables.ts';
import { eamText } from './explain-mapping.ts';

interface QueryIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Any: mapping addresses needs none. */
const DEVICE_MTU = 1500;

type Address = number | Ip6;

/** What one address becomes: its other form, or why it has none. */
type Answer = { readonly to: Address; readonly by: string } | { readonly why: string };

/** Prints a line or two an address. @returns exit code 0; 1: some have no other form; 2: some are no addresses */
export function queryAddresses(words: readonly string[], config: TranslationConfig, io: QueryIo): number {
  const tables = compile(config, DEVICE_MTU);
  let code = 0;
  for (const word of words) {
    const parsed = word.includes(':') ? parseIp6(word) : parseIp4(word);
    if (!parsed.ok) {
      io.stderr.write(`clatd: address query: ${parsed.message}\n`);
      code = 2;
      continue;
    }
    const address: Address = parsed.value;
    const there = translate(address, config, tables);
    if ('why' in there) {
      io.stdout.write(`${format(address)}: not translated: ${there.why}\n`);
      code = Math.max(code, 1);
      continue;
    }
    io.stdout.write(`${format(address)} -> ${format(there.to)}  (${there.by})\n`);
    const back = translate(there.to, config, tables);
    if ('why' in back) io.stdout.write(`  but ${format(there.to)} is not translated: ${back.why}\n`);
    else if (!same(back.to, address)) {
      io.stdout.write(`  but ${format(there.to)} -> ${format(back.to)}  (${back.by})\n`);
    }
  }
  return code;
}

const format = (address: Address): string =>
  typeof address === 'number' ? formatIp4(address) : formatIp6(address);

const same = (a: Address, b: Address): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : equal6(a, b);

const translate = (address: Address, config: TranslationConfig, tables: Tables): Answer =>
  typeof address === 'number' ? from4(address, config, tables) : from6(address, config, tables);

function from4(address: number, config: TranslationConfig, tables: Tables): Answer {
  if (address === config.ipv4Addr) return { why: 'it is ipv4-addr, clatd itself' };
  if (isMartian4(address)) {
    return {
      why: 'packets from or to 0.0.0.0/8, 127.0.0.0/8, multicast and broadcast addresses are dropped',
    };
  }
  const view = new DataView(new ArrayBuffer(16));
  const outcome = map46(tables, address, Lookup.all, view, 0);
  if (outcome < 0) return { why: whyNot(outcome, 4, config) };
  return {
    to: [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)],
    by: rule(outcome, find4(tables.eam, address), config, tables),
  };
}

function from6(address: Ip6, config: TranslationConfig, tables: Tables): Answer {
  const own = config.ipv6Addr;
  if (own !== null && equal6(own, address)) return { why: 'it is ipv6-addr, clatd itself' };
  if (isMartian6(address[0])) {
    return { why: 'packets from or to link-local, multicast and reserved (::/8) addresses are dropped' };
  }
  const view = new DataView(new ArrayBuffer(16));
  for (const [i, word] of address.entries()) view.setInt32(4 * i, word);
  const into = { mapped: 0 };
  const outcome = map64(tables, view, 0, into);
  if (outcome < 0) return { why: whyNot(outcome, 6, config) };
  return { to: into.mapped, by: rule(outcome, find6(tables.eam, ...address), config, tables) };
}

const rule = (outcome: MapOutcome, entry: number, { pool6 }: TranslationConfig, tables: Tables): string =>
  outcome === MapOutcome.eam ? `mapping ${eamText(tables, entry)}` : `pool6 ${formatPrefix6(pool6!)}`;

function whyNot(outcome: MapOutcome, family: 4 | 6, { pool6, strictSuffix }: TranslationConfig): string {
  switch (outcome) {
    case MapOutcome.denied:
      return 'it is in denylist4';
    case MapOutcome.wellKnown:
      return 'the well-known prefix 64:ff9b::/96 carries no addresses that are not global (--no-wkpf-strict lifts this)';
    case MapOutcome.martian:
      return 'the IPv4 address in it is none a host can have';
    default:
      if (pool6 === null) return 'no mapping has it, and there is no pool6';
      if (family === 4) return 'no mapping has it, and pool6 carries no link-local addresses';
      return `no mapping has it, and it is not in pool6 ${formatPrefix6(pool6)}${strictSuffix ? ' with a suffix of zeros' : ''}`;
  }
}
