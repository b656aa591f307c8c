/** `clatd explain`: the reason table in words, and what becomes of one packet. */
import { formatIp4, formatIp6 } from '../address/format.ts';
import type { TranslationConfig } from '../config/config.ts';
import { nearest } from '../config/load.ts';
import { OfflineTranslator } from '../dataplane/offline.ts';
import { REASONS, type ReasonRow } from '../translate/reasons.ts';

interface ExplainIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Prints the rows named, or all. @returns exit code 0; 2: no such reason */
export function explainReasons(names: readonly string[], io: ExplainIo): number {
  const rows: ReasonRow[] = [];
  for (const name of names) {
    const row = REASONS.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (row === undefined) {
      const near = nearest(
        name,
        REASONS.map((one) => one.name),
      );
      io.stderr.write(
        `clatd: "${name}" is not a reason${near === null ? '' : `; did you mean ${near}?`} (clatd explain lists all)\n`,
      );
      return 2;
    }
    rows.push(row);
  }
  if (names.length === 0) {
    for (const { name, verdict, text } of REASONS) {
      io.stdout.write(`${name.padEnd(30)} ${verdict.padEnd(10)} ${text}\n`);
    }
    return 0;
  }
  io.stdout.write(rows.map(describe).join('\n'));
  return 0;
}

function describe({ name, verdict, direction, spec, rfc, reply, log, text }: ReasonRow): string {
  const family = direction === 64 ? 'ICMPv6' : 'ICMPv4';
  const lines = [
    name,
    `  ${text}`,
    `  verdict    ${verdict}`,
    `  packet     ${direction === 46 ? 'IPv4 received' : direction === 64 ? 'IPv6 received' : 'not IP'}`,
    `  answered   ${reply === null ? 'no' : `${family} type ${reply.type} code ${reply.code}, within the limits of --icmp-errors`}`,
    `  logged     ${log ? 'yes, at most once a second' : 'no (counted)'}`,
    `  rule       ${spec}; ${rfc}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Translates one packet given in hexadecimal and prints what became of it. @returns exit code 0; 2: not hexadecimal */
export function explainPacket(hex: string, config: TranslationConfig, io: ExplainIo): number {
  const digits = hex.replaceAll(/[\s:]/g, '');
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) {
    io.stderr.write(
      'clatd: --packet: give the packet from its IP header on as pairs of hexadecimal digits\n',
    );
    return 2;
  }
  const packet = Uint8Array.from(Buffer.from(digits, 'hex'));
  const { verdict, reason, outputs } = new OfflineTranslator(config).translate(packet);
  const row = REASONS.find((one) => one.name === reason)!;
  io.stdout.write(
    `in    ${summarize(packet)}\n${verdict}: ${reason}. ${row.text} [${row.spec}; ${row.rfc}]\n`,
  );
  for (const output of outputs) {
    io.stdout.write(`out   ${summarize(output)}\n      ${Buffer.from(output).toString('hex')}\n`);
  }
  return 0;
}

/** Addresses, protocol and length, as far as they are there. */
function summarize(packet: Uint8Array): string {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const version = packet.length > 0 ? packet[0]! >>> 4 : 0;
  if (version === 4 && packet.length >= 20) {
    return `${formatIp4(view.getInt32(12))} > ${formatIp4(view.getInt32(16))}, protocol ${packet[9]}, TTL ${packet[8]}, ${packet.length} bytes`;
  }
  if (version === 6 && packet.length >= 40) {
    const address = (at: number): string =>
      formatIp6([view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)]);
    return `${address(8)} > ${address(24)}, next header ${packet[6]}, hop limit ${packet[7]}, ${packet.length} bytes`;
  }
  return `${packet.length} bytes, not a whole IP header`;
}
