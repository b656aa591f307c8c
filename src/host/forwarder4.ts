/**
 * Does this host forward IPv4 for others, containers and virtual machines above all? Docker and libvirt turn
 * net.ipv4.ip_forward on, which every interface follows: what tells is an interface besides the uplink and the TUN for
 * packets to come in by.
 */
import type { HostState } from './state.ts';

/** The first interface that is up and forwards IPv4, but the loopback, `tun` and `uplink`; null: none. */
export function forwarder4({ links, sysctls }: HostState, tun: string, uplink: string | null): string | null {
  const forwards = ({ name, up, enslaved }: HostState['links'][number]): boolean =>
    up &&
    !enslaved &&
    !['lo', tun, uplink].includes(name) &&
    sysctls.read(`net/ipv4/conf/${name}/forwarding`) === '1';
  return links.find(forwards)?.name ?? null;
}
