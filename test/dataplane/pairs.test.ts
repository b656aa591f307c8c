/** Who was written to and who answered, as the engine tells it (CLAT-15). */
import { expect, test } from 'vitest';
import { compile } from '../../src/config/compile.ts';
import { createCounters } from '../../src/dataplane/counters.ts';
import { Engine } from '../../src/dataplane/engine.ts';
import { createLimiter } from '../../src/dataplane/limiter.ts';
import { createLimits } from '../../src/dataplane/limits.ts';
import { HEAD_AREA_BYTES } from '../../src/dataplane/loop.ts';
import { parseKernel4 } from '../../src/host/text.ts';
import { SLOT_BYTES } from '../../src/io/device.ts';
import { HashedIdentifications } from '../../src/translate/identification.ts';
import { Reason } from '../../src/translate/reasons.ts';
import { configure } from '../support/options.ts';
import {
  type Bytes,
  HOST4,
  HOST6,
  icmp6,
  PEER4,
  PEER6,
  packet4,
  packet6,
  tcp,
  udp,
  v6,
} from '../support/packets.ts';

function setUp() {
  const slab = new ArrayBuffer(SLOT_BYTES + HEAD_AREA_BYTES);
  const engine: Engine = new Engine(compile(configure(), 1500), {
    slab,
    headStart: SLOT_BYTES,
    headEnd: slab.byteLength,
    writes: new Int32Array(4096),
    vnetBytes: 0,
    limiter: createLimiter('off', createLimits([1, 2])),
    counters: createCounters(),
    entropy: new Uint16Array(HashedIdentifications.entropyLength + 2),
    flush: () => engine.job.reset(),
    clock: () => 0,
  });
  const process = (packet: Bytes): Reason => {
    new Uint8Array(slab).set(packet, 64);
    return engine.process(64, packet.length);
  };
  return { engine, process };
}

const [host, peer] = [parseKernel4(HOST4), parseKernel4(PEER4)] as const;

test('pairs of packets either way, each once, until asked again', () => {
  const { engine, process } = setUp();
  expect(process(packet4(tcp()))).toBe(Reason.Translated46);
  expect(process(packet4(udp()))).toBe(Reason.Translated46);
  expect(engine.takePairs()).toEqual({ sent: Int32Array.of(host, peer), received: new Int32Array(0) });
  expect(engine.takePairs().sent).toHaveLength(0);
  // What was emptied serves on.
  expect(process(packet4(tcp()))).toBe(Reason.Translated46);
  expect(process(packet6(tcp(), { src: PEER6, dst: HOST6 }))).toBe(Reason.Translated64);
  expect(engine.takePairs()).toEqual({
    sent: Int32Array.of(host, peer),
    received: Int32Array.of(peer, host),
  });
});

test('an ICMP error is no answer', () => {
  const { engine, process } = setUp();
  const quoted = packet6(udp(), { src: HOST6, dst: PEER6 });
  const message = icmp6(1, 1, [0, 0, 0, 0], quoted, PEER6, HOST6);
  const error = v6({ src: PEER6, dst: HOST6, next: 58, payload: message });
  expect(process(error)).toBe(Reason.Translated64);
  expect(engine.takePairs().received).toHaveLength(0);
});

test('what is refused was not exchanged', () => {
  const { engine, process } = setUp();
  process(packet4(tcp(), { ttl: 1 }));
  process(packet4(tcp(), { dst: '127.0.0.1' }));
  expect(engine.takePairs()).toEqual({ sent: new Int32Array(0), received: new Int32Array(0) });
});
