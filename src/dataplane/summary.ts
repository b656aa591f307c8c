/** A packet in a line for the log: protocol, addresses, ports. Off the hot path: at most one a second and reason. */
import { formatIp4, formatIp6 } from '../address/format.ts';
import type { Job } from '../translate/job.ts';
import { Protocol } from '../wire/protocol.ts';

const NAMES: Readonly<Record<number, string>> = {
  [Protocol.icmp4]: 'ICMP',
  [Protocol.tcp]: 'TCP',
  [Protocol.udp]: 'UDP',
  [Protocol.icmp6]: 'ICMPv6',
};

/** Describes job.outer, as it was received. */
export function summarize(job: Job, direction: 46 | 64): string {
  const { view, outer } = job;
  const at = outer.start;
  const address = (offset: number): string =>
    direction === 46
      ? formatIp4(view.getInt32(at + offset))
      : formatIp6([
          view.getInt32(at + offset),
          view.getInt32(at + offset + 4),
          view.getInt32(at + offset + 8),
          view.getInt32(at + offset + 12),
        ]);
  const source = address(direction === 46 ? 12 : 8);
  const destination = address(direction === 46 ? 16 : 24);
  const { protocol, transport } = outer;
  const name = NAMES[protocol] ?? `protocol ${protocol}`;
  const hasPorts = (protocol === Protocol.tcp || protocol === Protocol.udp) && outer.fragmentOffset === 0;
  if (!hasPorts || outer.present < 4) return `${name} ${source} > ${destination}`;
  const ports = [view.getUint16(transport), view.getUint16(transport + 2)];
  const join = (host: string, port: number): string =>
    direction === 46 ? `${host}:${port}` : `[${host}]:${port}`;
  return `${name} ${join(source, ports[0]!)} > ${join(destination, ports[1]!)}`;
}
