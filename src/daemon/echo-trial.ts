/**
 * The same question from two addresses of one network: one that the host has, and one that clatd chose (CLAT-15). Only
 * where the first is answered and the second is not does the network deliver to addresses it assigned, and no others.
 */
import type { Ip6 } from '../address/ip.ts';

export interface Trial {
  /** The address in question. */
  readonly tried: Ip6;
  /** One of the host's own. */
  readonly own: Ip6;
  /** Who is asked. */
  readonly destination: Ip6;
}

export type Verdict =
  /** The address in question is. */
  | 'answered'
  /** Only the host's own is. */
  | 'unanswered'
  /** Neither is: that says nothing. */
  | 'nobody';

const REQUESTS = 3;
/** Of the host's own address: one answer may be chance, on a link that loses most. */
const ANSWERS = 2;

/**
 * @param ping resolves with whether an answer came in time
 * @param heard resolves with whether anything came back to the address in question by another way
 */
export async function tryAddress(
  { tried, own, destination }: Trial,
  ping: (from: Ip6, to: Ip6) => Promise<boolean>,
  heard: () => Promise<boolean>,
): Promise<Verdict> {
  let answers = 0;
  for (let request = 0; request < REQUESTS; request++) {
    const [byTried, byOwn] = await Promise.all([ping(tried, destination), ping(own, destination)]);
    if (byTried || (await heard())) return 'answered';
    if (byOwn) answers++;
  }
  return answers >= ANSWERS ? 'unanswered' : 'nobody';
}
