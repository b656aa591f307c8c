/** Which routing table is ours (CLAT-10), and how our routes are told from those of others. Pure. */
import type { HostState } from './state.ts';

/** Of the route to the NAT64's prefix: nobody else's, so that it is known again. */
export const OUR_WAY_METRIC = 464;

/** Numbers of the tables of CLATs. iproute2, systemd-networkd, wg-quick and Tailscale take others. */
const FIRST = 64_000;
const COUNT = 1000;

/** A table of this or another clatd. */
export const isClatTable = (table: string): boolean => {
  const number = Number(table);
  return number >= FIRST && number < FIRST + COUNT;
};

/** Our table: the one that our rule leads to, else one that nobody uses. The same TUN begins with the same number. */
export function ownTable({ rules, tables }: HostState, tun: string): number {
  const ours = rules.find(({ iif, table }) => iif === tun && table !== null && isClatTable(table));
  if (ours !== undefined) return Number(ours.table);
  const withOurRoutes = tables.find(({ table, devs }) => isClatTable(table) && devs.includes(tun));
  if (withOurRoutes !== undefined) return Number(withOurRoutes.table);
  const used = new Set([...rules, ...tables].map(({ table }) => table));
  const first = hash(tun) % COUNT;
  for (let i = 0; i < COUNT; i++) {
    const number = FIRST + ((first + i) % COUNT);
    if (!used.has(`${number}`)) return number;
  }
  return FIRST + first;
}

/** FNV-1a: two CLATs that start at once begin at different numbers. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
