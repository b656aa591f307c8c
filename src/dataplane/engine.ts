/**
 * One packet through: translate, count, reply. The same engine runs in every data-plane thread and in replay; the
 * clock and what to do with outputs come from its owner.
 */
import { HashedIdentifications } from '../translate/identification.ts';
import { type Identifications, Job } from '../translate/job.ts';
import { noOffload } from '../translate/offload.ts';
import { COMPLETE, REASONS, Reason, SEGMENT } from '../translate/reasons.ts';
import { mayReply, reply4, reply6 } from '../translate/reply.ts';
import type { Tables } from '../translate/tables.ts';
import { translate46 } from '../translate/translate46.ts';
import { translate64 } from '../translate/translate64.ts';
import { HEADER4 } from '../wire/ipv4.ts';
import { type Counters, Extra } from './counters.ts';
import type { ErrorLimiter } from './limiter.ts';
import { mayLog } from './limits.ts';
import type { Pairs } from './messages.ts';
import {
  buildCompleted,
  buildPiece,
  copyBytes,
  describeSuperPacket,
  pieceBytes,
  type SuperPacket,
} from './segment.ts';

/** Scratch memory for pieces of super-packets: more than the largest piece needs. */
export const SCRATCH_BYTES = 160 * 1024;

/** A log event's packet, as far as it is known: told at most once a second for each reason (STAT-1, limits.ts). */
export type LogEvent = (reason: Reason, direction: 46 | 64) => void;

export interface EngineOptions {
  /** Memory shared with the device: receive slots, then the head area. */
  slab: ArrayBufferLike;
  /** The head area's bounds in the slab; its first SCRATCH_BYTES are used for segmentation. */
  headStart: number;
  headEnd: number;
  writes: Int32Array;
  vnetBytes: number;
  limiter: ErrorLimiter;
  counters: Counters;
  /** At least HashedIdentifications.entropyLength + 2 random numbers. */
  entropy: Uint16Array;
  /** Instead of hashed counters: for tests. */
  identifications?: Identifications;
  /** Called when outputs must leave before the next can be made; must call `job.reset()`. */
  flush: () => void;
  /** Milliseconds, a steady clock, the same for all who share a limiter; asked at most once a batch. */
  clock: () => number;
  /** When each reason was last logged, shared as the limiter is (SharedLimits). Default: this engine's own. */
  logged?: Int32Array;
  onLog?: LogEvent;
}

/** The reply of a row, or null, in an array: no property chain on the way. */
const REPLIES = REASONS.map((row) => row.reply);
const LOGGED = REASONS.map((row) => row.log);

export class Engine {
  readonly job: Job;
  #tables: Tables;
  limiter: ErrorLimiter;
  readonly #clock: () => number;
  /** Milliseconds, NaN: not asked in this batch. */
  #now = Number.NaN;
  readonly counters: Counters;
  readonly #flush: () => void;
  readonly #onLog: LogEvent | null;
  readonly #logged: Int32Array;
  /** Bounds of the scratch memory, and the first byte of it that no output at hand refers to. */
  readonly #scratch: number;
  #scratchNext: number;
  readonly #super: SuperPacket = {
    start: 0,
    version: 4,
    ipBytes: 0,
    protocol: 0,
    headerBytes: 0,
    dataBytes: 0,
    gsoSize: 0,
    gsoType: 0,
    identification: 0,
  };

  constructor(tables: Tables, options: EngineOptions) {
    this.#tables = tables;
    this.limiter = options.limiter;
    this.counters = options.counters;
    this.#flush = options.flush;
    this.#onLog = options.onLog ?? null;
    this.#logged = options.logged ?? new Int32Array(REASONS.length);
    this.#clock = options.clock;
    this.#scratch = options.headStart;
    this.#scratchNext = options.headStart;
    const { entropy } = options;
    const seed =
      (entropy[HashedIdentifications.entropyLength]! << 16) |
      entropy[HashedIdentifications.entropyLength + 1]!;
    this.job = new Job(
      options.slab,
      options.headStart + SCRATCH_BYTES,
      options.headEnd,
      options.writes,
      options.vnetBytes,
      options.identifications ?? new HashedIdentifications(entropy),
      seed,
    );
  }

  /** Swaps the tables; between packets only (EAM-9). */
  setTables(tables: Tables): void {
    this.#tables = tables;
    this.job.pairs46.clear();
    this.job.pairs64.clear();
  }

  /**
   * The address pairs translated since this was asked last, as far as the caches hold them: who was written to, and who
   * answered, told without a word of cost to the packets. Nothing of ICMP errors, and nothing with hairpin mode simple.
   * Between packets only.
   */
  takePairs(): Pairs {
    const { pairs46, pairs64 } = this.job;
    const taken = { sent: pairs46.pairs(), received: pairs64.pairs() };
    pairs46.clear();
    pairs64.clear();
    return taken;
  }

  /** Begins a batch: the time is another. */
  newBatch(): void {
    this.#now = Number.NaN;
  }

  /** Only refused packets need the time, and most batches have none. */
  #time(): number {
    if (Number.isNaN(this.#now)) this.#now = this.#clock();
    return this.#now;
  }

  /**
   * Takes the packet of `length` bytes whose IP header stands at `start` of the slab; its outputs are added to the
   * job. @returns the reason
   */
  process(start: number, length: number): Reason {
    const job = this.job;
    if (!job.hasRoom()) this.#flush();
    const version = length === 0 ? 0 : job.view.getUint8(start) >>> 4;
    if (version === 4) return this.#process4(start, length);
    if (version === 6) return this.#process6(start, length);
    this.counters[Reason.NotIp]! += 1;
    return Reason.NotIp;
  }

  #process4(start: number, length: number): Reason {
    const { job, counters } = this;
    const tables = this.#tables;
    const before = job.headNext;
    const reason = translate46(job, tables, start, length);
    if (reason === Reason.Translated46) {
      counters[Reason.Translated46]! += 1;
      counters[Extra.bytes46]! += length;
      return reason;
    }
    if (reason === SEGMENT) return this.#segment(4);
    if (reason === COMPLETE) return this.#complete(4);
    counters[reason]! += 1;
    // Mapping may have left headNext where it was or hairpinning moved it: a refused packet uses no head.
    if (reason === Reason.EchoReply46) {
      if (!this.limiter.allowEcho(0, this.#time())) this.#takeBack(before, Extra.suppressed4);
      return reason;
    }
    this.#log(reason, 46);
    const reply = REPLIES[reason]!;
    if (reply === null || !mayReply(job, 46)) return reason;
    if (
      this.limiter.allowError(
        0,
        reason === Reason.TooBig46 || reason === Reason.FragmentTooBig46,
        job.outer.source,
        0,
        0,
        0,
        this.#time(),
      )
    ) {
      counters[Extra.errors4]! += 1;
      reply4(job, tables, reply);
    } else {
      counters[Extra.suppressed4]! += 1;
    }
    return reason;
  }

  #process6(start: number, length: number): Reason {
    const { job, counters } = this;
    const tables = this.#tables;
    const before = job.headNext;
    const reason = translate64(job, tables, start, length);
    if (reason === Reason.Translated64) {
      counters[Reason.Translated64]! += 1;
      counters[Extra.bytes64]! += length;
      return reason;
    }
    if (reason === SEGMENT || reason === COMPLETE) {
      job.headNext = before;
      return reason === SEGMENT ? this.#segment(6) : this.#complete(6);
    }
    counters[reason]! += 1;
    if (reason === Reason.Hairpinned) return reason;
    if (reason === Reason.EchoReply64) {
      if (!this.limiter.allowEcho(1, this.#time())) this.#takeBack(before, Extra.suppressed6);
      return reason;
    }
    job.headNext = before;
    this.#log(reason, 64);
    const reply = REPLIES[reason]!;
    if (reply === null || !mayReply(job, 64)) return reason;
    const { view } = job;
    if (
      this.limiter.allowError(
        1,
        reason === Reason.TooBig64,
        view.getInt32(start + 8),
        view.getInt32(start + 12),
        view.getInt32(start + 16),
        view.getInt32(start + 20),
        this.#time(),
      )
    ) {
      counters[Extra.errors6]! += 1;
      reply6(job, tables, reply);
    } else {
      counters[Extra.suppressed6]! += 1;
    }
    return reason;
  }

  /** Withdraws the last output. */
  #takeBack(headNext: number, counter: number): void {
    this.job.outputs--;
    this.job.headNext = headNext;
    this.counters[counter]! += 1;
  }

  #log(reason: Reason, direction: 46 | 64): void {
    if (this.#onLog === null || !LOGGED[reason]) return;
    if (mayLog(this.#logged, reason, this.#time())) this.#onLog(reason, direction);
  }

  /**
   * Cuts the super-packet just parsed into pieces and translates each. Two super-packets where only the IPv4 length
   * limit stands in the way (OFF-10), single segments otherwise. @returns the last piece's reason
   */
  #segment(version: 4 | 6): Reason {
    const job = this.job;
    const superPacket = this.#super;
    describeSuperPacket(job, version, superPacket);
    this.counters[Extra.segmented]! += 1;
    const { dataBytes, gsoSize, headerBytes } = superPacket;
    const tooLong =
      version === 6 &&
      job.partial !== 0 &&
      HEADER4 + job.outer.payload > 0xffff &&
      HEADER4 + headerBytes + gsoSize <= this.#tables.mtu4;
    const segments = Math.ceil(dataBytes / gsoSize);
    const piece = tooLong && segments > 1 ? Math.ceil(segments / 2) * gsoSize : gsoSize;
    let reason: Reason = Reason.NotIp;
    for (let from = 0; from < dataBytes || from === 0; from += piece) {
      const data = Math.min(piece, dataBytes - from);
      const scratch = this.#reserve(pieceBytes(job, superPacket, data));
      const length = buildPiece(job, superPacket, from, data, scratch);
      reason = this.#processPiece(version, scratch, length);
    }
    return reason;
  }

  /** Translates a copy of the packet just parsed in which the checksum inside is complete (OFF-7). */
  #complete(version: 4 | 6): Reason {
    const scratch = this.#reserve(copyBytes(this.job));
    return this.#processPiece(version, scratch, buildCompleted(this.job, scratch));
  }

  #processPiece(version: 4 | 6, scratch: number, length: number): Reason {
    const { job } = this;
    noOffload(job);
    const start = scratch + job.vnetBytes;
    return version === 4 ? this.#process4(start, length) : this.#process6(start, length);
  }

  /** The offset of `bytes` of scratch memory, to be left alone until the outputs are written. */
  #reserve(bytes: number): number {
    const { job } = this;
    if (!job.hasRoom() || this.#scratchNext + bytes > this.#scratch + SCRATCH_BYTES) this.#flush();
    if (job.outputs === 0) this.#scratchNext = this.#scratch;
    const at = this.#scratchNext;
    this.#scratchNext += bytes;
    return at;
  }
}
