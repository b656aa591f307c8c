/**
 * Told by the kernel when something changes on the host: links, addresses, routes, policy rules, forwarding, router
 * advertisements, resolvers. What changed is not read from the messages (only a router's word is): whoever cares reads
 * the host anew, once for a burst of messages. What the kernel tells nobody of is in quiet.ts.
 */
import { type FSWatcher, readSync, statSync, watch as watchFile } from 'node:fs';
import { endianness, uptime } from 'node:os';
import { basename } from 'node:path';
import { native } from '../io/native.ts';
import { receive } from '../io/receiver.ts';
import { type RouterWord, readNetlinkOptions } from './pref64.ts';
import { RESOLV_CONF, RESOLVER_DIRECTORIES, resolverPlaces } from './resolvers.ts';

/**
 * RTNLGRP_ of linux/rtnetlink.h: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_IFINFO, IPV6_RULE,
 * ND_USEROPT, IPV4_NETCONF, IPV6_NETCONF (forwarding, force_forwarding, proxy_ndp, rp_filter). Not NEIGH: a busy host's
 * neighbours come and go all the time.
 */
const GROUPS = Int32Array.of(1, 5, 7, 8, 9, 11, 12, 19, 20, 24, 25);
/** A burst of messages is one event: setting up an interface is a dozen within some milliseconds. */
const BURST_MS = 20;
/** A burst that overruns the socket once does it again and again. */
const LOST_MS = 2000;
const BUFFER = 65_536;

/**
 * Calls `act` once for any number of calls within `ms` after the first.
 * @returns the trigger, and a function that ends it
 */
export function coalesce(act: () => void, ms: number = BURST_MS): { ring(): void; stop(): void } {
  let timer: NodeJS.Timeout | null = null;
  return {
    ring() {
      timer ??= setTimeout(() => {
        timer = null;
        act();
      }, ms);
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

export interface HostListener {
  /** Links, addresses, routes, rules or forwarding changed, or may have. */
  onHost(): void;
  /** What the kernel passed on of a router advertisement it processed. */
  onRouter?(word: RouterWord): void;
  /** The kernel had more to tell than could be queued, for the `count`th time: routers' words may be among it. */
  onLost(count: number): void;
}

/** Listens until the returned function is called. Throws where the kernel refuses. */
export function watchHost({ onHost, onRouter, onLost }: HostListener): () => void {
  const littleEndian = endianness() === 'LE';
  const changed = coalesce(onHost);
  let count = 0;
  const lost = coalesce(() => onLost(count), LOST_MS);
  const receiver = receive(
    {
      open: (io) => io.netlinkOpen(GROUPS),
      message: (message) => {
        const words = readNetlinkOptions(message, littleEndian);
        for (const word of words) onRouter?.(word);
        if (words.length === 0) changed.ring();
      },
      lost: () => {
        count++;
        changed.ring();
        lost.ring();
      },
    },
    BUFFER,
  );
  if (typeof receiver === 'number')
    throw new Error(`no events from the kernel: rtnetlink cannot be opened (error ${-receiver})`);
  return () => {
    changed.stop();
    lost.stop();
    receiver.close();
  };
}

/** For the log. */
export const lostEvents = (count: number): string =>
  `the kernel had more events than could be queued${count === 1 ? '' : ` (${count} times so far)`}: everything is read anew`;

/** linux/netfilter/nfnetlink.h */
const NFNLGRP_NFTABLES = Int32Array.of(7);

/** Some firewall rule changed, ours included. Where the kernel has no nftables nothing is told. */
export function watchFirewall(onFirewall: () => void): () => void {
  // A firewall is loaded anew in one piece, or rule by rule.
  const { ring, stop } = coalesce(onFirewall, 200);
  const receiver = receive(
    { open: (io) => io.netfilterOpen(NFNLGRP_NFTABLES), message: ring, lost: ring },
    BUFFER,
  );
  if (typeof receiver === 'number') return () => {};
  return () => {
    stop();
    receiver.close();
  };
}

/** Less than this between two clocks is their resolution, ms. */
const NAP = 1000;

/** Tells sleep from a clock that was set: only asleep does the time since boot go on without the monotonic clock. */
export function sleptBetween(
  before: { readonly boot: number; readonly monotonic: number },
  after: { readonly boot: number; readonly monotonic: number },
): boolean {
  return after.boot - before.boot - (after.monotonic - before.monotonic) > NAP;
}

/** Calls back when the machine has slept (suspend, a paused virtual machine) and is awake again. */
export function watchSleep(onAwake: () => void): () => void {
  const io = native();
  const fd = io.clockOpen();
  if (fd < 0) return () => {};
  const look = () => ({ boot: uptime() * 1000, monotonic: performance.now() });
  let before = look();
  const buffer = new Uint8Array(8);
  const handle = io.watch(fd, () => {
    try {
      readSync(fd, buffer);
    } catch {
      // ECANCELED: the clock jumped; that is all there is to read.
    }
    const after = look();
    const slept = sleptBetween(before, after);
    before = after;
    if (slept) onAwake();
  });
  return () => {
    io.unwatch(handle);
    io.closeFd(fd);
  };
}

/**
 * Resolvers come to programs in files: told of changes by inotify. What is not there yet is waited for; what cannot be
 * watched is passed over.
 */
export function watchResolvers(
  onResolvers: () => void,
  resolvConf: string = RESOLV_CONF,
  directories: readonly string[] = RESOLVER_DIRECTORIES,
): () => void {
  const { ring, stop } = coalesce(onResolvers, 200);
  const watchers = new Map<string, FSWatcher>();

  const forget = (key: string): void => {
    watchers.get(key)?.close();
    watchers.delete(key);
  };
  const add = (key: string, path: string, name: string | null): boolean => {
    try {
      const watcher = watchFile(path, { persistent: false }, (event, changed) => {
        // inotify names what it watches itself when that is deleted or moved away: then it watches nothing any more.
        const gone = event === 'rename' && changed === basename(path);
        if (gone) forget(key);
        if (!gone && name !== null && changed !== null && changed !== name) return;
        ring();
        follow();
      });
      watcher.on('error', () => forget(key));
      watchers.set(key, watcher);
      return true;
    } catch {
      return false;
    }
  };
  /** Watches what is to be watched now. @returns true where something new is */
  const rewatch = (): boolean => {
    const wanted = new Map<string, readonly [path: string, name: string | null]>();
    for (const { directory, name } of resolverPlaces(resolvConf, directories))
      wanted.set(identify(directory, name), [directory, name]);
    // The file by itself too: in a container it may be mounted from elsewhere.
    wanted.set(identify(resolvConf, null), [resolvConf, null]);
    for (const key of watchers.keys()) if (!wanted.has(key)) forget(key);
    let some = false;
    for (const [key, [path, name]] of wanted) if (!watchers.has(key) && add(key, path, name)) some = true;
    return some;
  };
  /** Once more after each new watch: what changed before it stood was not told. */
  const follow = (): void => {
    while (rewatch());
  };
  follow();
  return () => {
    stop();
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
  };
}

/** The same path may be another file by now. */
function identify(path: string, name: string | null): string {
  try {
    const { dev, ino } = statSync(path);
    return JSON.stringify([path, name, dev, ino]);
  } catch {
    return JSON.stringify([path, name]);
  }
}
