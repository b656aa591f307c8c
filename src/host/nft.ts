/**
 * nftables through the program `nft`: its JSON for reading, scripts for changing. A call takes 3 ms, whatever other
 * tables hold (nft 1.0.6 asks the kernel only for what is listed; Debian 12, two cores, 2026-11).
 */
import { runTool, ToolFailedError } from './iproute.ts';

export type NftFamily = 'ip' | 'ip6' | 'inet';

/** One object of the answer, by its kind (libnftables-json(5)); fields beyond these are left alone. */
export interface NftObject {
  readonly table?: { readonly family: string; readonly name: string; readonly flags?: unknown };
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly prio?: number;
    readonly policy?: string;
  };
  readonly rule?: {
    readonly chain: string;
    readonly handle: number;
    readonly comment?: string;
    readonly expr?: readonly NftExpression[];
  };
}

/** A match, statement or verdict: one key, what it says below. */
export type NftExpression = Readonly<Record<string, unknown>>;

/** `nft -j list WHAT`, without the elements of sets. Throws ToolMissingError or ToolFailedError. */
export async function nftList(what: string): Promise<readonly NftObject[]> {
  const text = await runTool('nft', ['--json', '--terse', 'list', ...what.split(' ')]);
  if (text.trim() === '') return [];
  return (JSON.parse(text) as { nftables?: readonly NftObject[] }).nftables ?? [];
}

/** Runs a script: all of it or nothing (one transaction). Throws ToolMissingError or ToolFailedError. */
export async function nftScript(script: string): Promise<void> {
  await runTool('nft', ['--file', '-'], script);
}

/** True where nft said that the table, chain or rule does not exist. */
export const isNoSuch = (error: unknown): boolean =>
  error instanceof ToolFailedError && /No such file or directory/.test(error.stderr);

const OWN = 'clatd_';

/** The name of the tables that belong to a device of clatd. */
export const tableOf = (tun: string): string => `${OWN}${tun.replace(/[^\w.-]/g, '_')}`;

/** A table of this or another clatd. */
export const isClatdTable = (name: string): boolean => name.startsWith(OWN);

/** A name that a script may hold as it is; others (iptables allows nearly anything) are left alone. */
export const isPlainName = (name: string): boolean => /^[A-Za-z_.][\w./-]*$/.test(name);

/** An interface name that a script may hold in quotes: `*` would be a wildcard, quotes and backslashes need more care. */
export const isPlainInterface = (name: string): boolean => /^[^\s*"\\]+$/.test(name);
