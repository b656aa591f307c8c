/**
 * Consecutive UDP datagrams of one flow in one batch leave in one write, as a UDP_L4 super-packet (USO) that the kernel
 * cuts into the very same datagrams. Writing is what small packets cost, so this is where their speed is.
 *
 * Only where the wire cannot tell (the far-side tests prove it byte by byte):
 *   - all headers are alike save lengths, checksums and, in IPv4, an Identification that counts up by one (the kernel
 *     counts it up for every segment; so never with DF, whose Identification is 0 throughout);
 *   - every datagram is as long as the first, the last may be shorter;
 *   - every checksum is right, or partial: the kernel will compute them anew, and corruption must stay visible.
 * Order is kept: a datagram only joins the output just before it.
 */
import { WRITE_STRIDE } from '../io/device.ts';
import type { Job } from '../translate/job.ts';
import { fold, sumBytes } from '../wire/checksum.ts';
import { HEADER4, refreshChecksum4, setTotalLength4 } from '../wire/ipv4.ts';
import { HEADER6, setPayloadLength6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import { setUdpLength, UDP_CHECKSUM, UDP_HEADER, udpLength } from '../wire/transport.ts';
import { GsoType, NEEDS_CSUM, writeVnet } from '../wire/vnet.ts';

/** UDP_MAX_SEGMENTS of kernels before 6.9; later ones allow 128. */
const MOST_SEGMENTS = 64;
/** Largest IP packet, and the most bytes a super-packet may have behind its IP header. */
const MOST_BYTES = 65_535 - HEADER6;

export class Coalescer {
  /** Entry of the run's first output in job.writes, or -1: no run. */
  #first = -1;
  /** Entry of the last output seen: a run only grows at the end of the list. */
  #last = -1;
  #ip = 0;
  #ipBytes = 0;
  #segments = 0;
  #segmentData = 0;
  #data = 0;
  /** The last datagram was shorter than the first: none may follow. */
  #closed = false;

  /** Forgets the run; after its outputs were written. */
  reset(): void {
    this.#first = -1;
  }

  /**
   * Looks at the output just added for the packet job.outer, translated whole.
   * @param before number of outputs before it
   */
  offer(job: Job, before: number): void {
    const { outer, view } = job;
    if (
      outer.protocol !== Protocol.udp ||
      job.outputs !== before + 1 ||
      job.transportHead !== UDP_HEADER ||
      job.gsoType !== GsoType.none ||
      job.carried !== 0
    ) {
      this.finish(job);
      return;
    }
    const at = before * WRITE_STRIDE;
    const ip = job.writes[at]! + job.vnetBytes;
    const ipBytes = job.writes[at + 1]! - job.vnetBytes - UDP_HEADER;
    const data = job.writes[at + 3]!;
    const udp = ip + ipBytes;
    if (
      (ipBytes !== HEADER6 && ipBytes !== HEADER4) ||
      data === 0 ||
      udpLength(view, udp) !== UDP_HEADER + data
    ) {
      this.finish(job);
      return;
    }
    if (this.#first >= 0 && this.#last === before - 1 && this.#joins(job, ip, ipBytes, data)) {
      if (this.#checksumIsRight(job, ip, ipBytes, at, data)) {
        // An entry without a head continues the packet before it.
        job.writes[at] = 0;
        job.writes[at + 1] = 0;
        this.#segments++;
        this.#data += data;
        this.#closed = data < this.#segmentData;
        this.#last = before;
        return;
      }
    }
    this.finish(job);
    // With DF the Identification is 0 throughout, and the kernel would count it up.
    if (ipBytes === HEADER4 && view.getUint16(ip + 6) !== 0) return;
    if (!this.#checksumIsRight(job, ip, ipBytes, at, data)) return;
    this.#first = at;
    this.#last = before;
    this.#ip = ip;
    this.#ipBytes = ipBytes;
    this.#segments = 1;
    this.#segmentData = data;
    this.#data = data;
    this.#closed = false;
  }

  /** Writes the headers of the run as a super-packet's, where it has more than one datagram. Ends the run. */
  finish(job: Job): void {
    if (this.#first < 0) return;
    const first = this.#first;
    this.#first = -1;
    if (this.#segments < 2) return;
    const { view } = job;
    const ip = this.#ip;
    const ipBytes = this.#ipBytes;
    const udp = ip + ipBytes;
    const length = UDP_HEADER + this.#data;
    let addresses: number;
    if (ipBytes === HEADER6) {
      setPayloadLength6(view, ip, length);
      addresses = sumBytes(view, ip + 8, 32, 0);
    } else {
      setTotalLength4(view, ip, HEADER4 + length);
      refreshChecksum4(view, ip);
      addresses = sumBytes(view, ip + 12, 8, 0);
    }
    setUdpLength(view, udp, length);
    view.setUint16(udp + UDP_CHECKSUM, fold(addresses + Protocol.udp + length));
    const head = job.writes[first]!;
    writeVnet(
      view,
      head,
      NEEDS_CSUM,
      GsoType.udp,
      ipBytes + UDP_HEADER,
      this.#segmentData,
      ipBytes,
      UDP_CHECKSUM,
    );
  }

  #joins(job: Job, ip: number, ipBytes: number, data: number): boolean {
    if (
      this.#closed ||
      ipBytes !== this.#ipBytes ||
      data > this.#segmentData ||
      this.#segments >= MOST_SEGMENTS ||
      UDP_HEADER + this.#data + data > MOST_BYTES
    ) {
      return false;
    }
    const { view } = job;
    const run = this.#ip;
    if (view.getInt32(run + ipBytes) !== view.getInt32(ip + ipBytes)) return false; // ports
    if (ipBytes === HEADER6) {
      if (view.getInt32(run) !== view.getInt32(ip) || view.getUint16(run + 6) !== view.getUint16(ip + 6))
        return false;
      for (let i = 8; i < HEADER6; i += 4) if (view.getInt32(run + i) !== view.getInt32(ip + i)) return false;
      return true;
    }
    return (
      view.getUint16(run) === view.getUint16(ip) &&
      ((view.getUint16(run + 4) + this.#segments) & 0xffff) === view.getUint16(ip + 4) &&
      view.getUint16(run + 6) === view.getUint16(ip + 6) &&
      view.getUint16(run + 8) === view.getUint16(ip + 8) &&
      view.getInt32(run + 12) === view.getInt32(ip + 12) &&
      view.getInt32(run + 16) === view.getInt32(ip + 16)
    );
  }

  #checksumIsRight(job: Job, ip: number, ipBytes: number, at: number, data: number): boolean {
    if (job.partial !== 0) return true;
    const { view } = job;
    const udp = ip + ipBytes;
    if (view.getUint16(udp + UDP_CHECKSUM) === 0) return false;
    const addresses = ipBytes === HEADER6 ? sumBytes(view, ip + 8, 32, 0) : sumBytes(view, ip + 12, 8, 0);
    const head = sumBytes(view, udp, UDP_HEADER, fold(addresses + Protocol.udp + UDP_HEADER + data));
    return sumBytes(view, job.writes[at + 2]!, data, head) === 0xffff;
  }
}
