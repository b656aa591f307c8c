/** `clatd explain`: the reason table in words, and what becomes of one packet. */
import { quote } from '../address/quote.ts';
import { compile } from '../config/compile.ts';
import type { TranslationConfig } from '../config/config.ts';
import { nearest } from '../config/nearest.ts';
import { DEFAULT_MTU, OfflineTranslator } from '../dataplane/offline.ts';
import { REPLAY_REASONS } from '../replay/reasons.ts';
import { REASONS, type ReasonRow } from '../translate/reasons.ts';
import { explainMapping } from './explain-mapping.ts';
import { packetLine } from './packet-line.ts';

interface ExplainIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Columns of the terminal; none: a file or a pipe, where a row stays a line. */
  readonly columns?: number | undefined;
}

/** A reason of the translator, or one that only a replay gives. */
type Row = ReasonRow | (typeof REPLAY_REASONS)[number];
const ROWS: readonly Row[] = [...REASONS, ...REPLAY_REASONS];

/** Prints the rows named, or all. @returns exit code 0; 2: no such reason */
export function explainReasons(names: readonly string[], io: ExplainIo, json = false): number {
  const rows: Row[] = [];
  for (const name of names) {
    const row = ROWS.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (row === undefined) {
      const close = similar(name);
      const hint = close.length === 0 ? '' : `; did you mean ${close.join(', ')}?`;
      io.stderr.write(`clatd: ${quote(name)} is not a reason${hint} (clatd explain lists all)\n`);
      return 2;
    }
    rows.push(row);
  }
  if (json) io.stdout.write(`${JSON.stringify(names.length === 0 ? ROWS : rows, null, 2)}\n`);
  else if (names.length === 0) io.stdout.write(ROWS.map((row) => listed(row, io.columns)).join(''));
  else io.stdout.write(rows.map(describe).join('\n'));
  return 0;
}

const NAME = 30;
const VERDICT = 18;
/** A narrower terminal has the sentence below the name. */
const BESIDE = NAME + VERDICT + 32;
const INDENT = 4;

function listed({ name, verdict, text }: Row, columns: number | undefined): string {
  const head = `${name.padEnd(NAME)} ${verdict.padEnd(VERDICT)} `;
  if (columns === undefined) return `${head}${text}\n`;
  if (columns < BESIDE) {
    const lines = wrap(text, Math.max(columns - INDENT, 20)).map((line) => `${' '.repeat(INDENT)}${line}\n`);
    return `${head.trimEnd()}\n${lines.join('')}`;
  }
  return `${head}${wrap(text, columns - head.length).join(`\n${' '.repeat(head.length)}`)}\n`;
}

/** Lines of at most `width` characters, unless a word is longer. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

const MOST_HINTS = 8;

/** Reasons whose name contains the word, or the one spelled most like it. */
function similar(word: string): string[] {
  const names = ROWS.map((one) => one.name);
  const lower = word.toLowerCase();
  const containing = names.filter((name) => name.toLowerCase().includes(lower));
  if (lower.length >= 3 && containing.length > 0) return containing.slice(0, MOST_HINTS);
  const near = nearest(
    lower,
    names.map((name) => name.toLowerCase()),
  );
  return names.filter((name) => name.toLowerCase() === near);
}

function describe(row: Row): string {
  const { name, verdict, text } = row;
  if (!('spec' in row))
    return `${name}\n  ${text}\n  verdict    ${verdict}\n  found by   clatd replay (docs/replay.md)\n`;
  const { direction, spec, rfc, reply, log } = row;
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
export function explainPacket(hex: string, config: TranslationConfig, io: ExplainIo, json = false): number {
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
  if (json) {
    const out = outputs.map((output) => ({
      packet: packetLine(output),
      hex: Buffer.from(output).toString('hex'),
    }));
    const answer = { packet: packetLine(packet), mapping, verdict, reason, text, spec, rfc, outputs: out };
    io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return 0;
  }
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
