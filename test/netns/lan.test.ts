/** A router for hosts behind it: each with an IPv6 address of its own (--lan), or all with the router's (--nat44). */
import { randomFillSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import type { Namespace } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, dropForwarded, map, type Topology } from './topology.ts';
import { answersPing, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const PREFIX = '2001:db8:12:3401::/96';
const BYTES = 2_000_000;

const HOSTS = ['192.168.1.5', '192.168.1.6'] as const;
/** As the prefix embeds them. */
const EMBEDDED = ['2001:db8:12:3401::c0a8:105', '2001:db8:12:3401::c0a8:106'] as const;

let topology: Topology;
let clients: Namespace[];

/** Sources of IPv6 packets that came from the VM since the last call. */
function sources(): string[] {
  const listed = topology.net.exec('nft', ['list', 'set', 'ip6', 'seen', 'sources']);
  topology.net.exec('nft', ['flush', 'set', 'ip6', 'seen', 'sources']);
  return [...(/elements = \{([^}]*)\}/.exec(listed)?.[1] ?? '').matchAll(/[\da-f:]+/g)]
    .map(([one]) => one)
    .sort();
}

const started: Process[] = [];
async function start(...options: string[]): Promise<Process> {
  const child = topology.vm.start(process.execPath, clatdArguments(topology, ...options));
  started.push(child);
  await child.says(/translating on clat/);
  return child;
}

/** Every client pings, downloads and uploads, with packets as large as its own link takes. */
async function allWorks(child: Process): Promise<void> {
  await answersPing(topology, child);
  sources();
  const file = topology.sandbox.file('upload', randomFillSync(Buffer.alloc(BYTES)));
  const body = topology.vm.exec('sha256sum', [file]).split(' ')[0]!;
  await Promise.all(
    clients.map(async (client) => {
      const ping = await client.run('ping', ['-c2', '-i0.1', '-W2', map.web]);
      expect(ping.stdout, child.output).toMatch(/ 2 received/);
      const hash = await client.run('curl', ['-sS', '--max-time', '10', `http://${map.web}/download.sha256`]);
      const target = `${topology.sandbox.folder}/${client.name}`;
      const down = await client.run('curl', [
        '-sS',
        '--max-time',
        '10',
        '-o',
        target,
        `http://${map.web}/download`,
      ]);
      expect(down.code, down.stderr).toBe(0);
      expect(topology.vm.exec('sha256sum', [target])).toContain(hash.stdout.trim());
      const up = await client.run('curl', [
        '-sS',
        '--max-time',
        '10',
        '-T',
        file,
        `http://${map.web}/upload`,
      ]);
      expect(up.stdout).toBe(`${body} ${BYTES}\n`);
      // An error on the way (RSRC-1: from a hop that only IPv6 knows) finds the host it is for.
      const expired = await client.run('ping', ['-c1', '-W2', '-t3', '-n', map.web]);
      expect(expired.stdout).toMatch(/From 192\.0\.0\.8 .*Time to live exceeded/);
    }),
  );
}

describeNetns('hosts behind this one', ['ping', 'nft', 'curl', 'sha256sum'], () => {
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator', delegated: PREFIX, downloadBytes: BYTES });
    const { sandbox, vm, net } = topology;
    const lan = sandbox.namespace('lan');
    vm.sysctl('net.ipv6.conf.default.disable_ipv6=1');
    lan.sysctl('net.ipv6.conf.default.disable_ipv6=1');
    sandbox.link({ namespace: vm, name: 'lan0' }, { namespace: lan, name: 'vm' });
    vm.sysctl('net.ipv6.conf.default.disable_ipv6=0');
    vm.ip('address add 192.168.1.1/24 dev lan0');
    lan.ipBatch('link add bridge type bridge\nlink set bridge up\nlink set vm master bridge');
    clients = HOSTS.map((address, i) => {
      const client = sandbox.namespace(`client${i}`);
      client.sysctl('net.ipv6.conf.default.disable_ipv6=1');
      sandbox.link({ namespace: client, name: 'eth0' }, { namespace: lan, name: `client${i}` });
      lan.ip(`link set client${i} master bridge`);
      client.ip(`address add ${address}/24 dev eth0`);
      client.ip('route add default via 192.168.1.1');
      return client;
    });
    net.nft(`table ip6 seen {
      set sources { type ipv6_addr; flags dynamic; }
      chain prerouting {
        type filter hook prerouting priority filter; policy accept;
        iifname "vm" ip6 daddr ${topology.pool6} add @sources { ip6 saddr }
      }
    }`);
  });
  afterAll(() => topology?.close());
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
    topology.vm.exec('nft', ['flush', 'ruleset']);
  });

  it.each(['an open host', 'a host with Docker’s firewall'])(
    '--lan on %s: each by its own address',
    async (on) => {
      const { vm } = topology;
      if (on !== 'an open host') dropForwarded(vm);
      const before = hostState(vm);
      const child = await start('--lan', `192.168.1.0/24=${PREFIX}`);
      await allWorks(child);
      expect(sources()).toEqual([...EMBEDDED]);
      await child.stop();
      expect(hostState(vm)).toEqual(before);
    },
  );

  it.each(['an open host', 'a host with Docker’s firewall'])('--nat44 on %s: all by ours', async (on) => {
    const { vm } = topology;
    if (on !== 'an open host') dropForwarded(vm);
    const before = hostState(vm);
    const child = await start('--nat44', '192.168.1.0/24');
    await allWorks(child);
    expect(sources()).toEqual([map.clat6]);
    await child.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('CLAT-16: a flushed table of --nat44 is filled again', async () => {
    const { vm } = topology;
    const child = await start('--nat44', '192.168.1.0/24');
    const table = () => vm.exec('nft', ['list', 'table', 'ip', 'clatd_clat']);
    const before = table();
    expect(before).toContain('snat');
    for (const what of ['table ip clatd_clat', 'chain ip clatd_clat postrouting']) {
      vm.nft(`flush ${what}`);
      await until(`the rules after a flush of the ${what}`, () => table() === before);
    }
    expect((await child.stop()).code).toBe(0);
  });

  it('CLAT-12: a host behind this one with an address of another network is told that it is not let out', async () => {
    const { vm, net, sandbox } = topology;
    const [client] = clients as [Namespace];
    const lan = `192.168.1.0/24=${PREFIX}`;
    const config = sandbox.file('clatd.toml', `lan = ["${lan}"]\n`);
    const left = () =>
      Number(/packets (\d+)/.exec(net.exec('nft', ['list', 'counter', 'ip6', 'made', 'up']))![1]);
    net.nft(`table ip6 made {
      counter up { }
      chain prerouting {
        type filter hook prerouting priority filter; policy accept;
        iifname "vm" ip6 saddr ${topology.pool6} counter name "up"
      }
    }`);
    client.ip('address add 10.9.9.9/32 dev eth0');
    vm.ip('route add 10.9.9.9/32 dev lan0');
    try {
      const child = await start('--config', config);
      await answersPing(topology, child);
      const ping = () => client.run('ping', ['-c1', '-W2', '-I', '10.9.9.9', map.web]);
      const refused = await ping();
      expect(refused.stdout, child.output).toMatch(/From 192\.0\.0\.1 .*Packet filtered/);
      expect(left()).toBe(0);
      // Lifted and set again by a reload.
      for (const strict of [false, true]) {
        sandbox.file('clatd.toml', `lan = ["${lan}"]\nstrict-source = ${strict}\n`);
        const from = child.output.length;
        child.signal('SIGHUP');
        await until('a reload', () => /reloaded: /.test(child.output.slice(from)));
        const before = left();
        const filtered = /Packet filtered/.test((await ping()).stdout);
        expect([filtered, left() > before]).toEqual([strict, !strict]);
      }
      await child.stop();
    } finally {
      client.ip('address del 10.9.9.9/32 dev eth0');
      vm.ip('route del 10.9.9.9/32 dev lan0');
      net.exec('nft', ['delete', 'table', 'ip6', 'made']);
    }
  });

  it('killed and started again, nothing stays behind', async () => {
    const { vm } = topology;
    dropForwarded(vm);
    const before = hostState(vm);
    await (await start('--nat44', '192.168.1.0/24')).stop('SIGKILL');
    expect(hostState(vm)).not.toEqual(before);
    const second = await start('--lan', `192.168.1.0/24=${PREFIX}`);
    expect(vm.exec('nft', ['list', 'ruleset'])).not.toMatch(/snat/);
    await second.stop();
    expect(hostState(vm)).toEqual(before);
  });
});
