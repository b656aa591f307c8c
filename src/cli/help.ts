/**
 * `--help`, printed by yargs from the tables of commands and options; and docs/options.md from the same.
 * Loaded for help alone: see words.ts.
 */
import yargs, { type Argv } from 'yargs';
import { OPTIONS, type OptionRow } from '../config/options.ts';
import { COMMANDS, type Command, EXITS } from './commands.ts';

/** In one sentence. */
function exitCodes(exits: Readonly<Record<number, string>>): string {
  const all = Object.entries({ ...EXITS, ...exits }).map(([code, meaning]) => `${code} ${meaning}`);
  return `Exit codes: ${all.join('; ')}.`;
}

const NARROWEST = 60;
const WIDEST = 110;

function blank(columns: number | undefined, exits: Readonly<Record<number, string>>): Argv {
  return yargs([])
    .scriptName('')
    .help(false)
    .version(false)
    .exitProcess(false)
    .wrap(Math.min(Math.max(columns ?? WIDEST, NARROWEST), WIDEST))
    .updateStrings({ 'Options:': 'Options' })
    .epilogue(exitCodes(exits));
}

/** Help without a command: what there is. */
export async function overview(columns: number | undefined): Promise<string> {
  const page = blank(columns, {}).usage(
    'clatd: IPv4 on an IPv6-only host. Translates between IPv4 and IPv6 (SIIT, RFC 7915) toward the NAT64 of the provider.\n\nUsage: clatd [COMMAND] [OPTIONS], or clatd COMMAND --help',
  );
  for (const { name, words, summary } of COMMANDS) page.command(`${name} ${words}`.trim(), summary);
  for (const { examples } of COMMANDS) if (examples[0] !== undefined) page.example(examples[0], '');
  return `${await page.getHelp()}\n`;
}

/** Help for one command: its options in groups. */
export async function commandHelp(command: Command, columns: number | undefined): Promise<string> {
  const options = command.own.length + rowsOf(command).length > 0 ? '[OPTIONS]' : '';
  const usage = ['clatd', command.name, command.words, options].filter((word) => word !== '').join(' ');
  const page = blank(columns, command.exits).usage(`Usage: ${usage}\n\n${sentence(command.summary)}`);
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

/** The options that bear on a command. */
export function rowsOf({ scope, bears }: Command): readonly OptionRow[] {
  if (scope === 'none') return [];
  const taken = scope === 'run' ? OPTIONS : OPTIONS.filter((row) => row.scope === 'translation');
  return bears === undefined ? taken : taken.filter(bears);
}

/** docs/options.md (test/cli/help.test.ts holds it to the tables). */
export function optionsDocument(): string {
  const groups = [...new Set(OPTIONS.map(({ group }) => group))];
  const sections = groups.map((group) => {
    const rows = OPTIONS.filter((row) => row.group === group).map((row) => {
      const name =
        row.kind === 'flag' ? `--${row.name}, --no-${row.name}` : `--${label(row.name, row.value)}`;
      const also = row.aliases?.map((alias) => `\`${alias}\``).join(', ') ?? '';
      return cells(`\`${name}\``, row.default, `${row.help}${remark(row)}`, also);
    });
    return [`## ${group}`, '', cells('option', 'default', 'meaning', 'also accepted as'), RULE, ...rows].join(
      '\n',
    );
  });
  const commands = COMMANDS.map(({ name, words, summary, scope, own }) => {
    const usage = `clatd ${name} ${words}`.trim();
    const takes = { run: 'all', translation: 'Addresses, Packets', none: 'none' }[scope];
    const others = own.map((one) => `\`--${label(one.name, one.value)}\`: ${one.help}`).join('<br>');
    return cells(`\`${usage}\``, summary, takes, others);
  });
  return `${[
    INTRODUCTION,
    ...sections,
    [
      '## Commands',
      '',
      cells('command', 'what it does', 'options', 'its own options'),
      RULE,
      ...commands,
    ].join('\n'),
    `${FILES}
${exitTable()}`,
  ].join('\n\n')}\n`;
}

/** When the option has an effect, and when a change of it has. */
function remark({ bearsOn, restart }: OptionRow): string {
  const when = {
    'automatic mode': 'automatic mode only',
    discovery: 'automatic mode without `--pool6` only',
    'health check': 'with `--health-check` only',
    host: 'not with `--no-configure`',
    'default route': 'not with `--no-configure`',
    'native IPv4': 'automatic mode only, without `--enable force`',
    pool6: 'with pool6 only',
    'well-known prefix': 'with that prefix only',
    segmentation: 'with `--offload` auto, uso or tso only',
  };
  const remarks = [
    ...(bearsOn === undefined ? [] : [when[bearsOn]]),
    ...(restart === undefined ? [] : ['needs a restart']),
  ];
  return remarks.length === 0 ? '' : ` (${remarks.join('; ')})`;
}

const RULE = '|---|---|---|---|';
const cells = (...texts: readonly string[]): string =>
  `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;

const INTRODUCTION = `# Options

Made from the tables in \`src/config/options.ts\` and \`src/cli/commands.ts\`; \`npx vitest run test/cli/help.test.ts -u\`
writes it anew. \`clatd COMMAND --help\` prints the same.

\`clatd\` without a command is \`clatd run\`. Values follow as \`--name VALUE\` or \`--name=VALUE\`. An option that is no
list may be given once; the same value again is no mistake. All mistakes are told at once, each with its place; nothing
is done then, and the exit code is 2.`;

const FILES = `## What chooses the mode

Without \`--eam\`, \`--eam-file\` and \`--no-configure\` clatd runs in the automatic mode: it finds the NAT64 prefix (or takes
that of \`--pool6\`), chooses the mapping and follows the network. Any of the three turns that off, an EAM file without
mappings too: then only what is given is translated. Where that is nothing, or nothing of this host, a warning says so, and
the status. \`--lan\` and \`--nat44\` go with both modes. Going from one mode to the other needs a restart.

An option that has no effect beside the others is named by a warning of \`clatd check\` and \`clatd run\`; the tables above
say on what each depends.

## Configuration file

\`--config FILE\` reads TOML. Its keys are the names of the options, without dashes before them; an option on the command
line replaces the same one in the file, wholly (lists are not joined). \`--config\` may be given several times: a later
file overrides an earlier one in the same way. Names of other files in it are relative to the folder clatd is started
in. Text stands in double quotes; there are no sections. It must be a regular file of at most 4 MiB, the EAM file one of
at most 256 MiB: no pipe, no device.

The service reads \`/etc/clatd/clatd.toml\`, which \`systemd/install.sh\` puts there, all in comments. That one file may be
missing: then nothing is taken from it. \`CLATD_OPTS\` in \`/etc/default/clatd\` overrides it, as a command line does, and
takes a restart to change.

\`\`\`toml
pool6 = "2001:db8:64::/96"
eam = ["192.0.0.2=2001:db8:1:1::c1a7"]
mtu-plateaus = [1492, 1280]
strict-suffix = true
workers = 2
\`\`\`

\`SIGHUP\` reads it and \`--eam-file\` again. Mappings and the options of Addresses and Packets change between two packets;
the log names what changed, and what needs a restart. Where a file has a mistake, nothing changes, and the log says what is
wrong.

## EAM file

One mapping a line: \`V4[/LENGTH]=V6[/LENGTH]\`, or the two separated by blanks. \`#\` begins a comment; blank lines, an
empty file, CRLF and a byte order mark are all right. Without a length an address maps one to one (/32, /128).

\`\`\`
192.0.0.2       2001:db8:1:1::c1a7   # this host
192.168.1.0/24 = 2001:db8:12:3401::c0a8:100/120
\`\`\`

Bits beyond the length must be 0, and the IPv6 side must have room for the suffix of the IPv4 side. The same prefix may
not have two partners. Where mappings overlap the longest prefix wins, and a warning says so.

## Exit codes
`;

/** One row a command, as in its help. */
function exitTable(): string {
  const codes = Object.keys(EXITS);
  const row = (name: string, exits: Readonly<Record<string, string>>): string =>
    `| ${[name, ...codes.map((code) => exits[code] ?? EXITS[Number(code)]!)].join(' | ')} |`;
  return [
    `| command | ${codes.join(' | ')} |`,
    `|---|${codes.map(() => '---|').join('')}`,
    ...COMMANDS.map(({ name, exits }) => row(`\`clatd ${name}\``, exits)),
    '',
    'Output that cannot be written (a full disk) is 1, too. 70 is told with one line; `--log-level debug` says where it happened.',
  ].join('\n');
}
