/**
 * Consecutive UDP datagrams or TCP segments of one flow in one batch leave in one write, as a super-packet (USO, TSO)
 * that the kernel cuts into the very same packets. Writing is what small packets cost, so this is where their speed is;
 * TCP comes in single segments from links whose driver does not merge what it receives.
 *
 * Only where the wire cannot tell (the far-side tests prove it byte by byte):
 *   - all headers are alike save lengths, checksums, TCP's sequence numbers, which follow on, and, in IPv4, an
 *     Identification that counts up by one (the kernel counts it up for every segment; so never with DF, whose
 *     Identification is 0 throughout);
 *   - of TCP's flags ACK is set and no other, except that the last may have PSH: the kernel leaves it to the last;
 *   - every packet is as long as the first, the last may be shorter;
 *   - every checksum is right, or partial: the kernel will compute them anew, and corruption must stay visible.
 * Order is kept: a packet only joins the output just before it.
 */
import { WRITE_STRIDE } from '../io/device.ts';
import type { Job } from '../translate/job.ts';
import { fold, sumBytes } from '../wire/checksum.ts';
import { HEADER4, refreshChecksum4, setTotalLength4 } from '../wire/ipv4.ts';
import { HEADER6, setPayloadLength6 } from '../wire/ipv6.ts';
import { Protocol } from '../wire/protocol.ts';
import {
  setTcpFlags,
  setUdpLength,
  TCP_CHECKSUM,
  TCP_HEADER,
  TcpFlag,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  UDP_CHECKSUM,
  UDP_HEADER,
  udpLength,
} from '../wire/transport.ts';
import { GsoType, NEEDS_CSUM, writeVnet } from '../wire/vnet.ts';

/** UDP_MAX_SEGMENTS of kernels before 6.9; later ones allow 128. */
const MOST_SEGMENTS = 64;
/** Largest IP packet, and the most bytes a super-packet may have behind its IP header. */
const MOST_BYTES = 65_535 - HEADER6;

export class Coalescer {
  /** UDP_L4 super-packets may be written; TCP's always may. */
  udp = true;
  /** Entry of the run's first output in job.writes, or -1: no run. */
  #first = -1;
  /** The last output seen: a run only grows at the end of the list. */
  #last = -1;
  #ip = 0;
  #ipBytes = 0;
  /** Of the transport header, TCP options included. */
  #headerBytes = 0;
  #segments = 0;
  #segmentData = 0;
  #data = 0;
  /** The last packet was shorter than the first: none may follow. */
  #closed = false;
  /** The first packet's checksum was looked at. */
  #firstIsRight = false;

  // The output at hand.
  #at = 0;
  #newIp = 0;
  #newIpBytes = 0;
  #newHeaderBytes = 0;
  #newData = 0;

  /** Forgets the run; after its outputs were written. */
  reset(): void {
    this.#first = -1;
  }

  /**
   * Looks at the output just added for the packet job.outer, translated whole.
   * @param before number of outputs before it
   */
  offer(job: Job, before: number): void {
    if (!this.#measure(job, before)) {
      this.finish(job);
      return;
    }
    if (this.#first >= 0 && this.#last === before - 1 && this.#continues(job) && this.#sumsAreRight(job)) {
      this.#join(job, before);
      return;
    }
    this.finish(job);
    if (this.#mayBegin(job)) this.#begin(job, before);
  }

  /** Writes the headers of the run as a super-packet's, where it has more than one packet. Ends the run. */
  finish(job: Job): void {
    if (this.#first < 0) return;
    const first = this.#first;
    this.#first = -1;
    if (this.#segments < 2) return;
    const { view } = job;
    const ip = this.#ip;
    const ipBytes = this.#ipBytes;
    const headerBytes = this.#headerBytes;
    const transport = ip + ipBytes;
    const length = headerBytes + this.#data;
    const isUdp = view.getUint8(ip + (ipBytes === HEADER6 ? 6 : 9)) === Protocol.udp;
    let addresses: number;
    if (ipBytes === HEADER6) {
      setPayloadLength6(view, ip, length);
      addresses = sumBytes(view, ip + 8, 32, 0);
    } else {
      setTotalLength4(view, ip, HEADER4 + length);
      refreshChecksum4(view, ip);
      addresses = sumBytes(view, ip + 12, 8, 0);
    }
    if (isUdp) setUdpLength(view, transport, length);
    const field = isUdp ? UDP_CHECKSUM : TCP_CHECKSUM;
    const protocol = isUdp ? Protocol.udp : Protocol.tcp;
    view.setUint16(transport + field, fold(addresses + protocol + length));
    writeVnet(
      view,
      job.writes[first]!,
      NEEDS_CSUM,
      isUdp ? GsoType.udp : ipBytes === HEADER6 ? GsoType.tcp6 : GsoType.tcp4,
      ipBytes + headerBytes,
      this.#segmentData,
      ipBytes,
      field,
    );
  }

  /** Takes the measure of output `before`. @returns false where it can be part of no run */
  #measure(job: Job, before: number): boolean {
    const { protocol } = job.outer;
    const inHead = protocol === Protocol.tcp ? TCP_HEADER : UDP_HEADER;
    if (
      (protocol !== Protocol.tcp && (protocol !== Protocol.udp || !this.udp)) ||
      job.outputs !== before + 1 ||
      job.transportHead !== inHead ||
      job.gsoType !== GsoType.none ||
      job.carried !== 0
    ) {
      return false;
    }
    const { view, writes } = job;
    const at = before * WRITE_STRIDE;
    const ip = writes[at]! + job.vnetBytes;
    const ipBytes = writes[at + 1]! - job.vnetBytes - inHead;
    if (ipBytes !== HEADER6 && ipBytes !== HEADER4) return false;
    const transport = ip + ipBytes;
    const headerBytes = protocol === Protocol.tcp ? tcpHeaderBytes(view, transport) : UDP_HEADER;
    const data = writes[at + 3]! + inHead - headerBytes;
    if (data <= 0 || headerBytes < inHead) return false;
    if (protocol === Protocol.udp && udpLength(view, transport) !== UDP_HEADER + data) return false;
    this.#at = at;
    this.#newIp = ip;
    this.#newIpBytes = ipBytes;
    this.#newHeaderBytes = headerBytes;
    this.#newData = data;
    return true;
  }

  /** True where the output at hand may be the first of a run. */
  #mayBegin(job: Job): boolean {
    const { view } = job;
    const ip = this.#newIp;
    // With DF the Identification is 0 throughout, and the kernel would count it up.
    if (this.#newIpBytes === HEADER4 && view.getUint16(ip + 6) !== 0) return false;
    if (job.outer.protocol === Protocol.udp) return true;
    const transport = ip + this.#newIpBytes;
    return (view.getUint16(transport + 12) & 0xfff) === TcpFlag.ack;
  }

  /** True where the headers of the output at hand continue the run's. */
  #continues(job: Job): boolean {
    const ip = this.#newIp;
    const ipBytes = this.#newIpBytes;
    const headerBytes = this.#newHeaderBytes;
    if (
      this.#closed ||
      ipBytes !== this.#ipBytes ||
      this.#newData > this.#segmentData ||
      this.#segments >= MOST_SEGMENTS ||
      headerBytes + this.#data + this.#newData > MOST_BYTES
    ) {
      return false;
    }
    const { view } = job;
    const run = this.#ip;
    if (ipBytes === HEADER6) {
      if (view.getInt32(run) !== view.getInt32(ip) || view.getUint16(run + 6) !== view.getUint16(ip + 6))
        return false;
      for (let i = 8; i < HEADER6; i += 4) if (view.getInt32(run + i) !== view.getInt32(ip + i)) return false;
    } else if (
      view.getUint16(run) !== view.getUint16(ip) ||
      ((view.getUint16(run + 4) + this.#segments) & 0xffff) !== view.getUint16(ip + 4) ||
      view.getUint16(run + 6) !== view.getUint16(ip + 6) ||
      view.getUint16(run + 8) !== view.getUint16(ip + 8) ||
      view.getInt32(run + 12) !== view.getInt32(ip + 12) ||
      view.getInt32(run + 16) !== view.getInt32(ip + 16)
    ) {
      return false;
    }
    const old = run + ipBytes;
    const transport = ip + ipBytes;
    if (view.getInt32(old) !== view.getInt32(transport)) return false; // ports
    return job.outer.protocol === Protocol.udp || this.#continuesTcp(job, old, transport);
  }

  /** True where the TCP header at `transport` follows on the run's at `run`; options stand in the bodies. */
  #continuesTcp(job: Job, run: number, transport: number): boolean {
    const { view, writes } = job;
    if (
      ((tcpSequence(view, run) + this.#data) | 0) !== tcpSequence(view, transport) ||
      view.getInt32(run + 8) !== view.getInt32(transport + 8) || // acknowledgment
      view.getUint16(run + 12) !== (view.getUint16(transport + 12) & ~TcpFlag.psh) || // header length, flags
      view.getUint16(run + 14) !== view.getUint16(transport + 14) || // window
      view.getUint16(run + 18) !== view.getUint16(transport + 18) // urgent
    ) {
      return false;
    }
    const before = writes[this.#first + 2]!;
    const options = writes[this.#at + 2]!;
    for (let i = 0; i < this.#headerBytes - TCP_HEADER; i += 4)
      if (view.getInt32(before + i) !== view.getInt32(options + i)) return false;
    return true;
  }

  /** True where the checksums of the output at hand and of the run's first are right or partial. */
  #sumsAreRight(job: Job): boolean {
    if (!this.#firstIsRight) {
      // Only now: most outputs that a run could begin with stay alone.
      if (!this.#sumIsRight(job, this.#first, this.#ip)) return false;
      this.#firstIsRight = true;
    }
    return job.partial !== 0 || this.#sumIsRight(job, this.#at, this.#newIp);
  }

  /** The same for one output of this run or to be: that of entry `at`, IP header at `ip`, checksum not partial. */
  #sumIsRight(job: Job, at: number, ip: number): boolean {
    const { view, writes } = job;
    const { protocol } = job.outer;
    const ipBytes = this.#ipBytes;
    const transport = ip + ipBytes;
    const inHead = job.transportHead;
    const body = writes[at + 3]!;
    if (protocol === Protocol.udp) {
      if (view.getUint16(transport + UDP_CHECKSUM) === 0) return false;
    } else {
      // Both are right for the same segment, and which of them the kernel writes depends on the device.
      const checksum = view.getUint16(transport + TCP_CHECKSUM);
      if (checksum === 0 || checksum === 0xffff) return false;
    }
    const addresses = ipBytes === HEADER6 ? sumBytes(view, ip + 8, 32, 0) : sumBytes(view, ip + 12, 8, 0);
    const head = sumBytes(view, transport, inHead, fold(addresses + protocol + inHead + body));
    return sumBytes(view, writes[at + 2]!, body, head) === 0xffff;
  }

  #begin(job: Job, before: number): void {
    this.#first = this.#at;
    this.#last = before;
    this.#ip = this.#newIp;
    this.#ipBytes = this.#newIpBytes;
    this.#headerBytes = this.#newHeaderBytes;
    this.#segments = 1;
    this.#segmentData = this.#newData;
    this.#data = this.#newData;
    this.#closed = false;
    this.#firstIsRight = job.partial !== 0;
  }

  #join(job: Job, before: number): void {
    const { view, writes } = job;
    const at = this.#at;
    // An entry without a head continues the packet before it; options are those of the first.
    const options = writes[at + 3]! - this.#newData;
    writes[at] = 0;
    writes[at + 1] = 0;
    writes[at + 2]! += options;
    writes[at + 3] = this.#newData;
    this.#segments++;
    this.#data += this.#newData;
    this.#last = before;
    this.#closed = this.#newData < this.#segmentData;
    if (job.outer.protocol === Protocol.udp) return;
    const flags = tcpFlags(view, this.#newIp + this.#newIpBytes);
    // No flags are like these, so that the run ends here.
    if ((flags & TcpFlag.psh) !== 0) setTcpFlags(view, this.#ip + this.#ipBytes, flags);
  }
}
