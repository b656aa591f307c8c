/**
 * The messages of a socket as they come, through the addon's watch: of netlink and of raw sockets alike.
 *
 * A socket may fail and serve on: netlink says so where the kernel had more to tell than could be queued. A descriptor
 * that serves no more is opened anew. Either way `lost` is called, after what was left in the queue: whoever listens
 * reads anew what the messages would have said.
 */
import { type Native, native, type Received } from './native.ts';

const EAGAIN = -11;
const EBADF = -9;
/** Messages in one go: others have their turn on the thread however fast the messages come. */
const AT_ONCE = 256;
/** Between two attempts to open what cannot be opened, ms. */
const REOPEN = 1000;

export interface Source {
  /** → fd or -errno */
  open(io: Native): number;
  /** The part of the buffer that `got` fills. */
  message(message: Uint8Array, got: Received): void;
  /** Messages may have been lost. */
  lost?(): void;
}

export interface Receiver {
  /** Of the socket, to send by it; -1: it is being opened anew. */
  readonly fd: number;
  close(): void;
}

/** Listens until closed. @returns -errno where it cannot be opened or watched */
export function receive(source: Source, bytes: number, io: Native = native()): Receiver | number {
  const receiver = new SocketReceiver(source, new Uint8Array(bytes), io);
  const error = receiver.open();
  return error < 0 ? error : receiver;
}

class SocketReceiver implements Receiver {
  readonly #source: Source;
  readonly #buffer: Uint8Array;
  readonly #io: Native;
  #fd = -1;
  #watch = -1;
  #lost = false;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(source: Source, buffer: Uint8Array, io: Native) {
    this.#source = source;
    this.#buffer = buffer;
    this.#io = io;
  }

  get fd(): number {
    return this.#fd;
  }

  open(): number {
    const fd = this.#source.open(this.#io);
    if (fd < 0) return fd;
    const watch = this.#io.watch(fd, (status) => this.#read(status));
    if (watch < 0) {
      this.#io.closeFd(fd);
      return watch;
    }
    this.#fd = fd;
    this.#watch = watch;
    return 0;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#release();
  }

  #release(): void {
    if (this.#fd < 0) return;
    this.#io.unwatch(this.#watch);
    this.#io.closeFd(this.#fd);
    this.#fd = -1;
  }

  #read(status: number): void {
    if (status === EBADF) {
      this.#release();
      this.#reopen();
      return;
    }
    if (status < 0) this.#lost = true;
    for (let count = 0; count < AT_ONCE && !this.#closed; count++) {
      const got = this.#io.recvMsg(this.#fd, this.#buffer);
      if (typeof got !== 'number') this.#source.message(this.#buffer.subarray(0, got.length), got);
      else if (got !== EAGAIN) this.#lost = true;
      else {
        this.#tellLost();
        return;
      }
    }
  }

  /** Not before the queue is empty: until then the kernel goes on losing messages, without another word. */
  #tellLost(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#source.lost?.();
  }

  /** Not at once after a failure: what fails for ever must not keep the thread busy. */
  #reopen(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#lost = true;
      if (this.open() < 0) this.#reopen();
      else this.#tellLost();
    }, REOPEN);
  }
}
