/** CLAT-14: the network behind this host is away, and a packet to it does not go round. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const LAN6 = '2001:db8:12:3401::/96';
const AWAY = '2001:db8:12:3401::192.168.1.77';
const LAN = `192.168.1.0/24=${LAN6}`;

let topology: Topology;

/** Packets that the kernel handed to the TUN. */
const intoTun = (): number => topology.vm.ipJson('-s link show dev clat')[0].stats64.tx.packets as number;

/** One datagram from the internet to a host of the LAN. */
async function send(): Promise<void> {
  const input = `2001:db8:64::${map.web} ${AWAY} 9 x\n`;
  const sent = await topology.net.start('python3', [part('spoof.py')], { input }).finished();
  expect(sent.stderr).toBe('');
}

/** What the router saw come back for the LAN, and errors from the VM. */
const counters = (): { back: number; errors: number } => {
  const listed = topology.net.exec('nft', ['list', 'table', 'ip6', 'seen']);
  const of = (name: string) => Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(listed)![1]);
  return { back: of('back'), errors: of('errors') };
};

describeNetns('a network behind this host that is away', ['python3', 'nft', 'ping'], () => {
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator', delegated: LAN6 });
    const { vm, net, sandbox } = topology;
    const lan = sandbox.namespace('lan');
    vm.sysctl('net.ipv6.conf.default.disable_ipv6=1');
    sandbox.link({ namespace: vm, name: 'lan0' }, { namespace: lan, name: 'vm' });
    vm.sysctl('net.ipv6.conf.default.disable_ipv6=0', 'net.ipv4.ip_forward=1');
    vm.ip('address add 192.168.1.1/24 dev lan0');
    net.nft(`table ip6 seen {
      counter back { }
      counter errors { }
      chain prerouting {
        type filter hook prerouting priority filter; policy accept;
        iifname "vm" ip6 daddr ${LAN6} counter name "back"
        iifname "vm" icmpv6 type { destination-unreachable, time-exceeded } counter name "errors"
      }
    }`);
  });
  afterAll(() => topology?.close());
  const started: Process[] = [];
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
  });
  const start = async (...options: string[]): Promise<Process> => {
    const child = topology.vm.start(process.execPath, clatdArguments(topology, ...options));
    started.push(child);
    await child.says(/translating on clat/);
    return child;
  };

  it.each([
    ['--lan', ['--lan', LAN]],
    ['an EAM', ['--eam', '192.168.1.0/24=2001:db8:12:3401::c0a8:100/120']],
  ])(
    'CLAT-14: %s: one packet enters the TUN a few times, not until its TTL is used up',
    async (_, options) => {
      const { vm } = topology;
      const before = hostState(vm);
      const child = await start('--workers', '1', ...options);
      await answersPing(topology, child);
      const [routes4, routes6] = [4, 6].map((family) => vm.ip(`-${family} route show type unreachable`));
      vm.ip('link set lan0 down');
      try {
        await until('the network to be away', () => !vm.ip('-4 route show').includes('dev lan0'));
        const [packets, { errors }] = [intoTun(), counters()];
        await send();
        await until('an error about it', () => counters().errors > errors);
        await answersPing(topology, child); // whatever went round has gone round by now
        const pings = 2;
        expect(intoTun() - packets).toBeLessThanOrEqual(10 + pings);
      } finally {
        vm.ip('link set lan0 up');
      }
      expect(routes4).toContain('192.168.1.0/24');
      expect(routes6).toContain('2001:db8:12:3401::c0a8:100/120');
      await child.stop();
      expect(hostState(vm)).toEqual(before);
    },
  );

  it('CLAT-14: killed, the TUN is gone, and nothing goes back to where it came from', async () => {
    const { vm } = topology;
    const before = hostState(vm);
    const child = await start('--lan', LAN);
    await answersPing(topology, child);
    await child.stop('SIGKILL');
    await until('the TUN to be gone', () =>
      vm.ipJson('link show').every(({ ifname }: { ifname: string }) => ifname !== 'clat'),
    );
    const { back, errors } = counters();
    await send();
    await until('an error about it', () => counters().errors > errors);
    expect(counters().back).toBe(back);
    // The next one undoes what it left.
    const second = await start();
    expect(vm.ip('-4 route show type unreachable') + vm.ip('-6 route show type unreachable')).not.toMatch(
      /192\.168\.1|12:3401/,
    );
    await second.stop();
    expect(hostState(vm)).toEqual(before);
  });
});
