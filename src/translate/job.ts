/**
 * The scratch state of one translator: one per data-plane thread, made once. Every function of this folder gets it
 * first. It holds the slab, the packet at hand, what is known of it, and the outputs made so far.
 *
 *     outputs i: writes[4i] head offset, [4i+1] head length, [4i+2] body offset, [4i+3] body length
 *
 * Heads are bumped out of the head area [headStart, headEnd) of the slab; bodies lie in receive slots (untouched
 * payload) or in the head area (ICMP errors, which are rewritten whole).
 */
import { Packet } from './packet.ts';
import { PairCache46, PairCache64 } from './pair-cache.ts';
import type { Reason } from './reasons.ts';

/** Int32 values an output takes in `writes`. */
export const OUTPUT_STRIDE = 4;

/** The most outputs one received packet can have: 65,535 bytes in fragments of 1,280, rounded up. */
export const OUTPUTS_PER_PACKET = 64;
/** The most head area one received packet can use: a head for each of those, or an ICMP error rewritten twice. */
export const HEAD_AREA_PER_PACKET = 8192;

export class Job {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Bytes of virtio_net header before every head: 0, 10 or 12. */
  readonly vnetBytes: number;

  // The packets at hand.
  readonly outer = new Packet();
  readonly inner = new Packet();
  /** The IPv4 packet between the two passes of hairpinning. */
  readonly between = new Packet();

  // Its virtio_net header, as far as it asks for something (offload.ts).
  /** 1: any of these is set. */
  offloaded = 0;
  /** 1: the transport checksum is partial (OFF-5). */
  partial = 0;
  /** 1: a checksum beyond the transport header is partial: only carried along (OFF-6). */
  carried = 0;
  /** From the first byte after the IP headers. */
  csumStart = 0;
  csumOffset = 0;
  /** GsoType of the input without the ECN bit; 0: none. */
  gsoType = 0;
  gsoEcn = 0;
  gsoSize = 0;

  // Outputs.
  readonly writes: Int32Array;
  outputs = 0;
  readonly headStart: number;
  readonly headEnd: number;
  /** Up to here, another packet's outputs are sure to fit. */
  readonly #lastHead: number;
  readonly #lastOutput: number;
  /** Where the next head begins. */
  headNext: number;

  // Results that do not fit a return value.
  /** Argument of the ICMP error a refusal asks for: MTU or pointer. */
  replyArgument = 0;
  /** Result of a 64 lookup (Mapped). */
  mapped = 0;
  /** How the source of the packet inside an ICMPv6 error was mapped (EAM-6, condition B): a MapOutcome. */
  innerSourceOutcome = 0;
  /** True where an EAM mapped the source of an ICMPv6 error (CLAT-13). */
  fromInside = false;
  /** Bytes of the transport header that went into the head. */
  transportHead = 0;
  /** RFC 4884 length attribute of the message being made, in its units; 0: none. */
  lengthAttribute = 0;
  /** Bytes of the translated packet in error. */
  quoteLength = 0;

  /** Sum of the complements of the old address words and of the new words: RFC 1624's ~m + m' for a checksum. */
  delta = 0;
  readonly pairs46 = new PairCache46();
  readonly pairs64 = new PairCache64();

  readonly identifications: Identifications;
  #random: number;

  /**
   * @param slab memory shared with the device
   * @param headStart, headEnd the head area within it, in bytes
   * @param writes where outputs are listed (OUTPUT_STRIDE values each)
   * @param seed any 32-bit number not 0; keys the identification hash and the choice of RFC 6791 addresses
   */
  constructor(
    slab: ArrayBufferLike,
    headStart: number,
    headEnd: number,
    writes: Int32Array,
    vnetBytes: number,
    identifications: Identifications,
    seed: number,
  ) {
    this.view = new DataView(slab);
    this.bytes = new Uint8Array(slab);
    this.headStart = headStart;
    this.headEnd = headEnd;
    this.#lastHead = headEnd - HEAD_AREA_PER_PACKET;
    this.#lastOutput = Math.floor(writes.length / OUTPUT_STRIDE) - OUTPUTS_PER_PACKET;
    this.headNext = headStart;
    this.writes = writes;
    this.vnetBytes = vnetBytes;
    this.identifications = identifications;
    this.#random = seed | 1;
  }

  /** Forgets all outputs: the batch is written. */
  reset(): void {
    this.outputs = 0;
    this.headNext = this.headStart;
  }

  /** True where another packet's outputs are sure to fit. */
  hasRoom(): boolean {
    return this.headNext <= this.#lastHead && this.outputs <= this.#lastOutput;
  }

  /** Adds an output whose head of `headLength` bytes (virtio_net header included) is the one begun at headNext. */
  emit(headLength: number, body: number, bodyLength: number): void {
    const at = this.outputs * OUTPUT_STRIDE;
    this.writes[at] = this.headNext;
    this.writes[at + 1] = headLength;
    this.writes[at + 2] = body;
    this.writes[at + 3] = bodyLength;
    this.outputs++;
    this.headNext += (headLength + 7) & ~7;
  }

  /** A pseudo-random 32-bit integer (xorshift): for choosing addresses, not for secrets. */
  random(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x;
  }
}

/** Where IPv4 Identifications come from (T64-HDR-8). */
export interface Identifications {
  /** The first of `count` consecutive identifications for a flow, each 1..65535. */
  reserve(source: number, destination: number, protocol: number, count: number): number;
}

/** What a stage returns: PASS to go on, or the reason to stop. */
export type Stage = Reason;
