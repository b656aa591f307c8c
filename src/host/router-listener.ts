/**
 * Router advertisements as they come by the wire, and the question for them. A raw socket sees every one, whether the
 * kernel processes advertisements (accept_ra) or a network manager does in its place; it needs CAP_NET_RAW. Without that
 * there is what the kernel passes on (events.ts).
 */
import { native, type Received } from '../io/native.ts';
import { type Receiver, receive } from '../io/receiver.ts';
import { type RouterWord, readAdvertisement } from './pref64.ts';

const ROUTER_ADVERTISEMENT = 134;
/** RFC 4861 §4.1: type 133, without source link-layer address. */
const SOLICITATION = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0);
/** ff02::2 */
const ALL_ROUTERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
/** RFC 4861 §10 */
const MAX_SOLICITATIONS = 3;
const SOLICITATION_INTERVAL = 4000; // ms
/** A link that just came up has no link-local address to ask from until it passed duplicate address detection. */
const NO_SOURCE_YET = 500; // ms
const BUFFER = 65_536;

interface Ear {
  readonly receiver: Receiver;
  timer: NodeJS.Timeout | null;
  /** A router has spoken since the last solicitation. */
  heard: boolean;
}

export class RouterListener {
  readonly #onWord: (word: RouterWord) => void;
  /** By interface index. */
  readonly #ears = new Map<number, Ear>();

  constructor(onWord: (word: RouterWord) => void) {
    this.#onWord = onWord;
  }

  /** Listens on an interface and asks its routers to speak. @returns 0 or -errno (-EPERM: no CAP_NET_RAW) */
  listen(ifindex: number): number {
    if (this.#ears.has(ifindex)) return 0;
    const receiver = receive(
      {
        open: (io) => io.icmp6Open(ifindex, Int32Array.of(ROUTER_ADVERTISEMENT)),
        message: (message, got) => this.#hear(message, got, ifindex),
        lost: () => this.solicit(ifindex),
      },
      BUFFER,
    );
    if (typeof receiver === 'number') return receiver;
    this.#ears.set(ifindex, { receiver, timer: null, heard: false });
    this.solicit(ifindex);
    return 0;
  }

  /** Asks anew, up to three times while no router answers. */
  solicit(ifindex: number): void {
    const ear = this.#ears.get(ifindex);
    if (ear === undefined) return;
    if (ear.timer !== null) clearTimeout(ear.timer);
    ear.timer = null;
    ear.heard = false;
    this.#ask(ear, ifindex, 1);
  }

  unlisten(ifindex: number): void {
    const ear = this.#ears.get(ifindex);
    if (ear === undefined) return;
    this.#ears.delete(ifindex);
    if (ear.timer !== null) clearTimeout(ear.timer);
    ear.receiver.close();
  }

  stop(): void {
    for (const ifindex of [...this.#ears.keys()]) this.unlisten(ifindex);
  }

  #ask(ear: Ear, ifindex: number, count: number): void {
    ear.timer = null;
    if (ear.heard) return;
    const sent = native().sendTo(ear.receiver.fd, SOLICITATION, ALL_ROUTERS, ifindex);
    if (count === MAX_SOLICITATIONS) return;
    const pause = sent < 0 ? NO_SOURCE_YET : SOLICITATION_INTERVAL;
    ear.timer = setTimeout(() => this.#ask(ear, ifindex, count + 1), pause);
  }

  #hear(message: Uint8Array, got: Received, ifindex: number): void {
    if (got.truncated !== 0) return;
    const word = readAdvertisement(message, got);
    if (word === null || word.ifindex !== ifindex) return;
    const ear = this.#ears.get(ifindex);
    if (ear !== undefined) ear.heard = true;
    this.#onWord(word);
  }
}
