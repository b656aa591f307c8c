/** Telling the service manager how we are: sd_notify(3). Does nothing where NOTIFY_SOCKET is not set. */
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
  const send = (...lines: string[]): void => {
    if (usable) native().sdNotify(socket, message(lines));
  };
  return {
    ready: (status) => (status === undefined ? send('READY=1') : send('READY=1', `STATUS=${status}`)),
    reloading: () => send('RELOADING=1', `MONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => send('STOPPING=1'),
    status: (text) => send(`STATUS=${text}`),
  };
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
