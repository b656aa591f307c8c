/** `clatd run --tun NAME --no-configure` on a device that is someone else's. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hostState } from './host-state.ts';
import type { Namespace } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { clatd } from './translators.ts';
import { until } from './wait.ts';

/** The host's state without what the kernel adds when such a device has a carrier for the first time. */
function stateOf(vm: Namespace): Record<string, string> {
  const state = hostState(vm);
  return { ...state, routes6: state.routes6!.replace(/^multicast ff00::\/8 dev mine .*\n/m, '') };
}

/** The kernel takes up to a second to say that a device has lost its carrier. */
async function expectState(vm: Namespace, before: Record<string, string>, when: string): Promise<void> {
  const wanted = JSON.stringify(before);
  await until('the carrier to be gone', () => JSON.stringify(stateOf(vm)) === wanted, {
    timeout: 3000,
  }).catch(() => {});
  expect(stateOf(vm), when).toEqual(before);
}

describeNetns('clatd on a persistent device of another owner', ['ping', 'nft'], () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await buildTopology();
    topology.vm.sysctl('net.ipv6.conf.eth0.accept_ra=2', 'net.ipv6.conf.all.forwarding=1');
  });
  afterAll(() => topology?.close());

  it.each([
    ['one queue', ''],
    ['one queue, vnet header', ' vnet_hdr'],
    ['several queues', ' multi_queue'],
    ['several queues, vnet header', ' multi_queue vnet_hdr'],
  ])('%s: works, and leaves it alone, five times over', async (_, flags) => {
    const { vm } = topology;
    vm.ip(`tuntap add dev mine mode tun${flags}`);
    try {
      vm.sysctl('net.ipv6.conf.mine.addr_gen_mode=1');
      vm.ipBatch(`
        link set mine up
        address add ${map.clat4}/29 dev mine
        route add 0.0.0.0/0 dev mine mtu 1480
        route add ${map.clat6}/128 dev mine
      `);
      const before = stateOf(vm);
      for (let round = 1; round <= 5; round++) {
        const running = await clatd('--tun', 'mine', '--no-configure').start(topology);
        await running.stop();
        await expectState(vm, before, `after round ${round}`);
      }
    } finally {
      vm.ip('link delete mine');
    }
  });

  it('survives a killed predecessor', async () => {
    const { vm } = topology;
    vm.ip('tuntap add dev mine mode tun');
    try {
      vm.sysctl('net.ipv6.conf.mine.addr_gen_mode=1');
      vm.ipBatch(`
        link set mine up
        address add ${map.clat4}/29 dev mine
        route add 0.0.0.0/0 dev mine mtu 1480
        route add ${map.clat6}/128 dev mine
      `);
      const before = stateOf(vm);
      const first = await clatd('--tun', 'mine', '--no-configure').start(topology);
      await first.process.stop('SIGKILL');
      const second = await clatd('--tun', 'mine', '--no-configure').start(topology);
      await second.stop();
      await expectState(vm, before, 'after the end');
    } finally {
      vm.ip('link delete mine');
    }
  });
});
