/** Following the MTU of an interface (GEN-1): told by the kernel through rtnetlink, never polled. */
import { receive } from '../io/receiver.ts';
import { coalesce } from './events.ts';
import { ipJson } from './iproute.ts';

/** linux/rtnetlink.h */
const RTNLGRP_LINK = 1;

/** The MTU of an interface in bytes. Throws ToolMissingError or ToolFailedError. */
export async function readMtu(name: string): Promise<number> {
  const links = await ipJson<{ mtu: number }>(['link', 'show', 'dev', name]);
  return links[0]!.mtu;
}

/**
 * Calls back with the interface's MTU whenever some link changed; the caller compares.
 * @returns a function that ends it
 */
export function watchMtu(name: string, onMtu: (mtu: number) => void): () => void {
  let reading = false;
  let again = false;
  let ended = false;
  const look = async (): Promise<void> => {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    do {
      again = false;
      // The interface may be gone: whoever serves it hears of that by other means.
      const mtu = await readMtu(name).catch(() => null);
      if (mtu !== null && !ended) onMtu(mtu);
    } while (again && !ended);
    reading = false;
  };
  // What changed is not read from the messages: one look serves any number of them.
  const { ring, stop } = coalesce(() => void look());
  const receiver = receive(
    { open: (io) => io.netlinkOpen(Int32Array.of(RTNLGRP_LINK)), message: ring, lost: ring },
    8192,
  );
  if (typeof receiver === 'number') return () => {};
  return () => {
    ended = true;
    stop();
    receiver.close();
  };
}
