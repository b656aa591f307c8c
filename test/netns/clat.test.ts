/** Plain `clatd` (CLAT-1): where it finds the prefix (DISC-1), and that it leaves nothing behind. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, PROGRAM, SLAAC } from './clat.ts';
import { ScriptedDns64, startUnbound } from './dns64.ts';
import { hostState } from './host-state.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { dropForwarded, map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
const REAL_IP = spawnSync('sh', ['-c', 'command -v ip'], { encoding: 'utf8' }).stdout.trim();
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

/** CPU time of all threads of a process, in ticks of 10 ms (proc(5), fields 14 and 15 of stat). */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

describeNetns('clatd without options', [...CLAT_TOOLS, 'unshare'], () => {
  it('takes the prefix from the router and an address from the /64, and leaves nothing behind', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    host.start();
    await host.untilWorks();
    await host.says(
      /IPv4 is set up: 192\.0\.0\.2 as 2001:db8:1:1:\S+ on eth0, NAT64 2001:db8:64::\/96 \(said by the router fe80::1\)/,
    );
    expect(vm.ip('-6 neighbour show proxy')).toContain(host.clat6());
    const { code } = await host.daemon.stop();
    expect(code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });

  it('told to end in the middle of a change, it ends when the change is made, and undoes it', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    // An `ip` that waits in the middle of a change for as long as the gate is shut.
    const gate = join(sandbox.folder, 'gate');
    const slow = sandbox.file(
      'ip',
      `#!/bin/sh
case " $* " in *" -json "*) ;; *" -batch "*) while [ -e ${gate} ]; do : >${gate}.reached; sleep 0.02; done;; esac
exec ${REAL_IP} "$@"
`,
    );
    const mounted = 'mount -t tmpfs none /usr/local/sbin && install "$0" /usr/local/sbin/ip && exec "$@"';
    const daemon = vm.start('unshare', ['--mount', 'sh', '-c', mounted, slow, process.execPath, PROGRAM], {
      env: { STATE_DIRECTORY: host.stateDirectory },
    });
    await daemon.says(/IPv4 is set up/);
    const proxy = vm.ip('-6 neighbour show proxy').split(' ')[0]!;
    writeFileSync(gate, '');
    vm.ip(`-6 neighbour delete proxy ${proxy} dev eth0`);
    vm.ip('-6 address add 2001:db8:1:1::e/64 dev eth0 nodad');
    await until('a change under way', () => existsSync(`${gate}.reached`));
    daemon.signal('SIGTERM');
    vm.ip('-6 address del 2001:db8:1:1::e/64 dev eth0');
    rmSync(gate);
    expect((await daemon.stop('SIGTERM', 10_000)).code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });

  it('asks the resolver where the router does not say, and takes the same address as before', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    net.ip('address add 2001:db8:1:1::53/64 dev vm');
    vm.resolvConf('nameserver 2001:db8:1:1::53\n');
    await startUnbound(sandbox, net, { address: '2001:db8:1:1::53', prefix: map.pool6 });
    new RaSender(sandbox, net, 'vm', SLAAC);
    host.start();
    await host.untilWorks();
    await host.says(/NAT64 2001:db8:64::\/96 \(from DNS, 2001:db8:1:1::53\)/);
    await host.says(/not authenticated/);
    const first = host.clat6();
    expect(first).toMatch(/^2001:db8:1:1:/);
    await host.daemon.stop();
    host.start();
    await host.untilWorks();
    expect(host.clat6()).toBe(first);
  });

  it('waits for the network: no router at the start, then one that says nothing of NAT64, then all', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    host.start();
    await host.says(/waiting for an IPv6 default route/);
    const router = new RaSender(sandbox, net, 'vm', SLAAC);
    await host.says(/waiting for a NAT64 prefix on eth0/);
    expect(vm.ip('-4 route show')).toBe('');
    await router.change(PREF64);
    await host.untilWorks();
  });

  it('prefers what routers say to DNS, and DNS to the fallback', async () => {
    host = await ClatHost.build({ morePool6: ['2001:db8:65::/96', '2001:db8:66::/96'] });
    const { net, vm, sandbox } = host.topology;
    net.ip('address add 2001:db8:1:1::53/64 dev vm');
    vm.resolvConf('nameserver 2001:db8:1:1::53\n');
    const resolver = await new ScriptedDns64(sandbox, net, '2001:db8:1:1::53', { rcode: 'NXDOMAIN' }).ready();
    const router = new RaSender(sandbox, net, 'vm', SLAAC);
    host.start('--prefix-fallback', '2001:db8:66::/96');
    await host.says(/NAT64 2001:db8:66::\/96 \(--prefix-fallback/);
    await resolver.change({ prefixes: ['2001:db8:65::/96'], ttl: 600 });
    // Another line in the file: the resolvers may be others now (DISC-6).
    vm.resolvConf('# changed\nnameserver 2001:db8:1:1::53\n');
    await host.says(/NAT64 2001:db8:65::\/96 \(from DNS/);
    await router.change(PREF64);
    await host.says(/NAT64 2001:db8:64::\/96 \(said by the router/);
    await host.untilWorks();
  });

  it('takes --pool6 for granted and asks nobody', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    net.ip('address add 2001:db8:1:1::53/64 dev vm');
    vm.resolvConf('nameserver 2001:db8:1:1::53\n');
    const resolver = await new ScriptedDns64(sandbox, net, '2001:db8:1:1::53', { prefixes: [] }).ready();
    new RaSender(sandbox, net, 'vm', SLAAC);
    host.start('--pool6', map.pool6);
    await host.untilWorks();
    await host.says(/NAT64 2001:db8:64::\/96 \(--pool6\)/);
    expect(resolver.questions).toEqual([]);
  });

  it('works behind a firewall that drops what is forwarded', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    dropForwarded(vm);
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    host.start();
    await host.untilWorks();
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('lets its packets through again after the firewall was loaded anew', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    dropForwarded(vm);
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    vm.exec('nft', ['flush', 'ruleset']);
    dropForwarded(vm);
    await until('the accept rules', () => vm.exec('nft', ['list', 'ruleset']).includes('clatd:clat'));
    await host.untilWorks();
  });

  it('after kill -9 the next start leaves one CLAT, and its end the host as it was', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    host.start();
    await host.untilWorks();
    await host.daemon.stop('SIGKILL');
    host.start();
    await host.untilWorks();
    expect(vm.ip('-4 address show').match(/192\.0\.0\.2/g)).toHaveLength(1);
    expect(vm.ip('-6 neighbour show proxy').trim().split('\n')).toHaveLength(1);
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('undoes what a killed one left that had another device', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    host.start('--tun', 'first');
    await host.says(/IPv4 is set up/);
    await host.daemon.stop('SIGKILL');
    expect(hostState(vm)).not.toEqual(before);
    host.start('--tun', 'second', '--clat-v6-addr', 'shared');
    await host.says(/IPv4 is set up/);
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('killed after each step in turn, the next start leaves one CLAT, and its end the host as it was', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    dropForwarded(vm);
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    const stepsIn = (output: string): number => output.match(/: done\. /g)?.length ?? 0;
    // Shared: no second for duplicate address detection, and nftables among the steps.
    host.start('--clat-v6-addr', 'shared');
    await host.untilWorks();
    const steps = stepsIn(host.daemon.output);
    expect(steps, host.daemon.output).toBeGreaterThan(7);
    await host.daemon.stop();
    for (let step = 1; step <= steps; step++) {
      const killed = host.start('--clat-v6-addr', 'shared');
      await until(`step ${step}`, () => stepsIn(killed.output) >= step, { interval: 1 });
      await killed.stop('SIGKILL');
      host.start('--clat-v6-addr', 'shared');
      await host.untilWorks();
      expect(vm.ip('-4 address show').match(/192\.0\.0\.2/g)).toHaveLength(1);
      expect(vm.exec('nft', ['list', 'ruleset']).match(/masquerade/g)).toHaveLength(1);
      await host.daemon.stop();
      expect(hostState(vm), `killed after step ${step}`).toEqual(before);
    }
  }, 120_000);

  it('tells the service manager that it is ready, and how things are', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    const socket = join(sandbox.folder, 'notify');
    const manager = vm.start('python3', ['-uc', MANAGER, socket]);
    await manager.says(/listening/);
    host.startWith({ NOTIFY_SOCKET: socket });
    await manager.says(/READY=1/);
    await manager.says(/STATUS=waiting for an IPv6 default route/);
    new RaSender(sandbox, net, 'vm', PREF64);
    await manager.says(/STATUS=IPv4 is set up: 192\.0\.0\.2 as /);
    await host.daemon.stop();
    await manager.says(/STOPPING=1/);
  });

  it('needs no CPU when nothing happens', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    // What starting leaves to be done: memory is given back after ten seconds, retries of solicitations.
    await sleep(1500);
    const before = cpuTicks(host.daemon.pid);
    await sleep(3000);
    expect(cpuTicks(host.daemon.pid) - before).toBeLessThanOrEqual(1);
  });
});

/** The service manager's end of sd_notify(3). */
const MANAGER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening')
while True: print(s.recv(4096).decode())
`;
