/** ICMP errors: types, codes, pointers, MTUs. I46-E, I46-PTB, I64-E, I64-PTB. */
import type { ReasonName } from '../../../src/translate/reasons.ts';
import { type Bytes, u16, u32 } from '../packets.ts';
import { lengthAndNext, long, put16, sum, word } from './bytes.ts';
import { joinExtension, type Quote, quote46, quote64, splitExtension } from './quote.ts';
import type { Settings } from './settings.ts';
import { ICMP6 } from './transport.ts';

type Target = { type: number; code: number; word: 'zero' | 'mtu' | number; carries: boolean };

/** I46-E. */
export function target46(message: Bytes): Target | ReasonName {
  const [type, code, , , pointer] = message as [number, number, number, number, number];
  if (type === 11) return { type: 3, code, word: 'zero', carries: true };
  if (type === 3) {
    if ([0, 1, 5, 6, 7, 8, 11, 12].includes(code)) return { type: 1, code: 0, word: 'zero', carries: true };
    if ([9, 10, 13, 15].includes(code)) return { type: 1, code: 1, word: 'zero', carries: true };
    if (code === 2) return { type: 4, code: 1, word: 6, carries: false };
    if (code === 3) return { type: 1, code: 4, word: 'zero', carries: true };
    if (code === 4) return { type: 2, code: 0, word: 'mtu', carries: false };
    return 'IcmpCode46';
  }
  if (type !== 12) return 'IcmpType46';
  if (code !== 0 && code !== 2) return 'IcmpCode46';
  const x = null;
  const to = [0, 1, 4, 4, x, x, x, x, 7, 6, x, x, 8, 8, 8, 8, 24, 24, 24, 24][pointer] ?? null;
  return to === null ? 'IcmpPointer46' : { type: 4, code: 0, word: to, carries: false };
}

/** I64-E. */
export function target64(message: Bytes): Target | ReasonName {
  const [type, code] = message as [number, number];
  const argument = long(message, 4);
  if (type === 1) {
    const to = [1, 10, 1, 1, 3][code];
    return to === undefined ? 'IcmpCode64' : { type: 3, code: to, word: 'zero', carries: true };
  }
  if (type === 2) return argument < 68 ? 'IcmpMtu64' : { type: 3, code: 4, word: 'mtu', carries: false };
  if (type === 3) return { type: 11, code, word: 'zero', carries: true };
  if (type !== 4) return 'IcmpType64';
  if (code === 1) return { type: 3, code: 2, word: 'zero', carries: false };
  if (code !== 0) return 'IcmpCode64';
  const low = [0, 1, null, null, 2, 2, 9, 8];
  const to = argument < 8 ? low[argument]! : argument < 24 ? 12 : argument < 40 ? 16 : null;
  return to === null ? 'IcmpPointer64' : { type: 12, code: 0, word: to, carries: false };
}

export interface Translated {
  message: Bytes;
  quote: Quote;
}

/** The message between the addresses given; everything but the lookup of its outer addresses. */
export function error46(
  of: Settings,
  message: Bytes,
  src6: Bytes,
  dst6: Bytes,
  withoutDestinationEam: boolean,
): Translated | ReasonName {
  const to = target46(message);
  if (typeof to === 'string') return to;
  if (sum(message) !== 0xffff) return 'BadIcmpChecksum46';
  const parts = splitExtension(message.slice(8), message[5]! * 4);
  if (parts === null) return 'IcmpExtension46';
  const quote = quote46(of, parts.quote, parts.extension.length > 0, withoutDestinationEam);
  if (typeof quote === 'string') return quote;
  const { data, attribute } = joinExtension(quote.bytes, to.carries ? parts.extension : [], 1280 - 48, 8);
  let argument = to.word === 'zero' || to.word === 'mtu' ? 0 : to.word;
  if (to.word === 'mtu') {
    const named = word(message, 6);
    const plateaus = of.plateaus.filter((plateau) => plateau < quote.claimed && plateau >= 1280);
    const mtu = named > 0 ? named : Math.max(...plateaus, 0);
    argument = mtu === 0 ? 1280 : Math.max(1280, Math.min(mtu + 20, of.mtu6, of.mtu4 + 20));
  }
  const begin = to.carries ? [attribute, 0, 0, 0] : u32(argument);
  const unsealed = [to.type, to.code, 0, 0, ...begin, ...data];
  const pseudo = [...src6, ...dst6, ...lengthAndNext(unsealed.length, ICMP6)];
  return { message: put16(unsealed, 2, 0xffff - sum(pseudo, unsealed)), quote };
}

export function error64(of: Settings, message: Bytes, src6: Bytes, dst6: Bytes): Translated | ReasonName {
  const to = target64(message);
  if (typeof to === 'string') return to;
  if (sum(src6, dst6, lengthAndNext(message.length, ICMP6), message) !== 0xffff) return 'BadIcmpChecksum64';
  const hasAttribute = message[0] === 1 || message[0] === 3;
  const parts = splitExtension(message.slice(8), hasAttribute ? message[4]! * 8 : 0);
  if (parts === null) return 'IcmpExtension64';
  const quote = quote64(of, parts.quote, parts.extension.length > 0);
  if (typeof quote === 'string') return quote;
  const { data, attribute } = joinExtension(quote.bytes, to.carries ? parts.extension : [], 576 - 28, 4);
  let begin = [0, attribute, 0, 0];
  if (to.word === 'mtu') {
    const most = Math.min(long(message, 4) - (quote.fragmented ? 28 : 20), of.mtu4, of.mtu6 - 20);
    begin = [0, 0, ...u16(Math.min(65535, Math.max(68, most)))];
  } else if (to.word !== 'zero') begin = [to.word, 0, 0, 0];
  const unsealed = [to.type, to.code, 0, 0, ...begin, ...data];
  return { message: put16(unsealed, 2, 0xffff - sum(unsealed)), quote };
}
