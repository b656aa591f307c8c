/**
 * Echo requests by the program `ping` (iputils): it needs no privilege of ours, and tells what ICMP errors came back.
 * Packets are never fragmented here; nothing of the host is changed but what the kernel learns about the path.
 */
import { execFile } from 'node:child_process';

export type Echo =
  | { readonly is: 'reply'; readonly ms: number | null }
  /** `from` says that packets of more than `mtu` bytes do not fit; null: this host knew. */
  | { readonly is: 'too-big'; readonly mtu: number; readonly from: string | null }
  /** An ICMP error came back. */
  | { readonly is: 'refused'; readonly why: string; readonly from: string }
  | { readonly is: 'silent' }
  /** It could not be sent, or there is no `ping` that could. */
  | { readonly is: 'unsent'; readonly why: string };

export interface EchoRequest {
  readonly family: 4 | 6;
  readonly address: string;
  /** Whole IP packet, bytes; default: a small one. */
  readonly bytes?: number;
}

export type Ping = (request: EchoRequest) => Promise<Echo>;

const COUNT = 2;
const WAIT = 1; // s, for the last answer
const INTERVAL = 0.2; // s, the least for ordinary users
/** ms; far more than it takes. */
const PATIENCE = 10_000;
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin', LC_ALL: 'C' };
/** IP header and ICMP header. */
const HEADERS = { 4: 28, 6: 48 };

/** Never rejects. */
export const ping: Ping = ({ family, address, bytes }) => {
  const size = bytes === undefined ? [] : ['-M', 'do', '-s', `${bytes - HEADERS[family]}`];
  const args = [`-${family}`, '-n', '-c', `${COUNT}`, '-i', `${INTERVAL}`, '-W', `${WAIT}`, ...size, address];
  return new Promise((resolve) => {
    execFile('ping', args, { env: ENV, timeout: PATIENCE }, (error, stdout, stderr) => {
      const missing = error !== null && (error as NodeJS.ErrnoException).code === 'ENOENT';
      resolve(missing ? { is: 'unsent', why: 'there is no program ping' } : readEcho(stdout, stderr));
    });
  });
};

/** Reads what iputils' ping printed. */
export function readEcho(stdout: string, stderr: string): Echo {
  const reply = /bytes from .*?(?: time[=<]([\d.]+) ms)?(?: \(.*\))?$/m.exec(stdout);
  if (reply !== null) return { is: 'reply', ms: reply[1] === undefined ? null : Number(reply[1]) };
  const tooBig =
    /^From (\S+?):? icmp_seq=\d+ (?:Packet too big: mtu=|Frag needed and DF set \(mtu = )(\d+)/m.exec(stdout);
  if (tooBig !== null) return { is: 'too-big', mtu: Number(tooBig[2]), from: tooBig[1]! };
  const local = /message too long, mtu[=:] ?(\d+)/i.exec(stdout + stderr);
  if (local !== null) return { is: 'too-big', mtu: Number(local[1]), from: null };
  const refused = /^From (\S+?):? icmp_seq=\d+ (.*\S)/m.exec(stdout);
  if (refused !== null) return { is: 'refused', from: refused[1]!, why: refused[2]! };
  const said = stderr
    .trim()
    .split('\n')[0]!
    .replace(/^ping6?: /, '');
  return said === '' ? { is: 'silent' } : { is: 'unsent', why: said };
}
