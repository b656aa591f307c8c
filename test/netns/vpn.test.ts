/** Plain `clatd` on a host with VPNs: those that run over the CLAT (CLAT-5), and those whose rules come first (CLAT-10). */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { NATIVE_PATIENCE } from '../../src/host/clat-decision.ts';
import { CLAT_TOOLS, ClatHost, PREF64 } from './clat.ts';
import type { Process } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';

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
    await host.says(/vpn0 has an IPv4 default route and sends its own packets through clat/);
    // Two halves, which win by their length.
    vm.ipBatch('route add 0.0.0.0/1 dev vpn0\nroute add 128.0.0.0/1 dev vpn0');
    await sleep(NATIVE_PATIENCE + 1000);
    expect(await host.works()).toBe(true);
    expect(host.daemon.output).not.toMatch(/no CLAT any more/);

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
    await host.says(/no CLAT: native IPv4 through vpn0/);
  }, 60_000);
});
