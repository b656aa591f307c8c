/** The report of a replay: one JSON object a line and packet (docs/replay.md). ASCII, whatever the packet holds. */
import { formatIp4, formatIp6 } from '../address/format.ts';
import type { Fate } from './capture-translator.ts';
import { EXTENSIONS, FRAGMENT, PROTOCOL_NAMES, WITH_PORTS } from './protocols.ts';
import { shapeOf } from './shape.ts';

/** @param nanoseconds of the second; @param fine the capture tells them apart, and not microseconds only */
export function reportLine(
  index: number,
  fate: Fate,
  seconds: number,
  nanoseconds: number,
  fine: boolean,
): string {
  const { verdict, reason, outputs, packet, length, segmentation, segments } = fate;
  const row = {
    index,
    verdict,
    reason,
    outputs: outputs.length,
    time: timeText(seconds, nanoseconds, fine),
    ...addressed(packet),
    length,
    ...(packet.length < length && verdict === 'cut by the capture' ? { captured: packet.length } : {}),
    ...(segmentation === null ? {} : { segmented: segments, size: segmentation.size, by: segmentation.by }),
  };
  return `${JSON.stringify(row)}\n`;
}

/** RFC 3339, UTC. */
function timeText(seconds: number, nanoseconds: number, fine: boolean): string {
  const fraction = fine
    ? String(nanoseconds).padStart(9, '0')
    : String(Math.floor(nanoseconds / 1000)).padStart(6, '0');
  const date = new Date(seconds * 1000);
  // Clocks of pcapng may count from anywhere.
  if (Number.isNaN(date.getTime())) return `${seconds}.${fraction}`;
  return `${date.toISOString().slice(0, -5)}.${fraction}Z`;
}

interface Addressed {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: string | number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

function addressed(packet: Uint8Array): Addressed {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const shape = shapeOf(view, packet.length);
  if (shape === null) return {};
  const { version } = shape;
  const address = (at: number): string =>
    version === 4
      ? formatIp4(view.getInt32(at))
      : formatIp6([view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)]);
  const upper = version === 4 ? upper4(view) : upper6(view);
  const protocol = PROTOCOL_NAMES[upper.protocol] ?? upper.protocol;
  const ports =
    upper.at >= 0 && WITH_PORTS.has(upper.protocol) && upper.at + 4 <= packet.length
      ? { sourcePort: view.getUint16(upper.at), destinationPort: view.getUint16(upper.at + 2) }
      : {};
  const [source, destination] = version === 4 ? [12, 16] : [8, 24];
  return { source: address(source), destination: address(destination), protocol, ...ports };
}

/** The protocol, and where its header is; -1: in another fragment. */
interface Upper {
  readonly protocol: number;
  readonly at: number;
}

function upper4(view: DataView): Upper {
  const later = (view.getUint16(6) & 0x1fff) > 0;
  return { protocol: view.getUint8(9), at: later ? -1 : (view.getUint8(0) & 15) * 4 };
}

function upper6(view: DataView): Upper {
  let protocol = view.getUint8(6);
  let at = 40;
  while (at + 8 <= view.byteLength && (protocol === FRAGMENT || EXTENSIONS.has(protocol))) {
    const next = view.getUint8(at);
    if (protocol === FRAGMENT && (view.getUint16(at + 2) & 0xfff8) !== 0) return { protocol: next, at: -1 };
    at += protocol === FRAGMENT ? 8 : 8 + view.getUint8(at + 1) * 8;
    protocol = next;
  }
  return { protocol, at };
}
