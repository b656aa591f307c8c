/** An ICMP echo request to write into a TUN: the kernel's answer comes out of it. */

/** Internet checksum (RFC 1071), byte pair by byte pair. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const octets = (address: string) => address.split('.').map(Number);

/** From `source` to `destination`, with `size` bytes of data. */
export function echoRequest(source: string, destination: string, sequence: number, size = 8): Uint8Array {
  const packet = new Uint8Array(28 + size);
  const view = new DataView(packet.buffer);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1]);
  view.setUint16(2, packet.length);
  packet.set([...octets(source), ...octets(destination)], 12);
  view.setUint16(10, checksum(packet.subarray(0, 20)));
  packet[20] = 8;
  view.setUint16(26, sequence);
  for (let i = 28; i < packet.length; i++) packet[i] = i;
  view.setUint16(22, checksum(packet.subarray(20)));
  return packet;
}

/** Sequence number of an echo reply, or null when the packet is none. */
export function echoReplySequence(packet: Uint8Array): number | null {
  if (packet.length < 28 || packet[0] !== 0x45 || packet[9] !== 1 || packet[20] !== 0) return null;
  return ((packet[26] ?? 0) << 8) | (packet[27] ?? 0);
}
