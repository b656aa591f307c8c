/**
 * What is known of one IP packet after parsing. Long-lived objects: one for the packet received, one for the packet
 * inside an ICMP error, one for the IPv4 packet that exists only while hairpinning. Offsets are into the slab.
 */
export class Packet {
  /** Offset of the IP header. */
  start = 0;
  /** Bytes of the IP packet: Total Length, or 40 + Payload Length. */
  length = 0;
  /** TOS or Traffic Class octet. */
  trafficClass = 0;
  /** TTL or Hop Limit as received. */
  hopLimit = 0;
  /** Protocol, or the Next Header after the extension chain. */
  protocol = 0;
  /** IPv4 Identification, or the whole 32-bit one of a Fragment Header. */
  identification = 0;
  /** 1 with DF set (IPv4). */
  dontFragment = 0;
  /** 1 with MF or M set. */
  moreFragments = 0;
  /** Units of 8 bytes. */
  fragmentOffset = 0;
  /** 1 where an IPv6 Fragment Header was met. */
  fragmentHeader = 0;
  /** Sum of the first 20 bytes of an IPv4 header (46). */
  headerSum = 0;
  /** IPv4 addresses. */
  source = 0;
  destination = 0;
  /** IPv4 header length in bytes, or that of the IPv6 header with its extensions. */
  headerBytes = 0;
  /** Offset of the first byte after the IP headers. */
  transport = 0;
  /** Bytes after the IP headers as the header claims: P of the spec. */
  payload = 0;
  /** Of these, bytes that are there (fewer only inside an ICMP error). */
  present = 0;
  /**
   * The first `detached` bytes of the payload stand at `transport`, the rest at `body`. Off the wire all stand
   * together and detached is 0; hairpinning has the adjusted transport header in the head area.
   */
  detached = 0;
  body = 0;
  /** Offset (from `start`) of the Segments Left octet of the first Routing header where it is not 0; else 0 (64). */
  segmentsLeftAt = 0;
  /** Offset (from `start`) of the octet that names `protocol` (64). */
  protocolAt = 0;

  /** Offset of what follows the first `bytes` of the payload. */
  bodyAfter(bytes: number): number {
    return this.detached === 0 ? this.transport + bytes : this.body + bytes - this.detached;
  }

  /** True for a real fragment (MF or offset); an atomic fragment is none. */
  isFragment(): boolean {
    return (this.moreFragments | this.fragmentOffset) !== 0;
  }
}
