/**
 * Real traffic: an IPv6-only host reaches an IPv4-only server through the translator.
 * TRANSLATOR=tayga runs what Debian's TAYGA can do of it, to tell a fault of the topology from one of clatd.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Namespace, part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology, type TopologyOptions } from './topology.ts';
import { answersPing, clatd, tayga } from './translators.ts';

const baseline = process.env.TRANSLATOR === 'tayga';
const BIG = 50 * 1024 * 1024;

/** A counter of the kernel in a namespace, by its name in nstat(8). */
function counter(namespace: Namespace, name: string): number {
  const text = namespace.exec('nstat', ['--zeros', '--ignore', '--noupdate', '--json', name]);
  return JSON.parse(text).kernel[name] ?? 0;
}

/** Builds the network with the translator running, for every test of the suite. */
function withNetwork(options: TopologyOptions): { topology: Topology } {
  const here = {} as { topology: Topology };
  beforeAll(async () => {
    here.topology = await buildTopology(options);
    await (baseline ? tayga() : clatd()).start(here.topology);
  });
  afterAll(() => here.topology?.close());
  return here;
}

async function page(vm: Namespace): Promise<string> {
  return (await vm.run('curl', ['-sS', '--max-time', '10', `http://${map.web}/`])).stdout;
}

const fromPlat = `Hello from the IPv4 internet, ${map.plat4}!\n`;

describeNetns('an IPv4 program on an IPv6-only host', ['curl', 'ping', 'python3', 'nstat'], () => {
  const here = withNetwork({ downloadBytes: BIG });

  it('gets a page from an IPv4 literal', async () => {
    expect(await page(here.topology.vm)).toBe(fromPlat);
  });

  it('pings, small and as large as fits', async () => {
    const { vm } = here.topology;
    // Linux answers without DF, so a larger answer would be split; fragments of ICMP are not translatable (RFC 7915 §1.2).
    for (const size of ['0', '56', '1232']) {
      const result = await vm.run('ping', ['-c3', '-i0.1', '-W2', '-Mdo', '-s', size, map.web]);
      expect(result.stdout, `${size} bytes`).toMatch(/ 3 received/);
    }
  });

  it('is told by the translator how large a packet may be', async () => {
    if (baseline) return;
    const { vm } = here.topology;
    // Around the route's own MTU, which would be the kernel's answer (a packet of 1500 bytes becomes one of 1520).
    vm.ip(`route add ${map.isp} dev clat mtu lock 1500`);
    const result = await vm.run('ping', ['-n', '-c1', '-W2', '-Mdo', '-s', '1472', map.isp]);
    vm.ip(`route del ${map.isp} dev clat`);
    expect(result.stdout).toMatch(/From 192\.0\.0\.1 icmp_seq=1 Frag needed and DF set \(mtu = 1480\)/);
  });

  it('uploads 50 MB intact', async () => {
    const data = randomFillSync(Buffer.allocUnsafe(BIG));
    const file = here.topology.sandbox.file('upload', data);
    const result = await here.topology.vm.run('curl', ['-sS', '-T', file, `http://${map.web}/upload`]);
    expect(result.stdout).toBe(`${createHash('sha256').update(data).digest('hex')} ${BIG}\n`);
  });

  it('downloads 50 MB intact', async () => {
    const { vm } = here.topology;
    const sum = await vm.run('sh', ['-c', `curl -sS http://${map.web}/download | sha256sum`]);
    const expected = await vm.run('curl', ['-sS', `http://${map.web}/download.sha256`]);
    expect(expected.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    expect(sum.stdout.split(' ')[0]).toBe(expected.stdout.trim());
  });

  it.each(['1', '1400', '4000', '65000'])('exchanges UDP datagrams of %s bytes', async (size) => {
    const result = await here.topology.vm.run(process.execPath, [part('udp-echo.js'), map.web, '7', size]);
    expect(result.stdout).toBe(`${size} ok\n`);
  });

  it.each([
    ['1', '60'],
    ['333', '40'],
    ['1452', '44'],
  ])('keeps datagrams of %s bytes apart that leave the program as one super-packet', async (size, count) => {
    const args = [part('udp-gso.py'), map.web, '7', size, count];
    const result = await here.topology.vm.run('python3', args);
    expect(result.stdout + result.stderr).toBe(`${count} of ${count}\n`);
  });

  it('keeps bursts of datagrams of mixed sizes in order and apart', async () => {
    const result = await here.topology.vm.run('python3', [part('udp-order.py'), map.web, '7', '30']);
    expect(result.stdout + result.stderr).toBe('30 rounds in order\n');
  });

  it('carries ECN-capable TCP', async () => {
    const { vm, web, sandbox } = here.topology;
    vm.sysctl('net.ipv4.tcp_ecn=1');
    const file = sandbox.file('upload-ecn', Buffer.alloc(8 << 20, 'x'));
    const before = counter(web, 'IpExtInECT0Pkts');
    const up = await vm.run('curl', ['-sS', '--max-time', '20', '-T', file, `http://${map.web}/upload`]);
    expect(up.stdout).toMatch(/ 8388608\n$/);
    expect(counter(web, 'IpExtInECT0Pkts')).toBeGreaterThan(before + 100);
    vm.sysctl('net.ipv4.tcp_ecn=2');
  });

  it('learns that a UDP port is closed from the destination itself', async () => {
    const result = await here.topology.vm.run('python3', [part('ttl-probe.py'), map.web, '64']);
    expect(result.stdout).toBe(`64 ${map.web} 3 3\n`);
  });

  it('gets Time Exceeded from every hop; untranslatable IPv6 routers speak as 192.0.0.8', async () => {
    const hops = ['1', '2', '3', '4', '5', '6', '7', '8'];
    const result = await here.topology.vm.run('python3', [part('ttl-probe.py'), map.web, ...hops]);
    const lines = result.stdout.trim().split('\n');
    // Debian's TAYGA drops what untranslatable routers say.
    if (!baseline) {
      expect(lines.slice(1, 4), 'the host itself, the IPv6 router, the NAT64 as an IPv6 router').toEqual([
        '2 192.0.0.8 11 0',
        '3 192.0.0.8 11 0',
        '4 192.0.0.8 11 0',
      ]);
    }
    expect(lines[0], 'the translator').toBe('1 192.0.0.1 11 0');
    expect(lines.slice(4), 'the NAT64 translator, its IPv4 side, an IPv4 router, the server').toEqual([
      `5 ${map.tayga} 11 0`,
      `6 ${map.plat4} 11 0`,
      `7 ${map.isp} 11 0`,
      `8 ${map.web} 3 3`,
    ]);
  });

  it('shows the same hops to ping', async () => {
    if (baseline) return;
    const result = await here.topology.vm.run('ping', ['-n', '-c1', '-W2', '-t3', map.web]);
    expect(result.stdout).toMatch(/From 192\.0\.0\.8 icmp_seq=1 Time to live exceeded/);
  });

  it('discovers a path MTU of 1280 behind the uplink during TCP transfers', async () => {
    const { vm, net, plat, web, setCoreMtu } = here.topology;
    const tooBigs = () => ({
      net: counter(net, 'Icmp6OutPktTooBigs'),
      plat: counter(plat, 'Icmp6OutPktTooBigs'),
      vm: counter(vm, 'IcmpMsgInType3'),
    });
    setCoreMtu(1280);
    try {
      const before = tooBigs();
      const down = await vm.run('sh', ['-c', `curl -sS --max-time 20 http://${map.web}/download | wc -c`]);
      expect(down.stdout.trim()).toBe(`${BIG}`);
      expect(tooBigs().plat, 'Packet Too Big sent towards the server').toBeGreaterThan(before.plat);

      // What the server has learnt would make it ask for small segments.
      web.ip('route flush cache');
      const file = here.topology.sandbox.file('upload-1280', Buffer.alloc(4 << 20, 'x'));
      const up = await vm.run('curl', ['-sS', '--max-time', '20', '-T', file, `http://${map.web}/upload`]);
      expect(up.stdout).toMatch(/ 4194304\n$/);
      expect(tooBigs().net, 'Packet Too Big sent by the router').toBeGreaterThan(before.net);
      expect(tooBigs().vm, 'Fragmentation Needed received').toBeGreaterThan(before.vm);
    } finally {
      setCoreMtu(1500);
    }
  });
});

describeNetns('other networks', ['curl', 'ping', 'ethtool'], () => {
  describe('without checksum and segmentation offload on any link', () => {
    const here = withNetwork({ vethOffload: 'off', downloadBytes: 1 << 20 });
    it('carries pages, pings, datagrams and a download', async () => {
      const { vm } = here.topology;
      expect(await page(vm)).toBe(fromPlat);
      await answersPing(here.topology);
      const sizes = ['1', '1400', '4000', '65000'];
      const echo = await vm.run(process.execPath, [part('udp-echo.js'), map.web, '7', ...sizes]);
      expect(echo.stdout).toBe(sizes.map((size) => `${size} ok\n`).join(''));
      const down = await vm.run('sh', ['-c', `curl -sS http://${map.web}/download | wc -c`]);
      expect(down.stdout.trim()).toBe(`${1 << 20}`);
      const file = here.topology.sandbox.file('upload', Buffer.alloc(4 << 20, 'x'));
      const up = await vm.run('curl', ['-sS', '--max-time', '20', '-T', file, `http://${map.web}/upload`]);
      expect(up.stdout).toMatch(/ 4194304\n$/);
      const order = await vm.run('python3', [part('udp-order.py'), map.web, '7', '10']);
      expect(order.stdout + order.stderr).toBe('10 rounds in order\n');
      // Here every checksum is on the wire and looked at by the receiver.
      for (const host of [vm, here.topology.web]) {
        for (const name of ['TcpInCsumErrors', 'UdpInCsumErrors', 'IcmpInCsumErrors', 'IpReasmFails']) {
          expect(counter(host, name), `${name} of ${host.name}`).toBe(0);
        }
      }
    });
  });

  describe('where the address is on-link and the translator has to see that neighbours find it', () => {
    const here = withNetwork({ delivery: baseline ? 'proxy' : 'translator' });
    it('gets a page', async () => {
      expect(await page(here.topology.vm)).toBe(fromPlat);
    });
  });

  describe('where the host has one /128 and a /96 routed to it', () => {
    const here = withNetwork({
      delivery: 'translator',
      vmAddress: '2001:db8:1:1:0:10::/128',
      delegated: '2001:db8:1:1:0:10::/96',
      clat6: '2001:db8:1:1:0:10:0:c1a7',
    });
    it('gets a page', async () => {
      expect(await page(here.topology.vm)).toBe(fromPlat);
    });
  });

  describe('with jumbo frames on the uplink', () => {
    const here = withNetwork({ uplinkMtu: 9000 });
    it('transfers in spite of the smaller MTU behind', async () => {
      const file = here.topology.sandbox.file('upload', Buffer.alloc(4 << 20, 'x'));
      const up = await here.topology.vm.run('curl', [
        '-sS',
        '--max-time',
        '20',
        '-T',
        file,
        `http://${map.web}/upload`,
      ]);
      expect(up.stdout).toMatch(/ 4194304\n$/);
    });
  });
});
