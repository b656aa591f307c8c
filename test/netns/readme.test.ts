/** What README.md says to type, typed: the mapping by hand, the addresses to try, the recipe for a dropped packet. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROGRAM } from './clat.ts';
import type { Process } from './process.ts';
import { part, projectRoot } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing } from './translators.ts';
import { until } from './wait.ts';

const text = readFileSync(join(projectRoot(), 'README.md'), 'utf8');
/** The words of the line that begins so. */
const line = (start: string): string[] => {
  const found = text.split('\n').find((one) => one.startsWith(`    ${start}`));
  if (found === undefined) throw new Error(`README.md has no line "${start}"`);
  return found
    .trim()
    .replace(/^sudo /, '')
    .split(/\s+/);
};
const ANYWHERE = '1.1.1.1';

describeNetns('README.md', ['ping', 'curl', 'tcpdump'], () => {
  let topology: Topology;
  let daemon: Process;
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
    const { isp, web } = topology;
    web.ip(`address add ${ANYWHERE}/32 dev eth0`);
    isp.ip(`route add ${ANYWHERE}/32 via ${map.web}`);
    const second = web.start(process.execPath, [part('web.js'), ANYWHERE, '0']);
    await second.says(/^ready$/m);
    daemon = topology.vm.start(process.execPath, [PROGRAM, ...line('sudo clatd --pool6').slice(1)]);
    await answersPing(topology, daemon);
  });
  afterAll(() => topology?.close());

  it.each(['ping ', 'curl '])('%s…', async (start) => {
    const [program, ...args] = line(start);
    const { code, stdout, stderr } = await topology.vm.run(program!, args, 10_000);
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });

  it('"Why was this packet dropped?"', async () => {
    const { vm, sandbox } = topology;
    const here = (words: string[]): string[] =>
      words.map((word) => (/\.(pcap|jsonl)$/.test(word) ? join(sandbox.folder, word) : word));
    const [program, ...args] = here(line('tcpdump '));
    const capture = vm.start(program!, ['-Z', 'root', '-U', '--immediate-mode', ...args]);
    await capture.says(/listening on/);
    await vm.run('ping', ['-c1', '-W2', map.web]);
    // The head of the file, and two pings with theirs.
    await until('the ping in the capture', () => statSync(args.at(-1)!).size >= 24 + 2 * (16 + 84));
    await capture.stop('SIGINT');
    const replayed = await vm.run(process.execPath, [PROGRAM, ...here(line('clatd replay')).slice(1)]);
    expect(replayed).toMatchObject({ code: 0, stderr: '' });
    expect(replayed.stdout).toMatch(/Translated46/);
    const report = readFileSync(join(sandbox.folder, 'report.jsonl'), 'utf8');
    expect(report).toMatch(/"Translated46"/);
    expect(report).not.toMatch(/Wkp/);
  });
});
