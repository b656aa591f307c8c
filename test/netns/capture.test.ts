/** The README's recipe on a host with offload: what tcpdump captures holds no faults, since there were none. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { part } from './sandbox.ts';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { clatd, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const DOWNLOAD = 6 << 20;
const UPLOAD = 3 << 20;

/** Fills the last ping, by which the end of a capture is known. */
const MARK = 'c1a75eed';
const marks = (capture: Buffer): number =>
  capture.toString('latin1').split(Buffer.from(MARK.repeat(8), 'hex').toString('latin1')).length - 1;

interface Row {
  verdict: string;
  reason: string;
  source: string;
  protocol: string;
  length: number;
  segmented?: number;
}

describeNetns('captures with offload', ['curl', 'python3', 'tcpdump', 'ping'], () => {
  let topology: Topology;
  /** Of `tcpdump -i clat` and `tcpdump -i any`. */
  const captures: Record<string, string> = {};

  beforeAll(async () => {
    topology = await buildTopology({ downloadBytes: DOWNLOAD });
    const { vm, sandbox } = topology;
    const running = await clatd().start(topology);
    const dumps = ['clat', 'any'].map((name) => {
      captures[name] = join(sandbox.folder, `${name}.pcap`);
      const now = ['-U', '-B', '32768', '-Z', 'root'];
      return vm.start('tcpdump', ['-i', name, '-w', captures[name], ...now]);
    });
    for (const dump of dumps) await dump.says(/listening on/);
    const down = await vm.run('sh', ['-c', `curl -sS --max-time 30 http://${map.web}/download | wc -c`]);
    expect(down.stdout.trim()).toBe(`${DOWNLOAD}`);
    const file = sandbox.file('upload', Buffer.alloc(UPLOAD, 'x'));
    const up = await vm.run('curl', ['-sS', '--max-time', '30', '-T', file, `http://${map.web}/upload`]);
    expect(up.stdout).toMatch(new RegExp(` ${UPLOAD}\n$`));
    const echo = await vm.run(process.execPath, [part('udp-echo.js'), map.web, '7', '1', '1200', '4000']);
    expect(echo.stdout).toBe('1 ok\n1200 ok\n4000 ok\n');
    const gso = await vm.run('python3', [part('udp-gso.py'), map.web, '7', '1200', '20']);
    expect(gso.stdout).toBe('20 of 20\n');
    expect((await vm.run('ping', ['-c', '1', '-p', MARK, map.web])).code).toBe(0);
    // Both ways, before and after translation.
    await until('the last packets in the captures', () =>
      Object.values(captures).every((path) => marks(readFileSync(path)) >= 4),
    );
    for (const dump of dumps) {
      await dump.stop('SIGINT', 10_000);
    }
    await running.stop();
  });
  afterAll(() => topology?.close());

  function replay(name: string): { rows: Row[]; table: string } {
    const report = join(topology.sandbox.folder, `${name}.jsonl`);
    const [program, , ...options] = clatdArguments(topology);
    const table = topology.vm.exec(process.execPath, [
      ...[program!, 'replay', captures[name]!, '--report', report],
      ...options,
    ]);
    const rows = readFileSync(report, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    return { rows, table };
  }

  describe('tcpdump -i clat', () => {
    it('no packet is refused, and what the translator wrote is recognised', () => {
      const { rows, table } = replay('clat');
      expect(rows.filter(({ verdict }) => !['translated', 'seen'].includes(verdict))).toEqual([]);
      // Every TCP super-packet was written as one or as several; a few may be joined with their neighbours.
      const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length;
      expect(count('seen')).toBeGreaterThan(0.6 * count('translated'));
      expect(table).toMatch(/^ +\d+ {2}segmented: super-packets, cut into [\d,]+ segments/m);
      // Both directions: what the host sent is IPv4, what came back is IPv6.
      const translated = rows.filter(({ verdict }) => verdict === 'translated');
      expect(new Set(translated.map(({ source }) => source))).toEqual(
        new Set([map.clat4, `${map.pool6.replace('/96', '')}c633:640a`]),
      );
      expect(rows.some(({ segmented = 0, protocol }) => segmented > 1 && protocol === 'TCP')).toBe(true);
      expect(rows.some(({ segmented = 0, protocol }) => segmented > 1 && protocol === 'UDP')).toBe(true);
    });
  });

  describe('tcpdump -i any', () => {
    it('the uplink is told apart from the device, and nothing is refused', () => {
      const { rows } = replay('any');
      const refused = rows.filter(
        // Neighbour discovery and ARP are what the translator never sees.
        ({ verdict, protocol }) =>
          !['translated', 'seen', 'ignored'].includes(verdict) && protocol !== 'ICMPv6',
      );
      expect(refused).toEqual([]);
      expect(new Set(rows.map(({ reason }) => reason))).toContain('OtherInterface');
    });
  });
});
