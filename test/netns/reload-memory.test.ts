/** What a reload leaves behind in memory: nothing that grows with their number. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeNetns } from './suite.ts';
import { buildTopology, type Topology } from './topology.ts';
import { clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const MAPPINGS = 100_000;
const RELOADS = 30;
const MB = 1 << 20;
/** A reload leaves 10 MB of tables where none is freed: 28 of them are 280 MB. */
const MARGIN = 80 * MB;

/** proc(5): resident bytes. */
function resident(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!;
  return Number(kilobytes) * 1024;
}

describeNetns('many reloads of many mappings', ['ping'], () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
  });
  afterAll(() => topology?.close());

  it('leave the memory as it was after the second', async () => {
    const lines: string[] = [];
    for (let i = 0; i < MAPPINGS; i++) {
      // One prefix covers them all, so that they are one route.
      const low = `${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}`;
      lines.push(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255} 2001:db8:7::${low}`);
    }
    const file = topology.sandbox.file('eam.txt', '');
    writeFileSync(file, `${lines.join('\n')}\n`);
    const args = clatdArguments(topology, '--no-configure', '--workers', '2', '--eam-file', file);
    const daemon = topology.vm.start(process.execPath, args);
    await daemon.says(/translating on clat/, { timeout: 30_000 });
    let second = 0;
    for (let count = 1; count <= RELOADS; count++) {
      daemon.signal('SIGHUP');
      await until(
        `reload ${count}`,
        () => (daemon.output.match(/reloaded: /g)?.length ?? 0) === count || !daemon.running,
        { timeout: 30_000 },
      );
      expect(daemon.running, daemon.output).toBe(true);
      if (count === 2) second = resident(daemon.pid);
    }
    // It may be about to be given back.
    await until('memory to be as before', () => resident(daemon.pid) < second + MARGIN, {
      timeout: 5000,
    }).catch(() => expect(resident(daemon.pid) / MB).toBeLessThan((second + MARGIN) / MB));
    expect((await daemon.stop()).code).toBe(0);
  }, 120_000);
});
