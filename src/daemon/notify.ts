/** Telling the service manager how we are: sd_notify(3). Does nothing where NOTIFY_SOCKET is not set. */
import { native } from '../io/native.ts';

export interface Notifier {
  ready(status?: string): void;
  reloading(): void;
  stopping(): void;
  status(text: string): void;
}

/** @param socket the value of NOTIFY_SOCKET, if any. @param monotonicUs the monotonic clock, in µs */
export function createNotifier(socket: string | undefined, monotonicUs: () => bigint): Notifier {
  const send = (message: string): void => {
    if (socket !== undefined && socket !== '') native().sdNotify(socket, message);
  };
  return {
    ready: (status) => send(status === undefined ? 'READY=1' : `READY=1\nSTATUS=${status}`),
    reloading: () => send(`RELOADING=1\nMONOTONIC_USEC=${monotonicUs()}`),
    stopping: () => send('STOPPING=1'),
    status: (text) => send(`STATUS=${text}`),
  };
}
