/** SIGHUP that cannot be done, or comes too often: what works goes on working. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { CLAT_TOOLS, ClatHost, PREF64, PROGRAM } from './clat.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { RaSender } from './ra-sender.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const OTHER4 = '192.0.0.3';
const OTHER6 = '2001:db8:1:1::c1a8';

describeNetns('SIGHUP', ['curl', 'ping', 'nft', 'python3', 'unshare'], () => {
  let topology: Topology;
  let file: string;
  let before: Record<string, string>;
  const started: Process[] = [];

  const fetchFrom = (address: string) =>
    topology.vm.run('curl', ['-sS', '--max-time', '2', '--interface', address, `http://${map.web}/`]);

  /** clatd with the EAM file, ready. */
  async function start(wrapper: string[] = [], env: Record<string, string> = {}): Promise<Process> {
    writeFileSync(file, `${OTHER4} ${OTHER6}\n`);
    const [program, ...args] = [
      ...wrapper,
      process.execPath,
      ...clatdArguments(topology, '--eam-file', file),
    ];
    const daemon = topology.vm.start(program!, args, { env });
    started.push(daemon);
    await daemon.says(/translating on clat/);
    await answersPing(topology, daemon);
    return daemon;
  }

  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
    before = hostState(topology.vm);
    file = topology.sandbox.file('eam.txt', '');
  });
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
  });
  afterAll(() => topology?.close());

  it('a full disk fails a reload, takes nothing away, and is tried again until there is room', async () => {
    const { vm } = topology;
    const socket = '@clatd-test-reload';
    const manager = vm.start('python3', [
      '-uc',
      `import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + '${socket.slice(1)}')
print('bound')
while True: print(s.recv(10000).decode().replace('\\n', ' '))`,
    ]);
    await manager.says(/^bound$/m);
    started.push(manager);
    const mounted = 'mount -t tmpfs -o size=64k none /run/clatd && exec "$0" "$@"';
    const daemon = await start(['unshare', '--mount', 'sh', '-c', mounted], { NOTIFY_SOCKET: socket });
    await manager.says(/^READY=1/m);
    const configured = hostState(vm);
    const filler = `/proc/${daemon.pid}/root/run/clatd/filler`;
    expect(spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']).status).not.toBe(0);

    writeFileSync(file, `192.0.0.4 2001:db8:1:1::c1a9\n`);
    daemon.signal('SIGHUP');
    await daemon.says(/not reloaded: /);
    expect(hostState(vm)).toEqual(configured);
    expect((await fetchFrom(OTHER4)).code).toBe(0);
    await answersPing(topology, daemon);
    await daemon.says(/not reloaded: .*\/run\/clatd.* ENOSPC .*stays so, trying again in 1 s/);
    await manager.says(/^READY=1 STATUS=translating on clat: 2 mappings, [^;\n]+$/m);
    await manager.says(
      /^READY=1 STATUS=translating on clat: 2 mappings, .*; not reloaded: .*trying again in 1 s$/m,
    );

    // By itself, as soon as it can.
    rmSync(filler);
    await daemon.says(/reloaded: 2 explicit address mappings/);
    await until('a page by the new mapping', async () => (await fetchFrom('192.0.0.4')).code === 0);
    await answersPing(topology, daemon);
    await until('a true status', () =>
      /\nREADY=1 STATUS=translating on clat: 2 mappings, [^;\n]+\n$/.test(manager.stdout),
    );
    expect((await daemon.stop()).code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });

  it('a conflict fails a reload, takes nothing away, and is tried again until it is gone', async () => {
    const { vm } = topology;
    const daemon = await start();
    const configured = hostState(vm);
    vm.ip('-6 address add 2001:db8:1:1::c1a9/128 dev lo');
    writeFileSync(file, `192.0.0.4 2001:db8:1:1::c1a9\n`);
    daemon.signal('SIGHUP');
    await daemon.says(/not reloaded: .*2001:db8:1:1::c1a9/);
    expect((await fetchFrom(OTHER4)).code).toBe(0);
    vm.ip('-6 address del 2001:db8:1:1::c1a9/128 dev lo');
    expect(hostState(vm)).toEqual(configured);
    await daemon.says(/reloaded: 2 explicit/);
    expect((await daemon.stop()).code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });

  it.each([
    ['nft', '*10.2.2.0/24*'],
    ['ip', '*"route add"*10.2.1.0/24*'],
  ])('that %s refuses half way takes no LAN away, and is tried again', async (tool, refused) => {
    const { vm, sandbox } = topology;
    const flag = sandbox.file(`refuse-${tool}`, '');
    const path = vm.exec('sh', ['-c', `readlink -f "$(command -v ${tool})"`]).trim();
    const real = join(sandbox.folder, `real-${tool}`);
    copyFileSync(path, real);
    const wrapper = sandbox.file(
      `wrapper-${tool}`,
      `#!/bin/sh
case "$*" in *-batch*|*--file*) ;; *) exec ${real} "$@";; esac
text=$(cat)
case "$text" in ${refused}) [ -e ${flag} ] && { echo 'refused by the test' >&2; exit 1; };; esac
printf '%s\\n' "$text" | ${real} "$@"
`,
    );
    chmodSync(wrapper, 0o755);
    const mounted = `mount --bind ${wrapper} ${path} && exec "$0" "$@"`;
    const config = sandbox.file(`lan-${tool}.toml`, '');
    const write = (lan: string, nat44: string) =>
      writeFileSync(config, `lan = ["${lan}"]\nnat44 = ["${nat44}"]\n`);
    write('10.1.1.0/24=2001:db8:12:3401::/96', '10.1.2.0/24');
    const args = [...clatdArguments(topology), '--config', config];
    const daemon = vm.start('unshare', ['--mount', 'sh', '-c', mounted, process.execPath, ...args]);
    started.push(daemon);
    await daemon.says(/translating on clat/);
    await answersPing(topology, daemon);
    const configured = hostState(vm);
    expect(configured.firewall).toContain('10.1.2.0/24');
    write('10.2.1.0/24=2001:db8:12:3402::/96', '10.2.2.0/24');
    daemon.signal('SIGHUP');
    await daemon.says(/not reloaded: .*refused by the test.* trying again/);
    // Not while it tries again.
    await until('all to be as before', () => isDeepStrictEqual(hostState(vm), configured));
    await answersPing(topology, daemon);
    rmSync(flag);
    await daemon.says(/reloaded: 1 explicit/);
    const firewall = vm.exec('nft', ['list', 'ruleset']);
    expect(firewall).toContain('10.2.2.0/24');
    expect(firewall).not.toContain('10.1.2.0/24');
    expect(vm.ip('-4 route show table all')).toContain('unreachable 10.2.1.0/24');
    expect((await daemon.stop()).code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });

  it('a thousand at once are a few, and the end does not wait for them', async () => {
    const daemon = await start();
    for (let i = 0; i < 1000; i++) daemon.signal('SIGHUP');
    daemon.signal('SIGTERM');
    const { code } = await daemon.finished(30_000);
    expect(code).toBe(0);
    // One that runs, one that waits, each time the daemon came to look at its signals.
    expect(daemon.output.match(/reloaded:/g)?.length ?? 0).toBeLessThan(100);
    expect(hostState(topology.vm)).toEqual(before);
  });
});

describeNetns('a look of the automatic mode', [...CLAT_TOOLS, 'unshare'], () => {
  let host: ClatHost;
  afterAll(() => host?.close());

  it('that fails takes nothing away, and is tried again until it can be done', async () => {
    host = await ClatHost.build();
    const { vm, net, sandbox } = host.topology;
    new RaSender(sandbox, net, 'vm', PREF64);
    await host.untilRoute();
    const before = hostState(vm);
    const config = sandbox.file('clatd.toml', '');
    const mounted = 'mount -t tmpfs -o size=64k none /run/clatd && exec "$0" "$@"';
    const args = ['--mount', 'sh', '-c', mounted, process.execPath, PROGRAM, '--config', config];
    const daemon = vm.start('unshare', args);
    await daemon.says(/IPv4 is set up/);
    await until('IPv4 to work', () => host.works());
    const proxies = vm.ip('-6 neighbour show proxy');
    const filler = `/proc/${daemon.pid}/root/run/clatd/filler`;
    expect(spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']).status).not.toBe(0);
    writeFileSync(config, 'clat-v6-addr = "2001:db8:1:1::77"\n');
    daemon.signal('SIGHUP');
    await daemon.says(/cannot keep the journal .*ENOSPC/);
    expect(await host.works()).toBe(true);
    expect(daemon.output).toMatch(
      /cannot keep the journal .*ENOSPC.*; IPv4 stays as it is set up, trying again/,
    );
    expect(vm.ip('-6 neighbour show proxy')).toBe(proxies);
    rmSync(filler);
    await until('the new address', () => vm.ip('-6 neighbour show proxy').includes('2001:db8:1:1::77'));
    await until('IPv4 to work', () => host.works());
    expect((await daemon.stop()).code).toBe(0);
    expect(hostState(vm)).toEqual(before);
  });
});
