/**
 * RFC 6169: what a kernel or a firewall would stop must not come in through the translator. A neighbour on the uplink
 * sends datagrams with every source that would be believed inside; sockets inside say what they received (CLAT-13).
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { type Namespace, part, projectRoot } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { until } from './wait.ts';

const LAN6 = '2001:db8:12:3401::/96';
const PORT = 4000;
const HONEST = map.web;

/** Prints the text of each datagram. */
const LISTENER = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (text, { address }) => console.log(text + ' from ' + address));
socket.bind(${PORT}, () => console.log('ready'));`;

let topology: Topology;
let client: Namespace;
/** What arrived at the router itself, and at the host behind it. */
let heard: Process[];
let daemon: Process | null = null;
let round = 0;

const pool = (v4: string): string => `2001:db8:64::${v4}`;
const lan = (v4: string): string => `2001:db8:12:3401::${v4}`;

/** Sources that nobody outside can have. What else they are: addresses that the kernel itself would refuse. */
const sources = (clat6: string): readonly string[] => [
  ...['192.0.0.1', '192.0.0.2', '192.0.0.5', '192.0.0.7'].map(pool),
  ...['192.168.1.1', '192.168.1.5', '192.168.1.9', '192.168.1.0', '192.168.1.255'].map(pool),
  ...['10.77.0.1', '10.77.0.9'].map(pool),
  ...['127.0.0.1', '0.0.0.0', '0.1.2.3', '169.254.1.1', '224.0.0.1', '255.255.255.255'].map(pool),
  ...['192.168.1.1', '192.168.1.5', '192.168.1.9', '192.168.1.255'].map(lan),
  ...[clat6, map.vm, map.vmLinkLocal, '2001:db8:9::9', 'fd00::1', '::1', '::', 'ff02::1'],
  ...['::ffff:10.77.0.9', '64:ff9b::192.168.1.5', '2002:c0a8:105::1'],
];

async function start(...options: string[]): Promise<void> {
  const main = process.env.CLATD ?? `${projectRoot()}/dist/main.js`;
  daemon = topology.vm.start(process.execPath, [
    ...[main, 'run', '--pool6', topology.pool6, '--workers', '1', ...options],
  ]);
  await until('a CLAT', () => {
    if (!daemon!.running) throw new Error(daemon!.output);
    return topology.vm.ip('-4 route show default').includes('clat');
  });
}

/** Where the translator receives packets for this host. */
const clat6 = (): string =>
  topology.vm
    .ipJson('-6 route show dev clat')
    .map(({ dst }: { dst: string }) => dst)
    .find((dst: string) => !dst.includes('/'))!;

/** Sends all attempts, then an honest datagram to each destination; what arrived besides those. */
async function attempt(destinations: readonly string[], from: readonly string[]): Promise<string[]> {
  const now = ++round;
  const begins = heard.map(({ output }) => output.length);
  const lines = [
    ...destinations.flatMap((to) => from.map((source) => `${source} ${to} ${PORT} ${now}:${source}>${to}`)),
    ...destinations.map((to) => `${pool(HONEST)} ${to} ${PORT} ${now}:honest>${to}`),
  ];
  const said = () => heard.flatMap(({ output }, i) => output.slice(begins[i]).split('\n')).filter(Boolean);
  const sent = topology.net.start('python3', [part('spoof.py')], { input: `${lines.join('\n')}\n` });
  expect((await sent.finished()).stderr).toBe('');
  await until(
    `an honest datagram at each of ${destinations.join(', ')}`,
    () => said().filter((line) => line.startsWith(`${now}:honest`)).length >= destinations.length,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${said().join('\n')}\n${daemon!.output}`);
  });
  return said().filter((line) => !line.startsWith(`${now}:honest`));
}

const MODES = [
  ['automatic', [], false],
  ['by hand', ['--eam', `${map.clat4}=${map.clat6}`], false],
  ['by hand, pool6 without strictness', ['--eam', `${map.clat4}=${map.clat6}`, '--no-strict-source'], false],
  ['--lan', ['--lan', `192.168.1.0/24=${LAN6}`], true],
  ['--lan by hand', ['--eam', `${map.clat4}=${map.clat6}`, '--lan', `192.168.1.0/24=${LAN6}`], true],
  [
    'an EAM of a whole network',
    ['--eam', `${map.clat4}=${map.clat6}`, '--eam', '192.168.1.0/24=2001:db8:12:3401::c0a8:100/120'],
    true,
  ],
  ['--nat44', ['--nat44', '192.168.1.0/24'], false],
  ['NAT66', ['--clat-v6-addr', 'shared'], false],
] as const;

describeNetns('packets that pose as inside', ['python3', 'nft'], () => {
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator', delegated: LAN6 });
    const { vm, sandbox } = topology;
    client = sandbox.namespace('client');
    client.sysctl('net.ipv6.conf.default.disable_ipv6=1');
    sandbox.link({ namespace: vm, name: 'lan0' }, { namespace: client, name: 'eth0' });
    sandbox.link({ namespace: vm, name: 'other' }, { namespace: client, name: 'other' });
    vm.ipBatch(`
      address add 192.168.1.1/24 broadcast 192.168.1.255 dev lan0
      address add 10.77.0.1/24 dev other
    `);
    vm.sysctl('net.ipv4.ip_forward=1');
    client.ipBatch(`
      address add 192.168.1.5/24 broadcast 192.168.1.255 dev eth0
      route add default via 192.168.1.1
    `);
    heard = [vm, client].map((where) => where.start(process.execPath, ['-e', LISTENER]));
    await Promise.all(heard.map((one) => one.says(/ready/)));
  });
  afterAll(() => topology?.close());
  afterEach(async () => {
    await daemon?.stop();
    daemon = null;
  });

  it.each(MODES)('CLAT-13: %s: nothing passes, whatever rp_filter is', async (_mode, options, hasLan) => {
    const { vm, net } = topology;
    const before = hostState(vm);
    await start(...options);
    const own = clat6();
    const isLocal = !own.startsWith('2001:db8:1:1:');
    if (isLocal) net.ip(`-6 route add ${own}/128 via ${map.vmLinkLocal} dev vm`);
    try {
      for (const filter of [0, 1, 2]) {
        vm.sysctl(`net.ipv4.conf.clat.rp_filter=${filter}`);
        const to = [own, ...(hasLan ? [lan('192.168.1.5')] : [])];
        expect(await attempt(to, sources(own)), `rp_filter ${filter}`).toEqual([]);
      }
    } finally {
      if (isLocal) net.ip(`-6 route del ${own}/128 via ${map.vmLinkLocal} dev vm`);
    }
    await daemon!.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('CLAT-13: --lan: the router’s address on its LAN, network and broadcast are not reached', async () => {
    await start('--lan', `192.168.1.0/24=${LAN6}`);
    const closed = ['192.168.1.1', '192.168.1.0', '192.168.1.255'];
    const begins = heard.map(({ output }) => output.length);
    const lines = closed.map((v4) => `${pool(HONEST)} ${lan(v4)} ${PORT} closed:${v4}`);
    const sent = topology.net.start('python3', [part('spoof.py')], { input: `${lines.join('\n')}\n` });
    expect((await sent.finished()).code).toBe(0);
    expect(await attempt([clat6(), lan('192.168.1.5')], [])).toEqual([]);
    const arrived = heard.map(({ output }, i) => output.slice(begins[i])).join('');
    expect(arrived).not.toMatch(/closed/);
  });

  it.each([
    ['automatic', []],
    ['by hand', ['--eam', `${map.clat4}=${map.clat6}`]],
  ])('CLAT-13: %s: an address and a network that come and go while it runs', async (_, options) => {
    const { vm } = topology;
    await start(...options);
    const own = clat6();
    const passes = async (v4: string) => (await attempt([own], [pool(v4)])).length > 0;
    expect(await passes('10.88.0.9')).toBe(true);
    vm.ip('address add 10.88.0.1/24 dev other');
    try {
      await until('the new network to count as inside', async () => !(await passes('10.88.0.9')));
      expect(await passes('10.88.0.1')).toBe(false);
    } finally {
      vm.ip('address del 10.88.0.1/24 dev other');
    }
    await until('it to be forgotten', () => passes('10.88.0.9'));
  });

  it('CLAT-13: with --no-configure the host is not known, and ADDR-9 holds', async () => {
    const { vm } = topology;
    const main = process.env.CLATD ?? `${projectRoot()}/dist/main.js`;
    vm.ip('tuntap add dev mine mode tun');
    try {
      vm.ipBatch(`
        link set mine up
        address add ${map.clat4}/29 dev mine
        route add 0.0.0.0/0 dev mine mtu 1480
        route add ${map.clat6}/128 dev mine
      `);
      topology.net.ip(`-6 route add ${map.clat6}/128 via ${map.vmLinkLocal} dev vm`);
      vm.sysctl('net.ipv6.conf.all.forwarding=1');
      daemon = vm.start(process.execPath, [
        ...[main, 'run', '--pool6', topology.pool6, '--eam', `${map.clat4}=${map.clat6}`],
        ...['--tun', 'mine', '--no-configure', '--workers', '1'],
      ]);
      await daemon.says(/translating on mine/);
      expect(await attempt([map.clat6], [pool('10.77.0.9')])).toHaveLength(1);
      await daemon.stop();
    } finally {
      vm.ip('link delete mine');
      vm.sysctl('net.ipv6.conf.all.forwarding=0');
      topology.net.ip(`-6 route del ${map.clat6}/128 via ${map.vmLinkLocal} dev vm`);
    }
  });
});
