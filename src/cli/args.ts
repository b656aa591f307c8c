/** The command line: which command, which options; then the command's own file does the work. */
import yargs from 'yargs';
import type { RunConfig, TranslationConfig } from '../config/config.ts';
import {
  type Files,
  type Loaded,
  loadRun,
  loadTranslation,
  nearest,
  type RawOptions,
  type Whereabouts,
} from '../config/load.ts';
import type { Mistake } from '../config/mistake.ts';
import { findOption, OPTIONS, type OptionRow } from '../config/options.ts';
import { readConfigFile } from '../config/toml.ts';
import type { RunIo } from './run.ts';

export interface CliIo extends Omit<RunIo, 'reload'> {
  readonly stdout: { write(text: string): unknown };
  readonly files: Files;
  readonly version: string;
}

/** An option of one command that is no configuration: files to read and write, forms of output. */
interface OwnOption {
  readonly name: string;
  readonly kind: 'value' | 'flag' | 'list';
  readonly value?: string;
  readonly help: string;
}

interface Command {
  readonly name: string;
  /** Words after the name: required ones in capitals, optional ones in brackets. */
  readonly words: string;
  readonly summary: string;
  /** Which configuration options it takes. */
  readonly scope: 'translation' | 'run' | 'none';
  readonly own: readonly OwnOption[];
  run(call: Call, io: CliIo): Promise<number>;
}

interface Call {
  readonly words: readonly string[];
  readonly own: RawOptions;
  translation(): TranslationConfig;
  daemon(): RunConfig;
  reload(): Loaded<RunConfig>;
}

/** Mistakes were found and told: exit code 2. */
class Refused extends Error {
  readonly mistakes: readonly Mistake[];
  constructor(mistakes: readonly Mistake[]) {
    super('wrong options');
    this.mistakes = mistakes;
  }
}

const CONFIG: OwnOption = {
  name: 'config',
  kind: 'value',
  value: 'FILE',
  help: 'TOML file whose keys are the names of these options; the command line goes first',
};
const text = (value: RawOptions[string]): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    words: '',
    summary: 'translate on this host, in the foreground (the default command)',
    scope: 'run',
    own: [CONFIG],
    run: async (call, io) => {
      const config = call.daemon();
      const { run } = await import('./run.ts');
      return run(config, { ...io, reload: () => call.reload() });
    },
  },
  {
    name: 'replay',
    words: 'CAPTURE',
    summary: 'translate a capture (pcap or pcapng; "-": standard input), without any privilege',
    scope: 'translation',
    own: [
      { name: 'output', kind: 'value', value: 'FILE', help: 'write what comes out as pcap (link type RAW)' },
      {
        name: 'report',
        kind: 'value',
        value: 'FILE',
        help: 'write what became of each packet, one JSON line a packet',
      },
      CONFIG,
    ],
    run: async (call, io) => {
      const config = call.translation();
      const { replay } = await import('./replay.ts');
      const { output, report } = call.own;
      return replay({ input: call.words[0]!, output: text(output), report: text(report) }, config, io);
    },
  },
  {
    name: 'explain',
    words: '[REASON…]',
    summary: 'say what a reason means, or with --packet what becomes of a packet and why',
    scope: 'translation',
    own: [{ name: 'packet', kind: 'value', value: 'HEX', help: 'the packet, from its IP header on' }, CONFIG],
    run: async (call, io) => {
      const config = call.translation();
      const { explainPacket, explainReasons } = await import('./explain.ts');
      const packet = text(call.own['packet']);
      return packet === undefined ? explainReasons(call.words, io) : explainPacket(packet, config, io);
    },
  },
  {
    name: 'plan',
    words: '',
    summary: 'print what `run` with the same options would change on this host, and why; changes nothing',
    scope: 'run',
    own: [{ name: 'json', kind: 'flag', help: 'as JSON' }, CONFIG],
    run: async (call, io) => {
      const config = call.daemon();
      const { plan } = await import('./plan.ts');
      return plan(config, io, { json: call.own.json === true });
    },
  },
  {
    name: 'check',
    words: '',
    summary: 'check options and files, without touching anything',
    scope: 'run',
    own: [CONFIG],
    run: async (call, io) => {
      const { translation } = call.daemon();
      io.stdout.write(`right: ${translation.eam.size} explicit address mappings\n`);
      return 0;
    },
  },
];

const GROUPS = ['Addresses', 'Packets', 'Daemon'] as const;

/** Runs the command line. @returns the exit code: 0, 1 (it failed), 2 (wrong options) */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  const named = COMMANDS.find(({ name }) => name === argv[0]);
  const rest = named === undefined ? argv : argv.slice(1);
  if (named === undefined && argv[0] !== undefined && !argv[0].startsWith('-')) {
    const near = nearest(
      argv[0],
      COMMANDS.map(({ name }) => name),
    );
    io.stderr.write(
      `clatd: "${argv[0]}" is not a command${near === null ? '' : `; did you mean ${near}?`} (clatd --help lists them)\n`,
    );
    return 2;
  }
  const command = named ?? COMMANDS[0]!;
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (options.includes('--help') || options.includes('-h')) {
    io.stdout.write(named === undefined ? overview() : help(command));
    return 0;
  }
  if (options.includes('--version') || options.includes('-V')) {
    io.stdout.write(`clatd ${io.version}\n`);
    return 0;
  }
  try {
    return await command.run(parse(command, rest, io), io);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    for (const { where, message } of error.mistakes) io.stderr.write(`clatd: ${where}: ${message}\n`);
    io.stderr.write(`clatd: nothing was done; see clatd ${command.name} --help\n`);
    return 2;
  }
}

/** Splits the words of the command line; what they mean is checked by load.ts, all mistakes together. */
function parse(command: Command, argv: readonly string[], io: CliIo): Call {
  const rows = command.scope === 'none' ? [] : OPTIONS;
  const names = (kind: string) => [
    ...rows.filter((row) => row.kind === kind).flatMap((row) => [row.name, ...(row.aliases ?? [])]),
    ...command.own.filter((own) => own.kind === kind).map(({ name }) => name),
  ];
  const values = [...names('value'), ...names('list')];
  const parsed = yargs([])
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false)
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'greedy-arrays': false,
      'duplicate-arguments-array': true,
      'short-option-groups': false,
      'strip-aliased': true,
    })
    .string(values)
    .boolean(names('flag'))
    .parseSync(joinDash(argv)) as Record<string, unknown>;
  const { _: bare, $0: _program, ...given } = parsed;
  const words = (bare as unknown[]).map(String);
  const own: Record<string, RawOptions[string]> = {};
  const raw: Record<string, RawOptions[string]> = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const target = command.own.some(({ name }) => name === key) ? own : raw;
    const name = target === own ? key : (findOption(key)?.name ?? key);
    const before = target[name];
    target[name] = before === undefined ? (value as string) : ([before, value].flat() as string[]);
  }
  const mistakes = checkWords(command, words, own);
  const load = <T>(loader: (raw: RawOptions, files: Files, where: Whereabouts) => Loaded<T>): Loaded<T> => {
    const { all, where, wrong } = withFile(raw, text(own['config']), command, io.files);
    const loaded = loader(all, io.files, where);
    const found = [...mistakes, ...wrong, ...(loaded.ok ? [] : loaded.mistakes)];
    return found.length > 0 ? { ok: false, mistakes: found } : loaded;
  };
  const take = <T>(loaded: Loaded<T>): T => {
    if (!loaded.ok) throw new Refused(loaded.mistakes);
    for (const warning of loaded.warnings) io.stderr.write(`clatd: warning: ${warning}\n`);
    return loaded.config;
  };
  return {
    words,
    own,
    translation: () => take(load(loadTranslation)),
    daemon: () => take(load(loadRun)),
    reload: () => load(loadRun),
  };
}

/** `--output -` to `--output=-`: yargs would take a lone dash for a word. */
function joinDash(argv: readonly string[]): string[] {
  return argv.flatMap((word, i) => {
    if (word === '-' && argv[i - 1]?.startsWith('--')) return [];
    return argv[i + 1] === '-' && word.startsWith('--') && !word.includes('=') ? [`${word}=-`] : [word];
  });
}

function checkWords(command: Command, words: readonly string[], own: RawOptions): Mistake[] {
  const mistakes: Mistake[] = [];
  const wanted = command.words.split(' ').filter((word) => word !== '');
  const required = wanted.filter((word) => !word.startsWith('['));
  if (words.length < required.length) {
    mistakes.push({
      where: command.name,
      message: `${required[words.length]} is missing: clatd ${command.name} ${command.words}`,
    });
  }
  const repeats = wanted.at(-1)?.includes('…') ?? false;
  for (const word of repeats ? [] : words.slice(wanted.length)) {
    mistakes.push({ where: command.name, message: `"${word}" is one word too many` });
  }
  for (const { name, kind } of command.own) {
    const value = own[name];
    if (kind === 'value' && value === '') mistakes.push({ where: `--${name}`, message: 'needs a value' });
    if (kind !== 'list' && Array.isArray(value))
      mistakes.push({ where: `--${name}`, message: 'is given more than once' });
  }
  return mistakes;
}

/** Adds the options of a configuration file to those of the command line, which go first. */
function withFile(
  raw: RawOptions,
  path: string | undefined,
  command: Command,
  files: Files,
): { all: RawOptions; where: Whereabouts; wrong: Mistake[] } {
  const onLine: Whereabouts = (name) => `--${name}`;
  if (path === undefined) return { all: raw, where: onLine, wrong: [] };
  const file = readConfigFile(path, files);
  if (!file.ok) return { all: raw, where: onLine, wrong: file.mistakes };
  // One file may serve every command: what only the daemon knows is nobody's mistake in a replay.
  const usable = Object.entries(file.raw).filter(
    ([name]) => command.scope === 'run' || OPTIONS.find((row) => row.name === name)?.scope !== 'run',
  );
  const all = { ...Object.fromEntries(usable), ...raw };
  return { all, where: (name) => (name in raw ? onLine(name) : file.where(name)), wrong: [] };
}

function overview(): string {
  const commands = COMMANDS.map(
    ({ name, words, summary }) => `  ${`${name} ${words}`.padEnd(18)} ${summary}`,
  );
  return `clatd: IPv4 on an IPv6-only host. Translates between IPv4 and IPv6 (SIIT, RFC 7915) toward the provider's NAT64.

Usage: clatd [COMMAND] [OPTIONS]

${commands.join('\n')}

Examples:
  clatd run --pool6 64:ff9b::/96 --eam 192.0.0.2=2001:db8:1:1::c1a7
  clatd plan --pool6 64:ff9b::/96 --eam 192.0.0.2=2001:db8:1:1::c1a7
  clatd replay capture.pcap --output out.pcap --pool6 64:ff9b::/96

clatd COMMAND --help lists the command's options. Exit codes: 0 done, 1 failed, 2 wrong options (nothing was done).
`;
}

function help(command: Command): string {
  const rows = OPTIONS.filter(
    ({ scope }) => command.scope === 'run' || (command.scope === 'translation' && scope === 'translation'),
  );
  const sections = GROUPS.flatMap((group) => {
    const inGroup = rows.filter((row) => row.group === group);
    return inGroup.length === 0 ? [] : [`${group}:\n${inGroup.map(optionHelp).join('\n')}`];
  });
  const own = command.own.map(({ name, value, help: says }) =>
    line(`--${name}${value === undefined ? '' : ` ${value}`}`, says),
  );
  if (own.length > 0) sections.unshift(`Options:\n${own.join('\n')}`);
  return `clatd ${[command.name, command.words].join(' ').trim()}: ${command.summary}\n\n${sections.join('\n\n')}\n`;
}

function optionHelp(row: OptionRow): string {
  const name = row.kind === 'flag' && row.default === 'on' ? `--no-${row.name}` : `--${row.name}`;
  return line(`${name}${row.value === undefined ? '' : ` ${row.value}`}`, `${row.help} [${row.default}]`);
}

const line = (left: string, right: string): string =>
  left.length > 30 ? `  ${left}\n${' '.repeat(34)}${right}` : `  ${left.padEnd(31)} ${right}`;
