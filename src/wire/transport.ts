/**
 * What a translator needs of TCP (RFC 9293 §3.1), UDP (RFC 768), DCCP (RFC 4340 §5.1) and UDP-Lite (RFC 3828 §3.1):
 * where the checksum stands, and for TCP the options.
 *
 *     TCP   0 ports | 4 sequence | 8 acknowledgment | 12 data offset, flags | 14 window | 16 CHECKSUM | 18 urgent | 20 options
 *     UDP   0 ports | 4 length | 6 CHECKSUM
 *     DCCP  0 ports | 4 data offset, CCVal | 6 CHECKSUM
 *     Lite  0 ports | 4 coverage | 6 CHECKSUM
 */
export const TCP_HEADER = 20;
export const UDP_HEADER = 8;
export const TCP_CHECKSUM = 16;
/** UDP, DCCP and UDP-Lite. */
export const UDP_CHECKSUM = 6;

/** Flags of the TCP header's octet 13. */
export const TcpFlag = { fin: 1, syn: 2, psh: 8, ack: 0x10, cwr: 0x80 } as const;

/** TCP header length in bytes as its data offset claims (0..60). */
export const tcpHeaderBytes = (view: DataView, at: number): number => (view.getUint8(at + 12) >> 4) << 2;
export const tcpFlags = (view: DataView, at: number): number => view.getUint8(at + 13);
export const setTcpFlags = (view: DataView, at: number, flags: number): void => view.setUint8(at + 13, flags);
export const tcpSequence = (view: DataView, at: number): number => view.getInt32(at + 4);
export const setTcpSequence = (view: DataView, at: number, sequence: number): void =>
  view.setInt32(at + 4, sequence);
export const udpLength = (view: DataView, at: number): number => view.getUint16(at + 4);
export const setUdpLength = (view: DataView, at: number, bytes: number): void =>
  view.setUint16(at + 4, bytes);
