/**
 * Whether a NAT64 prefix that the network named may be used (ADDR-1, ADDR-2): the one judgement for what routers and DNS
 * say, in the daemon and in every command that foretells what it would do. Pure.
 */
import type { Prefix6 } from '../address/ip.ts';
import { pool6Fault } from '../config/values.ts';

export interface PrefixJudgement {
  /** Why it cannot be used; null: it can. */
  readonly refused: string | null;
  /** What is wrong with it though it is used; null: nothing. */
  readonly remark: string | null;
}

/** Bits 64 to 71 of an IPv6 address, in its third word. */
const OCTET_8 = 0xff000000;

/**
 * Octet 8 has to be 0 in every prefix (RFC 6052 §2.2). In one of /96 that the network chose it is the network's business,
 * and works all the same; shorter ones end before it.
 */
export function judgePrefix({ address: [a, b, c, d], length }: Prefix6): PrefixJudgement {
  return {
    refused: pool6Fault({ address: [a, b, c & ~OCTET_8, d], length }),
    remark: (c & OCTET_8) === 0 ? null : 'bits 64 to 71 should be 0 (RFC 6052 §2.2): used all the same',
  };
}
