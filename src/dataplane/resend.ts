/**
 * When the kernel refuses a write that asked for an offload (EINVAL: LTS releases of mid-2024 and vendor kernels accept
 * the flags and then refuse the packets), nothing is lost: the packet is segmented in software and written again, and
 * the device's offload level is lowered so that the next ones do not get that far.
 */
import { constants } from 'node:os';
import { type Device, Offload, WRITE_STRIDE } from '../io/device.ts';
import type { Job } from '../translate/job.ts';
import { HEADER4 } from '../wire/ipv4.ts';
import { HEADER6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER, tcpHeaderBytes, UDP_HEADER } from '../wire/transport.ts';
import { GsoType, vnetFlags, vnetGsoSize, vnetGsoType } from '../wire/vnet.ts';
import { buildPiece, pieceBytes, type SuperPacket } from './segment.ts';

const { EINVAL } = constants.errno;

/** Room for one whole super-packet and for its pieces. */
const WHOLE_BYTES = 66 * 1024;
const PIECES_BYTES = 160 * 1024;
export const RESEND_BYTES = WHOLE_BYTES + PIECES_BYTES;

export class Resender {
  readonly #device: Device;
  readonly #job: Job;
  readonly #area: number;
  readonly #writes: Int32Array;
  readonly #results: Int32Array;
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
  /** Packets that were segmented here and got through. */
  resent = 0;

  /** @param area offset of RESEND_BYTES of the slab that nobody else uses */
  constructor(device: Device, job: Job, area: number) {
    this.#device = device;
    this.#job = job;
    this.#area = area;
    this.#writes = new Int32Array(device.writes.length);
    this.#results = new Int32Array(device.results.length);
  }

  /**
   * Looks through the results of a write of `count` entries, some of which were refused.
   * @returns how many packets are lost for good
   */
  resend(count: number): number {
    const device = this.#device;
    this.#writes.set(device.writes);
    this.#results.set(device.results);
    let lost = 0;
    for (let i = 0; i < count; ) {
      let end = i + 1;
      while (end < count && this.#writes[end * WRITE_STRIDE + 1] === 0) end++;
      const result = this.#results[i]!;
      if (result !== 0 && !(result === -EINVAL && this.#segment(i, end))) lost++;
      i = end;
    }
    return lost;
  }

  /** The level at which a packet with this offload would not have been written. */
  #lower(gsoType: number): void {
    const device = this.#device;
    const below =
      gsoType === GsoType.none ? Offload.off : gsoType === GsoType.udp ? Offload.tso : Offload.csum;
    if (device.offload > below) device.setOffload(below);
  }

  /** Segments the packet of entries i..end-1 and writes the segments. @returns true where all were taken */
  #segment(i: number, end: number): boolean {
    const job = this.#job;
    const { view, bytes, vnetBytes } = job;
    if (vnetBytes === 0) return false;
    const head = this.#writes[i * WRITE_STRIDE]!;
    const gsoType = vnetGsoType(view, head);
    if (gsoType === GsoType.none && vnetFlags(view, head) === 0) return false;

    // In one piece.
    let at = this.#area;
    for (let entry = i; entry < end; entry++) {
      const from = entry * WRITE_STRIDE;
      for (let part = 0; part < WRITE_STRIDE; part += 2) {
        const offset = this.#writes[from + part]!;
        const length = this.#writes[from + part + 1]!;
        bytes.copyWithin(at, offset, offset + length);
        at += length;
      }
    }
    const start = this.#area + vnetBytes;
    const facts = this.#super;
    if (!describe(job, start, at, gsoType, vnetGsoSize(view, head), facts)) return false;

    const pieces = this.#area + WHOLE_BYTES;
    const { writes } = this.#device;
    const room = Math.floor(writes.length / WRITE_STRIDE);
    let scratch = pieces;
    let listed = 0;
    let taken = 0;
    let total = 0;
    for (let from = 0; from < facts.dataBytes || from === 0; from += facts.gsoSize) {
      const data = Math.min(facts.gsoSize, facts.dataBytes - from);
      const needed = pieceBytes(job, facts, data);
      if (listed === room || scratch + needed > pieces + PIECES_BYTES) {
        taken += Math.max(0, this.#device.write(listed));
        listed = 0;
        scratch = pieces;
      }
      const length = buildPiece(job, facts, from, data, scratch);
      const entry = listed * WRITE_STRIDE;
      writes[entry] = scratch;
      writes[entry + 1] = vnetBytes + length;
      writes[entry + 2] = 0;
      writes[entry + 3] = 0;
      listed++;
      total++;
      scratch += needed;
    }
    taken += Math.max(0, this.#device.write(listed));
    if (taken === 0) return false;
    // Only now is it certain that the offload was what the kernel did not like.
    this.#lower(gsoType & 0x7f);
    this.resent++;
    return taken === total;
  }
}

/** Reads the facts of an output of ours, whose headers are known to be right. @returns false where it has no segments */
function describe(
  job: Job,
  start: number,
  end: number,
  gsoType: number,
  gsoSize: number,
  into: SuperPacket,
): boolean {
  const { view } = job;
  const version = view.getUint8(start) >>> 4;
  const ipBytes = version === 4 ? HEADER4 : HEADER6;
  const protocol = view.getUint8(start + (version === 4 ? 9 : 6));
  const transport = start + ipBytes;
  let headerBytes: number;
  if (protocol === Protocol.udp) headerBytes = UDP_HEADER;
  else if (protocol === Protocol.tcp && end - transport >= TCP_HEADER)
    headerBytes = tcpHeaderBytes(view, transport);
  else return false;
  const dataBytes = end - transport - headerBytes;
  if (dataBytes < 0) return false;
  into.start = start;
  into.version = version === 4 ? 4 : 6;
  into.ipBytes = ipBytes;
  into.protocol = protocol;
  into.headerBytes = headerBytes;
  into.dataBytes = dataBytes;
  into.gsoSize = gsoType === GsoType.none ? Math.max(1, dataBytes) : gsoSize;
  into.gsoType = gsoType;
  into.identification = version === 4 ? view.getUint16(start + 4) : 0;
  return true;
}
