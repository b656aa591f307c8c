/** What holds where no option says otherwise; in words in options.ts. */
import { EamList } from '../address/eam.ts';
import { HairpinMode, type TranslationConfig, UdpCksumMode } from './config.ts';

/** A fresh configuration without pool6 and mappings. */
export function defaultTranslation(): TranslationConfig {
  return {
    pool6: null,
    eam: new EamList(),
    denylist4: [],
    ipv4Addr: 0xc0000001 | 0, // 192.0.0.1
    ipv6Addr: null,
    rfc6791v4Prefix: { address: 0xc0000008 | 0, length: 32 }, // 192.0.0.8
    lowestIpv6Mtu: 1280,
    ipv6Mtu: null,
    ipv4Mtu: null,
    mtuPlateaus: [65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68],
    udpCksumMode: UdpCksumMode.calc,
    wkpfStrict: true,
    strictSuffix: false,
    strictSource: false,
    eamHairpinMode: HairpinMode.intrinsic,
    zeroizeTrafficClass: false,
    overrideTos: null,
    icmpErrors: 'limited',
    mssClamp: null,
  };
}

/** CLAT-6: behind every ordinary metric, so that a native IPv4 default route wins. */
export const DEFAULT_METRIC = 2048;
