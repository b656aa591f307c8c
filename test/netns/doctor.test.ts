/** `clatd doctor` on a network that works, and on one where something is broken: a different thing each time. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Check, CheckId } from '../../src/host/doctor/check.ts';
import { ScriptedDns64 } from './dns64.ts';
import { hostState } from './host-state.ts';
import { type Advertisement, RaSender } from './ra-sender.ts';
import { projectRoot } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, dropForwarded, map, type Topology } from './topology.ts';
import { answersPing, clatd, type RunningTranslator, tayga } from './translators.ts';
import { until } from './wait.ts';

const TARGET = `${map.web}:443`;
const RESOLVER = '2001:db8:1:1::1';
/** No default router: the topology's route stays the only one. */
const RA: Advertisement = { lifetime: 0, pref64: [{ prefix: map.pool6, lifetime: 1200 }] };

/** A TLS server whose certificate fills several packets. */
const TLS_SERVER = `
  const { readFileSync } = require('node:fs');
  const [address, key, cert] = process.argv.slice(1);
  require('node:tls')
    .createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => socket.on('error', () => {}))
    .listen(443, address, () => console.log('ready'));
`;

interface Report {
  code: number | null;
  stderr: string;
  /** "ok: text" by ID; a remedy follows behind " -> ". */
  checks: Record<CheckId, string>;
  problems: string[];
}

describeNetns('clatd doctor', ['ping', 'nft', 'python3', 'openssl', 'setpriv'], () => {
  let topology: Topology;
  let router: RaSender;
  let resolver: ScriptedDns64;

  const program = (): string => process.env.CLATD ?? join(projectRoot(), 'dist/main.js');

  async function doctorBy(wrapper: string[], ...args: string[]): Promise<Report> {
    const words = [...wrapper, process.execPath, program(), 'doctor', '--json', '--target', TARGET, ...args];
    const { code, stdout, stderr } = await topology.vm.run(words[0]!, words.slice(1), 25_000);
    const checks: Check[] = stdout === '' ? [] : JSON.parse(stdout).checks;
    return {
      code,
      stderr,
      checks: Object.fromEntries(
        checks.map(({ id, state, found, remedy }) => [
          id,
          `${state}: ${found}${remedy === null ? '' : ` -> ${remedy}`}`,
        ]),
      ) as Report['checks'],
      problems: checks.filter(({ state }) => state === 'problem').map(({ id }) => id),
    };
  }
  const doctor = (...args: string[]): Promise<Report> => doctorBy([], ...args);

  /** While a translator runs. */
  async function during(
    running: Promise<RunningTranslator>,
    work: (translator: RunningTranslator) => Promise<void>,
  ): Promise<void> {
    const translator = await running;
    try {
      await work(translator);
    } finally {
      await translator.stop();
    }
  }

  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
    const { sandbox, vm, net, web } = topology;
    vm.resolvConf(`nameserver ${RESOLVER}\n`);
    const [key, certificate] = ['key', 'certificate'].map((name) => sandbox.file(name, '')) as [
      string,
      string,
    ];
    const names = Array.from({ length: 99 }, (_, i) => `DNS:one-of-very-many-names-${i}.example.org`);
    web.exec('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate],
      ...['-subj', '/CN=web', '-addext', `subjectAltName=${names.join(',')}`],
    ]);
    const tls = web.start(process.execPath, ['-e', TLS_SERVER, map.web, key, certificate]);
    router = new RaSender(sandbox, net, 'vm', RA);
    resolver = new ScriptedDns64(sandbox, net, RESOLVER, { prefixes: [map.pool6] });
    await Promise.all([resolver.ready(), tls.says(/^ready$/m)]);
  });
  afterAll(() => topology?.close());

  it('before clatd runs: all is there that it needs, and nothing has been changed', async () => {
    const before = hostState(topology.vm);
    const { code, checks, problems } = await doctor();
    expect(problems).toEqual([]);
    expect(code).toBe(0);
    expect(checks.privilege).toMatch(/^ok: root/);
    expect(checks.tun).toMatch(/^ok: one could be created/);
    expect(checks.offload).toMatch(/^ok/);
    expect(checks.daemon).toMatch(/^note: no -> systemctl enable/);
    expect(checks.others).toBe('ok: none');
    expect(checks.uplink).toMatch(/^ok: eth0 .*MTU 1500/);
    expect(checks.route6).toMatch(/^ok: via fe80::1 dev eth0, metric 1024/);
    expect(checks.address6).toBe(`ok: ${map.vm}/64`);
    expect(checks['accept-ra']).toMatch(/^ok: 1 on eth0/);
    expect(checks.forwarding).toMatch(/^ok: off; clatd turns it on/);
    expect(checks['nd-proxy']).toMatch(/^skipped/);
    expect(checks.firewall).toBe('ok: none looks at what is forwarded');
    expect(checks.dns).toMatch(/^ok: 2001:db8:1:1::1 .*answers$/);
    expect(checks['prefix-ra']).toMatch(/^ok: 2001:db8:64::\/96 by fe80::1 on eth0, lifetime 1200 s/);
    expect(checks['prefix-dns']).toMatch(/^ok: 2001:db8:64::\/96 by 2001:db8:1:1::1/);
    expect(checks.prefix).toBe('ok: 2001:db8:64::/96 (a router said so)');
    expect(checks['plat-tcp']).toMatch(/^ok: 2001:db8:64::c633:640a .*port 443 connected/);
    expect(checks['plat-icmp']).toMatch(/^ok: .* answers in/);
    expect(checks['mtu-out']).toBe('ok: packets of 1500 bytes, the MTU of the uplink, pass');
    expect(checks['mtu-back']).toMatch(/^ok: \d+ bytes at once/);
    expect(checks.ipv4).toMatch(/^ok: none/);
    expect(checks['clat-tcp']).toBe('skipped: clatd does not run');
    expect(hostState(topology.vm)).toEqual(before);
  });

  it('as text, with the versions on top', async () => {
    const { code, stdout } = await topology.vm.run(process.execPath, [
      program(),
      'doctor',
      '--target',
      'none',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^clatd \d\S+, Node \d\S+, Linux \d\S+ \S+, .+\n/);
    expect(stdout).toMatch(/^ok +uplink +eth0 /m);
    expect(stdout).toMatch(/^skipped +NAT64 by TCP +not wanted/m);
    expect(stdout).toMatch(/\nNo problem was found\.\n$/);
  });

  it('while clatd runs, also through it', async () => {
    // One thread: more of them would join while we look.
    await during(clatd('--workers', '1').start(topology), async () => {
      const before = hostState(topology.vm);
      const { code, checks, problems } = await doctor();
      expect(problems).toEqual([]);
      expect(code).toBe(0);
      expect(checks.daemon).toMatch(/^ok: process \d+ on clat/);
      expect(checks.tun).toMatch(/^ok: clat is there \(up, MTU 1500, in use by a program\)/);
      expect(checks.others).toBe('ok: none');
      expect(checks.forwarding).toMatch(/^ok: on for clat and eth0/);
      expect(checks['nd-proxy']).toBe(`ok: eth0 answers for ${map.clat6}`);
      expect(checks.ipv4).toMatch(/^ok: through clat/);
      expect(checks['clat-tcp']).toMatch(/^ok: 198\.51\.100\.10 port 443 connected/);
      expect(checks['clat-icmp']).toMatch(/^ok/);
      expect(checks['clat-mtu']).toMatch(/^ok: \d+ bytes at once came through/);
      expect(hostState(topology.vm)).toEqual(before);
    });
  });

  it('while clatd without options runs', async () => {
    const { vm } = topology;
    const child = vm.start(process.execPath, [program(), 'run']);
    try {
      await answersPing(topology, child);
      const { checks, problems } = await doctor();
      expect(problems).toEqual([]);
      expect(checks.daemon).toBe(`ok: process ${child.pid} on clat`);
      expect(checks.prefix).toBe('ok: 2001:db8:64::/96 (a router said so)');
      expect(checks['nd-proxy']).toMatch(/^ok: eth0 answers for 2001:db8:1:1:/);
      expect(checks['clat-tcp']).toMatch(/^ok/);
    } finally {
      await child.stop();
    }
  });

  it('without privilege says what it cannot see, and tries the rest', async () => {
    await during(clatd().start(topology), async () => {
      const { code, checks, problems } = await doctorBy([
        ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', '--'],
      ]);
      expect(problems).toEqual([]);
      expect(code).toBe(0);
      expect(checks.privilege).toMatch(
        /^note: user 65534, without CAP_NET_ADMIN.* -> run `clatd doctor` as root/,
      );
      expect(checks['prefix-ra']).toMatch(/^skipped: .*CAP_NET_RAW/);
      expect(checks.firewall).toMatch(/^skipped: .*without root/);
      expect(checks.prefix).toBe('ok: 2001:db8:64::/96 (--pool6)');
      expect(checks['plat-tcp']).toMatch(/^ok/);
      expect(checks['clat-tcp']).toMatch(/^ok/);
    });
  });

  it('a firewall that drops what is forwarded', async () => {
    const { vm } = topology;
    dropForwarded(vm);
    try {
      const idle = await doctor();
      expect(idle.checks.firewall).toMatch(
        /^note: the nftables chain ip6 filter FORWARD drops .*clatd adds a rule/,
      );
      expect(idle.code).toBe(0);
      const off = await doctor('--firewall', 'off');
      expect(off.problems).toEqual(['firewall']);
      await during(clatd().start(topology), async ({ process: child }) => {
        const { checks, problems } = await doctor();
        expect(problems).toEqual([]);
        expect(checks.firewall).toMatch(/^ok: .* passes the table/);
        // clatd puts its rules back, until somebody insists (CLAT-16).
        await until('clatd to leave the chain as it is', () => {
          vm.nft('flush chain ip6 filter FORWARD');
          return child.output.includes('somebody undid it three times within a minute');
        });
        const emptied = await doctor();
        expect(emptied.problems).toEqual(['firewall', 'clat-tcp', 'clat-icmp']);
        expect(emptied.checks.firewall).toMatch(
          /-> let it through there: nft insert rule ip6 filter FORWARD/,
        );
        expect(emptied.checks['clat-tcp']).toMatch(/the NAT64 answers, so it is on this host/);
        expect(emptied.code).toBe(1);
      });
    } finally {
      vm.nft('delete table ip filter\ndelete table ip6 filter');
    }
  });

  it('a narrower link behind the uplink, with and without a router that says so', async () => {
    const { net } = topology;
    // What hosts have learned about the way.
    const forget = (): void => {
      topology.vm.exec('ip', ['-6', 'route', 'flush', 'cache']);
      topology.vm.exec('ip', ['route', 'flush', 'cache']);
      topology.web.exec('ip', ['route', 'flush', 'cache']);
    };
    topology.setCoreMtu(1400);
    try {
      await during(clatd().start(topology), async () => {
        const { checks, problems } = await doctor();
        expect(problems).toEqual([]);
        expect(checks['mtu-out']).toMatch(/^ok: 1400 bytes: \S+ says so by ICMP, and so much passes/);
        expect(checks['clat-mtu']).toMatch(/^ok: 1380 bytes on the way out, as \S+ says; \d+ bytes at once/);
        expect(checks['mtu-back']).toMatch(/^ok/);
      });
      forget();
      net.nft(
        'table ip6 mute { chain out { type filter hook output priority 0; icmpv6 type packet-too-big drop; }; }',
      );
      const { checks, problems } = await doctor();
      expect(problems).toContain('mtu-out');
      expect(checks['mtu-out']).toMatch(
        /long packets get lost on the way out, and nobody says why; 1400 bytes pass/,
      );
    } finally {
      topology.setCoreMtu(1500);
      net.nft('add table ip6 mute\ndelete table ip6 mute');
      forget();
    }
  });

  it('no default route', async () => {
    const { vm } = topology;
    vm.ip('-6 route delete ::/0 via fe80::1 dev eth0');
    try {
      const { code, checks, problems } = await doctor();
      expect(code).toBe(1);
      expect(problems).toEqual(['route6']);
      expect(checks.route6).toMatch(/^problem: none -> the network has to advertise a router/);
      expect(checks['plat-tcp']).toBe('skipped: there is no uplink');
    } finally {
      vm.ip('-6 route add ::/0 via fe80::1 dev eth0 metric 1024');
    }
  });

  it('no prefix from anybody; and one that leads nowhere', async () => {
    await router.change({ lifetime: 0 });
    await resolver.change({ rcode: 'NXDOMAIN' });
    try {
      const none = await doctor();
      expect(none.problems).toEqual(['prefix']);
      expect(none.checks['prefix-ra']).toMatch(/^note: none: fe80::1 on eth0 advertises no PREF64/);
      expect(none.checks['prefix-dns']).toMatch(/^note: .*NXDOMAIN/);
      expect(none.checks['plat-tcp']).toBe('skipped: there is no NAT64 prefix');
      const wrong = await doctor('--pool6', '2001:db8:bad::/96');
      expect(wrong.checks.prefix).toBe('ok: 2001:db8:bad::/96 (--pool6)');
      expect(wrong.problems).toEqual(['plat-tcp', 'plat-icmp']);
    } finally {
      await router.change(RA);
      await resolver.change({ prefixes: [map.pool6] });
    }
  });

  it('no resolver answers', async () => {
    const { checks, problems } = await doctor('--dns64-servers', '[::1]:5300');
    expect(problems).toEqual(['dns']);
    expect(checks.dns).toMatch(/ECONNREFUSED/);
    expect(checks.prefix).toMatch(/^ok: .*a router said so/);
  });

  it('another translator on clatd’s device', async () => {
    await during(tayga().start(topology), async ({ process: child }) => {
      const { checks, problems } = await doctor();
      expect(problems).toEqual(['others']);
      expect(checks.others).toBe(
        `problem: clat is in use by tayga (process ${child.pid}) -> stop tayga, or choose another device with --tun`,
      );
    });
  });

  it('another translator with addresses that clatd wants', async () => {
    await during(tayga().start(topology), async ({ process: child }) => {
      const { checks, problems } = await doctor('--tun', 'other');
      expect(problems).toEqual(['others']);
      expect(checks.others).toContain('clat has 192.0.0.2/29');
      expect(checks.others).toContain('the IPv4 default route leads to clat');
      expect(checks.others).toContain(`tayga runs on clat (process ${child.pid})`);
    });
  });

  it('a clatd that was killed', async () => {
    const { process: child } = await clatd().start(topology);
    await child.stop('SIGKILL');
    const { checks, problems } = await doctor();
    expect(problems).toEqual(['daemon']);
    expect(checks.daemon).toMatch(/was killed and left \d+ changes/);
    await during(clatd().start(topology), async () => {});
  });

  it('a target that is none', async () => {
    const { code, stderr } = await doctor('--target', 'localhost');
    expect(code).toBe(2);
    expect(stderr).toMatch(/--target/);
  });
});
