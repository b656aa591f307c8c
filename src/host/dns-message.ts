/**
 * The one question asked of DNS, the AAAA records of ipv4only.arpa, and its answer (RFC 1035 §4, RFC 7050). Bytes in,
 * values out; no socket, no clock.
 *
 *     | id | flags | questions | answers | authorities | additionals |   2 octets each
 *     record: | name | type 2 | class 2 | TTL 4 | length 2 | data |
 *
 * Read here and not by a library: an answer comes from whoever speaks for the resolver, so every length is checked against
 * what is there, a record's own length included.
 */
import type { Ip6 } from '../address/ip.ts';

export const WELL_KNOWN_NAME = 'ipv4only.arpa';

/** DISC-6, s */
export const TTL_LEAST = 30;
export const TTL_MOST = 86_400;

export type DnsAnswer =
  /** NOERROR with AAAA records. */
  | { readonly is: 'answer'; readonly addresses: readonly Ip6[]; readonly ttl: number }
  /** The name has no AAAA here: there is no DNS64. */
  | { readonly is: 'negative'; readonly why: string }
  /** No answer, or one that says nothing. `silent`: nothing came, so that asking again may help. */
  | { readonly is: 'failed'; readonly why: string; readonly silent?: true };

export interface ReadAnswer {
  readonly answer: DnsAnswer;
  /** The server had more to say than a datagram holds (TC). */
  readonly truncated: boolean;
}

const HEADER = 12;
const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RCODE = 0x000f;
const NXDOMAIN = 3;
/** RFC 1035 §4.1.1, RFC 2136 §2.2; others by number. */
const RCODES: readonly string[] = [
  ...['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'],
  ...['YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'],
];
const AAAA = 28;
const CNAME = 5;
const IN = 1;
const AAAA_BYTES = 16;
/** type, class, TTL, length */
const RECORD_HEADER = 10;
/** RFC 1035 §2.3.4 */
const LONGEST_NAME = 255;
/** One before each label that a name may have: thousands, followed for each record, would take the thread's time. */
const MOST_POINTERS = 127;
/** Longer chains of aliases are a loop, or no better. */
const MOST_ALIASES = 8;

/** CD = 0, RD = 1 (DISC-4). */
export function makeQuestion(id: number): Uint8Array {
  const labels = WELL_KNOWN_NAME.split('.').flatMap((label) => [
    label.length,
    ...Array.from(label, (letter) => letter.charCodeAt(0)),
  ]);
  const header = [id >> 8, id & 255, RECURSION_DESIRED >> 8, RECURSION_DESIRED & 255, 0, 1, 0, 0, 0, 0, 0, 0];
  return Uint8Array.of(...header, ...labels, 0, 0, AAAA, 0, IN);
}

/** A name and where it ends; null: it runs over the end, is too long, or its pointers are too many or lead forward or round. */
function readName(
  message: Uint8Array,
  start: number,
): { readonly name: string; readonly end: number } | null {
  let name = '';
  let end = -1;
  let at = start;
  // A pointer leads to a place before the one it stands for (RFC 1035 §4.1.4): so there is no way round.
  let before = start;
  let pointers = 0;
  for (;;) {
    const length = message[at];
    if (length === undefined) return null;
    if (length === 0) return { name, end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      const low = message[at + 1];
      if (low === undefined) return null;
      if (end < 0) end = at + 2;
      const to = ((length & 0x3f) << 8) | low;
      if (to >= before || ++pointers > MOST_POINTERS) return null;
      before = to;
      at = to;
      continue;
    }
    if (length >= 0x40 || at + 1 + length > message.length) return null;
    let label = '';
    for (const octet of message.subarray(at + 1, at + 1 + length)) label += String.fromCharCode(octet);
    // Names are the same in capitals. A dot inside a label cannot be taken for one between labels.
    name += `${name === '' ? '' : '.'}${label.toLowerCase().replaceAll('.', '\\.')}`;
    if (name.length > LONGEST_NAME) return null;
    at += 1 + length;
  }
}

interface Records {
  /** AAAA by owner. */
  readonly addresses: { readonly owner: string; readonly address: Ip6; readonly ttl: number }[];
  readonly aliases: Map<string, { readonly to: string; readonly ttl: number }>;
  /** The message ends inside a record. */
  readonly cut: boolean;
}

/** The answer section, as far as it is whole. Records of another class, kind or length are passed over. */
function readRecords(message: Uint8Array, view: DataView, start: number, count: number): Records {
  const addresses: { owner: string; address: Ip6; ttl: number }[] = [];
  const aliases = new Map<string, { to: string; ttl: number }>();
  let at = start;
  for (let i = 0; i < count; i++) {
    const owner = readName(message, at);
    if (owner === null || owner.end + RECORD_HEADER > message.length)
      return { addresses, aliases, cut: true };
    const type = view.getUint16(owner.end);
    const inClass = view.getUint16(owner.end + 2) === IN;
    // RFC 2181 §8: with the highest bit set it counts as 0.
    const ttl = Math.max(view.getInt32(owner.end + 4), 0);
    const length = view.getUint16(owner.end + 8);
    const data = owner.end + RECORD_HEADER;
    at = data + length;
    if (at > message.length) return { addresses, aliases, cut: true };
    if (inClass && type === AAAA && length === AAAA_BYTES) {
      const word = (n: number): number => view.getInt32(data + 4 * n);
      addresses.push({ owner: owner.name, address: [word(0), word(1), word(2), word(3)], ttl });
    } else if (inClass && type === CNAME && !aliases.has(owner.name)) {
      const target = readName(message, data);
      if (target !== null && target.end === at) aliases.set(owner.name, { to: target.name, ttl });
    }
  }
  return { addresses, aliases, cut: false };
}

/** The AAAA records of the name that was asked for, or of what it is an alias of. */
function answersIn({ addresses, aliases }: Records): { addresses: Ip6[]; ttl: number } {
  let ttl = TTL_MOST;
  let name = WELL_KNOWN_NAME;
  for (let i = 0; i < MOST_ALIASES; i++) {
    const alias = aliases.get(name);
    if (alias === undefined) break;
    name = alias.to;
    ttl = Math.min(ttl, alias.ttl);
  }
  const own = addresses.filter(({ owner }) => owner === name);
  for (const one of own) ttl = Math.min(ttl, one.ttl);
  return { addresses: own.map(({ address }) => address), ttl: Math.max(ttl, TTL_LEAST) };
}

const failed = (why: string): ReadAnswer => ({ answer: { is: 'failed', why }, truncated: false });

const refusal = (rcode: number): string => `the server answered ${RCODES[rcode] ?? `RCODE ${rcode}`}`;

/** Reads a response to our question; null: it is none of it. `ttl` is clamped (DISC-6). */
export function readAnswer(message: Uint8Array, id: number): ReadAnswer | null {
  if (message.length < HEADER) return null;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  if (view.getUint16(0) !== id || (flags & (RESPONSE | OPCODE)) !== RESPONSE) return null;
  const rcode = flags & RCODE;
  const truncated = (flags & TRUNCATED) !== 0;
  const questions = view.getUint16(4);
  // A server that refuses to read the question may leave it out.
  if (questions === 0 && rcode !== 0 && rcode !== NXDOMAIN) return failed(refusal(rcode));
  const asked = questions === 1 ? readName(message, HEADER) : null;
  if (asked === null || asked.end + 4 > message.length || asked.name !== WELL_KNOWN_NAME) return null;
  if (view.getUint16(asked.end) !== AAAA || view.getUint16(asked.end + 2) !== IN) return null;
  if (rcode === NXDOMAIN)
    return { answer: { is: 'negative', why: 'the name does not exist (NXDOMAIN)' }, truncated };
  if (rcode !== 0) return failed(refusal(rcode));
  const records = readRecords(message, view, asked.end + 4, view.getUint16(6));
  if (records.cut && !truncated) return failed('an answer that cannot be read');
  const { addresses, ttl } = answersIn(records);
  if (addresses.length === 0)
    return { answer: { is: 'negative', why: 'there is no AAAA record' }, truncated };
  return { answer: { is: 'answer', addresses, ttl }, truncated };
}
