/** src/host against a real kernel: each test has a namespace of its own and leaves none behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { isRoot, type Machine, makeMachine, PERSISTENT_TUN } from '../host/namespace.ts';
import { part } from './sandbox.ts';

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

  test('with the capabilities of clatd.service, no more', () => {
    const vm = machine();
    const before = vm.snapshot();
    const unit = readFileSync(new URL('../../systemd/clatd.service', import.meta.url), 'utf8');
    const capabilities = /^CapabilityBoundingSet=(.*)$/m
      .exec(unit)![1]!
      .toLowerCase()
      .replaceAll('cap_', '+');
    const limits = ['--no-new-privs', `--bounding-set=-all,${capabilities.replaceAll(' ', ',')}`];
    const answer = vm.drive({ tun: 'clat', do: 'apply' }, 'setpriv', ...limits);
    expect(answer.error).toBeUndefined();
    expect(vm.snapshot()).not.toEqual(before);
    vm.drive({ tun: 'clat', do: 'recover' }, 'setpriv', ...limits);
    expect(vm.snapshot()).toEqual(before);
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

describe.skipIf(!isRoot)('forwarding', () => {
  test('on a kernel without force_forwarding every sysctl comes back', () => {
    // Values that turning all.forwarding off would flatten.
    const vm = machine(`
      ${PERSISTENT_TUN}
      ip tuntap add other mode tap; ip tuntap add listener mode tap
      echo 1 > /proc/sys/net/ipv6/conf/other/forwarding
      echo 0 > /proc/sys/net/ipv6/conf/listener/accept_ra
    `);
    const before = vm.snapshot();
    const applied = vm.drive({ tun: 'clat', do: 'apply', kernel: 'old' });
    expect(applied.error).toBeUndefined();
    const conf = (name: string) => vm.run(`cat /proc/sys/net/ipv6/conf/${name}`).trim();
    expect(conf('all/forwarding')).toBe('1');
    expect(conf('up0/accept_ra')).toBe('2');
    expect(conf('listener/accept_ra')).toBe('0');
    vm.drive({ tun: 'clat', do: 'recover' });
    expect(vm.snapshot()).toEqual(before);
  });

  test('killed at each step on a kernel without force_forwarding', () => {
    const vm = machine(`
      ${PERSISTENT_TUN}; ip tuntap add other mode tap; echo 1 > /proc/sys/net/ipv6/conf/other/forwarding`);
    const before = vm.snapshot();
    const steps = vm.drive({ tun: 'clat', do: 'prepare', kernel: 'old' }).steps!;
    const sysctls = steps.filter((step) => step.includes('"sysctl"')).length;
    for (let step = 0; step <= sysctls; step++) {
      expect(vm.drive({ tun: 'clat', do: 'apply', kernel: 'old', killBefore: step }).killed).toBe(true);
      vm.drive({ tun: 'clat', do: 'recover' });
      expect(vm.snapshot(), `killed at step ${step}`).toEqual(before);
    }
  });

  test.each([undefined, 'old' as const])(
    'CLAT-9: a default route learned from a router stays (kernel %s)',
    (kernel) => {
      const vm = machine(`${PERSISTENT_TUN}; ip -6 route del default`);
      const router = startRouter(vm);
      try {
        waitFor(() => vm.run('ip -6 route show default').includes('proto ra'));
        const route = () => vm.run('ip -6 route show default').replace(/expires \d+sec/, '');
        const before = route();
        const options = kernel === undefined ? {} : { kernel };
        expect(vm.drive({ tun: 'clat', do: 'apply', ...options }).error).toBeUndefined();
        expect(route()).toBe(before);
        // Advertisements are still listened to: the route comes back when the router says so again.
        vm.run('ip -6 route del default');
        waitFor(() => route() === before);
        vm.drive({ tun: 'clat', do: 'recover' });
        expect(route()).toBe(before);
        expect(vm.run('cat /proc/sys/net/ipv6/conf/up0/accept_ra').trim()).toBe('1');
      } finally {
        router.kill();
      }
    },
  );

  test('the neighbour proxy answers both a question to all and a probe to us alone', () => {
    const vm = machine();
    vm.drive({ tun: 'clat', do: 'apply' });
    const ask = (who: string) =>
      vm.inRouter(`python3 '${part('ns.py')}' down0 2001:db8:1:1::c1a7 ${who}`).trim();
    const mac = vm.run('cat /sys/class/net/up0/address').trim();
    expect(ask(mac)).toBe('answered');
    expect(ask('all')).toBe('answered');
  });
});

describe.skipIf(!isRoot)('what others have set', () => {
  const refuses = (setup: string, what: RegExp, eam?: string[]) => {
    const vm = machine(`${PERSISTENT_TUN}; ${setup}`);
    const before = vm.snapshot();
    const answer = vm.drive({ tun: 'clat', do: 'apply', ...(eam === undefined ? {} : { eam }) });
    expect(answer.conflicts!.join('\n')).toMatch(what);
    // Who applies all the same is stopped too, with nothing left behind.
    expect(answer.error ?? 'HostConflictError').toMatch(/HostConflictError/);
    if (answer.error === undefined) vm.drive({ tun: 'clat', do: 'recover' });
    expect(vm.snapshot()).toEqual(before);
  };

  test('an IPv4 address on another interface', () => {
    refuses('ip address add 192.0.0.2/32 dev up0', /192\.0\.0\.2 is an address of up0 already/);
  });
  test('192.0.0.0/29 in use by another CLAT', () => {
    refuses('ip address add 192.0.0.4/29 dev up0', /192\.0\.0\.0\/29 is in use on up0.*another CLAT/);
  });
  test('a default route with the same metric', () => {
    refuses(
      'ip address add 10.0.0.2/24 dev up0; ip route add default via 10.0.0.1 metric 2048',
      /an IPv4 default route through up0 with metric 2048, set by boot, is there already/,
    );
  });
  test('a route to the IPv6 address of the EAM', () => {
    refuses(
      'ip -6 route add 2001:db8:1:1::c1a7 via fe80::1 dev up0 metric 5',
      /a route to 2001:db8:1:1::c1a7\/128 through up0 with metric 5/,
    );
  });
  test('a neighbour proxy on another interface', () => {
    refuses(
      'ip tuntap add other mode tap; ip link set other up; ip -6 neigh add proxy 2001:db8:1:1::c1a7 dev other',
      /neighbour proxy entry for 2001:db8:1:1::c1a7 on other already/,
    );
  });
  test('the EAM has an address of the host itself', () => {
    refuses('true', /2001:db8:1:1::5 is an address of up0 itself/, ['192.0.0.2/32=2001:db8:1:1::5/128']);
  });

  test('what is so already is not ours, and stays', () => {
    const vm = machine(`${PERSISTENT_TUN}
      ip link set clat up; ip address add 192.0.0.2/29 dev clat
      ip -6 route add 2001:db8:1:1::c1a7 dev clat
      ip -6 neigh add proxy 2001:db8:1:1::c1a7 dev up0
      ip route add default dev clat metric 2048
      echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; echo 1 > /proc/sys/net/ipv6/conf/all/proxy_ndp`);
    const before = vm.snapshot();
    const answer = vm.drive({ tun: 'clat', do: 'cycle' });
    expect(answer.error).toBeUndefined();
    expect(vm.snapshot()).toEqual(before);
  });

  test('a setting changed by someone else meanwhile is left to them', () => {
    const vm = machine();
    vm.drive({ tun: 'clat', do: 'apply' });
    vm.run('echo 0 > /proc/sys/net/ipv6/conf/up0/accept_ra');
    const { log } = vm.drive({ tun: 'clat', do: 'recover' });
    expect(log.join('\n')).toMatch(/accept_ra was set to 0 by someone else meanwhile: left so/);
    expect(vm.run('cat /proc/sys/net/ipv6/conf/up0/accept_ra').trim()).toBe('0');
  });
});

describe.skipIf(!isRoot)('a device of our own', () => {
  test('killed: the device is gone, the rest is undone at the next start', () => {
    const vm = machine('');
    const before = vm.snapshot();
    vm.run(PERSISTENT_TUN);
    vm.drive({ tun: 'clat', do: 'apply', created: true });
    vm.run('ip link del clat');
    expect(vm.snapshot()).not.toEqual(before);
    vm.drive({ tun: 'clat', do: 'recover' });
    expect(vm.snapshot()).toEqual(before);
  });

  test('its MTU is that of the uplink, and of the IPv4 route 20 less (CLAT-8)', () => {
    const vm = machine(`${PERSISTENT_TUN}; ip link set up0 mtu 1460`);
    expect(vm.drive({ tun: 'clat', do: 'apply', created: true }).tunMtu).toBe(1460);
    expect(vm.run('cat /sys/class/net/clat/mtu').trim()).toBe('1460');
    expect(vm.run('ip route show default')).toContain('mtu 1440');
  });

  test('4096 routes are made and undone within a second', () => {
    const vm = machine();
    const before = vm.snapshot();
    const answer = vm.drive({ tun: 'clat', do: 'cycle', scattered: 4095 });
    expect(answer.error).toBeUndefined();
    expect(answer.undoMs).toBeLessThan(1000);
    expect(vm.snapshot()).toEqual(before);
  });
});

function waitFor(condition: () => boolean, seconds = 10): void {
  const end = Date.now() + seconds * 1000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not true within ${seconds} s: ${condition}`);
    spawnSync('sleep', ['0.1']);
  }
}

/** A router that advertises itself every few seconds, in the router's namespace. */
function startRouter(vm: Machine): ChildProcess {
  const config = `${vm.dir}/ra.json`;
  writeFileSync(
    config,
    JSON.stringify({ source: 'fe80::1', interval: 3, prefixes: [{ prefix: '2001:db8:1:1::/64' }] }),
  );
  return spawn('ip', ['netns', 'exec', vm.router, 'python3', part('ra.py'), 'down0', config], {
    stdio: 'ignore',
  });
}
