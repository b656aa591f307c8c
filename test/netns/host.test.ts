/** src/host against a real kernel: each test has a namespace of its own and leaves none behind. */
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { isRoot, type Machine, makeMachine, PERSISTENT_TUN } from '../host/namespace.ts';

if (!isRoot) console.warn('test/netns/host.test.ts: skipped, needs root to make network namespaces');

const machines: Machine[] = [];
function machine(setup = PERSISTENT_TUN): Machine {
  const made = makeMachine(setup);
  machines.push(made);
  return made;
}
afterEach(() => {
  for (const made of machines.splice(0)) made.remove();
});

describe.skipIf(!isRoot)('a plan on a VM', () => {
  test('applied, every piece is there', () => {
    const vm = machine();
    const answer = vm.drive({ tun: 'clat', do: 'apply' });
    expect(answer.error).toBeUndefined();
    expect(answer.uplink).toBe('up0');
    const [clat] = JSON.parse(vm.run('ip -json -4 address show dev clat'));
    expect(clat.flags).toContain('UP');
    expect(clat.addr_info).toMatchObject([{ local: '192.0.0.2', prefixlen: 29 }]);
    expect(JSON.parse(vm.run('ip -json route show default'))).toMatchObject([
      {
        dst: 'default',
        gateway: '192.0.0.1',
        dev: 'clat',
        prefsrc: '192.0.0.2',
        metric: 2048,
        metrics: [{ mtu: 1480 }],
      },
    ]);
    expect(JSON.parse(vm.run('ip -json -6 route show 2001:db8:1:1::c1a7'))).toMatchObject([{ dev: 'clat' }]);
    expect(JSON.parse(vm.run('ip -json -6 neigh show proxy'))).toMatchObject([
      { dst: '2001:db8:1:1::c1a7', dev: 'up0' },
    ]);
    expect(vm.run('ip -6 route show default')).toContain('via fe80::1 dev up0');
    expect(vm.run('cat /proc/sys/net/ipv6/conf/up0/accept_ra').trim()).toBe('2');
  });

  test('applying twice changes nothing', () => {
    const vm = machine();
    const again = vm.drive({ tun: 'clat', do: 'again' });
    expect(again.error).toBeUndefined();
    expect(new Set(again.found)).toEqual(new Set(['so']));
    expect(again.log).toEqual([]);
  });

  test('undone, the host is what it was, to the byte', () => {
    const vm = machine();
    const before = vm.snapshot();
    const answer = vm.drive({ tun: 'clat', do: 'cycle' });
    expect(answer.error).toBeUndefined();
    expect(vm.snapshot()).toEqual(before);
    expect(existsSync(`${vm.dir}/clat.json`)).toBe(false);
    expect(answer.undoMs).toBeLessThan(500);
  });

  test('killed at each step in turn, the next start undoes what was done', () => {
    const vm = machine();
    const before = vm.snapshot();
    const steps = vm.drive({ tun: 'clat', do: 'prepare' }).steps!.length;
    expect(steps).toBeGreaterThan(6);
    for (let step = 0; step < steps; step++) {
      expect(vm.drive({ tun: 'clat', do: 'apply', killBefore: step }).killed, `step ${step}`).toBe(true);
      expect(existsSync(`${vm.dir}/clat.json`)).toBe(true);
      expect(vm.drive({ tun: 'clat', do: 'recover' }).error).toBeUndefined();
      expect(vm.snapshot(), `killed at step ${step}`).toEqual(before);
    }
    // And after the last one.
    vm.drive({ tun: 'clat', do: 'apply' });
    expect(vm.snapshot()).not.toEqual(before);
    vm.drive({ tun: 'clat', do: 'recover' });
    expect(vm.snapshot()).toEqual(before);
  });
});
