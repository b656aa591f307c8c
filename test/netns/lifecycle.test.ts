/** `clatd run` from start to end: what it does to the host, that it undoes all of it, and what it survives. */

import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatd, clatdArguments } from './translators.ts';

let topology: Topology;

async function start(...options: string[]): Promise<Process> {
  return (await clatd(...options).start(topology)).process;
}

/** Sends the signal and resolves with the exit code and how long the end took, in ms. */
async function end(child: Process, signal: NodeJS.Signals): Promise<{ code: number | null; took: number }> {
  const asked = performance.now();
  const { code } = await child.stop(signal, 5000);
  return { code, took: performance.now() - asked };
}

/** CPU time of all threads of a process, in ticks of 10 ms (proc(5), fields 14 and 15 of stat). */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** A second of a machine that has nothing else to do, in ms: on a crowded one it takes longer. */
const aSecond = (): number => 1000 * Math.max(1, loadavg()[0]! / availableParallelism());

describeNetns('clatd run', ['ping', 'nft', 'setpriv', 'unshare'], () => {
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
  });
  afterAll(() => topology?.close());

  it('sets the host up as one would by hand', async () => {
    const { vm } = topology;
    const child = await start();
    const addresses = vm.ipJson('-4 address show dev clat')[0].addr_info;
    expect(addresses).toMatchObject([{ local: map.clat4, prefixlen: 29 }]);
    const routes = vm.ipJson('-4 route show default');
    expect(routes).toMatchObject([{ dev: 'clat', metric: 2048, metrics: [{ mtu: 1480 }] }]);
    expect(vm.ipJson(`-6 route show ${map.clat6}`)).toMatchObject([{ dev: 'clat' }]);
    expect(vm.exec('sysctl', ['-n', 'net.ipv6.conf.eth0.accept_ra']).trim()).toBe('2');
    expect(vm.ipJson('link show clat')[0].mtu).toBe(1500);
    await child.stop();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends within a second at %s and leaves no trace',
    async (signal) => {
      const before = hostState(topology.vm);
      const child = await start();
      expect(hostState(topology.vm)).not.toEqual(before);
      const { code, took } = await end(child, signal);
      expect(code).toBe(0);
      expect(took).toBeLessThan(aSecond());
      expect(hostState(topology.vm)).toEqual(before);
      expect(child.output.trim().split('\n').at(-1)).toBe(
        'clatd: stopped: every change of the host was undone',
      );
    },
  );

  it('ends within a second while packets flow', async () => {
    const before = hostState(topology.vm);
    const child = await start();
    const flood = topology.vm.start('ping', ['-i0.002', '-q', map.web]);
    await sleep(200);
    const { code, took } = await end(child, 'SIGTERM');
    await flood.stop('SIGINT');
    expect(code).toBe(0);
    expect(took).toBeLessThan(aSecond());
    expect(hostState(topology.vm)).toEqual(before);
  });

  it('cleans up after a predecessor that was killed', async () => {
    const before = hostState(topology.vm);
    const first = await start();
    await first.stop('SIGKILL');
    expect(hostState(topology.vm)).not.toEqual(before);
    const second = await start();
    await second.stop();
    expect(hostState(topology.vm)).toEqual(before);
  });

  it('changes nothing where something of someone else is in the way, and names it', async () => {
    const { vm } = topology;
    vm.ip(`-6 address add ${map.clat6}/128 dev eth0`);
    try {
      const before = hostState(vm);
      const child = vm.start(process.execPath, clatdArguments(topology));
      const { code, stdout, stderr } = await child.finished(10_000);
      expect(code).not.toBe(0);
      expect(stdout + stderr).toContain(map.clat6);
      expect(stdout + stderr).toContain('eth0');
      expect(hostState(vm)).toEqual(before);
    } finally {
      vm.ip(`-6 address del ${map.clat6}/128 dev eth0`);
    }
  });

  it('undoes what it did where a step fails half-way', async () => {
    const { vm } = topology;
    const before = hostState(vm);
    // A read-only /proc/sys lets it see everything and create the device, but not set a sysctl.
    const command = 'mount -o remount,bind,ro /proc/sys && exec "$0" "$@"';
    const child = vm.start('unshare', [
      ...['--mount', 'sh', '-c', `mount --bind /proc/sys /proc/sys && ${command}`],
      ...[process.execPath, ...clatdArguments(topology)],
    ]);
    const { code, stdout, stderr } = await child.finished(10_000);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('/proc/sys');
    expect(hostState(vm)).toEqual(before);
  });

  it('refuses to start twice on one device', async () => {
    const first = await start();
    const second = topology.vm.start(process.execPath, clatdArguments(topology));
    const { code, stdout, stderr } = await second.finished(10_000);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/already running/);
    await answersPing(topology, first);
    await first.stop();
  });

  it('uses no CPU when there is nothing to do', async () => {
    const child = await start();
    await sleep(500);
    const before = cpuTicks(child.pid);
    await sleep(2000);
    expect(cpuTicks(child.pid) - before).toBeLessThanOrEqual(2);
    await child.stop();
  });

  it('survives its device going down', async () => {
    const { vm } = topology;
    const before = hostState(vm);
    const child = await start();
    vm.ip('link set clat down');
    await answersPing(topology, child);
    await child.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('survives its uplink going down and up', async () => {
    const { vm } = topology;
    const child = await start();
    vm.ip('link set eth0 down');
    const lost = await vm.run('ping', ['-c1', '-W1', map.web]);
    expect(lost.code).not.toBe(0);
    vm.ip('link set eth0 up');
    // The kernel forgets addresses and routes of a link that goes down; the network manager sets them again.
    vm.ip('-6 address replace 2001:db8:1:1::10/64 dev eth0');
    vm.ip(`-6 address replace ${map.vmLinkLocal}/64 dev eth0`);
    vm.ip(`-6 route replace default via ${map.routerLinkLocal} dev eth0 metric 1024`);
    await answersPing(topology, child);
    await child.stop();
  });

  describe('refuses', () => {
    /** Runs it to its end and checks that the host is as before. */
    async function refused(program: string, args: string[]): Promise<{ code: number | null; said: string }> {
      const before = hostState(topology.vm);
      const { code, stdout, stderr } = await topology.vm.run(program, args, 10_000);
      expect(hostState(topology.vm)).toEqual(before);
      return { code, said: stdout + stderr };
    }
    const main = () => clatdArguments(topology)[0]!;

    it('wrong options, with every mistake named at once and exit status 2', async () => {
      const { code, said } = await refused(process.execPath, [
        ...[main(), 'run', '--pool6', '2001:db8:64::/95', '--eam', '192.0.0.300=2001:db8::1'],
        ...['--mtu-plateaus', '1500,none', '--workers', 'many', '--lowest-ipv6-mtu', '1000'],
      ]);
      expect(code).toBe(2);
      for (const part of [
        ...['--pool6', '/95', '--eam', '192.0.0.300', '--mtu-plateaus', 'none', '--workers', 'many'],
        ...['--lowest-ipv6-mtu', '1000'],
      ]) {
        expect(said).toContain(part);
      }
      expect(said).not.toMatch(/^\s+at /m);
    });

    it('an option nobody knows', async () => {
      const { code, said } = await refused(process.execPath, [...clatdArguments(topology), '--pol6', 'x']);
      expect(code).toBe(2);
      expect(said).toContain('pol6');
    });

    it('a missing EAM file', async () => {
      const { code, said } = await refused(process.execPath, [
        ...clatdArguments(topology),
        ...['--eam-file', '/nowhere/eam.txt'],
      ]);
      expect(code).toBe(2);
      expect(said).toContain('/nowhere/eam.txt');
    });

    it('a device whose MTU is below 1280 (GEN-1), configured or not', async () => {
      const { vm } = topology;
      vm.ip('tuntap add dev small mode tun');
      try {
        vm.ip('link set small mtu 1000 up');
        for (const more of [[], ['--no-configure']]) {
          const args = clatdArguments(topology, '--tun', 'small', ...more);
          const { code, stderr } = await vm.run(process.execPath, args, 10_000);
          expect(code).toBe(1);
          expect(stderr).toMatch(/MTU.* 1000.*1280/);
        }
      } finally {
        vm.ip('link delete small');
      }
    });

    it('a start without CAP_NET_ADMIN, in one sentence', async () => {
      const { code, said } = await refused('setpriv', [
        ...['--bounding-set', '-net_admin', '--inh-caps', '-net_admin'],
        ...[process.execPath, ...clatdArguments(topology)],
      ]);
      expect(code).toBe(1);
      expect(said).toMatch(/CAP_NET_ADMIN/);
      expect(said).not.toMatch(/^\s+at /m);
      expect(said.trim().split('\n')).toHaveLength(1);
    });

    it('a start without /dev/net/tun, in one sentence', async () => {
      const { code, said } = await refused('unshare', [
        ...['--mount', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$0" "$@"'],
        ...[process.execPath, ...clatdArguments(topology)],
      ]);
      expect(code).toBe(1);
      expect(said).toContain('/dev/net/tun');
      expect(said).not.toMatch(/^\s+at /m);
      expect(said.trim().split('\n')).toHaveLength(1);
    });
  });
});
