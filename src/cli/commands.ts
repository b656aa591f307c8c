/**
 * THE table of commands. Everything a command needs is imported when it runs, so that `clatd --version` reads no
 * translator and a daemon reads no pcap.
 */
import type { RunConfig, TranslationConfig } from '../config/config.ts';
import type { Files, Loaded, RawOptions } from '../config/load.ts';
import type { OptionRow } from '../config/options.ts';
import type { Inherited } from './inherited.ts';
import type { RunIo } from './run.ts';

export interface CliIo extends Omit<RunIo, 'reload' | 'given'> {
  readonly stdout: { write(text: string): unknown };
  readonly files: Files;
  readonly version: string;
  /** What runs this program: "Node 20.20.2". */
  readonly runtime?: string;
  /** The options of the clatd in use; absent: not looked for. */
  inherited?(tun: string | null): Promise<Inherited | null>;
  /** Columns of the terminal, where there is one. */
  readonly columns?: number | undefined;
}

/** An option of one command that is no configuration: files to read and write, forms of output. */
export interface OwnOption {
  readonly name: string;
  readonly kind: 'value' | 'flag' | 'list';
  readonly value?: string;
  readonly help: string;
}

/** To add a command: a row in COMMANDS, and a file of its own that it imports when it runs. */
export interface Command {
  /** One word, or several. */
  readonly name: string;
  /** Words after the name: required ones in capitals, optional ones in brackets. */
  readonly words: string;
  readonly summary: string;
  /** It begins with the options of the clatd that runs here, or of its service (inherited.ts). */
  readonly inherits?: true;
  /** Which configuration options it takes. */
  readonly scope: 'translation' | 'run' | 'none';
  /** Which of those bear on it, and stand in its help; without it all. The others are taken, so that one file serves all. */
  bears?(row: OptionRow): boolean;
  /** What its exit codes mean, besides those that all have (EXITS). */
  readonly exits: Readonly<Record<number, string>>;
  readonly own: readonly OwnOption[];
  readonly examples: readonly string[];
  run(call: Call, io: CliIo): Promise<number>;
}

export interface Call {
  /** The words after the command's name: as many as it asks for. */
  readonly words: readonly string[];
  /** Options of the command's own table. */
  readonly own: RawOptions;
  /** Throws Refused with every mistake. */
  translation(): Promise<TranslationConfig>;
  daemon(): Promise<RunConfig>;
  /** Once one of them has resolved: the options as they were given, those of files among them. */
  given(): RawOptions;
  /** Once daemon() has resolved: reads the files again. */
  reload(): Loaded<RunConfig>;
}

export const CONFIG: OwnOption = {
  name: 'config',
  kind: 'list',
  value: 'FILE',
  help: 'TOML file whose keys are the names of these options; the command line overrides it, and a later file an earlier one',
};
/** Of commands that begin with the options of the clatd in use. */
const DEFAULTS: OwnOption = {
  name: 'defaults',
  kind: 'flag',
  help: 'begin with the defaults, not with the options of the clatd that runs here or of its service; so does --config',
};
const text = (value: RawOptions[string]): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** What the exit codes mean where a command says nothing else. */
export const EXITS: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed',
  2: 'wrong options or files: nothing was done',
  70: 'a mistake in clatd itself',
};

/** Options of how packets are carried and changed: they change nothing on the host. */
const CARRYING: ReadonlySet<string> = new Set(
  [
    'workers offload coalesce io-uring icmp-errors mtu-plateaus udp-cksum-mode zeroize-traffic-class override-tos',
    'lowest-ipv6-mtu ipv6-mtu ipv4-mtu health-check health-interval strict-suffix strict-source eam-hairpin-mode',
    'rfc6791v4-prefix denylist4',
  ]
    .join(' ')
    .split(' '),
);
const ofTheHost = ({ name }: OptionRow): boolean => !CARRYING.has(name);
const DISCOVERING: ReadonlySet<string> = new Set(['tun', 'plat-dev', 'dns64-servers', 'log-level']);

export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    words: '',
    summary: 'translate on this host, in the foreground (the default command)',
    scope: 'run',
    exits: { 0: 'stopped by a signal', 1: 'could not start, or the device went away' },
    own: [CONFIG],
    examples: [
      'clatd run --pool6 2001:db8:64::/96 --eam 192.0.0.2=2001:db8:1:1::c1a7',
      'clatd run --config /etc/clatd/clatd.toml',
    ],
    run: async (call, io) => {
      const config = await call.daemon();
      const { run } = await import('./run.ts');
      return run(config, { ...io, given: call.given(), reload: () => call.reload() });
    },
  },
  {
    name: 'replay',
    words: 'CAPTURE',
    summary: 'translate a capture (pcap or pcapng; "-": standard input), without any privilege',
    scope: 'translation',
    exits: {
      0: 'the whole capture was read',
      1: 'the capture is damaged or none, or a file cannot be read or written',
    },
    own: [
      { name: 'output', kind: 'value', value: 'FILE', help: 'write what comes out as pcap (link type RAW)' },
      {
        name: 'report',
        kind: 'value',
        value: 'FILE',
        help: 'write what became of each packet, one JSON line a packet: verdict, reason, time, addresses, protocol, length',
      },
      CONFIG,
    ],
    examples: [
      'clatd replay in.pcap --output out.pcap --pool6 2001:db8:64::/96 --eam 192.0.0.2=2001:db8:1::2',
    ],
    run: async (call, io) => {
      const config = await call.translation();
      const { replay } = await import('./replay.ts');
      const { output, report } = call.own;
      if (config.pool6 === null && config.eam.size === 0) {
        io.stderr.write(
          'clatd: warning: nothing will be translated: neither --pool6 nor a mapping is given; give the options of the clatd that the capture is of\n',
        );
      }
      return replay({ input: call.words[0]!, output: text(output), report: text(report) }, config, io);
    },
  },
  {
    name: 'explain',
    words: '[REASON…]',
    summary: 'say what a reason means, or with --packet what becomes of a packet and why',
    scope: 'translation',
    exits: { 2: 'wrong options, no such reason, or no hexadecimal digits' },
    own: [
      { name: 'packet', kind: 'value', value: 'HEX', help: 'the packet, from its IP header on' },
      { name: 'json', kind: 'flag', help: 'as JSON' },
      CONFIG,
    ],
    examples: ['clatd explain', 'clatd explain TtlExpired46'],
    run: async (call, io) => {
      const config = await call.translation();
      const { explainPacket, explainReasons } = await import('./explain.ts');
      const packet = text(call.own['packet']);
      const json = call.own.json === true;
      return packet === undefined
        ? explainReasons(call.words, io, json)
        : // Digits with blanks between that nobody put in quotes.
          explainPacket([packet, ...call.words].join(' '), config, io, json);
    },
  },
  {
    name: 'plan',
    words: '',
    summary: 'print what `run` with the same options would change on this host, and why; changes nothing',
    scope: 'run',
    bears: ofTheHost,
    exits: { 0: 'printed', 1: '`run` would wait or meet a conflict, or the host cannot be read' },
    inherits: true,
    own: [{ name: 'json', kind: 'flag', help: 'as JSON' }, DEFAULTS, CONFIG],
    examples: ['clatd plan --pool6 2001:db8:64::/96 --eam 192.0.0.2=2001:db8:1:1::c1a7'],
    run: async (call, io) => {
      const config = await call.daemon();
      const { plan } = await import('./plan.ts');
      return plan(config, io, { json: call.own.json === true });
    },
  },
  {
    name: 'discover',
    words: '',
    summary: 'say what routers and DNS tell about the NAT64 prefix of this network; changes nothing',
    scope: 'run',
    bears: ({ name }) => DISCOVERING.has(name),
    exits: { 0: 'a prefix was found', 1: 'none was found, or the host cannot be read' },
    inherits: true,
    own: [{ name: 'json', kind: 'flag', help: 'as JSON' }, DEFAULTS, CONFIG],
    examples: ['clatd discover', 'clatd discover --dns64-servers 2001:db8::53'],
    run: async (call, io) => {
      const { clat, tun } = await call.daemon();
      const { discover } = await import('./discover.ts');
      const { dns64Servers: servers, platDev } = clat;
      return discover({ servers, tun, platDev, json: call.own.json === true }, io);
    },
  },
  {
    name: 'doctor',
    words: '',
    summary:
      'check the whole way from this host to the IPv4 internet, and say what to do where it is broken; changes nothing',
    scope: 'run',
    bears: ofTheHost,
    exits: { 0: 'no problem was found', 1: 'problems were found' },
    inherits: true,
    own: [
      {
        name: 'target',
        kind: 'value',
        value: 'ADDR[:PORT]|none',
        help: 'IPv4 server to try the NAT64 and IPv4 with, by ping, TCP and TLS: the only packets that go to a third party [default: 1.1.1.1:443]',
      },
      { name: 'json', kind: 'flag', help: 'as JSON' },
      DEFAULTS,
      CONFIG,
    ],
    examples: ['clatd doctor', 'clatd doctor --target none', 'clatd doctor --json > report.json'],
    run: async (call, io) => {
      const config = await call.daemon();
      const { doctor } = await import('./doctor.ts');
      return doctor(config, { target: text(call.own.target), json: call.own.json === true }, io);
    },
  },
  {
    name: 'check',
    words: '',
    summary: 'say whether `run` would take these options and files, without touching anything',
    scope: 'run',
    exits: { 0: 'no mistakes', 2: 'mistakes were found' },
    own: [CONFIG],
    examples: ['clatd check --config /etc/clatd/clatd.toml', 'clatd check --eam-file /etc/clatd/eam.txt'],
    run: async (call, io) => {
      const config = await call.daemon();
      const { check } = await import('./check.ts');
      return check(config, io);
    },
  },
  {
    name: 'address query',
    words: 'ADDRESS…',
    summary: 'say what addresses are translated to, and by which rule',
    scope: 'translation',
    bears: ({ group, name }) =>
      group === 'Addresses' && name !== 'rfc6791v4-prefix' && name !== 'eam-hairpin-mode',
    exits: { 0: 'every address has a translation', 1: 'some have none', 2: 'wrong options, or no addresses' },
    own: [CONFIG],
    examples: ['clatd address query 198.51.100.7 2001:db8:64::c633:6407 --pool6 2001:db8:64::/96'],
    run: async (call, io) => {
      const config = await call.translation();
      const { queryAddresses } = await import('./address.ts');
      return queryAddresses(call.words, config, io);
    },
  },
  {
    name: 'version',
    words: '',
    summary: 'print the version; -v, -V and --version do the same',
    scope: 'none',
    exits: {},
    own: [],
    examples: ['clatd version'],
    run: async (_call, io) => {
      io.stdout.write(`clatd ${io.version}\n`);
      return 0;
    },
  },
];
