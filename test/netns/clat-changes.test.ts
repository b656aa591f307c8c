/**
 * Plain `clatd` while the network changes: prefixes, addresses, uplinks, MTU, native IPv4 (CLAT-5, CLAT-6, CLAT-7, CLAT-8,
 * CLAT-10; DISC-6, DISC-7).
 */
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, SLAAC } from './clat.ts';
import { ScriptedDns64 } from './dns64.ts';
import { hostState } from './host-state.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

const OTHER = '2001:db8:65::/96';
/** ms that native IPv4 must last, and some more for a slow machine. */
const NATIVE = 20_000;

describeNetns('clatd and a network that changes', [...CLAT_TOOLS, 'curl'], () => {
  it('stands back when the prefix is withdrawn, and leaves the host as it was; comes back with it', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    host.start();
    await host.untilWorks();
    await router.change({ ...SLAAC, pref64: [{ prefix: map.pool6, lifetime: 0 }] });
    await host.untilGone();
    await host.says(/no CLAT any more: no NAT64 prefix on eth0/);
    // The device stays, and the sysctls that every interface has.
    const after = hostState(vm);
    const ofOthers = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !/\bclat\b|\/clat\//.test(line))
        .join('\n');
    for (const part of ['routes4', 'proxies', 'firewall', 'sysctls'] as const)
      expect(ofOthers(after[part]!)).toBe(ofOthers(before[part]!));
    await router.change(PREF64);
    await host.untilWorks();
  });

  it('changes to another prefix within a second, and keeps the address', async () => {
    host = await ClatHost.build({ morePool6: [OTHER] });
    const { vm, net, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const address = host.clat6();
    const routes = vm.ip('-4 route show default');
    await router.change({ ...SLAAC, pref64: [{ prefix: map.pool6, lifetime: 0 }, { prefix: OTHER }] });
    const told = performance.now();
    await host.says(/NAT64 2001:db8:65::\/96/);
    await host.untilWorks();
    process.stderr.write(`IPv4 works by the other prefix after ${Math.round(performance.now() - told)} ms\n`);
    expect(host.clat6()).toBe(address);
    expect(vm.ip('-4 route show default')).toBe(routes);
    // The old prefix comes back: the one in use is kept (DISC-7).
    await router.change({ ...SLAAC, pref64: [{ prefix: map.pool6 }, { prefix: OTHER }] });
    await router.change({ ...SLAAC, pref64: [{ prefix: map.pool6 }, { prefix: OTHER }] });
    await host.untilWorks();
    expect(host.daemon.output.match(/IPv4 is set up:/g)).toHaveLength(2);
  });

  it('asks other resolvers as soon as they are others', async () => {
    host = await ClatHost.build({ morePool6: [OTHER] });
    const { net, vm, sandbox } = host.topology;
    net.ipBatch('address add 2001:db8:1:1::53/64 dev vm\naddress add 2001:db8:1:1::54/64 dev vm');
    await new ScriptedDns64(sandbox, net, '2001:db8:1:1::53', { prefixes: [map.pool6], ttl: 600 }).ready();
    await new ScriptedDns64(sandbox, net, '2001:db8:1:1::54', { prefixes: [OTHER], ttl: 600 }).ready();
    vm.resolvConf('nameserver 2001:db8:1:1::53\n');
    new RaSender(sandbox, net, 'vm', SLAAC);
    host.start();
    await host.untilWorks();
    vm.resolvConf('nameserver 2001:db8:1:1::54\n');
    await host.says(/NAT64 2001:db8:65::\/96 \(from DNS, 2001:db8:1:1::54\)/);
    await host.untilWorks();
  });

  it('takes a new address when the uplink is renumbered', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    net.ip('address add 2001:db8:1:9::1/64 dev vm');
    await router.change({
      prefixes: [{ prefix: map.vmSubnet, preferred: 0 }, { prefix: '2001:db8:1:9::/64' }],
      pref64: [{ prefix: map.pool6 }],
    });
    await until('an address in the new network', () => host.clat6()?.startsWith('2001:db8:1:9:'));
    await host.untilWorks();
    expect(vm.ip('-6 route show dev clat').match(/2001:db8/g)).toHaveLength(1);
    expect(vm.ip('-6 neighbour show proxy').trim().split('\n')).toHaveLength(1);
  });

  it('comes back after the uplink was down', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    vm.ip('link set eth0 down');
    await host.untilGone();
    vm.ip('link set eth0 up');
    vm.ip(`address add ${map.vmLinkLocal}/64 dev eth0`);
    await host.untilWorks();
    // The cable, not the interface: the kernel keeps addresses and routes, and marks them.
    net.ip('link set vm down');
    await host.says(/(no CLAT any more: no IPv6 default route(.|\n)*){2}/);
    net.ip('link set vm up');
    net.ipBatch(
      `
      address add 2001:db8:1:1::1/64 dev vm
      address add ${map.routerLinkLocal}/64 dev vm
    `.replace(/address add/g, 'address replace'),
    );
    await host.untilWorks();
  });

  it('believes the routers of the network it roamed to, not those of the one before', async () => {
    host = await ClatHost.build({ morePool6: [OTHER] });
    const { net, sandbox } = host.topology;
    const before = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    await before.stop();
    net.ip('link set vm down');
    await host.says(/no CLAT any more/);
    net.ip('link set vm up');
    net.ipBatch(`
      address replace 2001:db8:1:1::1/64 dev vm
      address replace ${map.routerLinkLocal}/64 dev vm
      route replace blackhole ${map.pool6}
    `);
    new RaSender(sandbox, net, 'vm', { ...SLAAC, pref64: [{ prefix: OTHER }] });
    await host.says(/NAT64 2001:db8:65::\/96/);
    await host.untilWorks();
  });

  it('follows the MTU of the network, without losing anything', async () => {
    host = await ClatHost.build({ downloadBytes: 500_000 });
    const { net, vm, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const proxies = vm.ip('-6 neighbour show proxy');
    await router.change({ ...PREF64, mtu: 1400 });
    await until('the MTU of the TUN', () => vm.ipJson('link show clat')[0].mtu === 1400);
    await until('the MTU of the route', () => vm.ip('-4 route show default').includes('mtu 1380'));
    await host.untilWorks();
    expect(vm.ip('-6 neighbour show proxy')).toBe(proxies);
    const fetched = await vm.run('sh', ['-c', `curl -sS --max-time 10 http://${map.web}/download | wc -c`]);
    expect(fetched.stdout.trim()).toBe('500000');
    vm.ip('link set eth0 mtu 1300');
    await until('the MTU of the TUN', () => vm.ipJson('link show clat')[0].mtu === 1300);
    await host.untilWorks();
    await host.daemon.stop();
    expect(vm.ip('-4 route show')).toBe('');
  });

  it('makes room for native IPv4 that stays, at once at the start, and comes back when it goes', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    vm.ipBatch('address add 10.64.0.2/24 dev eth0\nroute add default via 10.64.0.1 dev eth0 metric 100');
    // Shortly there is no reason: the native route is preferred by its metric.
    await until('both default routes', () => vm.ipJson('-4 route show default').length === 2);
    await host.untilGone(NATIVE);
    await host.says(/no CLAT any more: native IPv4 through eth0/);
    vm.ip('route del default via 10.64.0.1 dev eth0 metric 100');
    await host.untilWorks();
    await host.daemon.stop();

    vm.ip('route add default via 10.64.0.1 dev eth0 metric 100');
    host.start();
    await host.says(/standing back: native IPv4 through eth0/);
    expect(vm.ip('-4 route show dev clat')).toBe('');
    await host.daemon.stop();
    host.start('--enable', 'force');
    await host.says(/IPv4 is set up:/);
    expect(vm.ipJson('-4 route show default')).toMatchObject([
      { dev: 'eth0' },
      { dev: 'clat', metric: 2048 },
    ]);
  }, 60_000);

  it('with two uplinks uses the one that has a NAT64, and follows it', async () => {
    host = await ClatHost.build({ secondUplink: true });
    const { net, net2, vm, sandbox } = host.topology;
    const [first, second] = [
      new RaSender(sandbox, net, 'vm', SLAAC),
      new RaSender(sandbox, net2!, 'vm', {
        prefixes: [{ prefix: map.vm2Subnet }],
        pref64: [{ prefix: map.pool6 }],
      }),
    ];
    host.start();
    await host.untilWorks();
    expect(host.clat6()).toMatch(/^2001:db8:1:2:/);
    await host.says(/on eth1, NAT64/);
    // Now the first has one, and the second no more.
    await first.change(PREF64);
    await second.change({
      prefixes: [{ prefix: map.vm2Subnet }],
      pref64: [{ prefix: map.pool6, lifetime: 0 }],
    });
    await until('an address of the first uplink', () => host.clat6()?.startsWith('2001:db8:1:1:'));
    await host.untilWorks();
    expect(vm.ip('-6 neighbour show proxy')).not.toContain('eth1');
  });
});
