/** Native IPv4 that is there and dead, the metric of the default route, and two CLATs on one host (CLAT-5, CLAT-10). */
import { writeFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, PROGRAM } from './clat.ts';
import { hostState } from './host-state.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

const defaults = (): { dev: string; metric?: number }[] => host.topology.vm.ipJson('-4 route show default');

describeNetns('clatd and an IPv4 default route that is dead', CLAT_TOOLS, () => {
  /** A default route to a router that is not there. */
  const dead = async (check: string): Promise<void> => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    vm.ipBatch('address add 10.64.0.2/24 dev eth0\nroute add default via 10.64.0.1 dev eth0 metric 100');
    host.start('--v4-check', check, '--v4-defaultroute-metric', '50');
    await host.says(/is silent through eth0: its IPv4 default route does not count/);
    await host.untilWorks();
    expect(defaults()).toMatchObject([
      { dev: 'clat', metric: 50 },
      { dev: 'eth0', metric: 100 },
    ]);
  };
  /** Now there is somebody behind it. */
  const revive = (): void => {
    host.topology.net.ipBatch(`address add 10.64.0.1/24 dev vm\naddress add ${map.web}/32 dev lo`);
  };

  it('works in spite of it, and makes room when it answers pings', async () => {
    await dead(map.web);
    const planned = await host.topology.vm.run(process.execPath, [
      ...[PROGRAM, 'plan', '--pool6', map.pool6, '--v4-check', map.web],
    ]);
    expect(planned.stdout).not.toMatch(/native IPv4 through/);
    revive();
    await until('native IPv4', () => /no CLAT any more: native IPv4 through eth0/.test(host.daemon.output), {
      timeout: 40_000,
    });
  }, 60_000);

  it('asks by TCP connections too; one that is refused is an answer', async () => {
    await dead(`${map.web}:9`);
    revive();
    await until('an answer', () => /\(--v4-check\) answers through eth0/.test(host.daemon.output), {
      timeout: 40_000,
    });
  }, 60_000);

  it('begins to ask at a reload, and ends at another', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    vm.ipBatch('address add 10.64.0.2/24 dev eth0\nroute add default via 10.64.0.1 dev eth0 metric 100');
    const file = sandbox.file('clatd.toml', 'v4-defaultroute-metric = 50\n');
    const reload = async (text: string): Promise<number> => {
      const from = host.daemon.output.length;
      writeFileSync(file, `v4-defaultroute-metric = 50\n${text}`);
      host.daemon.signal('SIGHUP');
      await host.says(/reloaded; /, from);
      return from;
    };
    host.start('--config', file);
    await host.says(/standing back: native IPv4 through eth0/);
    await reload(`v4-check = "${map.web}"\n`);
    await host.says(/is silent through eth0: its IPv4 default route does not count/);
    await host.untilWorks();
    const from = await reload(`v4-check = "off"\n`);
    await host.says(/no CLAT any more: native IPv4 through eth0/, from, 30_000);
  }, 60_000);

  it('takes another metric at a reload', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    const file = sandbox.file('clatd.toml', 'v4-defaultroute-metric = 3000\n');
    host.start('--config', file);
    await host.untilWorks();
    expect(defaults()).toMatchObject([{ dev: 'clat', metric: 3000 }]);
    writeFileSync(file, 'v4-defaultroute-metric = 70\n');
    host.daemon.signal('SIGHUP');
    await until('the other metric', () => defaults().length === 1 && defaults()[0]!.metric === 70);
    await host.untilWorks();
  });
});

describeNetns('two CLATs on one host', CLAT_TOOLS, () => {
  const twoDefaultRoutes = () =>
    until('two default routes', () =>
      /eth0(.|\n)*eth1|eth1(.|\n)*eth0/.test(host.topology.vm.ip('-6 route show default')),
    );

  it('work by two uplinks with two metrics; with the same one the second says what to do', async () => {
    host = await ClatHost.build({ secondUplink: true });
    const { net, net2, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    new RaSender(sandbox, net2!, 'vm', { ...PREF64, prefixes: [{ prefix: map.vm2Subnet }] });
    await twoDefaultRoutes();
    host.start('--plat-dev', 'eth0');
    await host.untilWorks();
    const second = ['--tun', 'clat2', '--plat-dev', 'eth1'];
    const refused = vm.start(process.execPath, [PROGRAM, ...second]);
    await refused.says(/default route through clat with metric 2048.*--v4-defaultroute-metric takes another/);
    expect((await refused.stop()).code).toBe(0);
    const other = vm.start(process.execPath, [PROGRAM, ...second, '--v4-defaultroute-metric', '3000']);
    await other.says(/IPv4 is set up: 192\.0\.0\.4 as 2001:db8:1:2:\S+ on eth1/);

    const answers = (dev: string) => async () =>
      (await vm.run('ping', ['-c1', '-W0.3', '-I', dev, map.web])).code === 0;
    await until('the first', answers('clat'));
    await until('the second', answers('clat2'));
    // Each by its own uplink: with the first network's way to the NAT64 gone the second goes on.
    net.ip(`route replace blackhole ${map.pool6}`);
    expect(await answers('clat2')()).toBe(true);
    expect(await answers('clat')()).toBe(false);
    net.ip(`route del blackhole ${map.pool6}`);
    net.ip(`route replace ${map.pool6} via fe80::2 dev plat`);
    await until('the first again', answers('clat'));
    // The end of one leaves the other as it is.
    await other.stop();
    await host.untilWorks();
    expect(host.daemon.output).not.toMatch(/no CLAT any more/);
    expect(vm.ip('-6 rule show')).not.toContain('clat2');
  }, 60_000);

  it('the second sets again what the first turned on for both, and at its end turns it off', async () => {
    host = await ClatHost.build({ secondUplink: true });
    const { net, net2, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    new RaSender(sandbox, net2!, 'vm', { ...PREF64, prefixes: [{ prefix: map.vm2Subnet }] });
    await twoDefaultRoutes();
    const before = hostState(vm);
    const proxies = 'net.ipv6.conf.all.proxy_ndp';
    const setting = () => vm.exec('sysctl', ['-n', proxies]).trim();
    const first = host.start('--plat-dev', 'eth0');
    await host.untilWorks();
    const second = vm.start(process.execPath, [
      ...[PROGRAM, '--tun', 'clat2', '--plat-dev', 'eth1', '--v4-defaultroute-metric', '3000'],
    ]);
    const answers = async () => (await vm.run('ping', ['-c1', '-W0.3', '-I', 'clat2', map.web])).code === 0;
    await until('the second', answers);
    expect(second.output).not.toContain(`${proxies} = 1: done`);
    await first.stop();
    await second.says(new RegExp(`${proxies} = 1: done`));
    expect(setting()).toBe('1');
    // Its router must ask anew.
    net2!.ip('-6 neighbour flush dev vm');
    await until('the second still', answers);
    await second.stop();
    expect(setting()).toBe('0');
    expect(hostState(vm).sysctls).toEqual(before.sysctls);
  }, 60_000);
});
