/** Text -> values. Every mistake is found and told at once, each with its place and the remedy. */
import { EamList } from '../address/eam.ts';
import { type Ip6, inPrefix6, type Prefix6 } from '../address/ip.ts';
import { type Parsed, parseIp4, parseIp6, parsePrefix4, parsePrefix6 } from '../address/parse.ts';
import { quote } from '../address/quote.ts';
import { PREFIX_LENGTHS } from '../address/rfc6052.ts';
import { isMartian4, isMartian6 } from '../address/special.ts';
import { Offload } from '../io/device.ts';
import {
  HairpinMode,
  type MssClamp,
  type RunConfig,
  type TranslationConfig,
  UdpCksumMode,
} from './config.ts';
import { checkEam } from './eam-check.ts';
import { readEamFile } from './eam-file.ts';
import { parseEam } from './eam-text.ts';
import type { Mistake } from './mistake.ts';
import { nearest } from './nearest.ts';
import { OPTIONS, type OptionRow } from './options.ts';

export type { Mistake };

/** Options as given: by name without dashes. A value given more than once is a list. */
export type RawOptions = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export type Loaded<T> =
  | { readonly ok: true; readonly config: T; readonly warnings: string[] }
  | { readonly ok: false; readonly mistakes: Mistake[] };

/** Where files come from; may throw as node:fs does. */
export interface Files {
  read(path: string): Uint8Array;
}

/** Says where an option was given: `--name`, or a place in a configuration file. */
export type Whereabouts = (name: string) => string;

const optionWhere: Whereabouts = (name) => `--${name}`;

const defaultOf = (name: string): string => OPTIONS.find((row) => row.name === name)!.default;

/** Reads options one by one, collecting mistakes. */
class Reader {
  readonly mistakes: Mistake[] = [];
  readonly warnings: string[] = [];
  readonly #raw: RawOptions;
  readonly where: Whereabouts;

  constructor(raw: RawOptions, where: Whereabouts) {
    this.#raw = raw;
    this.where = where;
  }

  mistake(name: string, message: string): void {
    this.mistakes.push({ where: this.where(name), message });
  }

  list(name: string): string[] {
    const value = this.#raw[name];
    if (value === undefined) return [];
    if (typeof value === 'boolean') {
      this.mistake(name, 'needs a value');
      return [];
    }
    const list = typeof value === 'object' ? [...value] : [String(value)];
    if (list.includes('')) this.mistake(name, 'needs a value');
    return list.filter((one) => one !== '');
  }

  /** The value, or null where none was given (or several were, which is a mistake). */
  value(name: string): string | null {
    const values = new Set(this.list(name));
    if (values.size > 1) {
      this.mistake(
        name,
        `is given ${values.size} times with different values (${[...values].join(', ')}); give it once`,
      );
      return null;
    }
    return [...values][0] ?? null;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#raw[name];
    if (value === undefined) return otherwise;
    const given = new Set((typeof value === 'object' ? value : [value]).map(String));
    if (given.size === 1 && given.has('true')) return true;
    if (given.size === 1 && given.has('false')) return false;
    this.mistake(
      name,
      given.has('true') && given.has('false')
        ? `is given both ways; give --${name} or --no-${name}`
        : `is true or false, not ${[...given].map(quote).join(', ')} (on the command line: --${name} or --no-${name})`,
    );
    return otherwise;
  }

  parsed<T, D>(name: string, otherwise: D, parse: (text: string) => Parsed<T>): T | D {
    const text = this.value(name);
    if (text === null) return otherwise;
    const result = parse(text);
    if (result.ok) return result.value;
    this.mistake(name, result.message);
    return otherwise;
  }

  all<T>(name: string, parse: (text: string) => Parsed<T>): T[] {
    return this.list(name).flatMap((text) => {
      const result = parse(text);
      if (result.ok) return [result.value];
      this.mistake(name, result.message);
      return [];
    });
  }
}

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (message: string): Parsed<never> => ({ ok: false, message });

const number =
  (least: number, most: number) =>
  (text: string): Parsed<number> => {
    if (/^(0|[1-9]\d{0,8})$/.test(text) && Number(text) >= least && Number(text) <= most)
      return good(Number(text));
    return bad(`${quote(text)} must be a number from ${least} to ${most}`);
  };

const choice =
  <T>(choices: Readonly<Record<string, T>>) =>
  (text: string): Parsed<T> =>
    Object.hasOwn(choices, text)
      ? good(choices[text] as T)
      : bad(`${quote(text)} must be one of ${Object.keys(choices).join(', ')}`);

/** ADDR-1, ADDR-2. */
export function parsePool6(text: string): Parsed<Prefix6> {
  const parsed = parsePrefix6(text);
  if (!parsed.ok) return parsed;
  const fault = pool6Fault(parsed.value);
  return fault === null ? parsed : bad(`${quote(text)}: ${fault}`);
}

const LOCAL_USE: Prefix6 = { address: [0x0064ff9b, 0x00010000, 0, 0], length: 48 };

/** What keeps a prefix from being a pool6 (ADDR-1, ADDR-2), or null. */
export function pool6Fault({ address, length }: Prefix6): string | null {
  const [a, b, c] = address;
  if (!PREFIX_LENGTHS.includes(length)) {
    return `the length /${length} must be one of ${PREFIX_LENGTHS.map((one) => `/${one}`).join(', ')} (RFC 6052 §2.2)`;
  }
  if (c >>> 24 !== 0) return 'bits 64 to 71 must be 0 (RFC 6052 §2.2)';
  if (a >>> 24 === 0xff) return 'a multicast prefix cannot be used';
  if (a >>> 22 === 0x3fa) return 'a link-local prefix cannot be used';
  if (a >>> 24 === 0) {
    const wellKnown = length === 96 && a === 0x0064ff9b && b === 0 && c === 0;
    const localUse = length >= 48 && inPrefix6(address, LOCAL_USE);
    if (!wellKnown && !localUse)
      return 'of ::/8 only 64:ff9b::/96 and prefixes inside 64:ff9b:1::/48 can be used (RFC 6052, RFC 8215)';
  }
  return null;
}

function parseOwn4(text: string): Parsed<number> {
  const parsed = parseIp4(text);
  return parsed.ok && isMartian4(parsed.value) ? bad(`${quote(text)} cannot be a host's address`) : parsed;
}

function parseOwn6(text: string): Parsed<Ip6> {
  const parsed = parseIp6(text);
  return parsed.ok && isMartian6(parsed.value[0])
    ? bad(`${quote(text)} cannot be a host's address here (link-local, loopback, multicast or reserved)`)
    : parsed;
}

function parsePlateaus(text: string): Parsed<number[]> {
  const one = number(68, 65535);
  const values: number[] = [];
  for (const part of text.split(',')) {
    const parsed = one(part.trim());
    if (!parsed.ok) return bad(`${parsed.message} (the list is decimal, separated by commas)`);
    values.push(parsed.value);
  }
  return good([...new Set(values)].sort((a, b) => b - a));
}

function parseTos(text: string): Parsed<number> {
  if (/^(0|[1-9]\d{0,2}|0x[0-9a-fA-F]{1,2})$/.test(text) && Number(text) <= 255) return good(Number(text));
  return bad(`${quote(text)} must be a number from 0 to 255, decimal or 0x`);
}

function parseMss(text: string): Parsed<MssClamp> {
  if (text === 'off' || text === 'auto') return good(text);
  const parsed = number(1, 65535)(text);
  return parsed.ok ? parsed : bad(`${quote(text)} must be off, auto or a number from 1 to 65535`);
}

function parseTun(text: string): Parsed<string> {
  // "all" and "default" are folders of /proc/sys/net that mean every interface.
  const right =
    /^[^\s/:%\0]{1,15}$/.test(text) &&
    Buffer.byteLength(text) < 16 &&
    !['.', '..', 'all', 'default'].includes(text);
  return right
    ? good(text)
    : bad(
        `${quote(text)} cannot be an interface name: 1 to 15 bytes, without spaces, slashes, colons and percent signs`,
      );
}

function readEam(reader: Reader, files: Files): { list: EamList; file: string | null } {
  const list = new EamList();
  for (const { v4, length4, v6, length6 } of reader.all('eam', parseEam)) list.add(v4, length4, v6, length6);
  const file = reader.value('eam-file');
  if (file !== null) {
    try {
      reader.mistakes.push(...readEamFile(files.read(file), file, list));
    } catch (error) {
      const reason = (error as Error).message.replace(/^[A-Z]+: /, '').replace(/, (open|read).*$/, '');
      reader.mistake('eam-file', `cannot read ${file}: ${reason}`);
    }
  }
  return { list, file };
}

function readTranslation(
  reader: Reader,
  files: Files,
): { translation: TranslationConfig; eamFile: string | null } {
  const { list, file } = readEam(reader, files);
  const pool6 = reader.parsed('pool6', null, parsePool6);
  const ipv4Addr = reader.parsed('ipv4-addr', 0xc0000001 | 0, parseOwn4);
  const ipv6Addr = reader.parsed('ipv6-addr', null, parseOwn6);
  const rfc6791v4Prefix = reader.parsed('rfc6791v4-prefix', { address: 0xc0000008 | 0, length: 32 }, (text) =>
    parsePrefix4(text, 32),
  );
  const place = (line: number): string => (line === 0 ? reader.where('eam') : `${file}:${line}`);
  const eam = checkEam(list, place, { pool6, ipv4Addr, ipv6Addr, rfc6791v4Prefix });
  reader.mistakes.push(...eam.mistakes);
  reader.warnings.push(...eam.warnings);
  return {
    eamFile: file,
    translation: {
      pool6,
      eam: eam.list,
      denylist4: reader.all('denylist4', (text) => parsePrefix4(text, 32)),
      ipv4Addr,
      ipv6Addr,
      rfc6791v4Prefix,
      lowestIpv6Mtu: reader.parsed('lowest-ipv6-mtu', 1280, number(1280, 65535)),
      ipv6Mtu: reader.parsed('ipv6-mtu', null, number(1280, 65535)),
      ipv4Mtu: reader.parsed('ipv4-mtu', null, number(68, 65535)),
      mtuPlateaus: reader.parsed(
        'mtu-plateaus',
        defaultOf('mtu-plateaus').split(',').map(Number),
        parsePlateaus,
      ),
      udpCksumMode: reader.parsed('udp-cksum-mode', UdpCksumMode.calc, choice(UdpCksumMode)),
      wkpfStrict: reader.flag('wkpf-strict', true),
      strictSuffix: reader.flag('strict-suffix', false),
      eamHairpinMode: reader.parsed(
        'eam-hairpin-mode',
        HairpinMode.intrinsic,
        choice({ intrinsic: HairpinMode.intrinsic, simple: HairpinMode.simple, off: HairpinMode.off }),
      ),
      zeroizeTrafficClass: reader.flag('zeroize-traffic-class', false),
      overrideTos: reader.parsed('override-tos', null, parseTos),
      icmpErrors: reader.parsed(
        'icmp-errors',
        'limited',
        choice({ limited: 'limited', unlimited: 'unlimited', off: 'off' } as const),
      ),
      mssClamp: reader.parsed('mss-clamp', 'off', parseMss),
    },
  };
}

/** Names that no option has, with the nearest that one has. */
function unknownNames(raw: RawOptions, rows: readonly OptionRow[], reader: Reader): void {
  for (const name of Object.keys(raw)) {
    if (raw[name] === undefined || rows.some((row) => row.name === name)) continue;
    const elsewhere = OPTIONS.some((row) => row.name === name);
    const near = nearest(
      name,
      rows.map((row) => row.name),
    );
    reader.mistake(
      name,
      elsewhere
        ? 'has no meaning for this command'
        : `is not an option${near === null ? '' : `; did you mean --${near}?`} (--help lists all)`,
    );
  }
}

function finish<T>(reader: Reader, config: T): Loaded<T> {
  const { mistakes, warnings } = reader;
  return mistakes.length === 0 ? { ok: true, config, warnings } : { ok: false, mistakes };
}

/** Options of replay, explain and tests. */
export function loadTranslation(
  raw: RawOptions,
  files: Files,
  where: Whereabouts = optionWhere,
): Loaded<TranslationConfig> {
  const reader = new Reader(raw, where);
  unknownNames(
    raw,
    OPTIONS.filter((row) => row.scope === 'translation'),
    reader,
  );
  return finish(reader, readTranslation(reader, files).translation);
}

/** Options of run. */
export function loadRun(raw: RawOptions, files: Files, where: Whereabouts = optionWhere): Loaded<RunConfig> {
  const reader = new Reader(raw, where);
  unknownNames(raw, OPTIONS, reader);
  const { translation, eamFile } = readTranslation(reader, files);
  const config: RunConfig = {
    translation,
    tun: reader.parsed('tun', 'clat', parseTun),
    workers: reader.parsed('workers', 'auto', (text): Parsed<number | 'auto'> => {
      if (text === 'auto') return good('auto');
      const parsed = number(1, 64)(text);
      return parsed.ok ? parsed : bad(`${quote(text)} must be auto or a number from 1 to 64`);
    }),
    configure: reader.flag('configure', true),
    eamFile,
    offload: reader.parsed(
      'offload',
      Offload.uso,
      choice({ auto: Offload.uso, uso: Offload.uso, tso: Offload.tso, csum: Offload.csum, off: Offload.off }),
    ),
    coalesce: reader.flag('coalesce', true),
    logLevel: reader.parsed(
      'log-level',
      'info',
      choice({ debug: 'debug', info: 'info', warn: 'warn', error: 'error' } as const),
    ),
  };
  return finish(reader, config);
}
