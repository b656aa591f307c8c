/** Which TCP MSS clamping counts where nobody said (CLAT-17). Pure. */
import type { MssClamp } from './config.ts';

/** Whose packets go through the translator besides this host's own. */
export interface Behind {
  /** --lan is given. */
  readonly lan: boolean;
  /** --nat44 is given. */
  readonly nat44: boolean;
  /** Automatic mode: an interface of this host that forwards IPv4 for others; null: none. */
  readonly forwarder: string | null;
}

export interface MssChoice {
  readonly clamp: MssClamp;
  /** For people. */
  readonly why: string;
}

/**
 * This host learns from ICMP errors, and from the MTU of its route, how large its segments may be. Hosts behind it know
 * only their own link's MTU, and where an ICMP error gets lost on its way to them their connections stall.
 */
export function chooseMss(given: MssClamp | null, { lan, nat44, forwarder }: Behind): MssChoice {
  if (given !== null) return { clamp: given, why: '--mss-clamp' };
  if (lan) return { clamp: 'auto', why: 'hosts behind this one, --lan' };
  if (nat44) return { clamp: 'auto', why: 'hosts behind this one, --nat44' };
  if (forwarder !== null) return { clamp: 'auto', why: `${forwarder} forwards IPv4 for others` };
  return { clamp: 'off', why: 'no hosts behind this one' };
}
