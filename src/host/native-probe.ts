/**
 * Does an IPv4 address answer through one interface (--v4-check), whatever route is preferred? By ICMP echo (RFC 792), or
 * by a TCP connection; one that is refused is an answer too. Needs CAP_NET_RAW.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { formatIp4 } from '../address/format.ts';
import type { Ip4 } from '../address/ip.ts';
import type { V4Check } from '../config/config.ts';
import { native } from '../io/native.ts';
import { receive } from '../io/receiver.ts';
import { sumBytes } from '../wire/checksum.ts';

/** Rejects where nothing can be asked, with a sentence. */
export type Probe4 = (check: V4Check, ifindex: number) => Promise<boolean>;

const PATIENCE = 1000; // ms

export const probe4: Probe4 = ({ address, port }, ifindex) =>
  port === null ? echo(address, ifindex) : connect(address, port, ifindex);

/** As probe4; what cannot be asked is not doubted. */
export const patientProbe =
  (onRefusal: (why: string) => void, probe: Probe4 = probe4) =>
  (check: V4Check, ifindex: number): Promise<boolean> =>
    probe(check, ifindex).catch((error: Error) => {
      onRefusal(error.message);
      return true;
    });

const EPERM = -1;
const refusal = (error: number): Error =>
  new Error(error === EPERM ? 'CAP_NET_RAW is missing' : `no socket on the interface (error ${-error})`);

/**
 *     | type | code | checksum | identifier | sequence | 8 bytes |
 */
const ECHO_REQUEST = 8;
const BYTES = 16;
const CHECKSUM = 2;
const IDENTIFIER = 4;

function echo(address: Ip4, ifindex: number): Promise<boolean> {
  const message = new Uint8Array(BYTES);
  message.set(randomBytes(BYTES - IDENTIFIER), IDENTIFIER);
  const view = new DataView(message.buffer);
  view.setUint8(0, ECHO_REQUEST);
  view.setUint16(CHECKSUM, ~sumBytes(view, 0, BYTES, 0));
  const asked = Buffer.from(message.subarray(IDENTIFIER));
  return new Promise((resolve, reject) => {
    // Connected: what comes is from that address, an IPv4 header and an echo reply.
    const receiver = receive(
      {
        open: (io) => io.icmp4Open(ifindex, address),
        message: (packet) => {
          const header = 4 * (packet[0]! & 15);
          if (asked.equals(packet.subarray(header + IDENTIFIER, header + BYTES))) end(true);
        },
      },
      2048,
    );
    if (typeof receiver === 'number') {
      reject(refusal(receiver));
      return;
    }
    const timer = setTimeout(() => end(false), PATIENCE);
    const end = (answered: boolean): void => {
      clearTimeout(timer);
      receiver.close();
      resolve(answered);
    };
    try {
      writeSync(receiver.fd, message);
    } catch {
      // What cannot be sent will not be answered either.
      end(false);
    }
  });
}

function connect(address: Ip4, port: number, ifindex: number): Promise<boolean> {
  const fd = native().tcp4Open(ifindex);
  if (fd < 0) return Promise.reject(refusal(fd));
  return new Promise((resolve) => {
    const socket = new Socket({ fd, readable: false, writable: false });
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(PATIENCE, () => end(false));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
    socket.connect(port, formatIp4(address), () => end(true));
  });
}
