/** Text -> values. Every mistake is found and told at once, each with its place and the remedy. */
import { EamList } from '../address/eam.ts';
import { parsePrefix4 } from '../address/parse.ts';
import { Offload } from '../io/device.ts';
import { type Circumstances, circumstances, hollow, inVain, offline } from './bearing.ts';
import { HairpinMode, isAutomatic, type RunConfig, type TranslationConfig, UdpCksumMode } from './config.ts';
import { DEFAULT_METRIC, defaultTranslation } from './defaults.ts';
import { checkEam } from './eam-check.ts';
import { readEamFile } from './eam-file.ts';
import { parseEam } from './eam-text.ts';
import { inBoth, LAN_LINE, parseLan, parseNat44, splitLan, withLan } from './lan.ts';
import { inOrder, type Mistake } from './mistake.ts';
import { chooseMss } from './mss.ts';
import { MOST_SUGGESTIONS, nearest, sameLetters } from './nearest.ts';
import { OPTIONS, type OptionRow } from './options.ts';
import { peerWord } from './peer-words.ts';
import { type RawOptions, Reader, type Whereabouts } from './reader.ts';
import { parseServers } from './server.ts';
import { systemReason } from './system-reason.ts';
import {
  choice,
  number,
  parseClat6,
  parseHealthCheck,
  parseMss,
  parseOwn4,
  parseOwn6,
  parsePlateaus,
  parsePool4,
  parsePool6,
  parseTos,
  parseTun,
  parseV4Check,
  parseWorkers,
} from './values.ts';

export type { Mistake, RawOptions, Whereabouts };

export type Loaded<T> =
  | {
      readonly ok: true;
      readonly config: T;
      readonly warnings: string[];
      /** Those of the warnings that name an option without effect in the daemon. */
      readonly vain: readonly string[];
      readonly given: RawOptions;
    }
  | { readonly ok: false; readonly mistakes: Mistake[] };

/** Where files come from; may throw as node:fs does, and where a file is no regular one or larger than `most` bytes. */
export interface Files {
  read(path: string, most: number): Uint8Array;
}

/** Some six million mappings. */
const MOST_EAM_FILE = 256 << 20;

const optionWhere: Whereabouts = (name) => `--${name}`;

function readEam(reader: Reader, files: Files): { list: EamList; file: string | null } {
  const list = new EamList();
  for (const { v4, length4, v6, length6 } of reader.all('eam', parseEam)) list.add(v4, length4, v6, length6);
  for (const { v4, length4, v6, length6 } of reader.all('lan', parseLan))
    list.add(v4, length4, v6, length6, LAN_LINE);
  const file = reader.value('eam-file');
  if (file !== null) {
    try {
      reader.mistakes.push(...readEamFile(files.read(file, MOST_EAM_FILE), file, list));
    } catch (error) {
      reader.mistake('eam-file', `cannot read ${file}: ${systemReason(error)}`);
    }
  }
  return { list, file };
}

function readTranslation(
  reader: Reader,
  files: Files,
): { translation: TranslationConfig; lan: EamList; eamFile: string | null } {
  const { list, file } = readEam(reader, files);
  const otherwise = defaultTranslation();
  const pool6 = reader.parsed('pool6', otherwise.pool6, parsePool6);
  const ipv4Addr = reader.parsed('ipv4-addr', otherwise.ipv4Addr, parseOwn4);
  const ipv6Addr = reader.parsed('ipv6-addr', otherwise.ipv6Addr, parseOwn6);
  const rfc6791v4Prefix = reader.parsed('rfc6791v4-prefix', otherwise.rfc6791v4Prefix, parsePool4);
  const place = (line: number): string =>
    line === 0 ? reader.where('eam') : line === LAN_LINE ? reader.where('lan') : `${file}:${line}`;
  const eam = checkEam(list, place, { pool6, ipv4Addr, ipv6Addr, rfc6791v4Prefix });
  reader.mistakes.push(...eam.mistakes);
  reader.warnings.push(...eam.warnings);
  const split = splitLan(eam.list);
  return {
    eamFile: file,
    lan: split.lan,
    translation: {
      pool6,
      eam: split.eam,
      denylist4: reader.all('denylist4', (text) => parsePrefix4(text, 32)),
      ipv4Addr,
      ipv6Addr,
      rfc6791v4Prefix,
      lowestIpv6Mtu: reader.parsed('lowest-ipv6-mtu', otherwise.lowestIpv6Mtu, number(1280, 65535)),
      ipv6Mtu: reader.parsed('ipv6-mtu', otherwise.ipv6Mtu, number(1280, 65535)),
      ipv4Mtu: reader.parsed('ipv4-mtu', otherwise.ipv4Mtu, number(68, 65535)),
      mtuPlateaus: reader.parsed('mtu-plateaus', otherwise.mtuPlateaus, parsePlateaus),
      udpCksumMode: reader.parsed('udp-cksum-mode', otherwise.udpCksumMode, choice(UdpCksumMode)),
      wkpfStrict: reader.flag('wkpf-strict', otherwise.wkpfStrict),
      strictSuffix: reader.flag('strict-suffix', otherwise.strictSuffix),
      strictSource: reader.flag('strict-source', split.lan.size > 0),
      eamHairpinMode: reader.parsed(
        'eam-hairpin-mode',
        otherwise.eamHairpinMode,
        choice({ intrinsic: HairpinMode.intrinsic, simple: HairpinMode.simple, off: HairpinMode.off }),
      ),
      zeroizeTrafficClass: reader.flag('zeroize-traffic-class', otherwise.zeroizeTrafficClass),
      overrideTos: reader.parsed('override-tos', otherwise.overrideTos, parseTos),
      icmpErrors: reader.parsed(
        'icmp-errors',
        otherwise.icmpErrors,
        choice({ limited: 'limited', unlimited: 'unlimited', off: 'off' } as const),
      ),
      mssClamp: reader.parsed('mss-clamp', otherwise.mssClamp, parseMss),
    },
  };
}

/** Names that no option has, with the nearest that one has. */
function unknownNames(raw: RawOptions, rows: readonly OptionRow[], reader: Reader): void {
  const names = rows.map((row) => row.name);
  const known = new Set(names);
  let unknown = 0;
  for (const name of Object.keys(raw)) {
    if (raw[name] === undefined || known.has(name)) continue;
    const elsewhere = OPTIONS.some((row) => row.name === name);
    const peer = peerWord(name);
    const near = unknown++ < MOST_SUGGESTIONS ? (sameLetters(name, names) ?? nearest(name, names)) : null;
    reader.mistake(
      name,
      elsewhere
        ? 'has no meaning for this command'
        : peer !== null
          ? `is not an option here; ${peer}`
          : `is not an option${near === null ? '' : `; did you mean --${near}?`} (--help lists all)`,
    );
  }
}

function finish<T>(reader: Reader, given: RawOptions, config: T, of: Circumstances): Loaded<T> {
  const { mistakes, warnings } = reader;
  const vain = inVain(given, of).map(({ name, why }) => `${reader.where(name)} has no effect ${why}`);
  warnings.push(...vain);
  return mistakes.length === 0
    ? { ok: true, config, warnings, vain, given }
    : { ok: false, mistakes: inOrder(mistakes) };
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
  const { translation, lan } = readTranslation(reader, files);
  const behind = { lan: lan.size > 0, nat44: false, forwarder: null };
  const mssClamp = chooseMss(translation.mssClamp, behind).clamp;
  return finish(reader, raw, { ...withLan(translation, lan), mssClamp }, offline(translation.pool6));
}

/** Options of run. */
export function loadRun(raw: RawOptions, files: Files, where: Whereabouts = optionWhere): Loaded<RunConfig> {
  const reader = new Reader(raw, where);
  unknownNames(raw, OPTIONS, reader);
  const { translation, lan, eamFile } = readTranslation(reader, files);
  const nat44 = reader.all('nat44', parseNat44);
  for (const message of inBoth(lan, nat44)) reader.mistake('nat44', message);
  const config: RunConfig = {
    translation,
    tun: reader.parsed('tun', 'clat', parseTun),
    workers: reader.parsed('workers', 'auto', parseWorkers),
    configure: reader.flag('configure', true),
    eamFile,
    lan,
    nat44,
    firewall: reader.parsed(
      'firewall',
      'accept',
      choice({ accept: 'accept', warn: 'warn', off: 'off' } as const),
    ),
    clat: {
      enable: reader.parsed('enable', 'auto', choice({ auto: 'auto', force: 'force' } as const)),
      platDev: reader.parsed('plat-dev', null, parseTun),
      clat6: reader.parsed('clat-v6-addr', 'auto', parseClat6),
      clat4: reader.parsed('clat-v4-addr', null, parseOwn4),
      dns64Servers: reader.parsed('dns64-servers', [], parseServers),
      fallback: reader.parsed('prefix-fallback', null, parsePool6),
      healthCheck: reader.parsed('health-check', null, parseHealthCheck),
      healthInterval: reader.parsed('health-interval', 30, number(5, 3600)),
      metric: reader.parsed('v4-defaultroute-metric', DEFAULT_METRIC, number(0, 999_999_999)),
      nativeCheck: reader.parsed('v4-check', null, parseV4Check),
    },
    offload: reader.parsed(
      'offload',
      Offload.uso,
      choice({ auto: Offload.uso, uso: Offload.uso, tso: Offload.tso, csum: Offload.csum, off: Offload.off }),
    ),
    coalesce: reader.flag('coalesce', true),
    ioUring: reader.flag('io-uring', true),
    logLevel: reader.parsed(
      'log-level',
      'info',
      choice({ debug: 'debug', info: 'info', warn: 'warn', error: 'error' } as const),
    ),
  };
  // CLAT-12: a host that follows the network sends nothing from addresses that are not its own.
  if (raw['strict-source'] === undefined && isAutomatic(config)) config.translation.strictSource = true;
  const less = hollow(config);
  if (less !== null) reader.warnings.push(less);
  return finish(reader, raw, config, circumstances(config));
}
