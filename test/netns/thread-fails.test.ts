/** A data-plane thread that throws: another goes on with its queue, and nobody else notices. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { buildFaulty, type Faulty } from './faulty.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const REASON = /data-plane thread \d failed: a fault of the test at .*newBatch/;

describeNetns('a data-plane thread that fails', ['curl', 'ping', 'nft'], () => {
  let topology: Topology;
  let before: Record<string, string>;
  let faulty: Faulty;
  let trigger: string;
  const started: Process[] = [];

  async function start(...options: string[]): Promise<Process> {
    const [, ...args] = clatdArguments(topology, ...options);
    const daemon = topology.vm.start(process.execPath, [faulty.program, ...args]);
    started.push(daemon);
    await daemon.says(/translating on /);
    await answersPing(topology, daemon);
    return daemon;
  }

  /** One thread throws; resolves when it has. */
  async function fault(daemon: Process): Promise<void> {
    writeFileSync(trigger, '');
    await until('a thread to meet the fault', async () => {
      await topology.vm.run('ping', ['-c1', '-W0.2', map.web]);
      return !existsSync(trigger) || !daemon.running;
    });
  }

  const failures = (daemon: Process): number => daemon.output.match(/failed: a fault/g)?.length ?? 0;
  const queues = (): number =>
    Number(/ numqueues (\d+) /.exec(topology.vm.ip('-details link show clat'))?.[1] ?? 1);
  const fetched = async () =>
    (await topology.vm.run('curl', ['-sS', '--max-time', '3', `http://${map.web}/`])).code === 0;

  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
    before = hostState(topology.vm);
    trigger = join(topology.sandbox.folder, 'trigger');
    faulty = await buildFaulty(trigger);
  });
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
  });
  afterAll(async () => {
    faulty?.remove();
    await topology?.close();
  });

  it.each([
    ['alone', '1', '--io-uring'],
    ['without io_uring', '1', '--no-io-uring'],
    ['of two', '2', '--io-uring'],
  ])('%s: another goes on with its queue, the device and the routes stay', async (_, workers, ring) => {
    const daemon = await start('--workers', workers, ring);
    await until('all queues', () => queues() === Number(workers));
    const configured = hostState(topology.vm);
    const index = topology.vm.ipJson('link show clat')[0].ifindex;
    await fault(daemon);
    await daemon.says(REASON);
    await daemon.says(/another thread goes on with its queue \(failures since the start: 1\)/);
    await answersPing(topology, daemon);
    // Flows of every hash, so that each queue has some.
    for (let flow = 0; flow < 20; flow++) expect(await fetched(), `flow ${flow}`).toBe(true);
    expect(hostState(topology.vm)).toEqual(configured);
    expect(topology.vm.ipJson('link show clat')[0].ifindex).toBe(index);
    // A reload reaches the new one.
    daemon.signal('SIGHUP');
    await daemon.says(/reloaded/);
    await answersPing(topology, daemon);
    expect((await daemon.stop()).code).toBe(0);
    expect(hostState(topology.vm)).toEqual(before);
  });

  it('on a device that was there before leaves it as it was', async () => {
    const { vm } = topology;
    vm.ip('tuntap add dev clat mode tun pi');
    try {
      const flags = () => vm.ipJson('-details link show clat')[0].linkinfo.info_data;
      const made = flags();
      const daemon = await start('--workers', '1');
      await fault(daemon);
      await daemon.says(/another thread goes on/);
      await answersPing(topology, daemon);
      expect((await daemon.stop()).code).toBe(0);
      expect(flags()).toEqual(made);
    } finally {
      vm.ip('link delete clat');
    }
  });

  it('again and again ends the daemon, with the reason, and everything undone', async () => {
    const daemon = await start('--workers', '1');
    for (let count = 1; count <= 6; count++) {
      expect(daemon.running, daemon.output).toBe(true);
      await fault(daemon);
      await until('a word about it', () => failures(daemon) >= count || !daemon.running);
    }
    const { code, stderr } = await daemon.finished(10_000);
    expect(code).toBe(1);
    expect(stderr.trim().split('\n').at(-1)).toMatch(
      /failed: a fault of the test .*threads failed 6 times within a minute, 6 since the start/,
    );
    expect(hostState(topology.vm)).toEqual(before);
  });
});
