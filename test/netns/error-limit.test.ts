/** GERR-4: the daemon with several threads sends no more ICMP errors than with one. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeNetns } from './suite.ts';
import { buildTopology, map, type Topology } from './topology.ts';
import { answersPing, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const PACKETS = 600;

/** Each from a port of its own, so that the kernel spreads them over all queues. */
const FLOOD = `
const { createSocket } = require('node:dgram');
let left = ${PACKETS};
for (let i = 0; i < ${PACKETS}; i++) {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.bind(() => {
    socket.setTTL(1);
    socket.send('x', 9, '${map.web}', () => { if (--left === 0) process.exit(); });
  });
}`;

/** A column of /proc/net/snmp's Icmp lines. */
function icmp(topology: Topology, name: string): number {
  const lines = topology.vm.exec('grep', ['^Icmp:', '/proc/net/snmp']).trim().split('\n');
  const at = lines[0]!.split(' ').indexOf(name);
  return Number(lines[1]!.split(' ')[at]);
}
const sent = (topology: Topology): number =>
  topology.vm.ipJson('-s link show dev clat')[0].stats64.tx.packets as number;

describeNetns('several threads', ['ping', 'grep'], () => {
  let topology: Topology;
  beforeAll(async () => {
    topology = await buildTopology({ delivery: 'translator' });
  });
  afterAll(() => topology?.close());

  it('GERR-4: four send no more errors than one', async () => {
    const { vm } = topology;
    const child = vm.start(process.execPath, clatdArguments(topology, '--workers', '4'));
    await child.says(/4 threads/);
    await answersPing(topology, child);
    await until('four queues', () => vm.exec('ls', ['/sys/class/net/clat/queues']).includes('tx-3'));
    const before = { errors: icmp(topology, 'InTimeExcds'), packets: sent(topology) };
    const begun = performance.now();
    await vm.run(process.execPath, ['-e', FLOOD]);
    await until('the queues to be read', () => sent(topology) - before.packets >= PACKETS);
    await answersPing(topology, child);
    const errors = icmp(topology, 'InTimeExcds') - before.errors;
    const seconds = (performance.now() - begun) / 1000;
    expect(errors).toBeGreaterThanOrEqual(10);
    expect(errors).toBeLessThanOrEqual(10 + 10 * seconds);
    await child.stop();
  });
});
