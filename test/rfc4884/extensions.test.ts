/** RFC 4884: extensions of ICMP errors. IEXT-*. */
import { describe, expect, test } from 'vitest';
import { drops, must, passes, translate } from '../support/must.ts';
import {
  type Bytes,
  checksum,
  counting,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  ip6,
  PEER6,
  pseudo6,
  u32,
  v4,
  v6,
} from '../support/packets.ts';

const ROUTER4 = '203.0.113.9';
const ROUTER6 = '2001:db8:64::203.0.113.9';
/** An extension structure: opaque to us. */
const extension = (length: number): Bytes => counting(length, 0x80);

/** An IPv4 packet in error of `bytes`, of which the message has all. */
const inner4 = (bytes: number): Bytes => v4({ ttl: 9, proto: 99, payload: counting(bytes - 20) });
const inner6 = (bytes: number): Bytes =>
  v6({ src: PEER6, dst: HOST6, hop: 9, next: 99, payload: counting(bytes - 40) });
const message4 = (
  type: number,
  code: number,
  quote: Bytes,
  ie: Bytes,
  length = quote.length / 4,
  first = 0,
): Bytes =>
  v4({
    src: ROUTER4,
    dst: HOST4,
    proto: 1,
    payload: icmp4(type, code, [first, length, 0, 0], [...quote, ...ie]),
  });
const message6 = (type: number, code: number, quote: Bytes, ie: Bytes, length = quote.length / 8): Bytes =>
  v6({
    src: ROUTER6,
    dst: PEER6,
    next: 58,
    payload: icmp6(
      type,
      code,
      type === 2 || type === 4 ? u32(0x100 + length) : [length, 0, 0, 0],
      [...quote, ...ie],
      ROUTER6,
      PEER6,
    ),
  });

/** Takes a translated message apart and checks lengths and checksums. */
function apart(packet: Bytes): { data: Uint8Array; length: number; quote: Uint8Array; rest: Uint8Array } {
  const { outputs, verdict } = translate(packet);
  expect(verdict).toBe('translated');
  const [output] = outputs;
  const isV6 = output![0]! >>> 4 === 6;
  const icmp = output!.subarray(isV6 ? 40 : 20);
  const declared = isV6 ? output![4]! * 256 + output![5]! : output![2]! * 256 + output![3]! - 20;
  expect(icmp.length).toBe(declared);
  expect(output!.length).toBeLessThanOrEqual(isV6 ? 1280 : 576);
  const even = icmp.length % 2 === 0 ? [...icmp] : [...icmp, 0];
  expect(isV6 ? checksum(pseudo6(ROUTER6, HOST6, 58, icmp.length), even) : checksum(even)).toBe(0);
  const length = isV6 ? icmp[4]! * 8 : icmp[5]! * 4;
  const data = icmp.subarray(8);
  return {
    data,
    length,
    quote: data.subarray(0, length === 0 ? data.length : length),
    rest: length === 0 ? new Uint8Array() : data.subarray(length),
  };
}

describe('46', () => {
  test('IEXT-6, IEXT-8: (132, 20) is (152, 19)', () => {
    const { quote, rest, length } = apart(message4(3, 1, inner4(132), extension(20)));
    expect(length / 8).toBe(19);
    expect(quote.length).toBe(152);
    expect([...rest]).toEqual(extension(20));
    expect([...quote.subarray(24, 40)]).toEqual(ip6('2001:db8:64::198.51.100.2'));
  });
  test('IEXT-1: Time Exceeded has one too', () => {
    const { rest, length } = apart(message4(11, 0, inner4(128), extension(8)));
    expect(length).toBe(152); // 148 padded to a multiple of 8
    expect([...rest]).toEqual(extension(8));
  });
  test('IEXT-6: short quotes are padded to 128 with zeros', () => {
    const { quote, rest } = apart(message4(3, 1, inner4(48), extension(4)));
    expect(quote.length).toBe(128);
    expect([...quote.subarray(68)]).toEqual(new Array<number>(60).fill(0));
    expect([...rest]).toEqual(extension(4));
  });
  test('IEXT-3: padding of the sender is stripped', () => {
    const padded = [...inner4(48), ...new Array<number>(80).fill(0xee)];
    const { quote } = apart(message4(3, 1, padded, extension(4)));
    expect([...quote]).not.toContain(0xee);
    expect(quote.length).toBe(128);
  });
  test('IEXT-3: without an attribute nothing is stripped', () => {
    const { data } = apart(message4(3, 1, [...inner4(48), 1, 2, 3], [], 0));
    expect([...data.subarray(68)]).toEqual([1, 2, 3]);
  });
  describe.each([
    ['an echo that claims 4 bytes', 4],
    ['an echo that claims 7 bytes', 7],
  ])('IEXT-3: padding makes no header of %s', (_, claimed) => {
    const echo = v4({ ttl: 9, proto: 1, payload: icmp4(8, 0, u32(7), counting(4)) }).slice(0, 20 + claimed);
    const cut = echo.with(3, 20 + claimed);
    const padded = [...cut, ...new Array<number>(128 - cut.length).fill(0)];
    must('IEXT-3', 'with an extension', message4(3, 1, padded, extension(8)), drops('InnerShort46'));
    // Old-style extensions (RFC 4884 §5): nobody says where the padding begins.
    must('IEXT-3', 'without', message4(3, 1, padded, [], 0), passes);
  });
  test('IEXT-3: a checksum that the claimed length cuts in two is not adjusted', () => {
    const udp = v4({ ttl: 9, proto: 17, payload: [0, 7, 0, 9, 0, 8, 0xab, 0xcd] }).with(3, 27);
    const { quote } = apart(message4(3, 1, [...udp, ...new Array<number>(100).fill(0)], extension(8)));
    expect([...quote.subarray(40, 48)]).toEqual([0, 7, 0, 9, 0, 8, 0xab, 0]);
  });
  must('IEXT-2', 'a length past the message', message4(3, 1, inner4(48), [], 13), drops('IcmpExtension46'));
  test('IEXT-2: a length of the whole is none', () => {
    const { length, data } = apart(message4(3, 1, inner4(48), [], 12));
    expect(length).toBe(0);
    expect(data.length).toBe(68);
  });
  test.each([
    [3, 2, 0],
    [3, 4, 0],
    [12, 0, 1],
  ])('IEXT-4: %i/%i cannot carry one', (type, code, first) => {
    const { length, data } = apart(message4(type, code, inner4(128), extension(8), 32, first));
    // Types 2 and 4 have no attribute: the word is the pointer or the MTU, and the quote stands alone.
    expect(data.length).toBe(148);
    expect(length).toBe(0);
  });
  test('IEXT-5: an extension of 1104 stays, of 1108 goes', () => {
    const stays = apart(message4(3, 1, inner4(400), extension(1104), 100));
    expect(stays.quote.length).toBe(128);
    expect(stays.rest.length).toBe(1104);
    const goes = apart(message4(3, 1, inner4(400), extension(1108), 100));
    expect(goes.length).toBe(0);
    expect(goes.data.length).toBe(420);
  });
  test('IEXT-7: without extension a plain cut at 1280', () => {
    const { data, length } = apart(message4(3, 1, inner4(1400), [], 0));
    expect(length).toBe(0);
    expect(data.length).toBe(1232);
    expect(data[4]! * 256 + data[5]!).toBe(1380); // the claimed length stays
  });
});

describe('64', () => {
  test.each([
    [528, 40, 508, 127],
    [536, 40, 508, 127],
    [128, 420, 128, 32],
  ])('IEXT-8: (%i, %i) is (%i, %i)', (quoted, ie, field, length) => {
    const got = apart(message6(1, 0, inner6(quoted), extension(ie)));
    expect(got.length / 4).toBe(length);
    expect(got.quote.length).toBe(field);
    expect([...got.rest]).toEqual(extension(ie));
  });
  test('IEXT-8: (128, 421) is (108, none)', () => {
    const { length, data } = apart(message6(3, 0, inner6(128), extension(421)));
    expect(length).toBe(0);
    expect(data.length).toBe(108);
  });
  describe.each([
    ['an echo that claims 4 bytes', 4],
    ['an echo that claims 7 bytes', 7],
  ])('IEXT-3: padding makes no header of %s', (_, claimed) => {
    const whole = v6({
      src: PEER6,
      dst: HOST6,
      hop: 9,
      next: 58,
      payload: icmp6(128, 0, u32(7), counting(4), PEER6, HOST6),
    });
    const cut = whole.slice(0, 40 + claimed).with(5, claimed);
    const padded = [...cut, ...new Array<number>(128 - cut.length).fill(0)];
    must('IEXT-3', 'with an extension', message6(1, 0, padded, extension(8)), drops('InnerShort64'));
    must('IEXT-3', 'without', message6(1, 0, padded, [], 0), passes);
  });
  test('IEXT-3: a checksum that the claimed length cuts in two is not adjusted', () => {
    const udp = v6({ src: PEER6, dst: HOST6, hop: 9, next: 17, payload: [0, 7, 0, 9, 0, 8, 0xab, 0xcd] });
    const padded = [...udp.with(5, 7), ...new Array<number>(80).fill(0)];
    const { quote } = apart(message6(1, 0, padded, extension(8)));
    expect([...quote.subarray(20, 28)]).toEqual([0, 7, 0, 9, 0, 8, 0xab, 0]);
  });
  must('IEXT-2', 'a length past the message', message6(1, 0, inner6(48), [], 7), drops('IcmpExtension64'));
  test('IEXT-4: Packet Too Big has no attribute', () => {
    const { data } = apart(message6(2, 0, inner6(128), extension(8), 1000));
    expect(data.length).toBe(116);
  });
  test('IEXT-7: without extension a plain cut at 576', () => {
    const { data, length } = apart(message6(1, 0, inner6(1200), [], 0));
    expect(length).toBe(0);
    expect(data.length).toBe(548);
    expect(data[2]! * 256 + data[3]!).toBe(1180);
  });
});
