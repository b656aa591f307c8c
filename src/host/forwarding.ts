/**
 * Letting IPv6 packets pass between the TUN and the uplink, with as little effect on the rest of the host as its kernel
 * allows.
 *
 * Since Linux 6.17 an interface can forward by itself (`force_forwarding`). The kernel asks the interface a packet came
 * in by, so it is set on the TUN for the way out and on the uplink for the way back; router advertisements and all other
 * interfaces are not concerned. (Tried on 6.18: with either of the two at 0, a ping gets no answer.)
 *
 * Older kernels know only the switch for all interfaces. It makes an interface with accept_ra=1 ignore router
 * advertisements, and removes the default routes learned from them, so accept_ra=2 comes first (CLAT-9), on every
 * interface that listens today. Turning it back off writes 0 to every interface; the values are kept one by one.
 *
 * Neighbour proxy answers only on interfaces whose own `forwarding` is 1, force_forwarding does not count. And of the two
 * proxy_ndp switches the one for all interfaces is needed: with the uplink's alone a router's unicast probe (neighbour
 * unreachability detection) is forwarded into the TUN in place of being answered (tried on 6.18). It has no effect where
 * there are no proxy entries.
 */
import type { Entry } from './plan.ts';
import type { HostState } from './state.ts';

const CONF = 'net/ipv6/conf';

export function forwardingEntries(
  tun: string,
  uplink: string | null,
  proxy: boolean,
  { sysctls, routes }: HostState,
): Entry[] {
  const entries: Entry[] = [];
  const set = (key: string, value: string, why: string, drags: readonly string[] = []) =>
    entries.push({ why, step: { kind: 'sysctl', key: `${CONF}/${key}`, value, drags } });
  const read = (key: string) => sysctls.read(`${CONF}/${key}`);
  const interfaces = sysctls.list(CONF).filter((name) => name !== 'all' && name !== 'lo' && name !== tun);

  const forwardsAll = read('all/forwarding') === '1';
  const perInterface = read('all/force_forwarding') !== null;
  if (!forwardsAll && perInterface) {
    set(`${tun}/force_forwarding`, '1', 'What the translator sends must be forwarded to the uplink.');
    if (uplink !== null) {
      set(
        `${uplink}/force_forwarding`,
        '1',
        `Answers coming in by ${uplink} must be forwarded to the translator.`,
      );
    }
  }
  if (!forwardsAll && !perInterface) {
    for (const name of interfaces) {
      if (read(`${name}/accept_ra`) === '1' && read(`${name}/forwarding`) === '0') {
        set(`${name}/accept_ra`, '2', keepsListening(name));
      }
    }
    set(
      'all/forwarding',
      '1',
      'Packets must pass between the translator and the uplink; this kernel can forward only on all interfaces at once.',
      sysctls.list(CONF).flatMap((name) => (name === 'all' ? [] : [`${CONF}/${name}/forwarding`])),
    );
  }
  if (proxy && uplink !== null) {
    if (read(`${uplink}/forwarding`) === '0' && (forwardsAll || perInterface)) {
      // Turning forwarding on anywhere removes learned default routes everywhere but where accept_ra is 2.
      const learned = new Set(
        routes
          .filter((r) => r.family === 6 && r.dst === 'default' && r.protocol === 'ra')
          .flatMap((r) => r.devs),
      );
      for (const name of interfaces) {
        if (name !== uplink && !learned.has(name)) continue;
        if (read(`${name}/accept_ra`) === '1') set(`${name}/accept_ra`, '2', keepsListening(name));
      }
      set(
        `${uplink}/forwarding`,
        '1',
        `Neighbour proxy answers only on interfaces that forward in their own right.`,
      );
    }
    set(
      'all/proxy_ndp',
      '1',
      `Lets proxy entries answer; the switch of ${uplink} alone would leave a router's unicast probes unanswered.`,
    );
    const delay = `net/ipv6/neigh/${uplink}/proxy_delay`;
    if ((sysctls.read(delay) ?? '0') !== '0') {
      entries.push({
        why: 'Proxy entries answer after up to 0.8 s, lest several proxies speak at once; there is one here, and the first packet waits for it.',
        step: { kind: 'sysctl', key: delay, value: '0', drags: [] },
        optional: true,
      });
    }
  }
  return entries;
}

const keepsListening = (name: string) =>
  `An interface that forwards ignores router advertisements unless accept_ra is 2, and ${name === 'default' ? 'new interfaces listen' : `${name} listens`} to them now.`;
