/** Telling the service manager how we are: sd_notify(3). Does nothing where NOTIFY_SOCKET is not set. */
import { constants } from 'node:os';
import { native } from '../io/native.ts';

export interface Notifier {
  ready(status?: string): void;
  reloading(): void;
  stopping(): void;
  status(text: string): void;
}

/** What the addon takes: 4,096 bytes with the NUL that ends them. */
const MESSAGE_BYTES = 4095;
/** struct sockaddr_un (unix(7)): longer paths cannot be sent to. */
const PATH_BYTES = 107;

/** @param socket the value of NOTIFY_SOCKET, if any. @param monotonicUs the monotonic clock, in µs */
export function createNotifier(socket: string | undefined, monotonicUs: () => bigint): Notifier {
  const usable = socket !== undefined && socket !== '' && Buffer.byteLength(socket) <= PATH_BYTES;
  const outbox = usable ? new Outbox((text) => native().sdNotify(socket, text)) : null;
  const send = (...lines: string[]): void => outbox?.send(message(lines));
  return {
    ready: (status) => (status === undefined ? send('READY=1') : send('READY=1', `STATUS=${status}`)),
    reloading: () => send('RELOADING=1', `MONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => send('STOPPING=1'),
    status: (text) => send(`STATUS=${text}`),
  };
}

const { EAGAIN, ENOBUFS } = constants.errno;
/** ms */
const AGAIN = 100;
/** More than a start and some reloads say. */
const MOST_WAITING = 32;

/**
 * Nothing here waits for the manager, whose queue is full at times, as when a machine boots. What it cannot take is kept
 * and sent later, in order: without READY=1 it would end a service that runs well.
 */
export class Outbox {
  readonly #write: (text: string) => number;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | null = null;

  /** @param write sends a datagram without waiting. @returns 0 or -errno */
  constructor(write: (text: string) => number) {
    this.#write = write;
  }

  send(text: string): void {
    const isStatus = (one: string | undefined): boolean => one?.startsWith('STATUS=') === true;
    // The latest status is what counts.
    if (isStatus(text) && isStatus(this.#waiting.at(-1))) this.#waiting.pop();
    this.#waiting.push(text);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    if (this.#timer === null) this.#flush();
  }

  #flush(): void {
    this.#timer = null;
    while (this.#waiting.length > 0) {
      const result = this.#write(this.#waiting[0]!);
      if (result === -EAGAIN || result === -ENOBUFS) {
        // It keeps no process alive: who ends needs nobody's word for it.
        this.#timer = setTimeout(() => this.#flush(), AGAIN).unref();
        return;
      }
      this.#waiting.shift();
    }
  }
}

/**
 * The assignments as one datagram. Each stays one line, whatever is in it (a message from a tool may have several, and a
 * line of its own would be an assignment); what is too long is cut between two characters.
 */
export function message(lines: readonly string[]): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be in a line.
  const text = lines.map((line) => line.replace(/[\u0000-\u001f\u007f]+/g, ' ')).join('\n');
  return cut(text, MESSAGE_BYTES);
}

const MARK = '…';

function cut(text: string, bytes: number): string {
  const all = Buffer.from(text);
  if (all.length <= bytes) return text;
  let end = bytes - Buffer.byteLength(MARK);
  // 10xxxxxx goes on with a character that began before.
  while ((all[end]! & 0xc0) === 0x80) end--;
  return `${all.toString('utf8', 0, end)}${MARK}`;
}
