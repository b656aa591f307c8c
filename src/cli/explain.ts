/** `clatd explain`: the reason table in words, and what becomes of one packet. */
import { compile } from '../config/compile.ts';
import type { TranslationConfig } from '../config/config.ts';
import { nearest } from '../config/nearest.ts';
import { DEFAULT_MTU, OfflineTranslator } from '../dataplane/offline.ts';
import { REASONS, type ReasonRow } from '../translate/reasons.ts';
import { explainMapping } from './explain-mapping.ts';
import { packetLine } from './packet-line.ts';

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
      const close = similar(name);
      const hint = close.length === 0 ? '' : `; did you mean ${close.join(', ')}?`;
      io.stderr.write(`clatd: "${name}" is not a reason${hint} (clatd explain lists all)\n`);
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

const MOST_HINTS = 8;

/** Reasons whose name contains the word, or the one spelled most like it. */
function similar(word: string): string[] {
  const names = REASONS.map((one) => one.name);
  const lower = word.toLowerCase();
  const containing = names.filter((name) => name.toLowerCase().includes(lower));
  if (lower.length >= 3 && containing.length > 0) return containing.slice(0, MOST_HINTS);
  const near = nearest(
    lower,
    names.map((name) => name.toLowerCase()),
  );
  return names.filter((name) => name.toLowerCase() === near);
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
  const packet = fromHex(hex);
  if (packet === null) {
    io.stderr.write(
      'clatd: --packet: give the packet from its IP header on as pairs of hexadecimal digits (or the lines of tcpdump -x)\n',
    );
    return 2;
  }
  const { verdict, reason, outputs } = new OfflineTranslator(config).translate(packet);
  const { text, spec, rfc } = REASONS.find((one) => one.name === reason)!;
  const mapping = explainMapping(packet, compile(config, DEFAULT_MTU));
  const lines = [
    `in    ${packetLine(packet)}`,
    ...mapping.map((line) => `      ${line}`),
    `${verdict}: ${reason}. ${text} [${spec}; ${rfc}]`,
    ...outputs.flatMap((output) => [
      `out   ${packetLine(output)}`,
      `      ${Buffer.from(output).toString('hex')}`,
    ]),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** Digits in pairs, with or without spaces, colons, a leading 0x, or the offsets that `tcpdump -x` prints. */
function fromHex(text: string): Uint8Array | null {
  const digits = text
    .replaceAll(/\b0x[0-9a-f]+:/gi, '')
    .replace(/^\s*0x/i, '')
    .replaceAll(/[\s:]/g, '');
  return /^([0-9a-fA-F]{2})+$/.test(digits) ? Uint8Array.from(Buffer.from(digits, 'hex')) : null;
}
