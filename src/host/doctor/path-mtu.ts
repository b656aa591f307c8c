/** How large packets may be on the way to a target: by asking with full ones, and heeding who says that they do not fit. */
import type { Echo, Ping } from './ping.ts';

export type PathMtu =
  | { readonly is: 'full'; readonly bytes: number }
  /** `from` said that no more fits, and so much does; null: this host knew already. */
  | { readonly is: 'told'; readonly bytes: number; readonly from: string | null }
  /** What is larger than `bytes`, the largest of the usual sizes that passes, vanishes without a word. */
  | { readonly is: 'mute'; readonly bytes: number }
  | { readonly is: 'unknown'; readonly why: string };

/** What tunnels, DSL lines and clouds leave of 1500 bytes. */
const USUAL = [
  8000, 1500, 1492, 1480, 1472, 1460, 1450, 1440, 1420, 1400, 1380, 1340, 1320, 1300, 1281, 1280,
];
/** Every link takes packets of this size (RFC 8200 §5). */
export const LEAST_MTU6 = 1280;
/** Every link on the way may be a narrower one. */
const TELLINGS = 5;

/**
 * @param address IPv6; it has answered a small echo
 * @param mtu of the first link, bytes
 */
export async function findPathMtu(ping: Ping, address: string, mtu: number): Promise<PathMtu> {
  const tryWith = (bytes: number): Promise<Echo> => ping({ family: 6, address, bytes });
  let bytes = mtu;
  let from: string | null | undefined;
  for (let told = 0; told <= TELLINGS; told++) {
    const echo = await tryWith(bytes);
    switch (echo.is) {
      case 'reply':
        return from === undefined ? { is: 'full', bytes } : { is: 'told', bytes, from };
      case 'too-big':
        if (echo.mtu >= bytes || echo.mtu < LEAST_MTU6) {
          return { is: 'unknown', why: `${echo.from ?? 'this host'} speaks of an MTU of ${echo.mtu}` };
        }
        bytes = echo.mtu;
        // The router's own word goes before what this host made of it.
        from = echo.from ?? from ?? null;
        break;
      case 'silent': {
        const passes = await largestUsual(tryWith, bytes);
        return passes === null
          ? { is: 'unknown', why: 'no answer to packets of any size now' }
          : { is: 'mute', bytes: passes };
      }
      case 'refused':
        return { is: 'unknown', why: `${echo.from} says: ${echo.why}` };
      case 'unsent':
        return { is: 'unknown', why: echo.why };
    }
  }
  return { is: 'unknown', why: 'one router after the other names a smaller MTU' };
}

/** All at once, since each that is lost takes its time. */
async function largestUsual(
  tryWith: (bytes: number) => Promise<Echo>,
  below: number,
): Promise<number | null> {
  const sizes = USUAL.filter((size) => size < below);
  const echoes = await Promise.all(sizes.map(tryWith));
  return sizes.find((_, i) => echoes[i]!.is === 'reply') ?? null;
}
