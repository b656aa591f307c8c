/** What is on this side of the translator (CLAT-13), read off the host: addresses, networks, hosts behind it. */
import type { EamList } from '../address/eam.ts';
import { type Inside, insideOf } from '../address/inside.ts';
import { type Ip4, inPrefix4, mask32, type Prefix4 } from '../address/ip.ts';
import { lanPrefixes } from './nat44.ts';
import type { Entry } from './plan.ts';
import type { HostState } from './state.ts';
import { parseKernel4 } from './text.ts';

export interface InsideInput {
  readonly eam: EamList;
  readonly lan: EamList;
  readonly nat44: readonly Prefix4[];
  readonly ipv4Addr: Ip4;
}

/** `entries`: the plan that is being applied, whose addresses are not on the host yet. */
export function readInside(
  { eam, lan, nat44, ipv4Addr }: InsideInput,
  state: HostState,
  entries: readonly Entry[],
): Inside {
  const own = [...ownAddresses(state), ...planned(entries), { address: ipv4Addr, length: 32 }];
  const networks = [...own.map(networkOf), ...connected(state)].filter(({ length }) => length > 0);
  const hosts: Prefix4[] = own.map(({ address }) => ({ address, length: 32 }));
  const lans = lanPrefixes(lan);
  const routers = own.map(({ address }) => address).filter((one) => lans.some((of) => inPrefix4(one, of)));
  const edges = [...lans, ...networks].flatMap(edgesOf);
  return insideOf([...hosts, ...networks, ...nat44], withoutMapped([...routers, ...edges], eam));
}

const ownAddresses = ({ addresses }: HostState): Prefix4[] =>
  addresses
    .filter(({ family }) => family === 4)
    .map(({ address, length }) => ({ address: parseKernel4(address), length }));

const planned = (entries: readonly Entry[]): Prefix4[] =>
  entries.flatMap(({ step }) =>
    step.kind === 'address' && step.family === 4
      ? { address: parseKernel4(step.address), length: step.length }
      : [],
  );

const networkOf = ({ address, length }: Prefix4): Prefix4 => ({ address: address & mask32(length), length });

/** Networks of which the kernel has a route although an address says otherwise: peers, noprefixroute. */
const connected = ({ routes }: HostState): Prefix4[] =>
  routes
    .filter(
      ({ family, protocol, gateway, dst, type }) =>
        family === 4 && protocol === 'kernel' && gateway === null && type === 'unicast' && dst !== 'default',
    )
    .map(({ dst }) => {
      const [address = '', digits] = dst.split('/');
      return { address: parseKernel4(address), length: Number(digits) };
    });

/** Network and broadcast address; a network of one or two addresses has none (RFC 3021). */
const edgesOf = ({ address, length }: Prefix4): Ip4[] =>
  length > 30 ? [] : [address, address | ~mask32(length)];

/** Who maps a single address by itself means it. */
function withoutMapped(addresses: readonly Ip4[], eam: EamList): Ip4[] {
  const left = new Set<Ip4>(addresses);
  for (let i = 0; i < eam.size && left.size > 0; i++) if (eam.length4[i] === 32) left.delete(eam.v4[i]!);
  return [...left];
}
