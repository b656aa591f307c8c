/**
 * What leaves in one write is cut by the kernel into the very packets that would have left one by one:
 *
 *     lan ──────────── host ──────────── far       lan: 10.9.9.2, known to IPv6 as 2001:db8:ea::2
 *     eth0         lan   eth0         eth0         far: 198.51.100.2, as the prefix embeds it
 *
 * Both ends send bursts past their network stacks and listen the same way; what is between sees a router that never
 * merges what it receives and leaves nothing to its hardware.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Bytes,
  checksum,
  counting,
  hex,
  type Tcp,
  type Transport,
  tcp,
  udp,
  v4,
  v6,
} from '../support/packets.ts';
import type { Process } from './process.ts';
import { type Namespace, part, projectRoot, Sandbox } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';

const LAN4 = '10.9.9.2';
const LAN6 = '2001:db8:ea::2';
const FAR4 = '198.51.100.2';
const FAR6 = '2001:db8:64::198.51.100.2';
const MAC = { hostLan: '02:00:00:00:00:01', lan: '02:00:00:00:00:02', hostFar: '02:00:00:00:00:03' };
const FAR_MAC = '02:00:00:00:00:04';
const END = [0xe4, 0xd0, 0xf1, 0xa7, 0x51, 0x6e, 0xa1, 0x00];

/** What tempts to join, and what must not be joined, in one burst. Sizes stay below 1260 but for one stream. */
function burst(): Transport[] {
  const TIMESTAMPS = [1, 1, 8, 10, ...counting(8)];
  const stream = (count: number, size: number, fields: (i: number) => Tcp = () => ({})): Transport[] =>
    Array.from({ length: count }, (_, i) =>
      tcp({
        seq: (0xffff8000 + i * size) >>> 0,
        data: counting(size, i),
        options: TIMESTAMPS,
        ...fields(i),
      }),
    );
  return [
    ...Array.from({ length: 20 }, (_, i) => udp(counting(i === 11 ? 99 : 500, i))),
    ...stream(30, 1100, (i) => ({ flags: i % 13 === 12 ? 0x18 : 0x10 })),
    ...stream(12, 1400, () => ({ sport: 50001 })),
    ...stream(9, 100, (i) => ({ sport: 50002, data: counting(i === 4 ? 33 : 100, i) })),
    ...stream(6, 101, (i) => ({ sport: 50003, flags: [0x10, 0x90, 0x50, 0x10, 0x10, 0x11][i]! })),
    ...stream(6, 1, () => ({ sport: 50004, options: [] })),
    udp(END),
  ];
}

interface Way {
  name: string;
  /** Roles. */
  from: 'lan' | 'far';
  to: 'lan' | 'far';
  mac: string;
  packets: Bytes[];
}
const damaged = (packets: Bytes[]): Bytes[] =>
  packets.map((packet, i) => (i === 25 ? packet.with(-1, packet.at(-1)! ^ 1) : packet));
const WAYS: Way[] = [
  {
    name: '46',
    from: 'lan',
    to: 'far',
    mac: MAC.hostLan,
    packets: damaged(
      burst().map((of, id) =>
        v4({ src: LAN4, dst: FAR4, proto: of.proto, id, df: true, payload: of.in4(LAN4, FAR4) }),
      ),
    ),
  },
  {
    name: '64',
    from: 'far',
    to: 'lan',
    mac: MAC.hostFar,
    packets: damaged(
      burst().map((of) => v6({ src: FAR6, dst: LAN6, next: of.proto, payload: of.in6(FAR6, LAN6) })),
    ),
  },
];

/**
 * Identifications begin anywhere and count up, never 0: they are told relative to the protocol's first. The IPv4 header's checksum is
 * verified here, since it depends on them.
 */
function told(captured: string[]): string[] {
  const first: Record<string, number> = {};
  return captured.map((text) => {
    const packet = [...Buffer.from(text, 'hex')];
    if (packet[0]! >> 4 === 6) return text;
    expect(checksum(packet.slice(0, 20)), text).toBe(0);
    const id = packet[4]! * 256 + packet[5]!;
    const protocol = packet[9] === 17 ? 'UDP' : 'TCP';
    if (id !== 0) first[protocol] ??= id;
    const relative = id === 0 ? 'none' : `+${(id - first[protocol]! + 65535) % 65535}`;
    return `${protocol} ${relative} ${hex([...packet.slice(0, 4), ...packet.slice(6, 10), ...packet.slice(12)])}`;
  });
}

describeNetns('joined in one write', ['python3', 'ethtool'], () => {
  let sandbox: Sandbox;
  let spaces: Record<'lan' | 'host' | 'far', Namespace>;

  beforeAll(() => {
    sandbox = new Sandbox();
    const [lan, host, far] = ['lan', 'host', 'far'].map((role) => sandbox.namespace(role)) as [
      Namespace,
      Namespace,
      Namespace,
    ];
    spaces = { lan, host, far };
    sandbox.link(
      { namespace: lan, name: 'eth0', mac: MAC.lan },
      { namespace: host, name: 'lan', mac: MAC.hostLan },
    );
    sandbox.link(
      { namespace: host, name: 'eth0', mac: MAC.hostFar },
      { namespace: far, name: 'eth0', mac: FAR_MAC },
    );
    for (const [namespace, name] of [
      [lan, 'eth0'],
      [host, 'lan'],
      [host, 'eth0'],
      [far, 'eth0'],
    ] as const) {
      const off = ['tx', 'sg', 'tso', 'gso', 'gro'].flatMap((feature) => [feature, 'off']);
      namespace.exec('ethtool', ['-K', name, ...off]);
    }
    host.sysctl('net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    host.ip('tuntap add dev clat mode tun vnet_hdr multi_queue');
    host.ipBatch(`
      link set clat up
      address add 10.9.9.1/24 dev lan
      neighbour add ${LAN4} lladdr ${MAC.lan} dev lan
      route add ${FAR4}/32 dev clat
      route add ${LAN6}/128 dev clat
      neighbour add fe80::1 lladdr ${FAR_MAC} dev eth0
      route add ${map.pool6} via fe80::1 dev eth0
    `);
  });
  afterAll(() => sandbox?.close());

  async function start(...options: string[]): Promise<Process> {
    const main = process.env.CLATD ?? join(projectRoot(), 'dist/main.js');
    const clatd = spaces.host.start(process.execPath, [
      ...[main, 'run', '--pool6', map.pool6, '--eam', `${LAN4}=${LAN6}`, '--no-configure', '--workers', '1'],
      ...options,
    ]);
    await clatd.says(/translating on clat/);
    return clatd;
  }

  /** The burst on the other side, and the packets that clatd wrote for it. */
  async function pass(clatd: Process, way: Way): Promise<{ wire: string[]; written: string[] }> {
    const { host } = spaces;
    const end = hex(END);
    const listen = async (namespace: Namespace, name: string): Promise<Process> => {
      const child = namespace.start('python3', [part('frames.py'), 'capture', name, end]);
      await child.says(/ready/);
      return child;
    };
    const there = await listen(spaces[way.to], 'eth0');
    const between = await listen(host, 'clat');
    // Stopped meanwhile, clatd finds all that waits in one batch.
    clatd.signal('SIGSTOP');
    const lines = way.packets.map((packet) => `${hex(packet)}\n`).join('');
    spaces[way.from].exec('python3', [part('frames.py'), 'send', 'eth0', way.mac], lines);
    clatd.signal('SIGCONT');
    const arrived = async (child: Process): Promise<string[]> => {
      const { code, stdout, stderr } = await child.finished(10_000);
      expect(code, stderr).toBe(0);
      const [, ...packets] = stdout.trim().split('\n');
      // Other protocols are the network's own: neighbour discovery.
      return packets.filter((packet) => /^(60.{10}(06|11)|45.{16}(06|11))/.test(packet));
    };
    return { wire: await arrived(there), written: await arrived(between) };
  }

  it.each(WAYS.map((way) => [way.name, way] as const))('%s', async (_, way) => {
    const plain = await start('--no-coalesce');
    const apart = await pass(plain, way);
    await plain.stop();
    expect(apart.wire.length).toBe(way.packets.length);
    expect(apart.written.length).toBe(way.packets.length);
    const clatd = await start();
    const joined = await pass(clatd, way);
    await clatd.stop();
    expect(told(joined.wire)).toEqual(told(apart.wire));
    expect(joined.written.length, 'writes').toBeLessThan(way.packets.length / 2);
    // Both kinds: protocol, then a length that no link of 1500 bytes carries.
    const long = joined.written.filter((packet) => packet.length > 2 * 1500);
    const protocols = long.map((packet) => packet.slice(...(packet[0] === '6' ? [12, 14] : [18, 20])));
    expect(new Set(protocols)).toEqual(new Set(['06', '11']));
  });
});
