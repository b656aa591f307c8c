/**
 * Asking DNS for the NAT64's prefix (RFC 7050): a DNS64 answers the question for the AAAA of ipv4only.arpa with the
 * well-known IPv4 addresses embedded in every prefix it uses.
 *
 * Own questions by UDP and TCP, since node:dns loses the zone of link-local resolvers (fe80::53%eth0) on Node 20 to 26.
 * Nothing is validated (RFC 7050 §3.1, DISC-8): whoever speaks for the resolver decides where IPv4 packets go.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { type AddressInfo, connect } from 'node:net';
import type { Server } from '../config/server.ts';
import { type DnsAnswer, makeQuestion, type ReadAnswer, readAnswer } from './dns-message.ts';
import { type ServerAnswer, usable } from './dns-verdict.ts';

/** DISC-4 */
const TIMEOUT_MS = 3000;
const TRIES = 3;
/** A server that has not answered by then is joined by the next one. */
const STAGGER_MS = 1000;

/** Whoever cannot read the question must guess this to be believed (RFC 5452 §4.3). */
const newId = (): number => randomInt(65_536);

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
    const { answer, truncated } = await askByUdp(server, timeoutMs, signal);
    if (truncated) return whole(answer, await askByTcp(server, timeoutMs, signal));
    // A refusal comes at once and would come again.
    if (answer.is !== 'failed' || answer.silent !== true) return answer;
    last = answer;
  }
  return last;
}

/** The answer by TCP; where there is none, what the datagram held (DISC-6), which was cut: without records it says nothing. */
function whole(datagram: DnsAnswer, byTcp: DnsAnswer): DnsAnswer {
  if (byTcp.is !== 'failed' || datagram.is !== 'answer') return byTcp;
  return datagram;
}

const failed = (why: string): ReadAnswer => ({ answer: { is: 'failed', why }, truncated: false });
const noAnswer = (timeoutMs: number): ReadAnswer => ({
  answer: { is: 'failed', why: `no answer within ${timeoutMs / 1000} s`, silent: true },
  truncated: false,
});
const reasonOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

function askByUdp({ address, port }: Server, timeoutMs: number, signal?: AbortSignal): Promise<ReadAnswer> {
  return new Promise((resolve) => {
    // A socket of its own for each question: the kernel chooses its port at random.
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const id = newId();
    let ended = false;
    let asked: AddressInfo | null = null;
    const end = (answer: ReadAnswer): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(noAnswer(timeoutMs)), timeoutMs);
    const onAbort = (): void => end(failed('given up'));
    signal?.addEventListener('abort', onAbort);
    socket.on('error', (error) => end(failed(reasonOf(error))));
    socket.on('message', (message, from) => {
      // The kernel lets through only what that server sends, once connected; what came before that is not an answer.
      if (asked === null || from.address !== asked.address || from.port !== asked.port) return;
      const answer = readAnswer(message, id);
      if (answer !== null) end(answer);
    });
    // Connected, the socket also hears of ICMP errors.
    socket.connect(port, address, (error?: Error) => {
      if (ended) return;
      if (error !== undefined && error !== null) return end(failed(reasonOf(error)));
      asked = socket.remoteAddress();
      socket.send(makeQuestion(id), (sendError) => {
        if (sendError !== null) end(failed(reasonOf(sendError)));
      });
    });
  });
}

/** Octets of the length before a message by TCP (RFC 1035 §4.2.2). */
const LENGTH_BYTES = 2;

function askByTcp({ address, port }: Server, timeoutMs: number, signal?: AbortSignal): Promise<DnsAnswer> {
  return new Promise((resolve) => {
    const id = newId();
    const socket = connect({ host: address, port });
    const received = new Uint8Array(LENGTH_BYTES + 65_535);
    let bytes = 0;
    const end = ({ answer }: ReadAnswer): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(noAnswer(timeoutMs)), timeoutMs);
    const onAbort = (): void => end(failed('given up'));
    signal?.addEventListener('abort', onAbort);
    socket.on('error', (error) => end(failed(reasonOf(error))));
    socket.on('end', () => end(failed('the server closed the connection')));
    socket.on('connect', () => {
      const question = makeQuestion(id);
      socket.write(Uint8Array.of(question.length >> 8, question.length & 255, ...question));
    });
    socket.on('data', (chunk) => {
      const part = chunk.subarray(0, received.length - bytes);
      received.set(part, bytes);
      bytes += part.length;
      if (bytes < LENGTH_BYTES) return;
      const length = LENGTH_BYTES + received[0]! * 256 + received[1]!;
      if (bytes < length) return;
      end(readAnswer(received.subarray(LENGTH_BYTES, length), id) ?? failed('an answer that cannot be read'));
    });
  });
}

export type Ask = (server: Server, options: AskOptions) => Promise<DnsAnswer>;

/**
 * Asks servers in their order, the next one as soon as one has nothing of use or takes its time. The first usable answer in
 * the order of the list ends the asking (DISC-6); a server before it that is slow is waited for as long as one try takes.
 * @returns in the order of the list, what came, and who was silent for that long; those who need not be waited for are left out
 */
export async function askServers(
  servers: readonly Server[],
  ask: Ask = askServer,
  signal?: AbortSignal,
): Promise<ServerAnswer[]> {
  const enough = new AbortController();
  const over = new Promise<void>((resolve) => {
    enough.signal.addEventListener('abort', () => resolve());
  });
  const onAbort = (): void => enough.abort();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) enough.abort();
  const answers: (DnsAnswer | null)[] = servers.map(() => null);
  const timers: NodeJS.Timeout[] = [];
  const after = (ms: number): Promise<void> => new Promise((resolve) => timers.push(setTimeout(resolve, ms)));
  const hear = (i: number, answer: DnsAnswer): void => {
    if (enough.signal.aborted) return;
    answers[i] = answer;
    // The first that is neither without use nor still to be waited for.
    const first = answers.find((one) => one === null || usable(one) !== null);
    if (first !== null && first !== undefined) enough.abort();
  };
  const asked: Promise<void>[] = [];
  for (const [i, server] of servers.entries()) {
    if (enough.signal.aborted) break;
    const answered = ask(server, { signal: enough.signal }).then((answer) => hear(i, answer));
    void after(TIMEOUT_MS).then(() => {
      if (answers[i] === null) hear(i, noAnswer(TIMEOUT_MS).answer);
    });
    asked.push(answered);
    await Promise.race([answered, after(STAGGER_MS), over]);
  }
  await Promise.race([Promise.all(asked), over]);
  for (const timer of timers) clearTimeout(timer);
  signal?.removeEventListener('abort', onAbort);
  const last = answers.findIndex((one) => one !== null && usable(one) !== null);
  return servers.slice(0, last < 0 ? servers.length : last + 1).flatMap((server, i) => {
    const answer = answers[i] ?? null;
    return answer === null ? [] : [{ server, answer }];
  });
}
