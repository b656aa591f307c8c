/** Plain `clatd`: it finds the network, sets the host up, follows every change, and leaves nothing behind. */
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { type Advertisement, RaSender } from './ra-sender.ts';
import { projectRoot } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology, type TopologyOptions } from './topology.ts';
import { until } from './wait.ts';

const PROGRAM = process.env.CLATD ?? join(projectRoot(), 'dist/main.js');
/** What the router of the VM's /64 says; the rest of it depends on the test. */
const SLAAC: Advertisement = { prefixes: [{ prefix: map.vmSubnet }] };
const PREF64: Advertisement = { ...SLAAC, pref64: [{ prefix: map.pool6, lifetime: 1800 }] };

let topology: Topology;
let daemon: Process;

async function build(options: TopologyOptions = {}): Promise<Topology> {
  topology = await buildTopology({ delivery: 'translator', vmAddress: null, ...options });
  return topology;
}

function start(...options: string[]): Process {
  daemon = topology.vm.start(process.execPath, [PROGRAM, ...options]);
  return daemon;
}

const works = async (): Promise<boolean> =>
  (await topology.vm.run('ping', ['-c1', '-W0.3', map.web])).code === 0;

/** Resolves when IPv4 works, or the daemon has ended. */
async function untilWorks(): Promise<void> {
  await until('IPv4 to work', async () => !daemon.running || (await works()), { interval: 50 });
  if (!daemon.running) throw new Error(`clatd ended:\n${daemon.output}`);
}

const clat6 = (): string | undefined =>
  topology.vm
    .ipJson('-6 route show dev clat')
    .map(({ dst }: { dst: string }) => dst)
    .find((dst: string) => !dst.startsWith('fe80') && !dst.includes('/'));

afterEach(async (context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${daemon?.output}\n`);
  await topology?.close();
});

describeNetns('clatd without options', ['ping', 'python3', 'unbound', 'dig', 'nft'], () => {
  it('takes the prefix from the router, an address from the /64, and leaves nothing behind', async () => {
    const { vm, net, sandbox } = await build();
    new RaSender(sandbox, net, 'vm', PREF64);
    await until('a default route', () => vm.ip('-6 route show default').includes('via'));
    const before = hostState(vm);
    start();
    await untilWorks();
    expect(daemon.output).toMatch(
      /IPv4 works: 192\.0\.0\.2 as 2001:db8:1:1:\S+ on eth0, NAT64 2001:db8:64::\/96 \(said by the router fe80::1\)/,
    );
    expect(vm.ip('-6 neighbour show proxy')).toContain(clat6());
    const { code } = await daemon.stop();
    expect(code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });
});
