/** Who an IPv4 address of this host wrote to lately, and whether anything came back to it. */
import type { Ip4 } from '../address/ip.ts';
import type { Pairs } from '../dataplane/messages.ts';

export interface Exchange {
  /** Destinations of packets from the address. */
  readonly sent: readonly Ip4[];
  /** Some packet to the address; ICMP errors do not count. */
  readonly received: boolean;
}

/** @param all of every data-plane thread */
export function exchangeOf(address: Ip4, all: readonly Pairs[]): Exchange {
  const sent = new Set<Ip4>();
  let received = false;
  for (const pairs of all) {
    for (let i = 0; i < pairs.sent.length; i += 2) {
      if (pairs.sent[i] === address) sent.add(pairs.sent[i + 1]!);
    }
    for (let i = 1; i < pairs.received.length; i += 2) {
      if (pairs.received[i] === address) received = true;
    }
  }
  return { sent: [...sent], received };
}
