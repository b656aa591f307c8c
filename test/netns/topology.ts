/**
 * The network most end-to-end tests run in: an IPv6-only host that wants to reach an IPv4-only server.
 *
 *     vm ─────────── net ─────────── plat ─────────── isp ─────────── web
 *       eth0      vm     plat     eth6    eth4     plat    web      eth0
 *     2001:db8:1:1::10    2001:db8:2::/64   203.0.113.0/30    198.51.100.0/24
 *       IPv6 only        IPv6 only     NAT64 (TAYGA, nftables)   IPv4 only        IPv4 only
 *
 * `vm` is where the translator under test runs. `net` and `plat` forward IPv6 and have addresses outside the NAT64's
 * prefix: what they have to say by ICMPv6 is untranslatable. `plat` translates `pool6` by Debian's TAYGA and hides the
 * result behind 203.0.113.1; `isp` is one more IPv4 hop.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from './process.ts';
import { cannotSandbox, type Namespace, part, Sandbox } from './sandbox.ts';

/** Fixed points of the map, all from documentation ranges (RFC 3849, RFC 5737). */
export const map = {
  pool6: '2001:db8:64::/96',
  vm: '2001:db8:1:1::10',
  vmSubnet: '2001:db8:1:1::/64',
  vmLinkLocal: 'fe80::10',
  /** The CLAT's addresses: the only EAM of most tests. */
  clat4: '192.0.0.2',
  clat6: '2001:db8:1:1::c1a7',
  routerLinkLocal: 'fe80::1',
  /** The second uplink's, where there is one. */
  vm2Subnet: '2001:db8:1:2::/64',
  vm2Router: '2001:db8:1:2::1',
  plat4: '203.0.113.1',
  isp: '203.0.113.2',
  web: '198.51.100.10',
  webGateway: '198.51.100.1',
  /** TAYGA's own IPv4 address: a hop whose address the prefix embeds. */
  tayga: '192.168.255.1',
} as const;

/** How the network delivers packets to clat6. */
export type Delivery =
  /** The router has a route for it by way of the VM. */
  | 'route'
  /** It is an on-link address of the VM's /64, and the VM's kernel answers neighbour solicitations for it. */
  | 'proxy'
  /** On-link, and the translator has to see to it itself. */
  | 'translator';

export interface TopologyOptions {
  /** Default 'route'. */
  delivery?: Delivery;
  clat6?: string;
  pool6?: string;
  /** The VM's own address on its uplink with length; default 2001:db8:1:1::10/64. null: none, it configures itself. */
  vmAddress?: string | null;
  /** A route that the router has by way of the VM besides clat6's: a prefix delegated to it. */
  delegated?: string;
  /** More prefixes the NAT64 translates, each by a TAYGA of its own. */
  morePool6?: string[];
  /** A second uplink of the VM, eth1, by a router of its own (`net2`, 2001:db8:1:2::/64); default false. */
  secondUplink?: boolean;
  /** MTU of the VM's uplink; default 1500. */
  uplinkMtu?: number;
  /** MTU of the link between net and plat; default 1500. */
  coreMtu?: number;
  /** Bytes of the server's large file; default 0. */
  downloadBytes?: number;
  /** Transmit checksums and segmentation left to the (virtual) hardware, as veth does by default; 'off' on each veth. */
  vethOffload?: 'on' | 'off';
}

/** Programs the topology needs besides `ip`. */
export const topologyTools = ['tayga', 'nft', 'sysctl'] as const;

/** Why the topology cannot be built here, in words, or null where it can. */
export function cannotBuild(tools: readonly string[] = []): string | null {
  return cannotSandbox([...topologyTools, ...tools]);
}

export interface Topology {
  readonly sandbox: Sandbox;
  readonly vm: Namespace;
  readonly net: Namespace;
  /** The router of the second uplink, where there is one. */
  readonly net2: Namespace | null;
  readonly plat: Namespace;
  readonly isp: Namespace;
  readonly web: Namespace;
  readonly pool6: string;
  readonly clat6: string;
  readonly platProcess: Process;
  readonly webProcess: Process;
  /** Changes the MTU of the link between net and plat, both ends. */
  setCoreMtu(mtu: number): void;
  close(): Promise<void>;
}

/** Builds the network and waits until its server and its PLAT are ready. */
export async function buildTopology(options: TopologyOptions = {}): Promise<Topology> {
  const { delivery = 'route', clat6 = map.clat6, pool6 = map.pool6 } = options;
  const sandbox = new Sandbox();
  try {
    const [vm, net, plat, isp, web] = ['vm', 'net', 'plat', 'isp', 'web'].map((role) =>
      sandbox.namespace(role),
    ) as [Namespace, Namespace, Namespace, Namespace, Namespace];
    net.sysctl('net.ipv6.conf.all.forwarding=1');
    plat.sysctl('net.ipv6.conf.all.forwarding=1', 'net.ipv4.ip_forward=1');
    isp.sysctl('net.ipv4.ip_forward=1');
    // Traceroute tests ask for many ICMP errors quickly; Linux would otherwise send one a second to a host.
    for (const router of [vm, net, plat, isp, web]) {
      router.sysctl(
        'net.ipv6.icmp.ratelimit=0',
        'net.ipv4.icmp_ratelimit=0',
        'net.ipv4.icmp_msgs_per_sec=10000',
      );
    }
    // Link-local addresses are given by hand so that they are known and there at once.
    for (const host of [vm, net, plat]) host.sysctl('net.ipv6.conf.default.addr_gen_mode=1');
    for (const host of [isp, web]) host.sysctl('net.ipv6.conf.default.disable_ipv6=1');

    const uplinkMtu = options.uplinkMtu ?? 1500;
    sandbox.link({ namespace: vm, name: 'eth0' }, { namespace: net, name: 'vm' }, uplinkMtu);
    sandbox.link({ namespace: net, name: 'plat' }, { namespace: plat, name: 'eth6' }, options.coreMtu);
    sandbox.link({ namespace: plat, name: 'eth4' }, { namespace: isp, name: 'plat' });
    sandbox.link({ namespace: isp, name: 'web' }, { namespace: web, name: 'eth0' });
    if (options.vethOffload === 'off') {
      for (const [namespace, name] of [
        [vm, 'eth0'],
        [net, 'vm'],
        [net, 'plat'],
        [plat, 'eth6'],
        [plat, 'eth4'],
        [isp, 'plat'],
        [isp, 'web'],
        [web, 'eth0'],
      ] as const) {
        namespace.exec('ethtool', [
          '-K',
          name,
          'tx',
          'off',
          'sg',
          'off',
          'tso',
          'off',
          'gso',
          'off',
          'gro',
          'off',
        ]);
      }
    }

    const vmAddress = options.vmAddress === undefined ? `${map.vm}/64` : options.vmAddress;
    vm.ipBatch(`
      address add ${map.vmLinkLocal}/64 dev eth0
      ${vmAddress === null ? '' : `address add ${vmAddress} dev eth0`}
      ${vmAddress === null ? '' : `route add ::/0 via ${map.routerLinkLocal} dev eth0 metric 1024`}
    `);
    if (delivery === 'proxy') {
      vm.sysctl('net.ipv6.conf.eth0.proxy_ndp=1');
      vm.ip(`-6 neighbour add proxy ${clat6} dev eth0`);
    }
    net.ipBatch(`
      address add ${map.routerLinkLocal}/64 dev vm
      address add 2001:db8:1:1::1/64 dev vm
      ${delivery === 'route' ? `route add ${clat6}/128 via ${map.vmLinkLocal} dev vm` : ''}
      ${options.delegated === undefined ? '' : `route add ${options.delegated} via ${map.vmLinkLocal} dev vm`}
      address add fe80::1/64 dev plat
      address add 2001:db8:2::1/64 dev plat
      route add ${pool6} via fe80::2 dev plat
    `);
    plat.ipBatch(`
      address add fe80::2/64 dev eth6
      address add 2001:db8:2::2/64 dev eth6
      route add ::/0 via fe80::1 dev eth6
      address add ${map.plat4}/30 dev eth4
      route add 0.0.0.0/0 via ${map.isp} dev eth4
    `);
    isp.ipBatch(`
      address add ${map.isp}/30 dev plat
      address add ${map.webGateway}/24 dev web
    `);
    web.ipBatch(`
      address add ${map.web}/24 dev eth0
      route add 0.0.0.0/0 via ${map.webGateway} dev eth0
    `);

    const net2 =
      options.secondUplink === true
        ? secondUplink(sandbox, vm, plat, [pool6, ...(options.morePool6 ?? [])])
        : null;

    const webProcess = web.start(process.execPath, [
      part('web.js'),
      map.web,
      `${options.downloadBytes ?? 0}`,
    ]);
    plat.nft(MASQUERADE);
    const platProcess = startPlat(sandbox, plat, pool6, 0);
    for (const [i, prefix] of (options.morePool6 ?? []).entries()) {
      startPlat(sandbox, plat, prefix, i + 1);
      net.ip(`route add ${prefix} via fe80::2 dev plat`);
    }
    await webProcess.says(/^ready$/m);
    return {
      sandbox,
      vm,
      net,
      net2,
      plat,
      isp,
      web,
      pool6,
      clat6,
      platProcess,
      webProcess,
      setCoreMtu(mtu) {
        net.ip(`link set plat mtu ${mtu}`);
        plat.ip(`link set eth6 mtu ${mtu}`);
      },
      close: () => sandbox.close(),
    };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

/** A router of its own between the VM's eth1 and the NAT64. The VM's side is left to the test or to advertisements. */
function secondUplink(sandbox: Sandbox, vm: Namespace, plat: Namespace, prefixes: string[]): Namespace {
  const net2 = sandbox.namespace('net2');
  net2.sysctl('net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.addr_gen_mode=1');
  sandbox.link({ namespace: vm, name: 'eth1' }, { namespace: net2, name: 'vm' });
  sandbox.link({ namespace: net2, name: 'plat' }, { namespace: plat, name: 'eth6b' });
  vm.ip(`address add ${map.vmLinkLocal}/64 dev eth1`);
  net2.ipBatch(`
    address add ${map.routerLinkLocal}/64 dev vm
    address add ${map.vm2Router}/64 dev vm
    address add fe80::1/64 dev plat
    address add 2001:db8:3::1/64 dev plat
    ${prefixes.map((prefix) => `route add ${prefix} via fe80::2 dev plat`).join('\n    ')}
  `);
  plat.ipBatch(`
    address add fe80::2/64 dev eth6b
    address add 2001:db8:3::2/64 dev eth6b
    route add ${map.vm2Subnet} via fe80::1 dev eth6b
  `);
  return net2;
}

/** Hides what the TAYGAs hand to the IPv4 side behind one address. */
const MASQUERADE = `table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "eth4" masquerade
  }
}`;

/** A NAT64 of Debian's parts: TAYGA gives every IPv6 host an IPv4 address. */
function startPlat(sandbox: Sandbox, plat: Namespace, pool6: string, number: number): Process {
  const data = join(sandbox.folder, `tayga-plat-${number}`);
  mkdirSync(data);
  const net = `192.168.${255 - number}`;
  const device = `nat64${number === 0 ? '' : `-${number}`}`;
  const configuration = sandbox.file(
    `tayga-plat-${number}.conf`,
    `tun-device ${device}\nipv4-addr ${net}.1\nprefix ${pool6}\ndynamic-pool ${net}.0/24\ndata-dir ${data}\n`,
  );
  plat.exec('tayga', ['--config', configuration, '--mktun']);
  plat.ipBatch(`
    link set ${device} up
    route add ${net}.0/24 dev ${device}
    route add ${pool6} dev ${device}
  `);
  return plat.start('tayga', ['--config', configuration, '--nodetach']);
}

/** The firewall a host with Docker has: what is forwarded is dropped, in both families. */
export function dropForwarded(namespace: Namespace): void {
  for (const family of ['ip', 'ip6']) {
    namespace.nft(
      `add table ${family} filter\nadd chain ${family} filter FORWARD { type filter hook forward priority filter; policy drop; }`,
    );
  }
}
