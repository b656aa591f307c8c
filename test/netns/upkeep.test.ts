/**
 * What was set up is kept true, whoever undoes it (CLAT-16): mappings by hand and the automatic mode, on a quiet network
 * where no other event helps.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, SLAAC } from './clat.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatd, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

describeNetns('a mapping by hand', ['ping', 'nft', 'unshare'], () => {
  let topology: Topology;
  let child: Process;
  const start = async (...options: string[]): Promise<void> => {
    child = (await clatd(...options).start(topology)).process;
  };
  beforeEach(async () => {
    topology = await buildTopology({ delivery: 'translator' });
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${child?.output}\n`);
    await topology?.close();
  });
  /** As a network manager sets up an interface that is there again. */
  const uplinkAgain = (): void => {
    const { vm } = topology;
    vm.ip(`address replace ${map.vmLinkLocal}/64 dev eth0`);
    vm.ip(`address replace ${map.vm}/64 dev eth0`);
    vm.ip(`-6 route replace default via ${map.routerLinkLocal} dev eth0 metric 1024`);
  };

  it('is whole again after each loss, and leaves no trace at the end', async () => {
    const { vm } = topology;
    const before = hostState(vm);
    await start();
    const losses: [string, () => void][] = [
      ['the TUN is down', () => vm.ip('link set clat down')],
      ['the TUN is too narrow for IPv6', () => vm.ip('link set clat mtu 1000')],
      ['the address is gone', () => vm.ip(`address del ${map.clat4}/29 dev clat`)],
      ['the IPv4 default route is gone', () => vm.ip('-4 route del default dev clat')],
      ['the way back is gone', () => vm.ip(`-6 route del ${map.clat6} dev clat`)],
      ['the forwarding of the TUN is off', () => vm.sysctl('net.ipv6.conf.clat.force_forwarding=0')],
      ['the forwarding of the uplink is off', () => vm.sysctl('net.ipv6.conf.eth0.force_forwarding=0')],
      ['nobody answers for neighbours', () => vm.sysctl('net.ipv6.conf.all.proxy_ndp=0')],
    ];
    for (const [what, lose] of losses) {
      lose();
      // The router must ask anew.
      topology.net.ip('-6 neighbour flush dev vm');
      process.stderr.write(`${what}\n`);
      await answersPing(topology, child);
    }
    expect(vm.ipJson('link show clat')[0].mtu).toBe(1500);
    expect(vm.ipJson('-4 route show default')[0].metrics).toEqual([{ mtu: 1480 }]);
    await child.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('follows its uplink: down and up, too narrow for IPv6 for a while, gone and made anew', async () => {
    const { vm, net, sandbox } = topology;
    await start();
    vm.ip('link set eth0 down');
    vm.ip('link set eth0 up');
    uplinkAgain();
    await answersPing(topology, child);

    vm.ip('link set eth0 mtu 1000');
    vm.ip('link set eth0 mtu 1500');
    uplinkAgain();
    await answersPing(topology, child);

    vm.ip('link del eth0');
    sandbox.link({ namespace: vm, name: 'eth0' }, { namespace: net, name: 'vm' });
    net.ipBatch(
      `address add ${map.routerLinkLocal}/64 dev vm nodad\naddress add 2001:db8:1:1::1/64 dev vm nodad`,
    );
    uplinkAgain();
    await answersPing(topology, child);
    expect(vm.ip('-6 neighbour show proxy')).toContain(map.clat6);
    expect((await child.stop()).code).toBe(0);
  });

  it('starts where there is no uplink yet, and is whole once there is one', async () => {
    const { vm } = topology;
    vm.ip('-6 route del default');
    child = vm.start(process.execPath, clatdArguments(topology));
    await child.says(/translating on clat/);
    uplinkAgain();
    await answersPing(topology, child);
    await child.stop();
  });

  it('what somebody undoes again and again is left as it is, and named', async () => {
    const { vm } = topology;
    await start();
    const present = () => vm.ipJson('-4 route show default').length > 0;
    for (let i = 0; i < 3; i++) {
      vm.ip('-4 route del default dev clat');
      await until(`the route, for the ${i + 1}. time`, present);
    }
    vm.ip('-4 route del default dev clat');
    await child.says(/IPv4 default route through clat: somebody undid it three times within a minute/);
    expect(present()).toBe(false);
    // All else is kept true.
    vm.ip(`-6 route del ${map.clat6} dev clat`);
    await until('the other route', () => vm.ipJson(`-6 route show ${map.clat6}`).length > 0);
    expect(present()).toBe(false);
    expect((await child.stop()).code).toBe(0);
  });

  it('does without what only makes things nicer', async () => {
    const { vm } = topology;
    const before = hostState(vm);
    const delay = '/proc/sys/net/ipv6/neigh/eth0/proxy_delay';
    child = vm.start('unshare', [
      ...['--mount', 'sh', '-c'],
      `mount --bind ${delay} ${delay} && mount -o remount,bind,ro ${delay} && exec "$0" "$@"`,
      ...[process.execPath, ...clatdArguments(topology)],
    ]);
    await answersPing(topology, child);
    const named = child.output.split('\n').filter((line) => /proxy_delay = 0 could not be had/.test(line));
    expect(named).toHaveLength(1);
    await child.stop();
    expect(hostState(vm)).toEqual(before);
  });
});

describeNetns('the automatic mode', CLAT_TOOLS, () => {
  let host: ClatHost;
  afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

  it('hears what happens after more happened than the kernel could tell', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    const daemon = host.start();
    await host.untilWorks();
    // While it sleeps nobody reads: the overrun is certain.
    daemon.signal('SIGSTOP');
    const change = 'address add 198.51.100.77/32 dev lo\naddress del 198.51.100.77/32 dev lo\n';
    vm.ipBatch(change.repeat(15_000));
    daemon.signal('SIGCONT');
    await host.untilWorks();
    vm.ip('-4 route del default dev clat');
    await host.untilWorks();
    await host.says(/the kernel had more events than could be queued: everything is read anew/);
    // And events are heard as before.
    vm.ip('-4 route del default dev clat');
    await host.untilWorks();
    await router.change({ ...SLAAC, pref64: [{ prefix: map.pool6, lifetime: 0 }] });
    await host.untilGone();
    expect(daemon.output.match(/more events than could be queued/g)).toHaveLength(1);
  });

  it('hears of sysctls that somebody sets back', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    for (const setting of [
      'net.ipv6.conf.all.proxy_ndp',
      'net.ipv6.conf.clat.force_forwarding',
      'net.ipv6.conf.eth0.force_forwarding',
      'net.ipv6.conf.eth0.forwarding',
    ]) {
      vm.sysctl(`${setting}=0`);
      await until(setting, () => vm.exec('sysctl', ['-n', setting]).trim() === '1');
    }
    await host.untilWorks();
  });

  it('looks every half a minute for what there is no event of', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    // Nothing else happens from here on.
    await router.stop();
    vm.ip(`-6 neighbour del proxy ${host.clat6()} dev eth0`);
    vm.sysctl('net.ipv6.neigh.eth0.proxy_delay=80');
    const again = () => vm.ip('-6 neighbour show proxy').includes(host.clat6()!);
    await until('the proxy entry', again, { timeout: 40_000, interval: 200 });
    await until(
      'the delay',
      () => vm.exec('sysctl', ['-n', 'net.ipv6.neigh.eth0.proxy_delay']).trim() === '0',
    );
    await host.untilWorks();
  }, 60_000);
});
