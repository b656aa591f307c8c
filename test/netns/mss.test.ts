/** Containers behind a CLAT, where the ICMP errors that tell servers of the smaller MTU get lost (CLAT-17). */
import { afterEach, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, PROGRAM } from './clat.ts';
import { RaSender } from './ra-sender.ts';
import type { Namespace } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { map } from './topology.ts';

const BYTES = 300_000;

let host: ClatHost;
afterEach(async ({ task }) => host?.close(task.result?.state === 'fail'));

/** As Docker does it: a bridge, forwarding for the whole host, and masquerading. */
function addContainer(): Namespace {
  const { sandbox, vm } = host.topology;
  const container = sandbox.namespace('container');
  container.sysctl('net.ipv6.conf.default.disable_ipv6=1');
  vm.sysctl('net.ipv4.ip_forward=1');
  vm.ipBatch('link add docker0 type bridge\naddress add 172.17.0.1/16 dev docker0\nlink set docker0 up');
  sandbox.link({ namespace: container, name: 'eth0' }, { namespace: vm, name: 'veth0' });
  vm.ip('link set veth0 master docker0');
  vm.nft(
    `table ip nat {
      chain postrouting {
        type nat hook postrouting priority srcnat
        ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
      }
    }`,
  );
  container.ipBatch('address add 172.17.0.2/16 dev eth0\nroute add default via 172.17.0.1');
  return container;
}

/** Bytes of the server's download that arrived within three seconds. */
async function download(from: Namespace): Promise<number> {
  const fetched = await from.run('sh', ['-c', `curl -s --max-time 3 http://${map.web}/download | wc -c`]);
  return Number(fetched.stdout);
}

/** The server never hears that its packets are too big. */
const loseErrors = (): void =>
  host.topology.isp.nft(
    `table ip lossy {
      chain forward {
        type filter hook forward priority filter
        icmp type destination-unreachable drop
      }
    }`,
  );

describeNetns('containers behind a CLAT', [...CLAT_TOOLS, 'curl'], () => {
  it('download where ICMP is lost, since the MSS of forwarded connections is lowered', async () => {
    host = await ClatHost.build({ downloadBytes: BYTES });
    const { net, sandbox, vm } = host.topology;
    loseErrors();
    new RaSender(sandbox, net, 'vm', PREF64);
    host.start();
    await host.untilWorks();
    const container = addContainer();
    await host.says(/TCP MSS is lowered to what the MTUs allow: docker0 forwards IPv4 for others/);
    expect(await download(container)).toBe(BYTES);
    const plan = await vm.run(process.execPath, [PROGRAM, 'plan'], 20_000);
    expect(plan.stdout).toMatch(/TCP MSS: lowered to what the MTUs allow \(docker0 forwards/);
    // The kernel tells of a switch that is turned, without a link that comes or goes.
    let said = host.daemon.output.length;
    vm.sysctl('net.ipv4.ip_forward=0');
    await host.says(/TCP MSS is left alone again: no hosts behind this one/, said);
    said = host.daemon.output.length;
    vm.sysctl('net.ipv4.ip_forward=1');
    await host.says(/TCP MSS is lowered to what the MTUs allow/, said);
    said = host.daemon.output.length;
    vm.ipBatch('link del veth0\nlink del docker0');
    await host.says(/TCP MSS is left alone again: no hosts behind this one/, said);
  });

  it('stall where the option says so', async () => {
    host = await ClatHost.build({ downloadBytes: BYTES });
    const { net, sandbox } = host.topology;
    loseErrors();
    new RaSender(sandbox, net, 'vm', PREF64);
    const container = addContainer();
    host.start('--mss-clamp', 'off');
    await host.untilWorks();
    expect(await download(container)).toBeLessThan(BYTES);
    expect(host.daemon.output).not.toMatch(/TCP MSS/);
  });
});
