/** Config -> Tables. The only place where a device's MTU meets the configuration. */
import { compileEam } from '../address/eam-table.ts';
import type { Inside } from '../address/inside.ts';
import { mask32 } from '../address/ip.ts';
import { shared32 } from '../address/shared.ts';
import type { Tables } from '../translate/tables.ts';
import type { TranslationConfig } from './config.ts';

/** First 64 bits and length of the well-known prefix 64:ff9b::/96 (RFC 6052 §2.1). */
const WELL_KNOWN = 0x0064ff9b;

/** A copy in shared memory, so that handing Tables to a thread copies nothing. */
function shared(values: readonly number[]): Int32Array {
  const array = shared32(values.length);
  array.set(values);
  return array;
}

/**
 * Compiles a checked configuration.
 * @param deviceMtu MTU of the TUN device in bytes (1500 where there is none), used where the options name no MTU (GEN-1)
 * @param inside what is on this side of the translator, where the daemon configures the host (CLAT-13)
 */
export function compile(config: TranslationConfig, deviceMtu: number, inside: Inside | null = null): Tables {
  const mtu6 = config.ipv6Mtu ?? deviceMtu;
  const mtu4 = config.ipv4Mtu ?? deviceMtu;
  const pool6 = config.pool6;
  const [a, b, c, d] = pool6 === null ? [0, 0, 0, 0] : pool6.address;
  const wellKnown = pool6 !== null && pool6.length === 96 && a === WELL_KNOWN && b === 0 && c === 0;
  return {
    eam: compileEam(config.eam),
    pool6Length: pool6 === null ? 0 : pool6.length,
    pool6a: a,
    pool6b: b,
    pool6c: c,
    pool6d: d,
    wellKnownStrict: config.wkpfStrict && wellKnown,
    strictSuffix: config.strictSuffix,
    strictSource: config.strictSource,
    inside,
    denylist: shared(config.denylist4.flatMap((prefix) => [prefix.address, mask32(prefix.length)])),
    ipv4Addr: config.ipv4Addr,
    ipv6Addr: config.ipv6Addr === null ? null : shared(config.ipv6Addr),
    rfc6791Address: config.rfc6791v4Prefix.address,
    rfc6791HostMask: ~mask32(config.rfc6791v4Prefix.length),
    mtu6,
    mtu4,
    lim6: Math.min(config.lowestIpv6Mtu, mtu6),
    plateaus: shared(config.mtuPlateaus),
    udpZeroChecksum: config.udpCksumMode,
    hairpin: config.eamHairpinMode,
    zeroizeTrafficClass: config.zeroizeTrafficClass,
    overrideTos: config.overrideTos ?? -1,
    mssLimit:
      config.mssClamp === 'off' || config.mssClamp === null
        ? 0
        : config.mssClamp === 'auto'
          ? Math.max(1, Math.min(mtu6 - 60, mtu4 - 40))
          : config.mssClamp,
  };
}
