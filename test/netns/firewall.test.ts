/** Firewalls that drop what is forwarded: the translator's packets pass, nothing else does, and no trace stays. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { DriverOrder } from '../host/driver.ts';
import { type Machine, makeMachine, PERSISTENT_TUN } from '../host/namespace.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatd, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

/** iptables-nft as Docker uses it, here written natively; its own chain comes first. */
const DOCKER = ['ip', 'ip6']
  .map(
    (family) => `table ${family} filter {
  chain DOCKER-USER {
    return
  }
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    jump DOCKER-USER
    iifname "docker0" oifname != "docker0" accept
  }
}`,
  )
  .join('\n');

const OWN = `table inet own {
  chain forward {
    type filter hook forward priority 5; policy drop;
    ct state established,related accept
    ct state invalid drop
    iifname "lan0" accept
  }
}`;

const FIREWALLD = `table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state established,related accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_ZONES {
    iifname "eth0" goto filter_FWD_public
    goto filter_FWD_public
  }
  chain filter_FWD_public {
    icmp type echo-request accept
    reject with icmpx admin-prohibited
  }
}`;

const FIREWALLS = {
  Docker: DOCKER,
  firewalld: FIREWALLD,
  'one by hand': OWN,
  all: [DOCKER, FIREWALLD, OWN].join('\n'),
};

describeNetns('a firewall that drops what is forwarded', ['ping', 'nft', 'curl'], () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
  });
  afterAll(() => topology?.close());
  afterEach(() => topology.vm.exec('nft', ['flush', 'ruleset']));

  const ruleset = () => topology.vm.exec('nft', ['list', 'ruleset']);
  const ours = () => ruleset().match(/comment "clatd:clat"/g)?.length ?? 0;
  const start = async (): Promise<Process> => (await clatd().start(topology)).process;

  it.each(Object.entries(FIREWALLS))('%s: IPv4 works, and the end leaves it as it was', async (_, rules) => {
    const { vm } = topology;
    vm.nft(rules);
    const before = hostState(vm);
    const child = await start();
    const { stdout } = await vm.run('curl', ['-sS', '--max-time', '5', `http://${map.web}/`]);
    expect(stdout).toContain('Hello');
    expect(ours()).toBeGreaterThan(0);
    await child.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it.each(['off', 'warn'])('--firewall %s changes nothing, and nothing passes', async (mode) => {
    const { vm } = topology;
    vm.nft(DOCKER);
    const before = ruleset();
    const child = vm.start(process.execPath, clatdArguments(topology, '--firewall', mode));
    await child.says(/translating on clat/);
    expect((await vm.run('ping', ['-c1', '-W0.5', map.web])).code).not.toBe(0);
    expect(ruleset()).toBe(before);
    if (mode === 'warn') expect(child.output).toMatch(/warning: .*chain ip6 filter FORWARD drops/);
    await child.stop();
  });

  it('only what is needed passes', async () => {
    const { vm, net } = topology;
    // An IPv4 host behind the NAT64, as the router would see it.
    net.ip('address add 2001:db8:64::c633:640b/128 dev lo');
    const opens = async () =>
      (await net.run('ping', ['-c1', '-W0.5', '-I', '2001:db8:64::c633:640b', map.clat6])).code === 0;
    const child = await start();
    expect(await opens()).toBe(true);
    vm.nft(OWN);
    child.signal('SIGHUP');
    await child.says(/reloaded/);
    await answersPing(topology, child);
    expect(await opens()).toBe(false);
    expect(ruleset()).toContain(
      'meta nfproto ipv6 iifname "clat" oifname "eth0" accept comment "clatd:clat"\n\t\tct state established',
    );
    expect(ours()).toBe(1);
    await child.stop();
  });

  it('killed and started again there is one set of rules, and then none', async () => {
    const { vm } = topology;
    vm.nft(FIREWALLS.all);
    const before = hostState(vm);
    const first = await start();
    const there = ruleset();
    await first.stop('SIGKILL');
    expect(ours()).toBeGreaterThan(0);
    const second = await start();
    expect(ruleset()).toBe(there);
    await second.stop();
    expect(hostState(vm)).toEqual(before);
  });

  it('loaded anew, it takes our rules along: SIGHUP brings them back, the end finds nothing to do', async () => {
    const { vm } = topology;
    vm.nft(FIREWALLS.all);
    const child = await start();
    const there = ruleset();
    vm.nft(`flush ruleset\n${FIREWALLS.all}`);
    expect(ours()).toBe(0);
    child.signal('SIGHUP');
    await child.says(/reloaded/);
    expect(ruleset()).toBe(there);
    await answersPing(topology, child);
    vm.exec('nft', ['flush', 'ruleset']);
    const { code } = await child.stop();
    expect(code).toBe(0);
    expect(child.output).not.toMatch(/could not be undone/);
    expect(ruleset()).toBe('');
  });

  it('one that nobody but its owner may change is named, with what to do', async () => {
    const { vm } = topology;
    // A table with an owner lives as long as the program that made it keeps its socket.
    const pipe = `${topology.sandbox.folder}/nft`;
    vm.exec('mkfifo', [pipe]);
    const input = openSync(pipe, 'r+');
    const owner = vm.start('sh', ['-c', `exec nft -i < ${pipe}`]);
    const chain = 'inet firewalld filter_FORWARD';
    writeSync(
      input,
      `add table inet firewalld { flags owner; }
add chain ${chain} { type filter hook forward priority 10; policy accept; }
add rule ${chain} reject with icmpx admin-prohibited
`,
    );
    await until('the table with an owner', () => /flags owner.*reject/s.test(ruleset()));
    try {
      const child = vm.start(process.execPath, clatdArguments(topology));
      await child.says(/translating on clat/);
      expect(child.output).toMatch(/only its owner may change it: firewall-cmd --permanent --zone=trusted/);
      await child.stop();
    } finally {
      await owner.stop();
      closeSync(input);
    }
  });
});

describeNetns('the rules in other people’s chains', ['nft'], () => {
  const machines: Machine[] = [];
  const machine = (rules: string): Machine => {
    const made =
      makeMachine(`${PERSISTENT_TUN}; ip tuntap add lan0 mode tap; ip link set lan0 up; ip address add 10.9.0.1/24 dev lan0
nft -f - <<'N'
${rules}
N`);
    machines.push(made);
    return made;
  };
  afterEach(() => {
    for (const made of machines.splice(0)) made.remove();
  });
  const order: Omit<DriverOrder, 'journal' | 'do'> = {
    tun: 'clat',
    firewall: 'accept',
    nat44: ['10.9.0.0/24'],
  };

  it('applying twice changes nothing', () => {
    const vm = machine(FIREWALLS.all);
    const again = vm.drive({ ...order, do: 'again' });
    expect(again.error).toBeUndefined();
    expect(again.log).toEqual([]);
  });

  it('killed at each step in turn, the next start undoes what was done', () => {
    const vm = machine(FIREWALLS.all);
    const before = vm.snapshot();
    const steps = vm.drive({ ...order, do: 'prepare' }).steps!;
    expect(steps.filter((step) => /"kind":"accept"/.test(step))).toHaveLength(4);
    expect(steps.filter((step) => /"kind":"nft"/.test(step))).toHaveLength(1);
    for (let step = 0; step < steps.length; step++) {
      expect(vm.drive({ ...order, do: 'apply', killBefore: step }).killed, `step ${step}`).toBe(true);
      expect(vm.drive({ ...order, do: 'recover' }).error).toBeUndefined();
      expect(vm.snapshot(), `killed at step ${step}`).toEqual(before);
    }
    vm.drive({ ...order, do: 'apply' });
    expect(vm.snapshot()).not.toEqual(before);
    vm.drive({ ...order, do: 'recover' });
    expect(vm.snapshot()).toEqual(before);
  });

  it('stay apart from those of another TUN, and from comments of others', () => {
    const vm = machine(
      `${OWN}\ninsert rule inet own forward iifname "clat2" accept comment "clatd:clat2"
insert rule inet own forward iifname "x" accept comment "clatd"`,
    );
    const before = vm.snapshot();
    expect(vm.drive({ ...order, do: 'cycle' }).error).toBeUndefined();
    expect(vm.snapshot()).toEqual(before);
  });

  it('are not in the way where the chain goes away meanwhile', () => {
    const vm = machine(OWN);
    vm.drive({ ...order, do: 'apply' });
    vm.run('nft delete table inet own');
    const { log } = vm.drive({ ...order, do: 'recover' });
    expect(log.join('\n')).not.toMatch(/could not be undone/);
    expect(vm.run('nft list ruleset')).toBe('');
  });
});
