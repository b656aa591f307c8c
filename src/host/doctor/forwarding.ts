/** Whether packets get from the translator to the uplink and back: forwarding, accept_ra, neighbour proxy. */
import { formatIp6 } from '../../address/format.ts';
import { equal6, type Ip6, inPrefix6 } from '../../address/ip.ts';
import { onLink6 } from '../clat-address.ts';
import { findLink, type HostState } from '../state.ts';
import { dotted } from '../sysctl.ts';
import { parseKernel6 } from '../text.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';

export interface ForwardingFacts {
  readonly tun: string;
  /** null: there is none. */
  readonly uplink: string | null;
  /** What clatd does about the host. */
  readonly clatd: 'sets-up' | 'sets-nothing-up';
  /** A clatd serves `tun` at present. */
  readonly running: boolean;
  /** It has set nothing up: it waits. */
  readonly idle?: boolean;
}

const CONF = 'net/ipv6/conf';

export function judgeForwarding(facts: ForwardingFacts, state: HostState): Check[] {
  if (facts.uplink === null) {
    const why = 'there is no uplink';
    return [skipped('forwarding', why), skipped('accept-ra', why), skipped('nd-proxy', why)];
  }
  return [
    forwarding({ ...facts, uplink: facts.uplink }, state),
    acceptRa(facts.uplink, state),
    proxy({ ...facts, uplink: facts.uplink }, state),
  ];
}

type WithUplink = ForwardingFacts & { readonly uplink: string };

/** The kernel asks the interface a packet came in by, or the switch for all (forwarding.ts). */
function forwarding(
  { tun, uplink, clatd, running, idle = false }: WithUplink,
  { sysctls }: HostState,
): Check {
  const on = (key: string): boolean => sysctls.read(`${CONF}/${key}`) === '1';
  if (on('all/forwarding')) return ok('forwarding', 'on for all interfaces');
  const perInterface = sysctls.read(`${CONF}/all/force_forwarding`) !== null;
  const off = [tun, uplink].filter((dev) => !on(`${dev}/force_forwarding`));
  if (perInterface && off.length === 0) return ok('forwarding', `on for ${tun} and ${uplink}`);
  if (clatd === 'sets-up' && (!running || idle)) {
    const what = perInterface ? `for ${tun} and ${uplink}` : 'for all interfaces';
    return ok(
      'forwarding',
      `off; clatd turns it on ${what} while ${running ? 'there is a CLAT' : 'it runs'}`,
    );
  }
  const found = perInterface ? `off for ${off.join(' and ')}` : 'off';
  const keys = perInterface
    ? off.map((dev) => `${CONF}/${dev}/force_forwarding`)
    : [`${CONF}/all/forwarding`];
  return problem(
    'forwarding',
    `${found}: packets cannot pass between ${tun} and ${uplink}`,
    keys.map((key) => `sysctl -w ${dotted(key)}=1`).join('; '),
  );
}

function acceptRa(uplink: string, state: HostState): Check {
  const value = state.sysctls.read(`${CONF}/${uplink}/accept_ra`);
  const forwards = state.sysctls.read(`${CONF}/${uplink}/forwarding`) === '1';
  const learned = state.routes.some(
    ({ family, dst, protocol, devs }) =>
      family === 6 && dst === 'default' && protocol === 'ra' && devs.includes(uplink),
  );
  if (value === '0') {
    return ok('accept-ra', `0 on ${uplink}: a network manager listens to routers, or nobody needs to`);
  }
  if (value === '1' && forwards) {
    const found = `1 on ${uplink}, which forwards: the kernel ignores router advertisements`;
    const remedy = `sysctl -w ${dotted(`${CONF}/${uplink}/accept_ra`)}=2`;
    // A route somebody set stays, whatever routers say.
    return learned
      ? problem('accept-ra', `${found}, and the default route will expire`, remedy)
      : note('accept-ra', found, `${remedy}, where its routers are to be heard`);
  }
  return ok('accept-ra', `${value} on ${uplink}: router advertisements are heard`);
}

/** Addresses of the translator in a network of the uplink: neighbours ask for them. */
function proxy({ tun, uplink, clatd, running }: WithUplink, state: HostState): Check {
  if (findLink(state, tun) === undefined) {
    return clatd === 'sets-up'
      ? skipped('nd-proxy', 'clatd sets it while it runs, where neighbours ask for its IPv6 address')
      : skipped('nd-proxy', `there is no ${tun} yet`);
  }
  const networks = onLink6(state, uplink);
  const asked = translated6(state, tun).filter((address) =>
    networks.some((network) => inPrefix6(address, network)),
  );
  if (findLink(state, uplink)?.neighbours !== true || asked.length === 0) {
    return ok('nd-proxy', `not needed: no address of the translator lies in a network of ${uplink}`);
  }
  const lacking = asked.filter(
    (address) => !state.proxies.some((entry) => entry.dev === uplink && equal6(entry.address, address)),
  );
  const remedies = lacking.map((address) => `ip -6 neighbour add proxy ${formatIp6(address)} dev ${uplink}`);
  const on = (key: string): boolean => state.sysctls.read(`${CONF}/${key}`) === '1';
  if (!on('all/proxy_ndp') && !on(`${uplink}/proxy_ndp`)) {
    remedies.push(`sysctl -w ${dotted(`${CONF}/all/proxy_ndp`)}=1`);
  }
  if (!on(`${uplink}/forwarding`)) remedies.push(`sysctl -w ${dotted(`${CONF}/${uplink}/forwarding`)}=1`);
  const names = asked.map(formatIp6).join(', ');
  if (remedies.length === 0) return ok('nd-proxy', `${uplink} answers for ${names}`);
  const found = `${uplink} does not answer neighbours who ask for ${names}`;
  // A router with a route to this host for that address asks nobody.
  if (!running)
    return note('nd-proxy', `${found}; fine where the router has a route to here`, remedies.join('; '));
  return problem('nd-proxy', found, remedies.join('; '));
}

/** Neither addresses nor routes lead into the translator. */
export const isIdle = ({ addresses, routes }: HostState, tun: string): boolean =>
  !addresses.some(({ family, dev }) => family === 4 && dev === tun) &&
  !routes.some(({ dst, devs }) => devs.includes(tun) && !/^(fe80|ff)/.test(dst));

/** Single IPv6 addresses that are routed to the translator. */
export function translated6({ routes }: HostState, tun: string): Ip6[] {
  return routes.flatMap(({ family, dst, devs }) =>
    family === 6 && devs.includes(tun) && dst.endsWith('/128') ? [parseKernel6(dst.slice(0, -4))] : [],
  );
}
