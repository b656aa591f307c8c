/** Routers are asked before their last NAT64 prefix ends (DISC-2): the advertisement that would refresh it may be lost. */
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, SLAAC } from './clat.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

describeNetns('a router that speaks when it is asked', CLAT_TOOLS, () => {
  it('is asked in time, and the CLAT goes on', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    // One advertisement an hour, of a prefix that lives 16 s.
    const router = new RaSender(sandbox, net, 'vm', {
      ...SLAAC,
      interval: 3600,
      pref64: [{ prefix: map.pool6, lifetime: 16 }],
    });
    host.start();
    await host.untilWorks();
    const { sent } = router;
    await until('two more advertisements', () => router.sent >= sent + 2, { timeout: 25_000 });
    expect(await host.works()).toBe(true);
    expect(host.daemon.output).not.toMatch(/no CLAT any more/);
  }, 60_000);
});
