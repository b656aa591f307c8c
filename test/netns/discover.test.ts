/** `clatd discover` against real parts: unbound, a resolver with three prefixes, a router that advertises. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ScriptedDns64, startUnbound } from './dns64.ts';
import { hostState } from './host-state.ts';
import type { Finished } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { type Namespace, projectRoot, Sandbox } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { until } from './wait.ts';

const THREE = ['2600:2d00:2:1:0:1::/96', '2600:2d00:2:2::/96', '2600:2d00:2:3::/96'];

describeNetns('clatd discover', ['unbound', 'dig', 'python3'], () => {
  let sandbox: Sandbox;
  let host: Namespace;
  let router: Namespace;
  const discover = (...args: string[]): Promise<Finished> =>
    host.run(
      process.execPath,
      [process.env.CLATD ?? join(projectRoot(), 'dist/main.js'), 'discover', ...args],
      20_000,
    );

  beforeAll(async () => {
    sandbox = new Sandbox();
    host = sandbox.namespace('host');
    router = sandbox.namespace('router');
    router.sysctl('net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.addr_gen_mode=1');
    sandbox.link({ namespace: host, name: 'eth0' }, { namespace: router, name: 'host' });
    router.ipBatch(`
      address add fe80::1/64 dev host
      address add fe80::53/64 dev host
      address add 2001:db8:1:1::53/64 dev host
      address add 2001:db8:1:1::54/64 dev host
    `);
    host.resolvConf('nameserver 127.0.0.53\n');
    await host.addressesReady();
  });
  afterAll(() => sandbox?.close());

  it('without a default route says so, and asks the servers given all the same', async () => {
    const { code, stdout } = await discover('--dns64-servers', '[::1]:5300');
    expect(code).toBe(1);
    expect(stdout).toMatch(/no IPv6 default route/);
    expect(stdout).toMatch(/\[::1\]:5300 .*ECONNREFUSED/);
    expect(stdout).toMatch(/No NAT64 prefix was found/);
  });

  it('lists the three prefixes of a resolver', async () => {
    host.ipBatch(`
      address add 2001:db8:1:1::10/64 dev eth0
      route add ::/0 via fe80::1 dev eth0 metric 1024
    `);
    const server = await new ScriptedDns64(sandbox, router, '2001:db8:1:1::54', {
      prefixes: THREE,
      ttl: 300,
    }).ready();
    const before = hostState(host);
    const { code, stdout } = await discover('--dns64-server', '2001:db8:1:1::54');
    expect(stdout.match(/2600:\S+/g)?.slice(0, 3)).toEqual(THREE.map((prefix) => `${prefix},`));
    expect(stdout).toMatch(/TTL 300 s/);
    expect(stdout).toMatch(/clatd would use 2600:2d00:2:1:0:1::\/96 \(from DNS\), first of 3/);
    expect(code).toBe(0);
    expect(hostState(host)).toEqual(before);
    await server.change({ rcode: 'NXDOMAIN' });
    const none = await discover('--dns64-servers', '2001:db8:1:1::54');
    expect(none.code).toBe(1);
    expect(none.stdout).toMatch(/NXDOMAIN/);
  });

  it.each(['2001:db8:64::/96', '2001:db8:122:344::/64', '2001:db8:122::/48', '2001:db8::/32'])(
    'unbound’s DNS64 with %s',
    async (prefix) => {
      const unbound = await startUnbound(sandbox, router, { address: '2001:db8:1:1::53', prefix });
      const { code, stdout } = await discover('--json', '--dns64-servers', '2001:db8:1:1::53');
      expect(code).toBe(0);
      expect(JSON.parse(stdout).prefixes).toEqual([{ prefix, source: 'dns' }]);
      await unbound.stop();
    },
  );

  it('what the daemon refuses is not announced: of no use, or withdrawn in the same word', async () => {
    const sender = new RaSender(sandbox, router, 'host', {
      pref64: [
        { prefix: '::/96' },
        { prefix: 'ff02::/96' },
        { prefix: '2001:db8:64::/96' },
        { prefix: '2001:db8:64::/96', lifetime: 0 },
      ],
    });
    const { code, stdout } = await discover('--dns64-servers', '[::1]:5300');
    expect(stdout).toMatch(/ff02::\/96, lifetime 1800 s: not used: a multicast prefix cannot be used/);
    expect(stdout).toMatch(/2001:db8:64::\/96 is withdrawn/);
    expect(stdout).toMatch(/No NAT64 prefix was found/);
    expect(code).toBe(1);
    await sender.stop();
  });

  it('a router’s word with lifetime, MTU and resolver, which is asked; the router goes first', async () => {
    const server = await new ScriptedDns64(sandbox, router, 'fe80::53%host', {
      prefixes: ['2001:db8:65::/96'],
    }).ready();
    const sender = new RaSender(sandbox, router, 'host', {
      mtu: 1400,
      pref64: [{ prefix: '2001:db8:64::/96', lifetime: 1200 }],
      rdnss: [{ addresses: ['fe80::53'] }],
    });
    await until('the first advertisement', () => sender.sent > 0);
    const { code, stdout } = await discover();
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/fe80::(1|53) on eth0: 2001:db8:64::\/96, lifetime 1200 s/);
    expect(stdout).toMatch(/fe80::53%eth0 \(learned on eth0\): 2001:db8:65::\/96/);
    expect(stdout).toMatch(/clatd would use 2001:db8:64::\/96 \(a router said so\), first of 2/);
    await sender.stop();
    await server.process.stop();
  });
});
