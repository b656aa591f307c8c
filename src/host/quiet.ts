/**
 * What the kernel tells nobody of: that a neighbour proxy entry was deleted, or accept_ra or proxy_delay set. The one thing
 * that is polled (CLAT-16): every 30 s while there is any of ours, by no more than one `ip` and some files of /proc.
 */
import { equal6 } from '../address/ip.ts';
import { ipJson } from './iproute.ts';
import type { Done } from './plan.ts';
import type { HostProxy } from './state.ts';
import type { Sysctls } from './sysctl.ts';
import { parseKernel6 } from './text.ts';
import { isChanged } from './undone.ts';

const EVERY = 30_000; // ms

/** Throws ToolMissingError or ToolFailedError. */
async function readProxies(): Promise<HostProxy[]> {
  const entries = await ipJson<{ dst: string; dev: string }>(['-6', 'neighbour', 'show', 'proxy']);
  return entries.map(({ dst, dev }) => ({ dev, address: parseKernel6(dst) }));
}

/** Is something of what was done not so any more, of which there is no event? */
export async function isQuietlyUndone(
  done: readonly Done[],
  sysctls: Sysctls,
  proxies: () => Promise<readonly HostProxy[]> = readProxies,
): Promise<boolean> {
  if (done.some(({ step }) => step.kind === 'sysctl' && isChanged(step, sysctls))) return true;
  const ours = done.flatMap(({ step }) => (step.kind === 'proxy' ? [step] : []));
  if (ours.length === 0) return false;
  const present = await proxies();
  return ours.some(
    (one) =>
      !present.some(({ dev, address }) => dev === one.dev && equal6(address, parseKernel6(one.address))),
  );
}

/** Calls `act` every 30 s where `isDue` says so, until the returned function is called. */
export function watchQuiet(isDue: () => Promise<boolean>, act: () => void): () => void {
  let busy = false;
  let ended = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    isDue()
      // What cannot be seen now is seen at the next look.
      .catch(() => false)
      .then((due) => {
        busy = false;
        if (due && !ended) act();
      });
  }, EVERY);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
