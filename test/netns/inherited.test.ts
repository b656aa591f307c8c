/** plan, discover and doctor beside a running clatd judge the set-up in use, and say so first. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROGRAM } from './clat.ts';
import type { Process } from './process.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing } from './translators.ts';

describeNetns('commands beside a running clatd', ['ping', 'sh'], () => {
  let topology: Topology;
  let daemon: Process;
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
    const folder = join(topology.sandbox.folder, 'etc');
    mkdirSync(folder);
    writeFileSync(join(folder, 'clatd.toml'), `pool6 = "${map.pool6}"\neam-file = "eam"\n`);
    writeFileSync(join(folder, 'eam'), `${map.clat4} ${map.clat6}\n`);
    // Its paths are relative to a folder that is not the commands'.
    daemon = topology.vm.start('sh', [
      ...['-c', 'cd "$1" && shift && exec "$@"', 'sh', folder],
      ...[process.execPath, PROGRAM, 'run', '--config', 'clatd.toml', '--workers', '1'],
    ]);
    await answersPing(topology, daemon);
  });
  afterAll(() => topology?.close());

  const run = (...argv: string[]) => topology.vm.run(process.execPath, [PROGRAM, ...argv], 25_000);

  it('plan says so first, and plans what is in use', async () => {
    const { code, stdout } = await run('plan');
    expect(stdout.split('\n')[0]).toMatch(
      /^clatd runs here already \(process \d+\); its options count here too: --config clatd\.toml --workers 1$/,
    );
    expect(stdout).toContain(`${map.clat6}`);
    expect(code).toBe(0);
  });
  it('the command line goes before them; --defaults leaves them out', async () => {
    expect((await run('plan', '--eam-file', 'nowhere')).stderr).toMatch(/--eam-file: cannot read .*nowhere/);
    const { stdout } = await run(
      'plan',
      '--defaults',
      '--pool6',
      '2001:db8:99::/96',
      '--eam',
      '192.0.0.5=2001:db8:1:1::5',
    );
    expect(stdout).not.toContain(map.clat6);
    expect(stdout).not.toContain('its options count');
  });
  it('doctor takes them; JSON stays JSON', async () => {
    const { stdout, stderr } = await run('doctor', '--json', '--target', 'none');
    const checks: { id: string; found: string }[] = JSON.parse(stdout).checks;
    expect(checks.find(({ id }) => id === 'prefix')?.found).toContain(`${map.pool6} (--pool6)`);
    expect(stderr).toMatch(/^clatd: clatd runs here already/);
  });
});
