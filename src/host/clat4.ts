/** The IPv4 side of a CLAT (CLAT-2): a pair of 192.0.0.0/29 that nobody on this host uses. Pure. */
import { formatIp4 } from '../address/format.ts';
import { type Ip4, inPrefix4, type Prefix4 } from '../address/ip.ts';
import type { HostState } from './state.ts';
import { parseKernel4 } from './text.ts';

/** RFC 7335: set aside for the IPv4 side of a CLAT. */
export const CLAT4_NETWORK: Prefix4 = { address: 0xc0000000 | 0, length: 29 };
/** .1 and .2, .3 and .4, .5 and .6 */
const PAIRS = 3;

export interface Clat4Pair {
  /** This host's address. */
  readonly clat4: Ip4;
  /** The translator's own. */
  readonly ipv4Addr: Ip4;
  /** Of clat4 on the TUN: 29, or 32 where the network is in use elsewhere. */
  readonly length: 29 | 32;
}

export interface Clat4Request {
  readonly tun: string;
  /** --clat-v4-addr */
  readonly wanted: Ip4 | null;
  /** --ipv4-addr: kept where it is not the default. */
  readonly ipv4Addr: Ip4;
}

export function chooseClat4(
  { tun, wanted, ipv4Addr }: Clat4Request,
  state: HostState,
): Clat4Pair | { readonly lacking: string } {
  const others = state.addresses.filter(({ family, dev }) => family === 4 && dev !== tun);
  const taken = others.map(({ address }) => parseKernel4(address));
  const inUse = others.find(({ address, length }) => {
    const network: Prefix4 = { address: parseKernel4(address), length };
    return inPrefix4(CLAT4_NETWORK.address, network) || inPrefix4(network.address, CLAT4_NETWORK);
  });
  const length = inUse === undefined ? 29 : 32;
  const free = (address: Ip4): boolean => !taken.includes(address);
  const byDefault = ipv4Addr === CLAT4_NETWORK.address + 1;
  if (wanted !== null) {
    const holder = others.find(({ address }) => parseKernel4(address) === wanted);
    if (holder !== undefined)
      return { lacking: `${formatIp4(wanted)} (--clat-v4-addr) is an address of ${holder.dev} already` };
    const own = byDefault
      ? (ownAddresses().find((one) => one !== wanted && free(one)) ?? ipv4Addr)
      : ipv4Addr;
    return { clat4: wanted, ipv4Addr: own, length: inPrefix4(wanted, CLAT4_NETWORK) ? length : 32 };
  }
  for (let pair = 0; pair < PAIRS; pair++) {
    const own = CLAT4_NETWORK.address + 1 + 2 * pair;
    const clat4 = own + 1;
    if (free(own) && free(clat4)) return { clat4, ipv4Addr: byDefault ? own : ipv4Addr, length };
  }
  return {
    lacking: `192.0.0.0/29 is all in use here (${others
      .filter(({ address }) => inPrefix4(parseKernel4(address), CLAT4_NETWORK))
      .map(({ address, dev }) => `${address} on ${dev}`)
      .join(', ')}): is another CLAT running? Stop it, or name an address with --clat-v4-addr`,
  };
}

const ownAddresses = (): Ip4[] => Array.from({ length: 2 * PAIRS }, (_, i) => CLAT4_NETWORK.address + 1 + i);
