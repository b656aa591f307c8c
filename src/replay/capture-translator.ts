/**
 * The translator on frames of a capture: what capturing made of the packets is taken back first, so that it is not mistaken
 * for faults of the packets (docs/replay.md says how, and where it is a guess).
 *
 *     frame -> IP packet -> seen before? -> whole again -> its segments -> translator -> outputs, kept in the book
 */
import { type Captured, MOST_FRAME } from '../io/pcap/capture.ts';
import { sideOf } from '../io/pcap/direction.ts';
import { ipOffset, LinkType, nflogPayload } from '../io/pcap/link-type.ts';
import type { ReasonName, Verdict } from '../translate/reasons.ts';
import { Protocol } from '../wire/protocol.ts';
import { Flows, hearMss, isSyn } from './flows.ts';
import { OutputBook } from './output-book.ts';
import { padded } from './padded.ts';
import type { ReplayReason, ReplayVerdict } from './reasons.ts';
import { isPartial, writeChecksum, writeSegment } from './segments.ts';
import { type Shape, shapeOf, transportBytes } from './shape.ts';
import { type Mtus, type Segmentation, segmentationOf } from './super-packet.ts';

/** As OfflineTranslator. */
export interface PacketTranslator {
  translate(
    packet: Uint8Array,
    nowMs: number,
  ): { verdict: Verdict; reason: ReasonName; outputs: readonly Uint8Array[] };
}

/** What became of a frame. One object for all of them, valid until the next. */
export interface Fate {
  verdict: ReplayVerdict;
  reason: ReplayReason;
  outputs: Uint8Array[];
  /** Bytes of each output that come from what was captured: fewer than it has where the capture was cut. */
  present: number[];
  /** The packet as it was captured; empty: the frame holds none. */
  packet: Uint8Array;
  /** Bytes of the IP packet (of the frame, where it holds none), captured or not. */
  length: number;
  /** How it was cut into segments; null: it was not. */
  segmentation: Segmentation | null;
  segments: number;
}

const TRANSLATED: ReadonlySet<ReplayReason> = new Set(['Translated46', 'Translated64', 'Hairpinned']);
const NOTHING = new Uint8Array(0);

export class CaptureTranslator {
  readonly #translator: PacketTranslator;
  readonly #mtus: Mtus;
  readonly #book = new OutputBook();
  readonly #flows = new Flows();
  /** The translator's TUN device in captures that tell interfaces apart; -1: not met yet. */
  #tun = -1;
  readonly #segment = new Uint8Array(1 << 16);
  readonly #fate: Fate = {
    verdict: 'ignored',
    reason: 'NotIp',
    outputs: [],
    present: [],
    packet: NOTHING,
    length: 0,
    segmentation: null,
    segments: 0,
  };

  constructor(translator: PacketTranslator, mtus: Mtus) {
    this.#translator = translator;
    this.#mtus = mtus;
  }

  take({ bytes, start, end, original, linkType, seconds, nanoseconds }: Captured): Fate {
    const fate = this.#begin(end - start);
    const at = ipOffset(bytes, start, end, linkType);
    if (at < 0) return fate;
    const packet = bytes.subarray(
      at,
      linkType === LinkType.nflog ? nflogPayload(bytes, start, end)!.end : end,
    );
    fate.packet = packet;
    fate.length = packet.length;
    // The capture's own clock, so that the same capture always gives the same answers.
    const nowMs = seconds * 1000 + nanoseconds / 1_000_000;
    const lost = Math.min(original - (end - start), MOST_FRAME);
    const view = viewOf(packet);
    const shape = shapeOf(view, packet.length + lost);
    if (shape === null) return this.#withoutHeader(fate, packet, lost, nowMs);
    fate.length = shape.total;
    const side = sideOf(bytes, start, end, linkType);
    const tun = side === null || side.direction === 'other' ? -1 : side.interface;
    this.#hear(view, shape);
    if (side !== null && this.#tun >= 0 && tun !== this.#tun) {
      return told(fate, 'seen', 'OtherInterface');
    }
    if (side?.direction === 'tunReceived' || this.#book.take(view, shape)) {
      return told(fate, 'seen', 'TranslatorOutput');
    }
    // NFLOG has a snap length of its own, of which the record knows nothing.
    const most = linkType === LinkType.nflog ? MOST_FRAME : packet.length + lost;
    if (shape.total > packet.length && shape.total <= most) {
      this.#translate(fate, padded(packet, shape), shape, true, nowMs);
      this.#measure(fate, packet.length, shape);
      fate.verdict = 'cut by the capture';
    } else {
      this.#translate(fate, packet, shape, false, nowMs);
    }
    if (tun >= 0 && this.#tun < 0 && TRANSLATED.has(fate.reason)) this.#tun = tun;
    return fate;
  }

  /** Whoever sent it: the MSS of either side counts. */
  #hear(view: DataView, shape: Shape): void {
    if (shape.protocol !== Protocol.tcp) return;
    const header = transportBytes(view, shape);
    if (header > 0 && isSyn(view, shape.ipBytes)) {
      hearMss(this.#flows.of(view, shape), view, shape.ipBytes, header);
    }
  }

  #begin(length: number): Fate {
    const fate = this.#fate;
    fate.verdict = 'ignored';
    fate.reason = 'NotIp';
    fate.outputs = [];
    fate.present = [];
    fate.packet = NOTHING;
    fate.length = length;
    fate.segmentation = null;
    fate.segments = 0;
    return fate;
  }

  /** Neither IPv4 nor IPv6, or so little of it that the translator, too, would only say so. */
  #withoutHeader(fate: Fate, packet: Uint8Array, lost: number, nowMs: number): Fate {
    const version = packet.length === 0 ? 0 : packet[0]! >>> 4;
    if (lost > 0 && (packet.length === 0 || version === 4 || version === 6)) {
      fate.length = packet.length + lost;
      return told(fate, 'cut by the capture', 'CutByCapture');
    }
    this.#add(fate, packet, nowMs);
    return fate;
  }

  /** @param incomplete bytes of the payload are made up, so that its checksum says nothing */
  #translate(fate: Fate, packet: Uint8Array, shape: Shape, incomplete: boolean, nowMs: number): void {
    const view = viewOf(packet);
    const header = transportBytes(view, shape);
    if (header === 0 || shape.total > packet.length || shape.total < shape.ipBytes + header) {
      this.#add(fate, packet, nowMs);
      return;
    }
    const flow = this.#flows.of(view, shape);
    const segmentation = segmentationOf(view, shape, header, flow, this.#mtus);
    if (segmentation !== null) {
      flow.offloaded = true;
      this.#cut(fate, packet, shape, shape.ipBytes + header, segmentation, nowMs);
      return;
    }
    if (shape.protocol === Protocol.udp) {
      flow.datagram = Math.max(flow.datagram, shape.total - shape.ipBytes - header);
    }
    const whole = packet.subarray(0, shape.total);
    const partial = !incomplete && isPartial(viewOf(whole), shape);
    this.#add(fate, partial ? this.#completed(whole, shape) : packet, nowMs);
  }

  /** A copy whose checksum is what the hardware would have made of it. */
  #completed(packet: Uint8Array, { version, ipBytes, protocol }: Shape): Uint8Array {
    const complete = this.#segment.subarray(0, packet.length);
    complete.set(packet);
    writeChecksum(viewOf(complete), version, ipBytes, protocol);
    return complete;
  }

  #cut(
    fate: Fate,
    packet: Uint8Array,
    shape: Shape,
    headers: number,
    segmentation: Segmentation,
    nowMs: number,
  ): void {
    const { size } = segmentation;
    fate.segmentation = segmentation;
    for (let from = headers; from < shape.total; from += size) {
      const data = Math.min(size, shape.total - from);
      const segment = writeSegment(packet, shape, headers, size, from - headers, data, this.#segment);
      fate.segments++;
      this.#add(fate, segment, nowMs);
    }
  }

  /** Translates one packet. Verdict and reason of a whole are those of its first segment: the others are like it. */
  #add(fate: Fate, packet: Uint8Array, nowMs: number): void {
    const { verdict, reason, outputs } = this.#translator.translate(packet, nowMs);
    if (fate.segments <= 1) told(fate, verdict, reason);
    for (const output of outputs) {
      fate.outputs.push(output);
      fate.present.push(output.length);
      const view = viewOf(output);
      const shape = shapeOf(view, output.length);
      if (shape !== null) this.#book.add(view, shape);
    }
  }

  /** Of what was made up nothing is written. */
  #measure(fate: Fate, captured: number, { version, total }: Shape): void {
    const { outputs, present } = fate;
    if (fate.verdict === 'replied') {
      // An error: its own headers, then the packet from its beginning.
      const headers = version === 4 ? 28 : 48;
      for (const [i, output] of outputs.entries()) present[i] = Math.min(output.length, headers + captured);
      return;
    }
    let lost = total - captured;
    for (let i = outputs.length - 1; i >= 0 && lost > 0; i--) {
      const least = Math.min(outputs[i]!.length, version === 4 ? 40 : 20);
      present[i] = Math.max(outputs[i]!.length - lost, least);
      lost -= outputs[i]!.length - present[i]!;
    }
  }
}

function told(fate: Fate, verdict: ReplayVerdict, reason: ReplayReason): Fate {
  fate.verdict = verdict;
  fate.reason = reason;
  return fate;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
