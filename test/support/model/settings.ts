/** The options of the model: read once more, plainly, from the same words as the program's. */
import type { RawOptions } from '../../../src/config/load.ts';
import { type Bytes, ip4, ip6 } from '../packets.ts';

/** An address or the beginning of one, a character a bit: slow, and hard to get wrong. */
export type Bits = string;
export const bits = (bytes: Bytes): Bits => bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
export const bytesOf = (text: Bits): Bytes =>
  (text.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));

const prefix = (text: string, parse: (address: string) => Bytes): Bits => {
  const [address, length] = text.split('/');
  const all = bits(parse(address!));
  return all.slice(0, length === undefined ? all.length : Number(length));
};
export const prefix4 = (text: string): Bits => prefix(text, ip4);
export const prefix6 = (text: string): Bits => prefix(text, ip6);

export interface Settings {
  pool6: Bits | null;
  eam: { v4: Bits; v6: Bits }[];
  denylist4: Bits[];
  ipv4Addr: Bytes;
  ipv6Addr: Bytes | null;
  /** RSRC-1; the model knows only pools of one address. */
  errorSource: Bytes;
  mtu6: number;
  mtu4: number;
  /** min(lim, mtu6) */
  lim6: number;
  plateaus: number[];
  udpChecksum: string;
  wkpStrict: boolean;
  strictSuffix: boolean;
  strictSource: boolean;
  hairpin: string;
  zeroTrafficClass: boolean;
  tos: number | null;
  /** bytes; Infinity: off */
  mss: number;
}

const PLATEAUS = '65535,32000,17914,8166,4352,2002,1492,1006,508,296,68';

export function settings(options: RawOptions): Settings {
  const text = (name: string): string | undefined =>
    options[name] === undefined ? undefined : String(options[name]);
  const list = (name: string): readonly string[] => (options[name] ?? []) as readonly string[];
  const number = (name: string, otherwise: number): number => Number(text(name) ?? otherwise);
  const mtu6 = number('ipv6-mtu', 1500);
  const mtu4 = number('ipv4-mtu', 1500);
  const clamp = text('mss-clamp') ?? 'off';
  const auto = Math.min(mtu6 - 60, mtu4 - 40);
  const own6 = text('ipv6-addr');
  const pool6 = text('pool6');
  return {
    pool6: pool6 === undefined ? null : prefix6(pool6),
    eam: list('eam').map((entry) => {
      const [v4, v6] = entry.split('=');
      return { v4: prefix4(v4!), v6: prefix6(v6!) };
    }),
    denylist4: list('denylist4').map(prefix4),
    ipv4Addr: ip4(text('ipv4-addr') ?? '192.0.0.1'),
    ipv6Addr: own6 === undefined ? null : ip6(own6),
    errorSource: ip4((text('rfc6791v4-prefix') ?? '192.0.0.8').split('/')[0]!),
    mtu6,
    mtu4,
    lim6: Math.min(number('lowest-ipv6-mtu', 1280), mtu6),
    plateaus: (text('mtu-plateaus') ?? PLATEAUS).split(',').map(Number),
    udpChecksum: text('udp-cksum-mode') ?? 'calc',
    wkpStrict: options['wkpf-strict'] !== false,
    strictSuffix: options['strict-suffix'] === true,
    strictSource: options['strict-source'] === true,
    hairpin: text('eam-hairpin-mode') ?? 'intrinsic',
    zeroTrafficClass: options['zeroize-traffic-class'] === true,
    tos: text('override-tos') === undefined ? null : Number(text('override-tos')),
    mss: clamp === 'off' ? Number.POSITIVE_INFINITY : clamp === 'auto' ? auto : Number(clamp),
  };
}
