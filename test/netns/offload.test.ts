/** Every offload level and several threads carry the same traffic: OFF-1, OFF-2, OFF-12. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { clatd, type RunningTranslator } from './translators.ts';

const VARIANTS: readonly (readonly string[])[] = [
  ['--offload', 'uso', '--workers', '1'],
  ['--offload', 'tso', '--workers', '1'],
  ['--offload', 'csum', '--workers', '1'],
  ['--offload', 'off', '--workers', '1'],
  ['--offload', 'auto', '--workers', '4'],
  ['--offload', 'auto', '--no-coalesce'],
  ['--no-io-uring', '--workers', '2'],
];

describeNetns('clatd', ['curl', 'python3'], () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await buildTopology({ downloadBytes: 8 << 20 });
  });
  afterAll(() => topology?.close());

  describe.each(VARIANTS.map((options) => [options.join(' '), options] as const))('%s', (_name, options) => {
    let running: RunningTranslator;
    beforeAll(async () => {
      running = await clatd(...options).start(topology);
    });
    afterAll(() => running?.stop());

    it('carries downloads, uploads and datagrams of every size, in order', async () => {
      const { vm } = topology;
      const down = await vm.run('sh', ['-c', `curl -sS --max-time 30 http://${map.web}/download | wc -c`]);
      expect(down.stdout.trim()).toBe(`${8 << 20}`);
      const file = topology.sandbox.file('upload', Buffer.alloc(4 << 20, 'x'));
      const up = await vm.run('curl', ['-sS', '--max-time', '30', '-T', file, `http://${map.web}/upload`]);
      expect(up.stdout).toMatch(/ 4194304\n$/);
      const sizes = ['1', '1400', '4000', '65000'];
      const echo = await vm.run(process.execPath, [part('udp-echo.js'), map.web, '7', ...sizes]);
      expect(echo.stdout).toBe(sizes.map((size) => `${size} ok\n`).join(''));
      const order = await vm.run('python3', [part('udp-order.py'), map.web, '7', '10']);
      expect(order.stdout + order.stderr).toBe('10 rounds in order\n');
    });
  });
});
