/** The translator on packets in memory, without a device: for replay, explain and tests. */
import type { Inside } from '../address/inside.ts';
import { compile } from '../config/compile.ts';
import type { TranslationConfig } from '../config/config.ts';
import { HEADROOM, SLOT_BYTES, WRITE_STRIDE } from '../io/device.ts';
import { FixedIdentification, HashedIdentifications } from '../translate/identification.ts';
import { REASONS, type ReasonName, type Verdict } from '../translate/reasons.ts';
import { createCounters } from './counters.ts';
import { Engine, SCRATCH_BYTES } from './engine.ts';
import { createLimiter } from './limiter.ts';
import { createLimits } from './limits.ts';

export interface OfflineOptions {
  /** Packets begin with a virtio_net header of this many bytes, outputs too. Default 0. */
  vnetBytes?: 0 | 10 | 12;
  /** A fixed IPv4 Identification instead of counters (1..65535). */
  identification?: number;
  /** MTU used where the configuration names none, in bytes. Default 1500 (GEN-1). */
  deviceMtu?: number;
  /** What is on this side of the translator (CLAT-13). Default: nothing is known of any host. */
  inside?: Inside;
  /** Chance from this number instead of the system: the same packets in the same order give the same outputs. */
  seed?: number;
}

export interface Outcome {
  verdict: Verdict;
  reason: ReasonName;
  /** Copies. */
  outputs: Uint8Array[];
}

const HEAD_AREA = SCRATCH_BYTES + 64 * 1024;
/** Where no option names an MTU and there is no device (GEN-1). */
export const DEFAULT_MTU = 1500;

export class OfflineTranslator {
  readonly #engine: Engine;
  readonly #bytes: Uint8Array;
  readonly #vnetBytes: number;
  #outputs: Uint8Array[] = [];
  #nowMs = 0;

  constructor(config: TranslationConfig, options: OfflineOptions = {}) {
    const slab = new ArrayBuffer(SLOT_BYTES + HEAD_AREA);
    this.#bytes = new Uint8Array(slab);
    this.#vnetBytes = options.vnetBytes ?? 0;
    const entropy = chance(HashedIdentifications.entropyLength + 2, options.seed);
    this.#engine = new Engine(compile(config, options.deviceMtu ?? DEFAULT_MTU, options.inside ?? null), {
      slab,
      headStart: SLOT_BYTES,
      headEnd: SLOT_BYTES + HEAD_AREA,
      writes: new Int32Array(256 * WRITE_STRIDE),
      vnetBytes: this.#vnetBytes,
      limiter: createLimiter(config.icmpErrors, createLimits(entropy)),
      counters: createCounters(),
      entropy,
      ...(options.identification === undefined
        ? {}
        : { identifications: new FixedIdentification(options.identification) }),
      flush: () => this.#collect(),
      clock: () => this.#nowMs,
    });
  }

  /** Counters by reason and besides, as in counters.ts. */
  get counters(): Float64Array {
    return this.#engine.counters;
  }

  /**
   * Translates one packet: from its IP header on, or from its virtio_net header where vnetBytes > 0.
   * Never throws; more than fits a slot (64 KiB and headers) is refused as truncated would be: by its own lengths.
   * @param nowMs clock of the ICMP rate limits
   */
  translate(packet: Uint8Array, nowMs = 0): Outcome {
    const vnet = this.#vnetBytes;
    const start = HEADROOM;
    this.#outputs = [];
    if (packet.length < vnet) return { verdict: 'ignored', reason: 'NotIp', outputs: [] };
    const most = SLOT_BYTES - HEADROOM + vnet;
    this.#bytes.set(packet.length > most ? packet.subarray(0, most) : packet, start - vnet);
    this.#nowMs = nowMs;
    this.#engine.newBatch();
    const reason = this.#engine.process(start, Math.min(packet.length, most) - vnet);
    this.#collect();
    const row = REASONS[reason]!;
    const outputs = this.#outputs;
    let verdict = row.verdict;
    if (verdict === 'dropped' && outputs.length > 0) verdict = 'replied';
    else if (verdict === 'replied' && outputs.length === 0) verdict = 'dropped';
    return { verdict, reason: row.name as ReasonName, outputs };
  }

  #collect(): void {
    const { job } = this.#engine;
    for (let i = 0; i < job.outputs; i++) {
      const at = i * WRITE_STRIDE;
      const head = job.writes[at]!;
      const headLength = job.writes[at + 1]!;
      const body = job.writes[at + 2]!;
      const bodyLength = job.writes[at + 3]!;
      const output = new Uint8Array(headLength + bodyLength);
      output.set(this.#bytes.subarray(head, head + headLength));
      output.set(this.#bytes.subarray(body, body + bodyLength), headLength);
      this.#outputs.push(output);
    }
    job.reset();
  }
}

function chance(length: number, seed: number | undefined): Uint16Array<ArrayBuffer> {
  const numbers = new Uint16Array(length);
  if (seed === undefined) return globalThis.crypto.getRandomValues(numbers);
  // Weyl sequence, mixed (MurmurHash3's finalizer): any seed will do, nothing here is secret.
  let state = seed | 0;
  for (let i = 0; i < length; i++) {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    numbers[i] = (mixed ^ (mixed >>> 16)) & 0xffff;
  }
  return numbers;
}
