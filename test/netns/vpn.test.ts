/** Plain `clatd` on a host with VPNs: those that run over the CLAT (CLAT-5), and those whose rules come first (CLAT-10). */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { NATIVE_PATIENCE } from '../../src/host/clat-decision.ts';
import { CLAT_TOOLS, ClatHost, PREF64 } from './clat.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

/** A tunnel with a carrier, up. What is sent into it is lost. */
async function tunnel(name: string): Promise<Process> {
  const { vm } = host.topology;
  const holder = vm.start('python3', [part('hold-tun.py'), name]);
  await holder.says(/ready/);
  vm.ip(`link set ${name} up`);
  return holder;
}

describeNetns('clatd beneath a VPN', CLAT_TOOLS, () => {
  it('stays while the default route of a tunnel over it is there, and after a restart; not for another', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const vpn = await tunnel('vpn0');
    // What OpenVPN, openconnect and NetworkManager do: the server by the way of before, all else by the tunnel.
    vm.ipBatch(`
      address add 10.8.0.2/24 dev vpn0
      route add ${map.web}/32 via 192.0.0.1 dev clat
      route add default dev vpn0 metric 50
    `);
    // Two halves, which win by their length.
    vm.ipBatch('route add 0.0.0.0/1 dev vpn0\nroute add 128.0.0.0/1 dev vpn0');
    await sleep(NATIVE_PATIENCE + 1000);
    expect(await host.works()).toBe(true);
    expect(host.daemon.output).not.toMatch(/no CLAT any more/);
    expect(host.daemon.output).toMatch(
      /vpn0 has an IPv4 default route and sends its own packets through clat/,
    );

    // With the TUN the route to the server goes, and nothing on the host tells what vpn0 runs over.
    await host.daemon.stop();
    vm.ipBatch('route del 0.0.0.0/1 dev vpn0\nroute del 128.0.0.0/1 dev vpn0');
    expect(vm.ip('-4 route show')).not.toContain('clat');
    host.start();
    await host.says(/IPv4 is set up/);
    vm.ip(`route add ${map.web}/32 via 192.0.0.1 dev clat`);
    await host.untilWorks();
    await host.daemon.stop();

    // Another tunnel of that name, over something else.
    await vpn.stop();
    await tunnel('vpn0');
    vm.ip('route add default dev vpn0 metric 50');
    host.start();
    await host.says(/standing back: native IPv4 through vpn0/);
  }, 60_000);
});

/** Everything by the tunnel, as wg-quick has it for AllowedIPs = ::/0. */
const WG_QUICK = `
  route add ::/0 dev wg0 table 51820
  rule add not fwmark 51820 table 51820
  rule add table main suppress_prefixlength 0
`;
const batch6 = (lines: string): void => {
  const { vm } = host.topology;
  vm.exec('ip', ['-6', '-batch', '-'], lines);
};
const rules6 = (): string => host.topology.vm.ip('-6 rule show');

describeNetns('clatd beside policy rules', CLAT_TOOLS, () => {
  it('leaves by its uplink past wg-quick and Tailscale, first among the rules, and takes its rules back', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    await tunnel('wg0');
    vm.ip('address add fd00::2/64 dev wg0 nodad');
    const before = hostState(vm);
    host.start();
    await host.untilWorks();
    expect(rules6()).not.toContain('iif clat');
    batch6(WG_QUICK);
    await host.untilWorks();
    await host.says(
      /wg0 carries the IPv6 packets of this host \(a VPN\) and none of IPv4: IPv4 goes past it/,
    );
    expect(rules6()).toMatch(/^0:.*local\n\d+:.*(iif clat|to 2001:db8:1:1:\S+) lookup 64\d{3}\n/);

    // Tailscale's exit node: rules at fixed places before ours.
    vm.ip('address add fd00::3/64 dev wg0 nodad');
    batch6(
      'route add ::/0 dev wg0 table 52\nrule add pref 5210 fwmark 0x80000/0xff0000 table main\nrule add pref 5270 table 52',
    );
    await host.says(/put before the rules that somebody added/);
    await host.untilWorks();

    // Its end takes back what is its own, and so does the next start after kill -9.
    await host.daemon.stop('SIGKILL');
    expect(rules6()).toContain('lookup 64');
    host.start();
    await host.untilWorks();
    expect(rules6().match(/lookup 64/g)).toHaveLength(2);
    await host.daemon.stop();
    batch6('rule del pref 5270 table 52\nrule del pref 5210 table main\nroute del ::/0 dev wg0 table 52');
    batch6(WG_QUICK.replaceAll(' add ', ' del '));
    vm.ip('address del fd00::3/64 dev wg0');
    expect(hostState(vm)).toEqual(before);
  }, 60_000);

  it('carries the packets of a VPN to its IPv4 server, which would go round in it', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    await tunnel('wg0');
    vm.ipBatch('address add 10.8.0.2/24 dev wg0\naddress add fd00::2/64 dev wg0 nodad');
    batch6(WG_QUICK);
    vm.ipBatch(`
      route add default dev wg0 table 51820
      rule add not fwmark 51820 table 51820
      rule add table main suppress_prefixlength 0
    `);
    host.start();
    await host.says(/IPv4 is set up/);
    // WireGuard marks what it sends itself.
    await until('a packet of WireGuard to come back', async () => {
      return (await vm.run('ping', ['-c1', '-W0.3', '-m', '51820', map.web])).code === 0;
    });
    expect(host.daemon.output).not.toContain('IPv4 goes past it');
  });

  it('gives up for a while, and says so, when somebody puts rules first again and again', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    batch6('rule add pref 30000 fwmark 7 table 7');
    host.start();
    await host.untilWorks();
    const { daemon } = host;
    for (let round = 1; round <= 4; round++) {
      batch6(`rule add pref ${20_000 - 1000 * round} fwmark 7 table 7`);
      await until(`round ${round}`, () => {
        const again = daemon.output.match(/from clat, table \d+: put before/g)?.length ?? 0;
        return (
          again === round || /conflict: somebody keeps putting policy rules before ours/.test(daemon.output)
        );
      });
    }
    expect(daemon.output.match(/from clat, table \d+: put before/g)).toHaveLength(3);
    await host.untilWorks();
  });

  it('has a route to the prefix alone, where there is no default route', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', { ...PREF64, lifetime: 0 });
    host.start();
    await host.says(/IPv6 default route/);
    vm.ip(`route add 2001:db8:64::/64 via ${map.routerLinkLocal} dev eth0`);
    await host.untilWorks();
    vm.ip(`route del 2001:db8:64::/64 via ${map.routerLinkLocal} dev eth0`);
    await host.says(/no CLAT any more/);
  });
});
