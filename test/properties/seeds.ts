/** Builders for the fuzz corpus: those of the tests, and ICMP errors with a packet inside. */
import { type Bytes, HOST4, HOST6, icmp4, icmp6, PEER6, udp, v4, v6 } from '../support/packets.ts';

export * from '../support/packets.ts';

export const inside4 = (type: number, code: number, word: Bytes): Bytes =>
  v4({
    src: '203.0.113.9',
    dst: HOST4,
    proto: 1,
    payload: icmp4(type, code, word, v4({ proto: 17, payload: udp().in4() })),
  });
export const inside6 = (type: number, code: number, word: Bytes): Bytes => {
  const src = '2001:db8:64::203.0.113.9';
  const inner = v6({ src: PEER6, dst: HOST6, next: 17, payload: udp().in6(PEER6, HOST6) });
  return v6({ src, dst: PEER6, next: 58, payload: icmp6(type, code, word, inner, src, PEER6) });
};
