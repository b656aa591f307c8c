/**
 * The addon of native/: its functions as TypeScript sees them, and finding it.
 *
 * Every function returns 0, a count or a handle, or -errno where it failed; it throws a TypeError only for arguments of
 * a wrong type. The addon knows no protocol. Each thread loads its own instance; handles are the instance's own, file
 * descriptors are the process's.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** linux/if_tun.h */
export const IFF_MULTI_QUEUE = 0x0100;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;

export interface TunOpened {
  /** Handle for the calls of this instance. */
  queue: number;
  fd: number;
  /** The eventfd that ends wait(); the queue's own unless one was given. */
  wakeFd: number;
  name: string;
  /** The IFF_ flags in force. */
  flags: number;
  /** Virtio_net header before every packet: 0, 10 or 12 bytes. */
  vnetBytes: number;
  /** The offload level in force (io/device.ts). */
  offload: number;
  /** 1: the device did not exist before. */
  created: number;
  /** 1: the device existed with packet information (no IFF_NO_PI), which attaching turned off. */
  packetInfoBefore: number;
}

export interface TunRefused {
  /** -errno */
  error: number;
  /** Where: opening /dev/net/tun, asking rtnetlink, the kind of interface found, TUNSETIFF, … */
  step: 'open' | 'query' | 'kind' | 'create' | 'attach' | 'header' | 'offload';
}

export interface Received {
  /** Bytes written to the buffer. */
  length: number;
  /** 1: the message was longer than the buffer. */
  truncated: number;
  /** Hop limit of an ICMPv6 message, -1 where unknown. */
  hopLimit: number;
  /** Interface an ICMPv6 message came in by; 0 for netlink. */
  ifindex: number;
  /** Sender of an ICMPv6 message: 16 bytes; null for netlink. */
  source: Uint8Array | null;
}

export interface Native {
  tunOpen(name: string, flags: number, offload: number, join: number, wakeFd: number): TunOpened | TunRefused;
  /** The queue of a descriptor of this process, with a descriptor of its own. */
  tunAdopt(fd: number, offload: number, wakeFd: number): TunOpened | TunRefused;
  /** Another descriptor of the queue, which lives until both are closed. → fd */
  tunKeep(queue: number): number;
  /** Level in force afterwards, at most the one asked for. */
  tunSetOffload(queue: number, level: number): number;
  tunSetQueue(queue: number, attached: number): number;
  tunSetPersist(queue: number, persistent: number): number;
  tunSetSendBuffer(queue: number, bytes: number): number;
  tunRestore(name: string, flags: number): number;

  /** Once a queue. The arrays are kept alive until closeQueue; none may be a view of a detachable buffer. */
  bind(
    queue: number,
    slab: Uint8Array,
    slotBytes: number,
    slots: number,
    headroom: number,
    lengths: Int32Array,
    writes: Int32Array,
    results: Int32Array,
    state: Int32Array,
  ): number;
  /** From now on `exchange` uses io_uring. After bind, in the thread that calls it. -ENOSYS: the kernel has none for us. */
  useRing(queue: number): number;
  /** Writes, then reads: Device.exchange. */
  exchange(queue: number, count: number): number;
  readBatch(queue: number): number;
  writeBatch(queue: number, start: number, count: number): number;
  wait(queue: number, timeoutMs: number): number;
  closeQueue(queue: number): number;
  /** An eventfd for several queues or threads; close it with closeFd after the last use. */
  wakeOpen(): number;
  /** From any thread: the wait on this eventfd ends. */
  wake(wakeFd: number): number;

  /** A socket of NETLINK_ROUTE joined to the groups (RTNLGRP_ numbers). → fd */
  netlinkOpen(groups: Int32Array): number;
  /** A socket of NETLINK_NETFILTER joined to the groups (NFNLGRP_ numbers). → fd */
  netfilterOpen(groups: Int32Array): number;
  /** A raw ICMPv6 socket on one interface that lets only these types in. → fd */
  icmp6Open(ifindex: number, types: Int32Array): number;
  /** A socket that sends whole IPv6 packets, header included, out of one interface. → fd */
  ipv6Open(ifindex: number): number;
  /** A TCP socket over IPv4 that is not connected yet, bound to one interface. → fd */
  tcp4Open(ifindex: number): number;
  /** A raw ICMP socket on one interface, connected to an address: its echo replies come in, with their IPv4 header. → fd */
  icmp4Open(ifindex: number, address: number): number;
  recvMsg(fd: number, buffer: Uint8Array): Received | number;
  /** Sends to an IPv6 address (16 bytes) through an interface, hop limit 255. → bytes */
  sendTo(fd: number, buffer: Uint8Array, address: Uint8Array, ifindex: number): number;
  closeFd(fd: number): number;
  /** Index of an interface name. */
  ifIndex(name: string): number;
  /**
   * Calls back whenever the descriptor is readable, on this thread's event loop, until unwatch. `status`: 0; or -errno,
   * an error that the socket tells only once (-ENOBUFS: netlink messages were lost); -EBADF: the descriptor is of no use
   * any more, and nothing else will come. → handle
   */
  watch(fd: number, callback: (status: number) => void): number;
  unwatch(watch: number): number;

  /** A descriptor that is readable when the wall clock was set, as on waking from sleep; reading fails, and clears it. → fd */
  clockOpen(): number;
  /** Threads share one memory arena from here on: fewer megabytes resident. */
  oneArena(): number;
  /** Gives free memory back to the kernel. */
  trimMemory(): number;
  /** Locks a file, made where there is none, until the descriptor is closed or the process ends. -EWOULDBLOCK: another has it. → fd */
  lockFile(path: string): number;
  sdNotify(path: string, message: string): number;
  threadName(name: string): number;
  pinThread(cpu: number): number;
  /** Moves the calling thread to a network namespace (/run/netns/NAME). */
  enterNetwork(path: string): number;
}

/** The addon, looked for from the folder of this file (src/io, or dist when bundled) up to the package's root. */
export function addonFile(): string {
  const looked: string[] = [];
  // What was built here goes first: a prebuilt binary must never shadow it.
  for (const path of ['native/build/Release/clatd_native.node', `native/prebuilds/linux-${arch()}.node`]) {
    let folder = dirname(fileURLToPath(import.meta.url));
    for (let up = 0; up < 3; up++, folder = dirname(folder)) {
      const file = join(folder, path);
      if (existsSync(file)) return file;
      looked.push(file);
    }
  }
  throw new Error(
    `the native addon is missing (run \`node native/build.js\` in clatd's folder); looked for ${looked.join(', ')}`,
  );
}

let loaded: Native | null = null;

/** Loads the addon at the first call: commands that need no device never touch it. Throws an Error where it is missing. */
export function native(): Native {
  loaded ??= createRequire(import.meta.url)(addonFile()) as Native;
  return loaded;
}
