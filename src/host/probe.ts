/** Pings out of one interface (ICMPv6 echo, RFC 4443 §4.1), to see whether something answers. Needs CAP_NET_RAW. */
import { randomBytes } from 'node:crypto';
import type { Ip6 } from '../address/ip.ts';
import { native } from '../io/native.ts';
import { type Receiver, receive } from '../io/receiver.ts';

const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
/**
 *     | type | code | checksum | identifier | sequence | … |
 */
const IDENTIFIER = 4;
const SEQUENCE = 6;
const BYTES = 16;

export class Pinger {
  readonly #receiver: Receiver;
  readonly #identifier = randomBytes(2).readUInt16BE();
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

  /** Resolves with whether an answer came within `patience` ms. Never rejects. */
  ping(address: Ip6, ifindex: number, patience: number): Promise<boolean> {
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
      native().sendTo(this.#receiver.fd, message, to, ifindex);
    });
  }

  /** Pings on their way resolve with false. */
  close(): void {
    for (const { end } of this.#waiting.values()) end(false);
    this.#receiver.close();
  }

  #hear(message: Uint8Array, source: Uint8Array | null): void {
    if (message.length < 8 || source === null) return;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    if (view.getUint16(IDENTIFIER) !== this.#identifier) return;
    const waiting = this.#waiting.get(view.getUint16(SEQUENCE));
    if (waiting !== undefined && Buffer.compare(waiting.from, source) === 0) waiting.end(true);
  }
}

function bytesOf(address: Ip6): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of address.entries()) view.setInt32(4 * i, word);
  return bytes;
}
