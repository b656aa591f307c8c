/**
 * struct virtio_net_hdr as a TUN device with IFF_VNET_HDR puts it before every packet (virtio 1.2 §5.1.6,
 * linux/virtio_net.h). Fields are in host byte order; every Linux that Node runs on is little-endian or asks for it.
 *
 *     +-------+----------+---------+----------+------------+-------------+
 *     | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset |
 *     |  0    |  1       |  2      |  4       |  6         |  8          |  10 bytes (12: a num_buffers follows)
 *     +-------+----------+---------+----------+------------+-------------+
 */
export const NEEDS_CSUM = 1;
export const GsoType = { none: 0, tcp4: 1, udpFragment: 3, tcp6: 4, udp: 5 } as const;
export const GSO_ECN = 0x80;

export const vnetFlags = (view: DataView, at: number): number => view.getUint8(at);
export const vnetGsoType = (view: DataView, at: number): number => view.getUint8(at + 1);
export const vnetGsoSize = (view: DataView, at: number): number => view.getUint16(at + 4, true);
export const vnetCsumStart = (view: DataView, at: number): number => view.getUint16(at + 6, true);
export const vnetCsumOffset = (view: DataView, at: number): number => view.getUint16(at + 8, true);

export function writeVnet(
  view: DataView,
  at: number,
  flags: number,
  gsoType: number,
  headerLength: number,
  gsoSize: number,
  csumStart: number,
  csumOffset: number,
): void {
  view.setUint8(at, flags);
  view.setUint8(at + 1, gsoType);
  view.setUint16(at + 2, headerLength, true);
  view.setUint16(at + 4, gsoSize, true);
  view.setUint16(at + 6, csumStart, true);
  view.setUint16(at + 8, csumOffset, true);
}

/** A header that asks for nothing; `bytes` is 10 or 12. */
export function clearVnet(view: DataView, at: number, bytes: number): void {
  view.setInt32(at, 0);
  view.setInt32(at + 4, 0);
  view.setInt16(at + 8, 0);
  if (bytes > 10) view.setInt16(at + 10, 0);
}
