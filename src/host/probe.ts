/** Pings out of one interface (ICMPv6 echo, RFC 4443 §4.1), to see whether something answers. Needs CAP_NET_RAW. */
import { randomBytes } from 'node:crypto';
import type { Ip6 } from '../address/ip.ts';
import { native } from '../io/native.ts';
import { type Receiver, receive } from '../io/receiver.ts';
import { sumBytes } from '../wire/checksum.ts';

const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
/**
 *     | type | code | checksum | identifier | sequence | … |
 */
const IDENTIFIER = 4;
const SEQUENCE = 6;
const BYTES = 16;
const HEADER = 40;
const ICMPV6 = 58;
const HOP_LIMIT = 64;

export class Pinger {
  readonly #receiver: Receiver;
  readonly #identifier = randomBytes(2).readUInt16BE();
  /** Sends whole packets, from whichever address; -1: not opened yet. */
  #mouth = -1;
  #sequence = 0;
  /** By sequence number: whose answer is waited for, and whom to tell. */
  readonly #waiting = new Map<number, { from: Uint8Array; end: (answered: boolean) => void }>();

  /** Throws an Error in words. */
  constructor(ifindex: number) {
    const receiver = receive(
      {
        open: (io) => io.icmp6Open(ifindex, Int32Array.of(ECHO_REPLY)),
        message: (message, { source }) => this.#hear(message, source),
      },
      2048,
    );
    if (typeof receiver === 'number')
      throw new Error(
        `no pings out of interface ${ifindex}: ${receiver === -1 ? 'CAP_NET_RAW is missing' : `error ${-receiver}`}`,
      );
    this.#receiver = receiver;
  }

  /**
   * Resolves with whether an answer came within `patience` ms. Never rejects.
   * @param from an address to ask from in place of the kernel's choice; the answer is heard where it is this interface's
   */
  ping(address: Ip6, ifindex: number, patience: number, from: Ip6 | null = null): Promise<boolean> {
    const to = bytesOf(address);
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) & 0xffff;
    const message = new Uint8Array(BYTES);
    const view = new DataView(message.buffer);
    view.setUint8(0, ECHO_REQUEST);
    view.setUint16(IDENTIFIER, this.#identifier);
    view.setUint16(SEQUENCE, sequence);
    return new Promise((resolve) => {
      const end = (answered: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(sequence);
        resolve(answered);
      };
      const timer = setTimeout(() => end(false), patience);
      this.#waiting.set(sequence, { from: to, end });
      // What cannot be sent will not be answered either.
      if (from === null) native().sendTo(this.#receiver.fd, message, to, ifindex);
      else this.#sendWhole(wholePacket(bytesOf(from), to, message), to, ifindex);
    });
  }

  #sendWhole(packet: Uint8Array, to: Uint8Array, ifindex: number): void {
    const io = native();
    if (this.#mouth < 0) this.#mouth = io.ipv6Open(ifindex);
    if (this.#mouth >= 0) io.sendTo(this.#mouth, packet, to, ifindex);
  }

  /** Pings on their way resolve with false. */
  close(): void {
    for (const { end } of this.#waiting.values()) end(false);
    this.#receiver.close();
    if (this.#mouth >= 0) native().closeFd(this.#mouth);
    this.#mouth = -1;
  }

  #hear(message: Uint8Array, source: Uint8Array | null): void {
    if (message.length < 8 || source === null) return;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    if (view.getUint16(IDENTIFIER) !== this.#identifier) return;
    const waiting = this.#waiting.get(view.getUint16(SEQUENCE));
    if (waiting !== undefined && Buffer.compare(waiting.from, source) === 0) waiting.end(true);
  }
}

/** An ICMPv6 message behind an IPv6 header, with its checksum. */
function wholePacket(from: Uint8Array, to: Uint8Array, message: Uint8Array): Uint8Array {
  const packet = new Uint8Array(HEADER + message.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x60000000);
  view.setUint16(4, message.length);
  packet[6] = ICMPV6;
  packet[7] = HOP_LIMIT;
  packet.set(from, 8);
  packet.set(to, 24);
  packet.set(message, HEADER);
  // RFC 8200 §8.1: both addresses, length and protocol count as well.
  view.setUint16(HEADER + 2, ~sumBytes(view, 8, packet.length - 8, message.length + ICMPV6) & 0xffff);
  return packet;
}

function bytesOf(address: Ip6): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of address.entries()) view.setInt32(4 * i, word);
  return bytes;
}
