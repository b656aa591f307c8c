/** SIGHUP: the EAM file is read again. */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PROGRAM } from './clat.ts';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatd } from './translators.ts';
import { until } from './wait.ts';

const OTHER4 = '192.0.0.3';
const OTHER6 = '2001:db8:1:1::c1a8';

describeNetns('SIGHUP', ['curl', 'ping', 'nft'], () => {
  let topology: Topology;
  let file: string;
  let before: Record<string, string>;
  let child: Process;
  let other: Process | undefined;

  const fetchFrom = (address: string) =>
    topology.vm.run('curl', ['-sS', '--max-time', '2', '--interface', address, `http://${map.web}/`]);

  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
    before = hostState(topology.vm);
    file = topology.sandbox.file('eam.txt', '# none yet\n');
    child = (await clatd('--eam-file', file).start(topology)).process;
  });
  afterEach(async () => {
    await other?.stop();
  });
  afterAll(() => topology?.close());

  it('makes a new mapping of the file work', async () => {
    expect((await fetchFrom(OTHER4)).code).not.toBe(0);
    writeFileSync(file, `${OTHER4} ${OTHER6}  # one more\n`);
    child.signal('SIGHUP');
    await until('a page by the new mapping', async () => (await fetchFrom(OTHER4)).code === 0);
    await answersPing(topology, child);
  });

  it('changes nothing when the file is broken, and names it with its line', async () => {
    writeFileSync(file, `${OTHER4} ${OTHER6}\n192.0.0.4=somewhere\n`);
    const said = child.output.length;
    child.signal('SIGHUP');
    await until('a word about the file', () => child.output.slice(said).includes(`${file}:2`));
    expect((await fetchFrom(OTHER4)).code).toBe(0);
    await answersPing(topology, child);
  });

  it('loses no packet of a flow while tables are swapped', async () => {
    const ping = topology.vm.start('ping', ['-n', '-q', '-i0.005', '-c200', '-W2', map.web]);
    for (let round = 0; round < 10; round++) {
      writeFileSync(file, round % 2 === 0 ? `${OTHER4} ${OTHER6}\n` : '');
      child.signal('SIGHUP');
      await sleep(100);
    }
    expect((await ping.finished()).stdout).toMatch(/200 packets transmitted, 200 received/);
  });

  it('names what changed, and what waits for a restart', async () => {
    const config = topology.sandbox.file('reload.toml', 'workers = 1\n');
    const args = [PROGRAM, '--config', config, '--tun', 'other', '--no-configure'];
    const second = topology.vm.start(process.execPath, [...args, '--eam', `${OTHER4}=${OTHER6}`]);
    other = second;
    await second.says(/ on other/);
    writeFileSync(config, 'workers = 3\ntun = "third"\nicmp-errors = "off"\n');
    second.signal('SIGHUP');
    // --tun of the command line goes before the file's.
    await second.says(/workers is read at a start only: restart clatd for the new value/);
    await second.says(/reloaded: 1 explicit address mapping; changed: icmp-errors/);
    const said = second.output.length;
    second.signal('SIGHUP');
    await until('the second reload', () => /nothing has changed/.test(second.output.slice(said)));
    expect(second.output.slice(said)).toMatch(/workers is read at a start only/);
    expect(second.output).toMatch(/nothing is translated on other: 1 mapping, and pool6 is not given \(/);
  });

  it('takes a mapping away, and the end takes the rest', async () => {
    writeFileSync(file, '');
    child.signal('SIGHUP');
    await until('the mapping to be gone', async () => (await fetchFrom(OTHER4)).code !== 0);
    await child.stop();
    expect(hostState(topology.vm)).toEqual(before);
  });
});
