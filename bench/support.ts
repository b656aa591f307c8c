/** What the micro-benchmarks share: an engine without a device, packets, and a word about the machine. */
import { webcrypto } from 'node:crypto';
import { cpus } from 'node:os';
import { EamList } from '../src/address/eam.ts';
import { insideOf } from '../src/address/inside.ts';
import type { Ip6 } from '../src/address/ip.ts';
import { compile } from '../src/config/compile.ts';
import type { TranslationConfig } from '../src/config/config.ts';
import { defaultTranslation } from '../src/config/defaults.ts';
import { createCounters } from '../src/dataplane/counters.ts';
import { Engine } from '../src/dataplane/engine.ts';
import { createLimiter } from '../src/dataplane/limiter.ts';
import { createLimits } from '../src/dataplane/limits.ts';
import { HEAD_AREA_BYTES, WRITE_LIST } from '../src/dataplane/loop.ts';
import { tuneV8 } from '../src/dataplane/v8.ts';
import { HEADROOM, SLOT_BYTES, WRITE_STRIDE } from '../src/io/device.ts';
import { HashedIdentifications } from '../src/translate/identification.ts';

export const PREFIX: Ip6 = [0x20010db8, 0x00640000, 0, 0];
/** 192.0.0.2 and 198.51.100.2, 2001:db8:1:1::c1a7 */
export const CLIENT4 = 0xc0000002 | 0;
export const SERVER4 = 0xc6336402 | 0;
export const CLIENT6: Ip6 = [0x20010db8, 0x00010001, 0, 0xc1a7];
/** 192.0.0.0/29 and 192.168.1.0/24: a host as the daemon knows it (CLAT-13). */
const INSIDE = insideOf(
  [
    { address: 0xc0000000 | 0, length: 29 },
    { address: 0xc0a80100 | 0, length: 24 },
  ],
  [],
);
const SLOTS = 8;

/** Node, processor and day: without them a figure means nothing. */
export function machine(): string {
  const { model } = cpus()[0]!;
  return `Node ${process.version}, ${cpus().length} x ${model.trim()}, ${new Date().toISOString().slice(0, 10)}`;
}

/** Of sorted numbers. */
export const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1]!;

export interface EngineInput {
  pool6: Ip6 | null;
  eam?: EamList;
}

/** An engine with the usual CLAT mapping (or the given one), its outputs thrown away. */
export function engineFor({ pool6, eam }: EngineInput) {
  tuneV8();
  let list = eam;
  if (list === undefined) {
    list = new EamList();
    list.add(CLIENT4, 32, CLIENT6, 128);
  }
  const config: TranslationConfig = {
    ...defaultTranslation(),
    pool6: pool6 === null ? null : { address: pool6, length: 96 },
    eam: list,
  };
  const slab = new SharedArrayBuffer(SLOTS * SLOT_BYTES + HEAD_AREA_BYTES);
  const entropy = webcrypto.getRandomValues(new Uint16Array(HashedIdentifications.entropyLength + 2));
  const engine: Engine = new Engine(compile(config, 1500, INSIDE), {
    slab,
    headStart: SLOTS * SLOT_BYTES,
    headEnd: slab.byteLength,
    writes: new Int32Array(WRITE_LIST * WRITE_STRIDE),
    vnetBytes: 0,
    limiter: createLimiter('limited', createLimits([1, 2])),
    counters: createCounters(),
    entropy,
    flush: () => engine.job.reset(),
    clock: () => performance.now(),
  });
  const bytes = new Uint8Array(slab);
  const place = (slot: number, packet: Uint8Array) => {
    const start = slot * SLOT_BYTES + HEADROOM;
    bytes.set(packet, start);
    return { start, length: packet.length };
  };
  return { engine, place, slab };
}

/** A TCP segment of `length` bytes in IPv4, DF set, header checksum right. */
export function tcp4(length: number, source = CLIENT4, destination = SERVER4): Uint8Array {
  const packet = new Uint8Array(length);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, length);
  view.setUint16(6, 0x4000);
  view.setUint16(8, 0x4006);
  view.setInt32(12, source);
  view.setInt32(16, destination);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += view.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  view.setUint16(20 + 12, 0x5010);
  return packet;
}

/** The answer's direction: a TCP segment of `length` bytes in IPv6. */
export function tcp6(
  length: number,
  source: Ip6 = [...PREFIX.slice(0, 3), SERVER4] as unknown as Ip6,
  destination = CLIENT6,
): Uint8Array {
  const packet = new Uint8Array(length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, length - 40);
  view.setUint16(6, 0x0640);
  for (const [i, word] of source.entries()) view.setInt32(8 + 4 * i, word);
  for (const [i, word] of destination.entries()) view.setInt32(24 + 4 * i, word);
  view.setUint16(40 + 12, 0x5010);
  return packet;
}
