/**
 * Is an address of ours taken? Duplicate address detection (RFC 4862 §5.4, CLAT-4) for an address that no interface of
 * this host has, since the translator has it: the kernel's own would need the host to take it first.
 *
 * Afterwards the same ears stay open: a neighbour that claims the address later is a conflict too.
 */
import { randomBytes } from 'node:crypto';
import type { Ip6 } from '../address/ip.ts';
import { native } from '../io/native.ts';
import { receive } from '../io/receiver.ts';
import { sumBytes } from '../wire/checksum.ts';

const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const ICMPV6 = 58;
/** RFC 4861 §7.1: proof that it comes from this link. */
const HOP_LIMIT = 255;
/** RFC 4862 §5.1 DupAddrDetectTransmits = 1, RFC 4861 §10 RETRANS_TIMER. */
const PATIENCE = 1000; // ms
/** RFC 7527 §4.2: option Nonce, 6 random octets: one's own solicitation may come back. */
const NONCE = 14;
const NONCE_BYTES = 6;
const SOURCE_LINK_LAYER = 1;
const SOLICITATION_BYTES = 32;

/** Where the parts of a neighbour solicitation or advertisement are, from the ICMPv6 type on (RFC 4861 §4.3, §4.4). */
const TARGET = 8;
const OPTIONS = 24;

const UNSPECIFIED = new Uint8Array(16);

export interface Claim {
  /** Nobody has it, as far as can be known: may be used. */
  onFree(): void;
  /** Somebody has it, now or later; the claim is over. */
  onTaken(): void;
}

/**
 * Asks whether anyone on the interface has the address, and listens on until the returned function is called.
 * @returns null: it cannot be asked (no CAP_NET_RAW, or the interface is gone)
 */
export function claimAddress(address: Ip6, ifindex: number, claim: Claim): (() => void) | null {
  const io = native();
  const target = bytesOf(address);
  const nonce = randomBytes(NONCE_BYTES);
  const mouth = io.ipv6Open(ifindex);
  if (mouth < 0) return null;
  let timer: NodeJS.Timeout | null = null;
  const ear = receive(
    {
      open: () => io.icmp6Open(ifindex, Int32Array.of(NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT)),
      message: (message, { hopLimit, source }) => {
        if (hopLimit !== HOP_LIMIT || source === null) return;
        if (!isClaimed(message, target) && !(timer !== null && isWanted(message, source, target, nonce)))
          return;
        end();
        claim.onTaken();
      },
    },
    2048,
  );
  if (typeof ear === 'number') {
    io.closeFd(mouth);
    return null;
  }
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    if (timer !== null) clearTimeout(timer);
    ear.close();
    io.closeFd(mouth);
  };
  // Nobody is asked on a link that lost its carrier; whoever has the address will be heard later.
  io.sendTo(mouth, solicitation(target, nonce), solicitedNode(target), ifindex);
  timer = setTimeout(() => {
    timer = null;
    claim.onFree();
  }, PATIENCE);
  return end;
}

const isAbout = (message: Uint8Array, type: number, target: Uint8Array): boolean =>
  message.length >= OPTIONS &&
  message[0] === type &&
  message[1] === 0 &&
  sameBytes(message.subarray(TARGET, OPTIONS), target) &&
  isWhole(message);

/** RFC 4861 §7.1: a message with an option of length 0, or one that is cut off, is discarded. */
function isWhole(message: Uint8Array): boolean {
  let at = OPTIONS;
  while (at + 2 <= message.length && message[at + 1] !== 0) at += 8 * message[at + 1]!;
  return at === message.length;
}

/** An advertisement of the address by its owner: what this host answers in our place does not come back to it. */
export const isClaimed = (message: Uint8Array, target: Uint8Array): boolean =>
  isAbout(message, NEIGHBOUR_ADVERTISEMENT, target);

/** Somebody else's question whether the address is free: counts as long as we ask the same, afterwards it is refused. */
export const isWanted = (
  message: Uint8Array,
  source: Uint8Array,
  target: Uint8Array,
  nonce: Uint8Array,
): boolean =>
  isAbout(message, NEIGHBOUR_SOLICITATION, target) &&
  sameBytes(source, UNSPECIFIED) &&
  // RFC 4861 §7.1.1: who has no address has no link-layer address to tell.
  !carries(message, SOURCE_LINK_LAYER) &&
  !carries(message, NONCE, nonce);

/** Whether a whole message has such an option (with this value). */
function carries(message: Uint8Array, type: number, value?: Uint8Array): boolean {
  for (let at = OPTIONS; at < message.length; at += 8 * message[at + 1]!) {
    if (message[at] !== type) continue;
    if (value === undefined || sameBytes(message.subarray(at + 2, at + 8 * message[at + 1]!), value))
      return true;
  }
  return false;
}

/** RFC 4862 §5.4.2: from nobody, to the solicited-node multicast address; a whole IPv6 packet. */
export function solicitation(target: Uint8Array, nonce: Uint8Array): Uint8Array {
  const packet = new Uint8Array(40 + SOLICITATION_BYTES);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x60000000);
  view.setUint16(4, SOLICITATION_BYTES);
  packet[6] = ICMPV6;
  packet[7] = HOP_LIMIT;
  packet.set(solicitedNode(target), 24);
  packet[40] = NEIGHBOUR_SOLICITATION;
  packet.set(target, 40 + TARGET);
  packet.set([NONCE, 1, ...nonce], 40 + OPTIONS);
  // RFC 8200 §8.1: both addresses, length and protocol count as well.
  view.setUint16(42, ~sumBytes(view, 8, packet.length - 8, SOLICITATION_BYTES + ICMPV6) & 0xffff);
  return packet;
}

/** ff02::1:ffXX:XXXX, RFC 4291 §2.7.1 */
function solicitedNode(target: Uint8Array): Uint8Array {
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13));
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

function bytesOf(address: Ip6): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of address.entries()) view.setInt32(4 * i, word);
  return bytes;
}
