/** What this process may do on the host. */
import { readFileSync } from 'node:fs';

export interface Identity {
  /** Effective. */
  readonly uid: number;
  readonly netAdmin: boolean;
  readonly netRaw: boolean;
}

/** linux/capability.h */
const CAP_NET_ADMIN = 12n;
const CAP_NET_RAW = 13n;

/** The effective user and capabilities in /proc/PID/status. */
export function identityIn(status: string): Identity {
  const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? -1);
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: bigint): boolean => ((effective >> capability) & 1n) === 1n;
  return { uid, netAdmin: has(CAP_NET_ADMIN), netRaw: has(CAP_NET_RAW) };
}

/** Of this process; null: /proc does not say. */
export function ownIdentity(): Identity | null {
  try {
    return identityIn(readFileSync('/proc/self/status', 'utf8'));
  } catch {
    return null;
  }
}

/** Why `clatd run` would fail at its first change of the host, and the remedy; null: it may make changes. */
export function lackingPrivilege(identity: Identity | null): string | null {
  if (identity === null || identity.netAdmin) return null;
  return identity.uid === 0
    ? 'needs CAP_NET_ADMIN, which root does not have here: give a container --cap-add NET_ADMIN --cap-add NET_RAW --device /dev/net/tun'
    : 'needs root (CAP_NET_ADMIN): start it with sudo, or as a service (systemctl start clatd); only --no-configure on a TUN device of your own does without';
}
