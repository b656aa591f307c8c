/** The parts the other tests stand on, tested by themselves. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedDns64, startUnbound } from './dns64.ts';
import { RaSender } from './ra-sender.ts';
import { type Namespace, Sandbox } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, dropForwarded, map } from './topology.ts';
import { until } from './wait.ts';

const PREFIXES = ['2001:db8:64::/96', '2001:db8:65::/96', '2001:db8:66:1:0:2::/96'];

describeNetns('the parts of the test network', ['dig', 'unbound', 'python3', 'nft'], () => {
  let sandbox: Sandbox;
  let host: Namespace;
  let router: Namespace;
  beforeAll(() => {
    sandbox = new Sandbox();
    host = sandbox.namespace('host');
    router = sandbox.namespace('router');
    router.sysctl('net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.addr_gen_mode=1');
    sandbox.link({ namespace: host, name: 'eth0' }, { namespace: router, name: 'host' });
    host.ip('address add 2001:db8:1:1::10/64 dev eth0');
    router.ip('address add fe80::1/64 dev host');
    router.ipBatch('address add 2001:db8:1:1::53/64 dev host\naddress add 2001:db8:1:1::54/64 dev host');
  });
  afterAll(() => sandbox?.close());

  const dig = async (server: string, ...question: string[]) =>
    (await host.run('dig', [`@${server}`, '+short', '+time=2', '+tries=2', ...question])).stdout
      .trim()
      .split('\n')
      .sort();

  it('unbound synthesizes AAAA from A', async () => {
    await startUnbound(sandbox, router, {
      address: '2001:db8:1:1::53',
      prefix: '2001:db8:64::/96',
      names: { 'v4.example': ['198.51.100.10'] },
    });
    expect(await dig('2001:db8:1:1::53', 'ipv4only.arpa', 'AAAA')).toEqual([
      '2001:db8:64::c000:aa',
      '2001:db8:64::c000:ab',
    ]);
    expect(await dig('2001:db8:1:1::53', 'v4.example', 'AAAA')).toEqual(['2001:db8:64::c633:640a']);
  });

  it('the scripted DNS64 answers from three prefixes, and with what it is told', async () => {
    const names = { 'v4.example': ['198.51.100.10'] };
    const server = await new ScriptedDns64(sandbox, router, '2001:db8:1:1::54', {
      prefixes: PREFIXES,
      names,
    }).ready();
    expect(await dig('2001:db8:1:1::54', 'v4.example', 'AAAA')).toEqual([
      '2001:db8:64::c633:640a',
      '2001:db8:65::c633:640a',
      '2001:db8:66:1:0:2:c633:640a',
    ]);
    expect(await dig('2001:db8:1:1::54', 'ipv4only.arpa', 'AAAA')).toHaveLength(6);
    await server.change({ rcode: 'SERVFAIL' });
    const refused = await host.run('dig', ['@2001:db8:1:1::54', '+tries=1', 'ipv4only.arpa', 'AAAA']);
    expect(refused.stdout).toContain('status: SERVFAIL');
    expect(server.questions.at(-1)).toBe('ipv4only.arpa AAAA');
  });

  it('the kernel accepts advertisements, at the start, when solicited, and changed', async () => {
    const prefix = { prefix: '2001:db8:9:1::/64' };
    const sender = new RaSender(sandbox, router, 'host', {
      mtu: 1400,
      prefixes: [prefix],
      pref64: [{ prefix: '2001:db8:64::/96', lifetime: 600 }],
      rdnss: [{ addresses: ['2001:db8:1:1::53'] }],
    });
    await until('an address by autoconfiguration', () =>
      host.ip('-6 address show').includes('2001:db8:9:1:'),
    );
    expect(host.ip('-6 route show default')).toContain('via fe80::1');
    expect(host.exec('sysctl', ['-n', 'net.ipv6.conf.eth0.mtu']).trim()).toBe('1400');
    await sender.change({ lifetime: 0, prefixes: [{ ...prefix, valid: 7200, preferred: 0 }] });
    await until('the default router to go', () => host.ip('-6 route show default') === '');
    expect(host.ip('-6 address show')).toContain('deprecated');
    const { sent } = sender;
    host.ip('link set eth0 down');
    host.ip('link set eth0 up');
    await until('an answer to the solicitation', () => sender.sent > sent);
    await sender.stop();
  });

  it('PREF64 is on the wire as RFC 8781 wants it', async () => {
    const capture = host.start('tcpdump', ['-n', '-x', '-l', '-c1', '-i', 'eth0', 'icmp6[0] == 134']);
    await capture.says(/listening/);
    const sender = new RaSender(sandbox, router, 'host', {
      pref64: [{ prefix: '2001:db8:122:300::/56', lifetime: 600 }],
    });
    const { stdout } = await capture.finished(5000);
    await sender.stop();
    const bytes = [...stdout.matchAll(/0x[0-9a-f]{4}:\s+(.*)$/gm)]
      .map(([, hex]) => hex!.replaceAll(' ', ''))
      .join('');
    // 600 s = 75 * 8 s, shifted by the three bits of the length code (2: /56).
    expect(bytes.slice((40 + 16) * 2)).toBe(
      `2602${((75 << 3) | 2).toString(16).padStart(4, '0')}20010db80122030000000000`,
    );
  });

  it('a firewall like Docker’s drops what is forwarded', () => {
    dropForwarded(host);
    expect(host.exec('nft', ['list', 'ruleset'])).toMatch(/hook forward priority filter; policy drop/);
  });
});

describeNetns('the test network', ['curl'], () => {
  it('reaches the server by both uplinks and by every prefix, with native IPv6', async () => {
    const second = '2001:db8:65::/96';
    const topology = await buildTopology({ morePool6: [second], secondUplink: true });
    try {
      const { vm } = topology;
      vm.ipBatch(`
        address add 2001:db8:1:2::10/64 dev eth1
        route add ::/0 via ${map.routerLinkLocal} dev eth1 metric 2048
      `);
      for (const device of ['eth0', 'eth1']) {
        for (const prefix of [map.pool6, second]) {
          const url = `http://[${prefix.replace('/96', '')}${map.web}]/`;
          const result = await vm.run('curl', ['-sS', '--max-time', '5', '--interface', device, url]);
          expect(result.stdout, `${prefix} by ${device}`).toMatch(/^Hello/);
        }
      }
    } finally {
      await topology.close();
    }
  });
});

describeNetns('a sandbox', [], () => {
  describe('of a process that was killed', () => {
    it('is removed by the next one', () => {
      // A pid that cannot be alive with this start time: this process, started at another time.
      const name = `clatd-${process.pid}-1-1-left`;
      spawnSync('ip', ['netns', 'add', name]);
      expect(existsSync(`/run/netns/${name}`)).toBe(true);
      void new Sandbox().close();
      expect(existsSync(`/run/netns/${name}`)).toBe(false);
    });
  });

  it('leaves nothing after it is closed', async () => {
    const sandbox = new Sandbox();
    const namespace = sandbox.namespace('one');
    namespace.resolvConf('nameserver 2001:db8::53\n');
    const child = namespace.start('sleep', ['1000']);
    expect(namespace.exec('cat', ['/etc/resolv.conf'])).toBe('nameserver 2001:db8::53\n');
    await sandbox.close();
    expect(child.running).toBe(false);
    expect(existsSync(`/run/netns/${namespace.name}`)).toBe(false);
    expect(existsSync(`/etc/netns/${namespace.name}`)).toBe(false);
    expect(readdirSync('/run/netns')).not.toContain(namespace.name);
    expect(existsSync(sandbox.folder)).toBe(false);
  });
});
