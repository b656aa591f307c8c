/**
 * Trying a server by TCP, and whether full packets pass: the first answer of a TLS server is longer than a packet, and
 * the first words of a client can be made so.
 */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type Connection =
  | { readonly is: 'connected'; readonly ms: number }
  /** Someone answered, and would not have us. */
  | { readonly is: 'refused' }
  | { readonly is: 'silent' }
  /** An error of this host, or an ICMP error on the way. */
  | { readonly is: 'failed'; readonly why: string };

export type Greeting =
  | { readonly is: 'whole'; readonly bytes: number }
  /** Connected, and the answer never arrived. */
  | { readonly is: 'stuck' }
  /** It speaks no TLS, or there was no connection. */
  | { readonly is: 'unknown'; readonly why: string };

const TIMEOUT = 3000; // ms
/** A lost packet is sent again after 1 s and 3 s. */
const TLS_TIMEOUT = 5000; // ms

/** Protocols a client would speak, of which the server knows the last at most. */
const LONG = [...Array.from({ length: 9 }, (_, i) => `${i}`.repeat(200)), 'http/1.1'];

export type TryTcp = (host: string, port: number) => Promise<Connection>;
/** long: the client's first words fill more than a packet of 1500 bytes. */
export type TryTls = (host: string, port: number, hello: 'short' | 'long') => Promise<Greeting>;

/** Never rejects. */
export const tryTcp: TryTcp = (host, port) =>
  new Promise((resolve) => {
    const began = performance.now();
    const socket = connect({ host, port });
    const end = (connection: Connection): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connection);
    };
    const timer = setTimeout(() => end({ is: 'silent' }), TIMEOUT);
    socket.on('connect', () => end({ is: 'connected', ms: Math.round(performance.now() - began) }));
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') end({ is: 'refused' });
      else if (code === 'ETIMEDOUT') end({ is: 'silent' });
      else end({ is: 'failed', why: code ?? message });
    });
  });

/** Never rejects. Nothing is asked of the server but who it is, and nothing is made of the answer. */
export const tryTls: TryTls = (host, port, hello) =>
  new Promise((resolve) => {
    let connected = false;
    // Its own socket, for its count of bytes: the TLS socket's stays 0 (Node 20).
    const wire = connect({ host, port });
    const socket = connectTls({
      socket: wire,
      rejectUnauthorized: false,
      ALPNProtocols: hello === 'long' ? LONG : [],
    });
    const end = (greeting: Greeting): void => {
      clearTimeout(timer);
      socket.destroy();
      wire.destroy();
      resolve(greeting);
    };
    const timer = setTimeout(
      () => end(connected ? { is: 'stuck' } : { is: 'unknown', why: 'no connection' }),
      TLS_TIMEOUT,
    );
    wire.on('connect', () => {
      connected = true;
    });
    socket.on('secureConnect', () => end({ is: 'whole', bytes: wire.bytesRead }));
    for (const one of [wire, socket]) {
      one.on('error', ({ code, message }: NodeJS.ErrnoException) =>
        end({ is: 'unknown', why: code ?? message }),
      );
    }
    wire.on('close', () => end({ is: 'unknown', why: 'the connection was closed' }));
  });
