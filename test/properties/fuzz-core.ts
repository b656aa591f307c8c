/**
 * One fuzz run: every packet gets a reason, nothing throws, no input is modified, nothing is written outside the head
 * area, and every output is a packet with right lengths and IP header checksum.
 */
import { compile } from '../../src/config/compile.ts';
import type { TranslationConfig } from '../../src/config/config.ts';
import { createCounters } from '../../src/dataplane/counters.ts';
import { Engine } from '../../src/dataplane/engine.ts';
import { UNLIMITED } from '../../src/dataplane/limiter.ts';
import { HEAD_AREA_BYTES } from '../../src/dataplane/loop.ts';
import { HEADROOM, SLOT_BYTES, WRITE_STRIDE } from '../../src/io/device.ts';
import { HashedIdentifications } from '../../src/translate/identification.ts';
import { REASONS } from '../../src/translate/reasons.ts';
import { nextPacket, random } from './mutate.ts';

const POISON = 0xa5;
const GUARD = 4096;

export interface FuzzResult {
  packets: number;
  /** Packets by reason name. */
  reasons: Map<string, number>;
}

/** Throws an Error that names the packet (hex), its number and the seed at the first violation. */
export function fuzz(config: TranslationConfig, count: number, seed: number, vnetBytes: 0 | 10): FuzzResult {
  const draw = random(seed);
  const headStart = SLOT_BYTES + GUARD;
  const headEnd = headStart + HEAD_AREA_BYTES;
  const slab = new ArrayBuffer(headEnd + GUARD);
  const bytes = new Uint8Array(slab);
  bytes.fill(POISON);
  const counters = createCounters();
  const engine: Engine = new Engine(compile(config, 1500), {
    slab,
    headStart,
    headEnd,
    writes: new Int32Array(512 * WRITE_STRIDE),
    vnetBytes,
    limiter: UNLIMITED,
    counters,
    entropy: new Uint16Array(HashedIdentifications.entropyLength + 2).fill(seed | 1),
    flush: () => engine.job.reset(),
    clock: () => 0,
  });
  const copy = new Uint8Array(SLOT_BYTES);
  const start = HEADROOM;
  let number = 0;
  let length = 0;
  const fail = (what: string): never => {
    const packet = Buffer.from(copy.subarray(start - vnetBytes, start + length)).toString('hex');
    throw new Error(`${what}: packet ${number} of seed ${seed}: ${packet}`);
  };
  const guards = (): boolean => {
    for (let i = 0; i < GUARD; i++) {
      if (bytes[SLOT_BYTES + i] !== POISON || bytes[headEnd + i] !== POISON) return false;
    }
    return true;
  };
  for (; number < count; number++) {
    length = nextPacket(draw, bytes.subarray(start));
    if (vnetBytes > 0) {
      for (let i = 0; i < 10; i++) bytes[start - 10 + i] = draw() % 8 === 0 ? draw() : 0;
      if (draw() % 4 === 0)
        bytes.set(
          [
            1,
            [0, 1, 4, 5][draw() % 4]!,
            0,
            0,
            draw() % 256,
            draw() % 8,
            20 + (draw() % 2) * 20,
            0,
            draw() % 2 ? 6 : 16,
            0,
          ],
          start - 10,
        );
    }
    copy.set(bytes.subarray(0, start + length + 32));
    let reason = -1;
    try {
      reason = engine.process(start, length);
    } catch (error) {
      fail(`threw ${(error as Error).stack}`);
    }
    if (REASONS[reason] === undefined) fail(`reason ${reason}`);
    for (let i = 0; i < start + length + 32; i++)
      if (bytes[i] !== copy[i]) fail(`input modified at ${i - start}`);
    const { job } = engine;
    if (job.headNext > headEnd) fail('head area overrun');
    for (let i = 0; i < job.outputs; i++) checkOutput(bytes, job.writes, i, vnetBytes, fail);
    job.reset();
    if (number % 4096 === 0 && !guards()) fail('wrote outside its memory');
  }
  if (!guards()) fail('wrote outside its memory');
  const reasons = new Map<string, number>();
  REASONS.forEach(({ name }, i) => {
    if (counters[i]! > 0) reasons.set(name, counters[i]!);
  });
  return { packets: count, reasons };
}

function checkOutput(
  bytes: Uint8Array,
  writes: Int32Array,
  i: number,
  vnetBytes: number,
  fail: (what: string) => never,
): void {
  const [head, headLength, body, bodyLength] = writes.subarray(
    i * WRITE_STRIDE,
    (i + 1) * WRITE_STRIDE,
  ) as unknown as [number, number, number, number];
  if (
    headLength < vnetBytes + 20 ||
    bodyLength < 0 ||
    head < 0 ||
    body < 0 ||
    body + bodyLength > bytes.length
  )
    fail(`output ${i} has impossible bounds`);
  const ip = head + vnetBytes;
  const total = headLength - vnetBytes + bodyLength;
  if (bytes[ip]! >>> 4 === 6) {
    if (40 + bytes[ip + 4]! * 256 + bytes[ip + 5]! !== total) fail(`output ${i}: Payload Length`);
    return;
  }
  if (bytes[ip] !== 0x45) fail(`output ${i}: neither IPv6 nor IPv4 without options`);
  if (bytes[ip + 2]! * 256 + bytes[ip + 3]! !== total) fail(`output ${i}: Total Length`);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += bytes[ip + at]! * 256 + bytes[ip + at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  if (sum !== 0xffff) fail(`output ${i}: header checksum`);
}
