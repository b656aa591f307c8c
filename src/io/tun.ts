/**
 * A queue of a TUN device.
 *
 * The first queue creates the device or attaches to an existing one (`openTun`); further queues of a multi-queue device
 * are opened by name, each in the thread that serves it (`openTun` with `join`).
 *
 * A device that exists already is taken as its owner made it (single or multi queue, with or without virtio_net header)
 * and left so: `close` of the first queue, which must be the last to close, gives back what attaching changed.
 */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type Device, HEADROOM, Offload, SLOT_BYTES } from './device.ts';
import {
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_VNET_HDR,
  type Native,
  native,
  type TunOpened,
  type TunRefused,
} from './native.ts';
import { allocateSlab, type SlabMemory } from './slab.ts';

export interface TunOptions {
  readonly name: string;
  /** Create the device with several queues. An existing device decides for itself. */
  readonly multiQueue?: boolean;
  /** Highest offload level to ask the kernel for; default uso. off also means a new device without virtio_net header. */
  readonly offload?: Offload;
  /** A further queue of a device this program has open already. */
  readonly join?: boolean;
  /** Take over a queue that this program has open already (`keep` of its first owner). */
  readonly adopt?: Adoption;
  /** The largest read batch; default 32. */
  readonly slots?: number;
  /** Bytes of the head area; default 256 KiB. */
  readonly headBytes?: number;
  /** Packets in the write list, the largest write batch; default 512. */
  readonly writes?: number;
  /** Exchange by io_uring where the kernel can: twice the slots, half of them a batch. Default false. */
  readonly ioUring?: boolean;
  /** An eventfd of `openWake` that ends `wait`; its owner closes it. Default: one of the queue's own. */
  readonly wakeFd?: number;
}

/** What another thread needs to go on with a queue in place of the one that opened it. */
export interface Adoption {
  /** Of `keep`; it stays its owner's. */
  readonly fd: number;
  readonly created: boolean;
  /** What is to be given back when the queue closes, or null. */
  readonly restore: Restore | null;
}

export interface Restore {
  /** Of the device as it was; null: they did not change. */
  readonly flags: number | null;
}

export type TunErrorCode =
  | 'bad-name'
  | 'no-tun'
  | 'not-permitted'
  | 'busy'
  | 'not-a-tun'
  | 'not-found'
  | 'failed';

/** Opening failed; the message is a sentence for the administrator that says what to do. */
export class TunError extends Error {
  readonly code: TunErrorCode;
  /** -errno, 0 where the kernel was not asked. */
  readonly errno: number;

  constructor(code: TunErrorCode, message: string, errno = 0) {
    super(message);
    this.name = 'TunError';
    this.code = code;
    this.errno = errno;
  }
}

export class TunDevice implements Device {
  /** Interface name. */
  readonly name: string;
  /** False: the device existed before. */
  readonly created: boolean;
  /** Whether further queues may join. */
  readonly multiQueue: boolean;
  /** The eventfd that ends `wait`: pass it to `wake` in any thread, as long as the device is open. */
  readonly wakeFd: number;
  readonly vnetBytes: number;
  readonly slab: SharedArrayBuffer;
  readonly slots: number;
  readonly lengths: Int32Array;
  readonly writes: Int32Array;
  readonly results: Int32Array;
  readonly state: Int32Array;
  /** Whether exchange goes by io_uring. */
  readonly ioUring: boolean;
  #native: Native;
  #queue: number;
  #offload: Offload;
  /** What to give back when this queue closes, or null. */
  #restore: Restore | null;

  constructor(
    opened: TunOpened,
    memory: SlabMemory,
    joined: 'first queue' | 'joined' | Adoption,
    ioUring: boolean,
  ) {
    this.#native = native();
    this.#queue = opened.queue;
    this.#offload = opened.offload as Offload;
    this.name = opened.name;
    this.created = typeof joined === 'object' ? joined.created : opened.created === 1;
    this.multiQueue = (opened.flags & IFF_MULTI_QUEUE) !== 0;
    this.wakeFd = opened.wakeFd;
    this.vnetBytes = opened.vnetBytes;
    this.slab = memory.slab;
    this.slots = memory.lengths.length;
    this.lengths = memory.lengths;
    this.writes = memory.writes;
    this.results = memory.results;
    this.state = memory.state;
    this.#restore = restoreOf(opened, joined);
    this.#native.bind(
      opened.queue,
      new Uint8Array(memory.slab),
      SLOT_BYTES,
      this.slots,
      HEADROOM,
      memory.lengths,
      memory.writes,
      memory.results,
      memory.state,
    );
    this.ioUring = ioUring && this.#native.useRing(opened.queue) === 0;
  }

  get offload(): Offload {
    return this.#offload;
  }

  read(): number {
    return this.#native.readBatch(this.#queue);
  }

  write(count: number): number {
    return this.#native.writeBatch(this.#queue, 0, count);
  }

  exchange(count: number): number {
    return this.#native.exchange(this.#queue, count);
  }

  wait(timeoutMs: number): number {
    return this.#native.wait(this.#queue, timeoutMs);
  }

  setOffload(level: Offload): number {
    const result = this.#native.tunSetOffload(this.#queue, level);
    if (result >= 0) this.#offload = result as Offload;
    return result;
  }

  /** Takes this queue out of the device's (its flows go to the others) or puts it back. 0 or -errno. */
  setAttached(attached: boolean): number {
    return this.#native.tunSetQueue(this.#queue, attached ? 1 : 0);
  }

  /** A persistent device outlives the program. 0 or -errno. */
  setPersistent(persistent: boolean): number {
    return this.#native.tunSetPersist(this.#queue, persistent ? 1 : 0);
  }

  /** Bytes of written packets that may wait in the kernel; unlimited by default. 0 or -errno. */
  setSendBuffer(bytes: number): number {
    return this.#native.tunSetSendBuffer(this.#queue, bytes);
  }

  /** For whoever goes on with this queue when its thread does not; close the descriptor with closeFd. Throws. */
  keep(): Adoption {
    const fd = this.#native.tunKeep(this.#queue);
    if (fd < 0) throw new Error(`a descriptor of ${this.name} cannot be kept: ${getSystemErrorName(fd)}`);
    return { fd, created: this.created, restore: this.#restore };
  }

  /** Closes it for another that adopts it: the device stays as it is. */
  leave(): void {
    this.#native.closeQueue(this.#queue);
    this.#restore = null;
    this.#queue = -1;
  }

  close(): void {
    // A program that attaches next must not meet super-packets it never asked for.
    if (this.#restore !== null && this.#offload > Offload.off) this.setOffload(Offload.off);
    this.#native.closeQueue(this.#queue);
    if (this.#restore?.flags != null) this.#native.tunRestore(this.name, this.#restore.flags);
    this.#restore = null;
    this.#queue = -1;
  }
}

function restoreOf(opened: TunOpened, joined: 'first queue' | 'joined' | Adoption): Restore | null {
  if (typeof joined === 'object') return joined.restore;
  if (joined === 'joined' || opened.created === 1) return null;
  return { flags: opened.packetInfoBefore === 1 ? opened.flags & (IFF_MULTI_QUEUE | IFF_VNET_HDR) : null };
}

/** Opens a queue. Throws TunError. */
export function openTun(options: TunOptions): TunDevice {
  const { name, offload = Offload.uso, slots = 32, headBytes = 1 << 18, writes = 512 } = options;
  const { ioUring = false } = options;
  checkName(name);
  const flags =
    (options.multiQueue ? IFF_MULTI_QUEUE : 0) | (offload > Offload.off ? IFF_VNET_HDR : 0) | IFF_NO_PI;
  const wakeFd = options.wakeFd ?? -1;
  const { adopt } = options;
  const opened =
    adopt === undefined
      ? native().tunOpen(name, flags, offload, options.join ? 1 : 0, wakeFd)
      : native().tunAdopt(adopt.fd, offload, wakeFd);
  if ('error' in opened) throw explain(name, opened);
  try {
    return new TunDevice(
      opened,
      allocateSlab({ slots: ioUring ? 2 * slots : slots, headBytes, writes }),
      adopt ?? (options.join ? 'joined' : 'first queue'),
      ioUring,
    );
  } catch (error) {
    native().closeQueue(opened.queue);
    throw error;
  }
}

/** An eventfd that several queues may share; close it with `closeWake` when no thread uses it any more. */
export function openWake(): number {
  const fd = native().wakeOpen();
  if (fd < 0) throw new Error(`eventfd: ${getSystemErrorName(fd)}`);
  return fd;
}

export function closeWake(fd: number): void {
  native().closeFd(fd);
}

/** Ends the wait on this eventfd; callable from any thread. */
export function wake(fd: number): void {
  native().wake(fd);
}

/** As the kernel's dev_valid_name, and no '%', which would make it a pattern. */
function checkName(name: string): void {
  if (/^[^\s/:%\p{Cc}]{1,15}$/u.test(name) && Buffer.byteLength(name) < 16 && name !== '.' && name !== '..')
    return;
  throw new TunError(
    'bad-name',
    `${JSON.stringify(name)} cannot be an interface name: 1 to 15 bytes, without spaces, control characters, slashes, colons and percent signs.`,
  );
}

const { ENOENT, ENODEV, ENXIO, EPERM, EACCES, EBUSY } = constants.errno;

/** Why opening was refused, in a sentence that says what to do. */
export function explain(name: string, { error, step }: TunRefused): TunError {
  const errno = -error;
  if (step === 'kind') {
    return new TunError(
      'not-a-tun',
      `The interface ${name} exists and is not a TUN device; choose another name with --tun, or remove it.`,
      error,
    );
  }
  if (step === 'open' && (errno === ENOENT || errno === ENODEV || errno === ENXIO)) {
    return new TunError(
      'no-tun',
      'There is no TUN driver at /dev/net/tun: run `modprobe tun`, or in a container give it the device ' +
        '(docker: --device /dev/net/tun; by hand: mkdir -p /dev/net && mknod /dev/net/tun c 10 200).',
      error,
    );
  }
  if (errno === EPERM || errno === EACCES) {
    const what =
      step === 'open'
        ? 'Opening /dev/net/tun is not permitted'
        : `Creating or attaching to the TUN device ${name} is not permitted`;
    return new TunError(
      'not-permitted',
      `${what}: run as root, or give the capability CAP_NET_ADMIN` +
        `${step === 'open' ? ' and access to the device file' : ''}.`,
      error,
    );
  }
  if (errno === EBUSY) {
    return new TunError(
      'busy',
      `The TUN device ${name} is in use by another program; stop it, or choose another name with --tun.`,
      error,
    );
  }
  if (step === 'attach' && errno === ENODEV) {
    return new TunError('not-found', `The TUN device ${name} is gone.`, error);
  }
  return new TunError(
    'failed',
    `The TUN device ${name} cannot be opened: ${getSystemErrorName(error)} (${step}).`,
    error,
  );
}
