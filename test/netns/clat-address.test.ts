/** Plain `clatd` on hosts of every kind: what addresses it takes (CLAT-2, CLAT-3, CLAT-4), and the walkthrough of a cloud VM. */
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, PROGRAM, SLAAC } from './clat.ts';
import { ScriptedDns64 } from './dns64.ts';
import { hostState } from './host-state.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

/** Prefixes of a public DNS64, as the walkthrough's. */
const OTHERS = ['2001:db8:64:1::/96', '2001:db8:64:2::/96'];
const DNS64 = '2001:db8:2::53';

describeNetns('the IPv6 address of a CLAT', [...CLAT_TOOLS, 'curl'], () => {
  it('of a cloud VM: one /128, a routed /96, a link-local router, an external DNS64', async () => {
    host = await ClatHost.build({ delegated: '2001:db8:1:1:0:5::/96', morePool6: OTHERS });
    const { vm, net, plat, sandbox } = host.topology;
    plat.ip(`address add ${DNS64}/64 dev eth6`);
    await new ScriptedDns64(sandbox, plat, DNS64, {
      prefixes: [map.pool6, ...OTHERS],
      names: { 'ipv4only.example': [map.web] },
      ttl: 300,
    }).ready();
    // The router gives a default route and nothing else; the address comes by DHCPv6.
    new RaSender(sandbox, net, 'vm', { managed: true });
    vm.ip('address add 2001:db8:1:1:0:5::/128 dev eth0');
    await host.untilRoute();
    const before = hostState(vm);

    const discovered = await vm.run(process.execPath, [PROGRAM, 'discover', '--dns64-server', DNS64], 20_000);
    expect(discovered.code).toBe(0);
    for (const prefix of [map.pool6, ...OTHERS]) expect(discovered.stdout).toContain(prefix);

    const plan = await vm.run(process.execPath, [PROGRAM, 'plan', '--dns64-servers', DNS64], 20_000);
    expect(plan.code).toBe(0);
    expect(plan.stdout).toMatch(/NAT64 prefix: 2001:db8:64::\/96 \(from DNS\)\nIPv4 address: 192\.0\.0\.2\n/);
    expect(hostState(vm)).toEqual(before);

    host.start('--dns64-servers', DNS64);
    await host.untilWorks();
    expect(plan.stdout).toContain(host.clat6());
    await host.says(/an address in 2001:db8:1:1:0:5::\/96.*a whole \/96 is routed/);
    expect(host.clat6()).toMatch(/^2001:db8:1:1:0:5:/);
    const page = await vm.run('curl', ['-sS', '--max-time', '10', `http://${map.web}/`]);
    expect(page.stderr).toBe('');
    expect(page.code).toBe(0);
    // RSRC-1: the routers on the IPv6 side have no IPv4 address, and show as 192.0.0.8.
    const hop = await vm.run('ping', ['-c1', '-W2', '-t2', map.web]);
    expect(hop.stdout).toMatch(/From 192\.0\.0\.8 .*Time to live exceeded/);
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('of a host that looks like one, with nothing routed to it: shared, when nothing comes back', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', { managed: true, pref64: [{ prefix: map.pool6 }] });
    vm.ip('address add 2001:db8:1:1:0:5::/128 dev eth0');
    host.start();
    await host.says(/IPv4 is set up: 192\.0\.0\.2 as 2001:db8:1:1:0:5:/);
    // Ten seconds of silence, and three echo requests (CLAT-15).
    await until('IPv4 to work', () => host.works(), { timeout: 40_000, interval: 100 });
    await host.says(/nothing comes back to 2001:db8:1:1:0:5:\S+, while 2001:db8:1:1:0:5:: is answered/);
    await host.says(/shared with 2001:db8:1:1:0:5:: on eth0 by NAT66: nothing came back to .*:5::\/96/);
  }, 60_000);

  it('of a host with a single DHCPv6 address: shared, behind NAT66', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', {
      managed: true,
      prefixes: [{ prefix: map.vmSubnet, autonomous: false }],
      pref64: [{ prefix: map.pool6 }],
    });
    vm.ip('address add 2001:db8:1:1::77/128 dev eth0');
    await host.untilRoute();
    const before = hostState(vm);
    host.start();
    await host.untilWorks();
    await host.says(/shared with 2001:db8:1:1::77 on eth0 by NAT66/);
    expect(vm.exec('nft', ['list', 'ruleset'])).toContain('masquerade');
    const page = await vm.run('curl', ['-sS', '--max-time', '10', `http://${map.web}/`]);
    expect(page.code).toBe(0);
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('of a router with a delegated prefix and only a link-local address on its uplink', async () => {
    host = await ClatHost.build({ delegated: '2001:db8:1:ff00::/56' });
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', { pref64: [{ prefix: map.pool6 }] });
    vm.ip('route add unreachable 2001:db8:1:ff00::/56 dev lo metric 1024');
    host.start();
    await host.untilWorks();
    expect(host.clat6()).toMatch(/^2001:db8:1:ffff:/);
    await host.says(/delegated to this host/);
  });

  it('as given, inside the network of the uplink', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start('--clat-v6-addr', '2001:db8:1:1::c1a7', '--clat-v4-addr', '10.99.0.1');
    await host.untilWorks();
    expect(host.clat6()).toBe('2001:db8:1:1::c1a7');
    expect(vm.ip('-4 address show dev clat')).toContain('10.99.0.1/32');
  });

  it('leaves the checksums of TCP and UDP as they are', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const sum = (groups: number[]): number => groups.reduce((total, group) => total + group, 0) % 0xffff;
    const groups = (text: string): number[] => {
      const [left = '', right = ''] = text.split('::');
      const part = (one: string): number[] =>
        one === '' ? [] : one.split(':').map((x) => Number.parseInt(x, 16));
      const zeros = 8 - part(left).length - part(right).length;
      return [...part(left), ...new Array<number>(zeros).fill(0), ...part(right)];
    };
    // 192.0.0.2 is c000:0002; the rest of the NAT64's addresses is the IPv4 address itself.
    expect((sum(groups(host.clat6()!)) + sum(groups('2001:db8:64::'))) % 0xffff).toBe(sum([0xc000, 2]));
  });

  it('is another one where a neighbour has it, at the start and later', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const first = host.clat6()!;
    await host.daemon.stop();
    net.ip(`address add ${first}/64 dev vm nodad`);
    host.start();
    await host.says(new RegExp(`${first} belongs to a neighbour on eth0`));
    await host.untilWorks();
    const second = host.clat6()!;
    expect(second).not.toBe(first);
    // A neighbour that takes the address without asking tells all (RFC 9131); so does this one.
    const said = host.daemon.output.length;
    net.exec('python3', ['-c', CLAIM, 'vm', second]);
    await host.says(/belongs to a neighbour/, said);
    await until('a third address', () => host.clat6() !== undefined && host.clat6() !== second);
    await host.untilWorks();
  });

  it('takes the next pair of 192.0.0.0/29 where the first is in use', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    vm.ip('link add other type veth peer name far');
    vm.ip('link set far up');
    vm.ip('address add 192.0.0.2/29 dev other');
    vm.ip('link set other up');
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    expect(vm.ip('-4 address show dev clat')).toContain('192.0.0.4/32');
  });

  it('waits for a global address', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', { pref64: [{ prefix: map.pool6 }] });
    host.start();
    await host.says(/waiting for a global IPv6 address on eth0/);
    await router.change({ ...SLAAC, pref64: [{ prefix: map.pool6 }] });
    await host.untilWorks();
  });
});

/** An unsolicited neighbour advertisement: interface and address. */
const CLAIM = `
import socket, struct, sys
dev, target = sys.argv[1:]
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode())
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(dev))
s.sendto(struct.pack('!BBHI', 136, 0, 0, 0x20000000) + socket.inet_pton(socket.AF_INET6, target), ('ff02::1', 0, 0, socket.if_nametoindex(dev)))
`;
