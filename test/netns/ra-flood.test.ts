/** Anybody on the link can send router advertisements: their number harms neither the CLAT nor the daemon (DISC-2). */
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, SLAAC } from './clat.ts';
import type { Process } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

const sent = (flood: Process): number => Number(/(\d+) sent\n$/.exec(flood.stdout)?.[1] ?? 0);
const lines = (): string[] => host.daemon.output.trimEnd().split('\n');
/** Resident memory of a process, MiB. */
const resident = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

describeNetns('a flood of router advertisements', CLAT_TOOLS, () => {
  it('leaves prefix, memory and log as they are, and SIGTERM is heard in the middle of it', async () => {
    host = await ClatHost.build();
    const { net, sandbox, vm } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const before = resident(host.daemon.pid);
    // 400,000 prefixes, of which the router's own are 100,000.
    const flood = net.start('python3', [part('ra-flood.py'), 'vm', '10000']);
    expect((await flood.finished(120_000)).code).toBe(0);
    await host.untilWorks();
    await host.says(/eth0: more than 8 routers speak: what is more is left out/);
    await host.says(/eth0: a router advertises more than 16 NAT64 prefixes: what is more is left out/);
    // The CLAT was set up once, with the prefix of before the flood.
    expect(host.daemon.output.match(/IPv4 is set up:.*/g)).toHaveLength(1);
    expect(host.daemon.output).toContain(`NAT64 ${map.pool6} (said by the router fe80::1)`);
    expect(lines().length).toBeLessThan(100);
    expect(resident(host.daemon.pid) - before).toBeLessThan(100);

    const endless = net.start('python3', [part('ra-flood.py'), 'vm', '1000000']);
    await until('the second flood', () => sent(endless) >= 2000);
    const { code } = await host.daemon.stop('SIGTERM', 20_000);
    expect(code).toBe(0);
    expect(vm.ip('link show')).not.toMatch(/\bclat:/);
    expect(vm.ip('-6 neighbour show proxy').trim()).toBe('');
    expect(endless.running).toBe(true);
    await endless.stop();
  }, 200_000);

  it('two sentences that alternate are logged once each', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    const bad = (prefix: string) => ({ ...SLAAC, pref64: [{ prefix }] });
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    for (let i = 0; i < 30; i++) await router.change(bad(i % 2 === 0 ? 'ff02::/96' : '::/96'));
    await host.says(/advertises ::\/96/);
    await router.change({ ...SLAAC, pref64: [{ prefix: 'fe80::/96' }] });
    await host.says(/advertises fe80::\/96/);
    expect(lines().filter((line) => /advertises ff02/.test(line))).toHaveLength(1);
    expect(lines().filter((line) => /advertises ::\/96/.test(line))).toHaveLength(1);
  });
});
