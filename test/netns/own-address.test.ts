/**
 * Plain `clatd` where nothing comes back to an address of its own (CLAT-15), and where a router renumbers without saying
 * so (CLAT-7).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, PROGRAM, SLAAC } from './clat.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';
import { until } from './wait.ts';

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

/** Longer matching with the NAT64's prefix than 2001:db8:1:1::/64, so that the kernel prefers it (RFC 6724, rule 8). */
const NEW_SUBNET = '2001:db8:60:1::/64';
/** For ten seconds of silence, a trial, and a slow machine. */
const PATIENCE = { timeout: 40_000, interval: 100 };
const DAY = 86_400_000;

/** The address that the VM gave itself. */
async function ownAddress(): Promise<string> {
  const { vm } = host.topology;
  const found = await until('an address', () =>
    vm
      .ipJson('-6 address show dev eth0 scope global')[0]
      ?.addr_info.map(({ local }: { local: string }) => local)
      .find((local: string) => local.startsWith('2001:db8:1:1:')),
  );
  return found as string;
}

/** A provider's filter: from and to this address alone. */
function deliverOnlyTo(address: string): void {
  host.topology.net.nft(`table ip6 savi {
    chain forward {
      type filter hook forward priority filter
      iifname "vm" ip6 saddr != ${address} drop
      oifname "vm" ip6 daddr != ${address} drop
    }
  }`);
}

const stopFiltering = (): void => host.topology.net.nft('delete table ip6 savi');

/** A program that wants IPv4 all the time. */
const keepPinging = (): Process => host.topology.vm.start('ping', ['-i0.5', map.web]);

const stateFile = (): string => join(host.stateDirectory, 'unanswered.json');

describeNetns('the IPv6 address of a CLAT, after it was chosen', [...CLAT_TOOLS, 'python3'], () => {
  it('is the host’s where only that is answered; the next start knows; an answer brings its own back', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const own = await ownAddress();
    deliverOnlyTo(own);
    const before = hostState(vm);
    host.start();
    await host.says(/IPv4 is set up/);
    const first = host.clat6();
    expect(first).toMatch(/^2001:db8:1:1:/);
    keepPinging();
    await until('IPv4 to work', () => host.works(), PATIENCE);
    await host.says(new RegExp(`nothing comes back to ${first}, while ${own} is answered`));
    await host.says(
      /shared with .* by NAT66: nothing came back to an address of its own in 2001:db8:1:1::\/64/,
    );
    // Both look where this clatd keeps it.
    const { stdout } = await vm.run(
      process.execPath,
      [PROGRAM, 'doctor', '--json', '--target', 'none'],
      25_000,
    );
    const checks: { id: string; found: string }[] = JSON.parse(stdout).checks;
    expect(checks.find(({ id }) => id === 'clat6')?.found).toMatch(
      /^nothing came back to one in 2001:db8:1:1::\/64/,
    );
    const planned = await vm.run(process.execPath, [PROGRAM, 'plan', '--pool6', map.pool6]);
    expect(planned.stdout).toMatch(/shared with .* by NAT66: nothing came back to an address of its own/);
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);

    // Remembered: no more silence at a start.
    const kept = JSON.parse(readFileSync(stateFile(), 'utf8'));
    const { address } = net.ipJson('link show dev vm')[0];
    expect(kept.networks).toMatchObject([{ router: address, network: map.vmSubnet, prefix: map.pool6 }]);
    host.start();
    await host.untilWorks();
    expect(host.daemon.output).not.toMatch(/nothing comes back to/);
    await host.daemon.stop('SIGKILL');

    // A day later a spare address is tried, for as long as it takes, without a packet lost.
    const [row] = kept.networks;
    const tried = row.tried - DAY;
    writeFileSync(stateFile(), JSON.stringify({ ...kept, networks: [{ ...row, tried }] }));
    host.start();
    await host.untilWorks();
    const spare = await until(
      'a spare address',
      () => vm.ip('-6 address show dev eth0 deprecated').match(/inet6 (2001:db8:1:1:\S+)\/128/)?.[1],
      PATIENCE,
    );
    expect(spare).not.toBe(first);
    await until('its end', () => !vm.ip('-6 address show dev eth0').includes(spare), PATIENCE);
    expect(JSON.parse(readFileSync(stateFile(), 'utf8')).networks[0].tried).toBeGreaterThan(tried);
    await host.untilWorks();
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);

    // Another day later it is answered.
    writeFileSync(stateFile(), JSON.stringify({ ...kept, networks: [{ ...row, tried }] }));
    host.start();
    await host.untilWorks();
    stopFiltering();
    await host.says(/an address of its own in 2001:db8:1:1::\/64 is answered by now/, 0, PATIENCE.timeout);
    await until('its own address', () => host.clat6()?.startsWith('2001:db8:1:1:'), PATIENCE);
    await host.untilWorks();
    expect(JSON.parse(readFileSync(stateFile(), 'utf8')).networks).toEqual([]);
    await host.daemon.stop();
    expect(hostState(vm)).toEqual(before);
  }, 150_000);

  it('stays where traffic goes one way and the path works, and where nobody answers', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    host.start('--log-level', 'debug');
    await host.says(/IPv4 is set up/);
    const first = host.clat6();
    net.nft(COUNT);
    const log = vm.start('python3', ['-uc', SYSLOG, map.web]);
    // The port is closed, and the error that says so is no answer: three echo requests are, and settle it.
    await until('a trial', () => echoRequests(first!) > 0, PATIENCE);
    await until('its answers', () => echoRequests('2001:db8:1:1::/64') > 0, PATIENCE);
    expect(host.clat6()).toBe(first);
    expect(host.daemon.output).not.toMatch(/nothing comes back to /);
    await log.stop();
    await host.daemon.stop();

    // Now nothing works, for anybody: sharing would not help.
    net.nft('table ip6 dead { chain forward { type filter hook forward priority filter; policy drop; }; }');
    host.start();
    await host.says(/IPv4 is set up/);
    keepPinging();
    const asked = echoRequests(host.clat6()!);
    await until('a whole trial', () => echoRequests(host.clat6()!) >= asked + 3, PATIENCE);
    expect(host.daemon.output).not.toMatch(/nothing comes back to /);
    expect(host.clat6()).toBe(first);
  }, 120_000);

  it('moves where a router renumbers without saying that the old network is no more', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    const router = new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const first = host.clat6();
    // The old prefix keeps its lifetimes and is not heard of again; the network delivers to the new one only.
    net.ip('address add 2001:db8:60:1::1/64 dev vm');
    await router.change({ ...SLAAC, prefixes: [{ prefix: NEW_SUBNET }], pref64: PREF64.pref64! });
    await until('a new address', () => vm.ip('-6 address show dev eth0').includes('2001:db8:60:1:'));
    net.nft(`table ip6 gone { chain forward { type filter hook forward priority filter; ip6 daddr ${map.vmSubnet} drop
    }; }`);
    expect(vm.ip(`-6 route get ${map.pool6.replace('/96', '')} oif eth0`)).toContain('src 2001:db8:60:1:');
    keepPinging();
    await host.says(
      new RegExp(`nothing comes back to ${first}, and the kernel writes from ${NEW_SUBNET}`),
      0,
      100_000,
    );
    await until('an address in the new network', () => host.clat6()?.startsWith('2001:db8:60:1:'));
    await host.untilWorks();
    expect(host.daemon.output).not.toMatch(/shared/);
    expect(vm.ip('-6 neighbour show proxy')).toContain(host.clat6());
  }, 150_000);

  it('begins in the network that the kernel writes from, not in the first listed', async () => {
    host = await ClatHost.build();
    const { net, vm, sandbox } = host.topology;
    net.ip('address add 2001:db8:60:1::1/64 dev vm');
    // The kernel lists the newest address first.
    const prefixes = [{ prefix: NEW_SUBNET }, { prefix: map.vmSubnet }];
    new RaSender(sandbox, net, 'vm', { ...PREF64, prefixes });
    type Own = { local: string; scope: string; tentative?: boolean };
    const usable = (): string[] =>
      vm
        .ipJson('-6 address show dev eth0')
        .flatMap(({ addr_info = [] }: { addr_info?: Own[] }) =>
          addr_info.flatMap(({ local, scope, tentative }) =>
            scope === 'global' && tentative !== true ? [local] : [],
          ),
        );
    await until('both addresses', () => usable().length === 2);
    expect(usable()[0]).toMatch(/^2001:db8:1:1:/);
    expect(vm.ip(`-6 route get ${map.pool6.replace('/96', '')} oif eth0`)).toContain('src 2001:db8:60:1:');
    const planned = await vm.run(process.execPath, [PROGRAM, 'plan', '--pool6', map.pool6]);
    expect(planned.stdout).toMatch(/IPv6 address: 2001:db8:60:1:/);
    host.start();
    await host.untilWorks();
    expect(host.clat6()).toMatch(/^2001:db8:60:1:/);
    expect(host.daemon.output).not.toMatch(/IPv6 address 2001:db8:1:1:/);
  });

  it('is remembered by the process alone where the state cannot be written', async () => {
    host = await ClatHost.build();
    const { net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    deliverOnlyTo(await ownAddress());
    // A file where the folder should be.
    mkdirSync(host.topology.sandbox.folder, { recursive: true });
    writeFileSync(host.stateDirectory, '');
    host.start();
    await host.says(/IPv4 is set up/);
    keepPinging();
    await until('IPv4 to work', () => host.works(), PATIENCE);
    await host.says(/cannot write .*unanswered\.json: (EEXIST|ENOTDIR); .*until clatd ends/);
  }, 90_000);
});

/** Echo requests to the NAT64 from an address, as the router counted them. */
function echoRequests(from: string): number {
  const listed = host.topology.net.exec('nft', ['list', 'set', 'ip6', 'asked', 'sources']);
  const elements = [...listed.matchAll(/([\da-f:]+) counter packets (\d+)/g)];
  const inside = (address: string): boolean =>
    from.endsWith('::/64') ? address.startsWith(from.slice(0, -4)) : address === from;
  return elements.reduce((sum, [, address, count]) => sum + (inside(address!) ? Number(count) : 0), 0);
}

const COUNT = `table ip6 asked {
  set sources { type ipv6_addr; flags dynamic; counter; }
  chain forward {
    type filter hook forward priority filter - 10
    iifname "vm" icmpv6 type echo-request add @sources { ip6 saddr }
  }
}`;

/** Datagrams that nobody answers. */
const SYSLOG = `
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try: s.sendto(b'<14>hello', (sys.argv[1], 514))
    except OSError: pass
    time.sleep(0.5)
`;
