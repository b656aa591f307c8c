/** The command line: which command, which options; then the command's own file does the work. */
import { resolve } from 'node:path';
import type { Files, Loaded, RawOptions, Whereabouts } from '../config/load.ts';
import { bounded, inOrder, type Mistake } from '../config/mistake.ts';
import { nearest } from '../config/nearest.ts';
import { OPTIONS } from '../config/options.ts';
import { peerCommand } from '../config/peer-words.ts';
import { type Call, type CliIo, COMMANDS, CONFIG, type Command } from './commands.ts';
import { splitWords, toRaw, type Words } from './words.ts';

export { COMMANDS };

/** Wrong options: nothing was done. */
export const EXIT_USAGE = 2;

/** Mistakes were found: exit code 2. */
class Refused extends Error {
  readonly mistakes: readonly Mistake[];
  constructor(mistakes: readonly Mistake[]) {
    super('wrong options');
    this.mistakes = mistakes;
  }
}

const HELP = { name: 'help', kind: 'flag' } as const;
const VERSION = { name: 'version', kind: 'flag' } as const;

/** Runs the command line. @returns the exit code: 0, 1 (it failed), 2 (wrong options) */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  const named = COMMANDS.find(({ name }) => name.split(' ').every((word, i) => argv[i] === word));
  const first = argv[0];
  if (first === 'help') return help(argv.slice(1).join(' '), io);
  if (named === undefined && first !== undefined && !first.startsWith('-')) {
    return isGroup(first) && argv.some(asksForHelp) ? help(first, io) : unknownCommand(argv, io);
  }

  const command = named ?? COMMANDS[0]!;
  const rest = named === undefined ? argv : argv.slice(named.name.split(' ').length);
  const configuration = command.scope === 'none' ? [] : OPTIONS;
  const words = splitWords(rest, [HELP, VERSION, ...command.own, ...configuration]);
  if (words.given.has('help') || rest.some(asksForHelp)) return help(named?.name ?? '', io);
  if (words.given.has('version') || rest.includes('-V') || rest.includes('-v')) {
    io.stdout.write(`clatd ${io.version}\n`);
    return 0;
  }
  const begun = command.inherits === true ? await inherit(words, io) : { words, files: io.files };
  try {
    return await command.run(callOf(command, begun.words, { ...io, files: begun.files }), io);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const before = `${mark(ERROR, io)}clatd:`;
    for (const { where, message } of error.mistakes) io.stderr.write(`${before} ${where}: ${message}\n`);
    io.stderr.write(`${before} nothing was done; see clatd ${command.name} --help\n`);
    return EXIT_USAGE;
  }
}

/** sd-daemon(3) */
const ERROR = 3;
const WARNING = 4;

/** The priority of a line in the journal, before there is a log. */
const mark = (priority: number, { env }: CliIo): string =>
  env['JOURNAL_STREAM'] === undefined ? '' : `<${priority}>`;

const asksForHelp = (word: string): boolean => word === '-h' || word === '--help';

/** The first word of a command that has several. */
const isGroup = (name: string): boolean =>
  name !== '' && COMMANDS.some((command) => command.name.startsWith(`${name} `));

/**
 * The words with those of the clatd in use before them, and files as it finds them. A configuration file named here, or
 * --defaults, stands in their place.
 */
async function inherit(words: Words, io: CliIo): Promise<{ words: Words; files: Files }> {
  const tun = words.given.get('tun')?.at(-1);
  const found = (await io.inherited?.(typeof tun === 'string' ? tun : null)) ?? null;
  if (found === null) return { words, files: io.files };
  // What programs read must stay what it is.
  const say = (line: string): unknown =>
    words.given.has('json') ? io.stderr.write(`clatd: ${line}\n`) : io.stdout.write(`${line}\n`);
  const instead = ['config', 'defaults'].find((name) => words.given.has(name));
  if (instead !== undefined) {
    if (found.pid !== undefined)
      say(`clatd runs here already (process ${found.pid}); its options do not count here (--${instead})`);
    return { words, files: io.files };
  }
  say(found.said);
  const before = splitWords(found.argv, [CONFIG, ...OPTIONS]);
  const given = new Map([...before.given, ...words.given]);
  const file = words.given.get('eam-file')?.map((path) => (typeof path === 'string' ? resolve(path) : path));
  if (file !== undefined) given.set('eam-file', file);
  return {
    words: {
      ...words,
      given,
      typed: new Map([...before.typed, ...words.typed]),
      mistakes: [...before.mistakes, ...words.mistakes],
    },
    files: { read: (path, most) => io.files.read(resolve(found.cwd, path), most) },
  };
}

async function help(name: string, io: CliIo): Promise<number> {
  const { commandHelp, overview } = await import('./help.ts');
  // "address" alone stands for what there is of it.
  const command = COMMANDS.find(
    (one) => one.name === name || (isGroup(name) && one.name.startsWith(`${name} `)),
  );
  if (command === undefined && name !== '') return unknownCommand([name], io);
  io.stdout.write(
    command === undefined ? await overview(io.columns) : await commandHelp(command, io.columns),
  );
  return 0;
}

function unknownCommand(argv: readonly string[], io: CliIo): number {
  const names = COMMANDS.map(({ name }) => name);
  const first = argv[0]!;
  const peer = peerCommand(first);
  if (peer !== null) {
    io.stderr.write(`clatd: ${JSON.stringify(first)} is not a command here; ${peer}\n`);
    return EXIT_USAGE;
  }
  const near = names.find((name) => name.startsWith(`${first} `)) ?? nearest(first, names);
  io.stderr.write(
    `clatd: ${JSON.stringify(first)} is not a command${near === null ? '' : `; did you mean ${near}?`} (clatd --help lists them)\n`,
  );
  return EXIT_USAGE;
}

/** What the command line says, as the command asks for it. Mistakes are told together, when it asks. */
function callOf(command: Command, words: Words, io: CliIo): Call {
  const isOwn = (name: string): boolean => command.own.some((own) => own.name === name);
  const own = toRaw(new Map([...words.given].filter(([name]) => isOwn(name))));
  const raw = toRaw(new Map([...words.given].filter(([name]) => !isOwn(name))));
  const mistakes = [...words.mistakes, ...wrongWords(command, words)];
  const paths = [own['config'] ?? []]
    .flat()
    .filter((path): path is string => typeof path === 'string' && path !== '');
  const onLine: Whereabouts = (name) => words.typed.get(name) ?? `--${name}`;

  type Loader<T> = (raw: RawOptions, files: Files, where: Whereabouts) => Loaded<T>;
  const prepare = async <T>(loader: (module: typeof import('../config/load.ts')) => Loader<T>) => {
    const load = loader(await import('../config/load.ts'));
    const toml = paths.length === 0 ? null : await import('../config/config-files.ts');
    return (): Loaded<T> => {
      const file = toml === null ? null : toml.readConfigFiles(paths, io.files);
      // One file may serve every command: what only the daemon knows is nobody's mistake in a replay.
      const usable = Object.entries(file?.raw ?? {}).filter(
        ([name]) =>
          command.scope === 'run' || OPTIONS.find((option) => option.name === name)?.scope !== 'run',
      );
      const where: Whereabouts = (name, value) =>
        !words.given.has(name) && file !== null && Object.hasOwn(file.raw, name)
          ? file.where(name, value)
          : onLine(name);
      const loaded = load({ ...Object.fromEntries(usable), ...raw }, io.files, where);
      const found = [...mistakes, ...(file?.mistakes ?? []), ...(loaded.ok ? [] : loaded.mistakes)];
      if (found.length > 0 || !loaded.ok) {
        return { ok: false, mistakes: bounded(inOrder(found), paths[0] ?? command.name) };
      }
      return { ...loaded, warnings: [...(file?.warnings ?? []), ...loaded.warnings] };
    };
  };
  let given: RawOptions = {};
  const take = <T>(loaded: Loaded<T>): T => {
    if (!loaded.ok) throw new Refused(loaded.mistakes);
    for (const warning of loaded.warnings) {
      // What a command that asks the network itself does with an option is its own affair.
      if (command.inherits === true && loaded.vain.includes(warning)) continue;
      io.stderr.write(`${mark(WARNING, io)}clatd: warning: ${warning}\n`);
    }
    given = loaded.given;
    return loaded.config;
  };
  let reload: Call['reload'] = () => {
    throw new Error('nothing has been loaded yet');
  };
  return {
    words: words.bare,
    own,
    translation: async () => take((await prepare((module) => module.loadTranslation))()),
    daemon: async () => {
      reload = await prepare((module) => module.loadRun);
      return take(reload());
    },
    given: () => given,
    reload: () => reload(),
  };
}

/** Too few words, too many, and the command's own options. */
function wrongWords(command: Command, { bare, given, typed, swallowed }: Words): Mistake[] {
  const mistakes: Mistake[] = [];
  const wanted = command.words.split(' ').filter((word) => word !== '');
  const required = wanted.filter((word) => !word.startsWith('['));
  // A word that looked like the value of an unknown option may be the one: that option is the mistake.
  if (bare.length + swallowed < required.length) {
    mistakes.push({
      where: command.name,
      message: `${required[bare.length]!.replace('…', '')} is missing: clatd ${command.name} ${command.words}`,
    });
  }
  const repeats = wanted.at(-1)?.includes('…') ?? false;
  for (const word of repeats ? [] : bare.slice(wanted.length)) {
    const isCommand = COMMANDS.some(({ name }) => name === word);
    mistakes.push({
      where: command.name,
      message: `${JSON.stringify(word)} is one word too many${isCommand ? `; the command goes first: clatd ${word} …` : ''}`,
    });
  }
  for (const { name, kind } of command.own) {
    const values = given.get(name) ?? [];
    const where = typed.get(name) ?? `--${name}`;
    if (kind !== 'flag' && values.includes('')) mistakes.push({ where, message: 'needs a value' });
    if (kind === 'flag' && values.some((value) => typeof value === 'string')) {
      mistakes.push({ where, message: 'takes no value' });
    }
    if (kind !== 'list' && new Set(values).size > 1) {
      mistakes.push({ where, message: 'is given several times, each time differently; give it once' });
    }
  }
  return mistakes;
}
