/** Two NAT64 prefixes of which one falls silent: another takes over, and is kept (--health-check). */
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, SLAAC } from './clat.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

const OTHER = '2001:db8:65::/96';
const FALLBACK = '2001:db8:66::/96';

describeNetns('clatd --health-check', CLAT_TOOLS, () => {
  it('takes the next prefix when the first is silent, and the fallback when both are', async () => {
    host = await ClatHost.build({ morePool6: [OTHER, FALLBACK] });
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', { ...SLAAC, pref64: [{ prefix: map.pool6 }, { prefix: OTHER }] });
    host.start('--health-check', map.web, '--health-interval', '5', '--prefix-fallback', FALLBACK);
    await host.untilWorks();
    await host.says(/NAT64 2001:db8:64::\/96/);
    // Dropped without a word, as by a NAT64 that lost its IPv4 side.
    net.ip(`route replace blackhole ${map.pool6}`);
    await host.says(/2001:db8:65::\/96 answers and takes over \(failover 1\)/);
    await host.untilWorks();
    net.ip(`route replace blackhole ${OTHER}`);
    await host.says(/2001:db8:66::\/96 answers and takes over \(failover 2\)/);
    await host.untilWorks();
    await host.says(/NAT64 2001:db8:66::\/96 \(--prefix-fallback/);
    // The first is back: nobody goes back to it as long as this one works.
    net.ip(`route replace ${map.pool6} via fe80::2 dev plat`);
    await host.untilWorks();
    expect(host.daemon.output.match(/takes over/g)).toHaveLength(2);
  }, 60_000);
});
