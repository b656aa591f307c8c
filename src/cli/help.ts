/**
 * `--help`, printed by yargs from the tables of commands and options; and docs/options.md from the same.
 * Loaded for help alone: see words.ts.
 */
import yargs, { type Argv } from 'yargs';
import { OPTIONS, type OptionRow } from '../config/options.ts';
import { COMMANDS, type Command } from './commands.ts';

const EXIT_CODES =
  'Exit codes: 0 done; 1 failed; 2 wrong options, nothing was done; 70 a mistake in clatd itself.';

const NARROWEST = 60;
const WIDEST = 110;

function blank(columns: number | undefined): Argv {
  return yargs([])
    .scriptName('')
    .help(false)
    .version(false)
    .exitProcess(false)
    .wrap(Math.min(Math.max(columns ?? WIDEST, NARROWEST), WIDEST))
    .updateStrings({ 'Options:': 'Options' })
    .epilogue(EXIT_CODES);
}

/** Help without a command: what there is. */
export async function overview(columns: number | undefined): Promise<string> {
  const page = blank(columns).usage(
    'clatd: IPv4 on an IPv6-only host. Translates between IPv4 and IPv6 (SIIT, RFC 7915) toward the NAT64 of the provider.\n\nUsage: clatd [COMMAND] [OPTIONS], or clatd COMMAND --help',
  );
  for (const { name, words, summary } of COMMANDS) page.command(`${name} ${words}`.trim(), summary);
  for (const { examples } of COMMANDS) if (examples[0] !== undefined) page.example(examples[0], '');
  return `${await page.getHelp()}\n`;
}

/** Help for one command: its options in groups. */
export async function commandHelp(command: Command, columns: number | undefined): Promise<string> {
  const usage = ['clatd', command.name, command.words, '[OPTIONS]'].filter((word) => word !== '').join(' ');
  const page = blank(columns).usage(`Usage: ${usage}\n\n${sentence(command.summary)}`);
  for (const { name, value, help } of command.own) {
    page.option(label(name, value), { describe: help, group: 'Command:' });
  }
  for (const row of rowsOf(command)) {
    const negative = row.kind === 'flag' && row.default === 'on';
    page.option(label(negative ? `[no-]${row.name}` : row.name, row.value), {
      describe: `${row.help} [default: ${row.default}]`,
      group: `${row.group}:`,
    });
  }
  for (const example of command.examples) page.example(example, '');
  return `${await page.getHelp()}\n`;
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`;
const label = (name: string, value: string | undefined): string =>
  value === undefined ? name : `${name} ${value}`;

function rowsOf({ scope }: Command): readonly OptionRow[] {
  if (scope === 'none') return [];
  return scope === 'run' ? OPTIONS : OPTIONS.filter((row) => row.scope === 'translation');
}
