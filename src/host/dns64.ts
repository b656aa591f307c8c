/**
 * The NAT64's prefix from DNS (RFC 7050): a DNS64 answers the question for the AAAA of ipv4only.arpa with the well-known
 * IPv4 addresses embedded in every prefix it uses.
 *
 * Own questions by UDP and TCP, since node:dns loses the zone of link-local resolvers (fe80::53%eth0) on Node 20 to 26.
 * Nothing is validated (RFC 7050 §3.1, DISC-8): whoever speaks for the resolver decides where IPv4 packets go.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Answer, Packet } from 'dns-packet';
import dns from 'dns-packet';
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import { type Ip6, mask32, type Prefix6, samePrefix6 } from '../address/ip.ts';
import { extract, PREFIX_LENGTHS } from '../address/rfc6052.ts';
import { formatServer, type Server } from '../config/server.ts';
import { pool6Fault } from '../config/values.ts';

import { parseKernel6 } from './text.ts';

export const WELL_KNOWN_NAME = 'ipv4only.arpa';
/** 192.0.0.170 and 192.0.0.171 (RFC 7050 §2.2). */
const WELL_KNOWN4: readonly number[] = [0xc00000aa | 0, 0xc00000ab | 0];

/** DISC-4 */
const TIMEOUT_MS = 3000;
const TRIES = 3;
/** A server that has not answered by then is joined by the next one. */
const STAGGER_MS = 1000;
/** DISC-6, s */
export const TTL_LEAST = 30;
export const TTL_MOST = 86_400;

export interface FoundPrefixes {
  /** In received order, each once. */
  readonly prefixes: readonly Prefix6[];
  /** What was left out, one sentence each. */
  readonly notes: readonly string[];
}

interface Hit {
  readonly prefix: Prefix6;
  readonly v4: number;
}

/** Prefixes in the AAAA records of the well-known name (DISC-5, RFC 7050 §3). Pure. */
export function prefixesFromAaaa(addresses: readonly Ip6[]): FoundPrefixes {
  const prefixes: Prefix6[] = [];
  const notes: string[] = [];
  const hits = addresses.map(hitsIn);
  const ofOther = (one: Hit): boolean =>
    hits.flat().some((other) => other.v4 !== one.v4 && samePrefix6(other.prefix, one.prefix));
  for (const [i, address] of addresses.entries()) {
    const all = hits[i]!;
    const kept = all.length > 1 ? all.filter(ofOther) : all;
    if (kept.length !== 1) {
      notes.push(
        all.length === 0
          ? `${formatIp6(address)} embeds no well-known address`
          : `${formatIp6(address)} is ambiguous: it may be of ${all.map((hit) => formatPrefix6(hit.prefix)).join(' or ')}`,
      );
      continue;
    }
    const { prefix } = kept[0]!;
    const fault = pool6Fault(prefix);
    if (fault !== null) notes.push(`${formatPrefix6(prefix)}: ${fault}`);
    else if (!prefixes.some((known) => samePrefix6(known, prefix))) prefixes.push(prefix);
  }
  return { prefixes, notes };
}

function hitsIn(address: Ip6): Hit[] {
  const [a, b, c, d] = address;
  // Octet 8 is 0 in every form, /96 included (RFC 6052 §2.2).
  if (c >>> 24 !== 0) return [];
  return PREFIX_LENGTHS.flatMap((length) => {
    const v4 = extract(b, c, d, length);
    const masked = [a, b, c, d].map((word, i) => word & mask32(length - 32 * i)) as [
      number,
      number,
      number,
      number,
    ];
    return WELL_KNOWN4.includes(v4) ? [{ prefix: { address: masked, length }, v4 }] : [];
  });
}

export type DnsAnswer =
  /** NOERROR with AAAA records. */
  | { readonly is: 'answer'; readonly addresses: readonly Ip6[]; readonly ttl: number }
  /** The name has no AAAA here: there is no DNS64. */
  | { readonly is: 'negative'; readonly why: string }
  /** No answer, or one that says nothing. */
  | { readonly is: 'failed'; readonly why: string };

/** Reads a response to our question; null: it is none of it. `ttl` is clamped (DISC-6). */
export function readAnswer(message: Uint8Array, id: number): DnsAnswer | 'truncated' | null {
  let packet: Packet;
  try {
    packet = dns.decode(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
  } catch {
    return null;
  }
  const question = packet.questions?.[0];
  if (packet.id !== id || packet.type !== 'response') return null;
  if (question?.type !== 'AAAA' || question.name.toLowerCase() !== WELL_KNOWN_NAME) return null;
  const flags = packet.flags ?? 0;
  if ((flags & dns.TRUNCATED_RESPONSE) !== 0) return 'truncated';
  const rcode = (packet as Packet & { rcode?: string }).rcode ?? 'NOERROR';
  if (rcode === 'NXDOMAIN') return { is: 'negative', why: 'the name does not exist (NXDOMAIN)' };
  if (rcode !== 'NOERROR') return { is: 'failed', why: `the server answered ${rcode}` };
  const records = (packet.answers ?? []).filter((one): one is Answer & { ttl: number; data: string } => {
    return one.type === 'AAAA';
  });
  if (records.length === 0) return { is: 'negative', why: 'there is no AAAA record' };
  const least = Math.min(...records.map(({ ttl }) => ttl));
  return {
    is: 'answer',
    addresses: records.map(({ data }) => parseKernel6(data)),
    ttl: Math.min(Math.max(least, TTL_LEAST), TTL_MOST),
  };
}

/** CD = 0, RD = 1 (DISC-4). */
function question(id: number): Packet {
  return {
    type: 'query',
    id,
    flags: dns.RECURSION_DESIRED,
    questions: [{ type: 'AAAA', name: WELL_KNOWN_NAME }],
  };
}

const newId = (): number => Math.floor(Math.random() * 65_536);

export interface AskOptions {
  readonly timeoutMs?: number;
  readonly tries?: number;
  readonly signal?: AbortSignal;
}

/** Asks one server, repeatedly while it does not answer. Never rejects. */
export async function askServer(server: Server, options: AskOptions = {}): Promise<DnsAnswer> {
  const { timeoutMs = TIMEOUT_MS, tries = TRIES, signal } = options;
  let last: DnsAnswer = { is: 'failed', why: 'it was not asked' };
  for (let i = 0; i < tries && signal?.aborted !== true; i++) {
    const got = await askByUdp(server, timeoutMs, signal);
    const answer = got === 'truncated' ? await askByTcp(server, timeoutMs, signal) : got;
    if (answer.is !== 'failed') return answer;
    last = answer;
    // A refusal comes at once and would come again.
    if (!answer.why.startsWith('no answer')) break;
  }
  return last;
}

const noAnswer = (timeoutMs: number): DnsAnswer => ({
  is: 'failed',
  why: `no answer within ${timeoutMs / 1000} s`,
});
const failed = (error: Error): DnsAnswer => ({
  is: 'failed',
  why: (error as NodeJS.ErrnoException).code ?? error.message,
});

function askByUdp(
  { address, port }: Server,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<DnsAnswer | 'truncated'> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const id = newId();
    let ended = false;
    const end = (answer: DnsAnswer | 'truncated'): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(noAnswer(timeoutMs)), timeoutMs);
    const onAbort = (): void => end({ is: 'failed', why: 'given up' });
    signal?.addEventListener('abort', onAbort);
    socket.on('error', (error) => end(failed(error)));
    socket.on('message', (message) => {
      const answer = readAnswer(message, id);
      if (answer !== null) end(answer);
    });
    // Connected: the kernel lets through what that server sends, and tells of its ICMP errors.
    socket.connect(port, address, (error?: Error) => {
      if (ended) return;
      if (error !== undefined && error !== null) return end(failed(error));
      socket.send(dns.encode(question(id)), (sendError) => {
        if (sendError !== null) end(failed(sendError));
      });
    });
  });
}

function askByTcp({ address, port }: Server, timeoutMs: number, signal?: AbortSignal): Promise<DnsAnswer> {
  return new Promise((resolve) => {
    const id = newId();
    const socket = connect({ host: address, port });
    let bytes = Buffer.alloc(0);
    const end = (answer: DnsAnswer): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(noAnswer(timeoutMs)), timeoutMs);
    const onAbort = (): void => end({ is: 'failed', why: 'given up' });
    signal?.addEventListener('abort', onAbort);
    socket.on('error', (error) => end(failed(error)));
    socket.on('end', () => end({ is: 'failed', why: 'the server closed the connection' }));
    socket.on('connect', () => socket.write(dns.streamEncode(question(id))));
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) return;
      const answer = readAnswer(bytes.subarray(2, 2 + bytes.readUInt16BE(0)), id);
      end(
        answer === null || answer === 'truncated'
          ? { is: 'failed', why: 'an answer that cannot be read' }
          : answer,
      );
    });
  });
}

export interface ServerAnswer {
  readonly server: Server;
  readonly answer: DnsAnswer;
}

/**
 * Asks servers in their order, the next one as soon as one fails or takes its time. The first AAAA win; else the first
 * negative answer; else the first failure. null: there are no servers.
 */
export async function askServers(
  servers: readonly Server[],
  ask: (server: Server, options: AskOptions) => Promise<DnsAnswer> = askServer,
  signal?: AbortSignal,
): Promise<ServerAnswer | null> {
  if (servers.length === 0) return null;
  const enough = new AbortController();
  const onAbort = (): void => enough.abort();
  signal?.addEventListener('abort', onAbort);
  const answers: ServerAnswer[] = [];
  const pending: Promise<void>[] = [];
  for (const server of servers) {
    if (enough.signal.aborted) break;
    const asked = ask(server, { signal: enough.signal }).then((answer) => {
      answers.push({ server, answer });
      if (answer.is === 'answer') enough.abort();
    });
    pending.push(asked);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STAGGER_MS);
    });
    await Promise.race([asked, patience]);
    clearTimeout(timer);
  }
  await Promise.all(pending);
  signal?.removeEventListener('abort', onAbort);
  const first = (is: DnsAnswer['is']) => answers.find(({ answer }) => answer.is === is);
  return first('answer') ?? first('negative') ?? answers[0] ?? null;
}

/** For logs: "2001:db8::53: no answer within 3 s". */
export const describeAnswer = ({ server, answer }: ServerAnswer): string =>
  `${formatServer(server)}: ${answer.is === 'answer' ? `${answer.addresses.length} AAAA records` : answer.why}`;
