/** Several resolvers of which some mislead or fall silent (DISC-6), with real sockets and real time. */
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, SLAAC } from './clat.ts';
import { ScriptedDns64 } from './dns64.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

describeNetns('clatd and several resolvers', CLAT_TOOLS, () => {
  it('a wildcard hides no good one, and a silent one ends no CLAT at its TTL', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    net.ipBatch('address add 2001:db8:1:1::53/64 dev vm\naddress add 2001:db8:1:1::54/64 dev vm');
    const wildcard = { raw: { 'ipv4only.arpa': ['2001:db8:1:1::80'] }, ttl: 3600 };
    await new ScriptedDns64(sandbox, net, '2001:db8:1:1::53', wildcard).ready();
    const good = await new ScriptedDns64(sandbox, net, '2001:db8:1:1::54', {
      prefixes: [map.pool6],
      ttl: 1, // counts as 30
    }).ready();
    vm.resolvConf('nameserver 2001:db8:1:1::53\nnameserver 2001:db8:1:1::54\n');
    new RaSender(sandbox, net, 'vm', SLAAC);
    host.start();
    await host.untilWorks();
    await host.says(/embeds no well-known address/);
    await host.says(/\(from DNS, 2001:db8:1:1::54\)/);

    const { length } = good.questions;
    await good.change({ silent: true });
    await until('another question', () => good.questions.length > length, { timeout: 30_000 });
    await until('the TTL to end', () => /which is silent: beyond its TTL\)/.test(host.daemon.output), {
      timeout: 30_000,
    });
    expect(await host.works()).toBe(true);
    expect(host.daemon.output).not.toMatch(/no CLAT any more/);

    await good.change({ prefixes: [map.pool6], ttl: 300 });
    vm.resolvConf('nameserver 2001:db8:1:1::54\nnameserver 2001:db8:1:1::53\n');
    await until('the resolver to be believed again', () =>
      /beyond its TTL\)(.|\n)*IPv4 is set up: .*\(from DNS, 2001:db8:1:1::54\)/.test(host.daemon.output),
    );
    expect(await host.works()).toBe(true);
  }, 90_000);
});
