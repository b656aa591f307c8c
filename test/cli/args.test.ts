/** The command line as a whole, in process. */
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/args.ts';
import { COMMANDS } from '../../src/cli/commands.ts';

const clatd = (...argv: string[]) => clatdIn({}, ...argv);

async function clatdIn(
  env: Record<string, string>,
  ...argv: string[]
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(argv, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env,
    version: '9.9.9',
    columns: 100,
    monotonicUs: () => 0n,
    onSignal: () => {},
    files: {
      read: (path) => {
        if (path === '/c.toml')
          return new TextEncoder().encode(
            'pool6 = "2001:db8:64::/96"\neam = ["192.0.2.1=2001:db8:1::1"]\nworkers = 2\n',
          );
        if (path === '/d.toml') return new TextEncoder().encode('pool6 = "2001:db8:65::/96"\n');
        if (path === '/bad.toml') return new TextEncoder().encode('pool6 = "x"\ntun = {}\nworkers = 0\n');
        const message = `ENOENT: no such file or directory, open '${path}'`;
        throw Object.assign(new Error(message), { code: 'ENOENT' });
      },
    },
  });
  return { code, out, err };
}

test('--version and --help', async () => {
  expect(await clatd('--version')).toEqual({ code: 0, out: 'clatd 9.9.9\n', err: '' });
  for (const word of ['-v', '-V', 'version']) expect((await clatd(word)).out).toBe('clatd 9.9.9\n');
  const { code, out } = await clatd('--help');
  expect(code).toBe(0);
  for (const { name } of COMMANDS) expect(out).toContain(name);
});
test.each(COMMANDS.map(({ name }) => name))('%s --help', async (name) => {
  const { code, out } = await clatd(...name.split(' '), '--help');
  expect(code).toBe(0);
  expect(out).toContain(`clatd ${name}`);
});
test.each([
  [['address', '--help'], 'clatd address query'],
  [['address', '-h'], 'clatd address query'],
  [['help', 'address'], 'clatd address query'],
  [['help', 'address', 'query'], 'clatd address query'],
  [['help', 'run'], 'clatd run'],
  [['help'], 'clatd [COMMAND]'],
])('%j', async (argv, usage) => {
  const { code, out, err } = await clatd(...argv);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain(usage);
});
test('the first word of a command alone', async () => {
  expect(await clatd('address')).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean address query?'),
  });
});
test('a peer’s command', async () => {
  const { code, err } = await clatd('eamt', 'add', '2001:db8::1', '192.0.2.1');
  expect(code).toBe(2);
  expect(err).toBe(
    'clatd: "eamt" is not a command here; mappings are options: --eam, --eam-file (SIGHUP reads the file again)\n',
  );
});
test('help lists what bears on a command, though more is taken', async () => {
  const { out } = await clatd('discover', '--help');
  expect(out).toContain('--dns64-servers');
  expect(out).not.toContain('--workers');
  expect((await clatd('plan', '--help')).out).not.toContain('--io-uring');
  expect((await clatd('address', 'query', '192.0.2.1', '--workers', '2')).err).toContain('has no meaning');
});
test('a command nobody knows', async () => {
  const { code, err } = await clatd('reply');
  expect(code).toBe(2);
  expect(err).toContain('did you mean replay?');
});

describe('mistakes', () => {
  test('are told at once, with exit code 2', async () => {
    const { code, err } = await clatd(
      'check',
      '--pool6',
      'x',
      '--nonsense',
      '--workers',
      '0',
      'word',
      '--tun',
    );
    expect(code).toBe(2);
    for (const part of [
      '--pool6: ',
      '--nonsense: ',
      '--workers: ',
      '"word" is one word too many',
      '--tun: needs a value',
    ]) {
      expect(err).toContain(part);
    }
  });
  test('a value given twice', async () => {
    expect((await clatd('check', '--pool6', '2001:db8::/96', '--pool6', '2001:db9::/96')).err).toContain(
      '2 times with different values',
    );
  });
  test('a missing word', async () => {
    expect((await clatd('replay')).err).toContain('CAPTURE is missing');
  });
  test('a missing word may stand behind an option nobody knows', async () => {
    const { code, err } = await clatd('replay', '--nonsense', 'in.pcap');
    expect(code).toBe(2);
    expect(err).toBe(
      'clatd: --nonsense: is not an option (--help lists all)\nclatd: nothing was done; see clatd replay --help\n',
    );
  });
  test('a configuration file that is not there', async () => {
    expect(await clatd('check', '--config', '/nowhere')).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot read /nowhere: no such file'),
    });
  });
});

test('no command is run', async () => {
  // A mistake keeps it from doing anything; that it names run shows where it would have gone.
  expect((await clatd('--pool6', 'x')).err).toContain('see clatd run --help');
});
test('a configuration file, and the command line before it', async () => {
  expect(await clatd('check', '--config', '/c.toml')).toMatchObject({ code: 0 });
  expect((await clatd('check', '--config', '/c.toml', '--pool6', 'x')).err).toContain('--pool6: "x"');
});
test('several configuration files: a later one goes before an earlier one, and both are checked', async () => {
  const { out } = await clatd('check', '--config', '/c.toml', '--config', '/d.toml', '--config', '/c.toml');
  expect(out).toBe('no mistakes: pool6 2001:db8:65::/96, 1 explicit address mapping\n');
  const { err } = await clatd('check', '--config', '/bad.toml', '--config', '/d.toml');
  expect(err).toMatch(/^clatd: \/bad\.toml:2: tun: .*\nclatd: \/bad\.toml:3: workers: .*\nclatd: nothing/);
});
test('the service’s file may be missing, no other may', async () => {
  expect(await clatd('check', '--config', '/etc/clatd/clatd.toml')).toMatchObject({
    code: 0,
    err: 'clatd: warning: there is no /etc/clatd/clatd.toml: nothing is taken from it\n',
  });
  expect((await clatd('check', '--config', '/etc/clatd/clatd.tom')).code).toBe(2);
});
test('the peers’ words', async () => {
  expect((await clatd('check', '--prefix', '2001:db8::/96', '--map', '10.0.0.1=2001:db8:1::1')).code).toBe(0);
});
test('both forms of a flag and of a value', async () => {
  expect(
    (
      await clatd(
        'check',
        '--no-wkpf-strict',
        '--strict-suffix',
        '--pool6=2001:db8::/96',
        '--eam=10.0.0.1=2001:db8:1::1',
      )
    ).code,
  ).toBe(0);
});
test('replay without --pool6 and mappings', async () => {
  const said = 'warning: nothing will be translated: neither --pool6 nor a mapping is given';
  expect((await clatd('replay', '/nowhere.pcap')).err).toContain(said);
  expect((await clatd('replay', '/nowhere.pcap', '--pool6', '64:ff9b::/96')).err).not.toContain(said);
});
test('explain --packet without quotes', async () => {
  const quoted = await clatd('explain', '--packet', '45 00 00');
  expect(quoted.out).toContain('in    3 byte(s)');
  expect(await clatd('explain', '--packet', '45', '00', '00')).toEqual(quoted);
  expect(await clatd('explain', '--packet', '45', 'TtlExpired46')).toMatchObject({
    code: 2,
    err: expect.stringContaining('hexadecimal'),
  });
});
test('explain', async () => {
  const { code, out } = await clatd('explain', 'ttlexpired46');
  expect(code).toBe(0);
  expect(out).toContain('T46-HDR-6');
  expect((await clatd('explain', 'TtlExpired')).err).toContain('did you mean TtlExpired46?');
  const packet = await clatd(
    'explain',
    '--pool6',
    '64:ff9b::/96',
    '--packet',
    '4500001c00010000011100000808080808080404',
  );
  expect(packet.out).toMatch(/dropped: Truncated46/);
});
test.each<[string[], string]>([
  [['--eam', '10.0.0.0/8=2001:db8::/96'], 'pool6 not given, 1 explicit address mapping'],
  [['--config', '/c.toml'], 'pool6 2001:db8:64::/96, 1 explicit address mapping'],
  [[], 'automatic mode, pool6 found by itself, addresses chosen to fit the network'],
  [
    ['--pool6', '64:ff9b::/96'],
    'automatic mode, pool6 64:ff9b::/96 (given), addresses chosen to fit the network',
  ],
])('check is content with %j', async (argv, what) => {
  expect(await clatd('check', ...argv)).toEqual({ code: 0, out: `no mistakes: ${what}\n`, err: '' });
});
test('check and run warn of what is given in vain', async () => {
  const { code, err } = await clatd(
    'check',
    '--no-configure',
    '--health-interval',
    '5',
    '--lan',
    '10.0.0.0/8=2001:db8::/96',
  );
  expect({ code, err }).toEqual({
    code: 0,
    err: 'clatd: warning: --health-interval has no effect beside --no-configure\n',
  });
});
test('what a command that asks the network itself makes use of is not called vain', async () => {
  const options = ['--defaults', '--target', '???', '--pool6', '64:ff9b::/96', '--dns64-servers', '::1'];
  const { code, err } = await clatd('doctor', ...options);
  expect(code).toBe(2);
  expect(err).toMatch(/^clatd: --target: /);
});
test('in the journal a warning is a warning, and a mistake an error', async () => {
  const journal = { JOURNAL_STREAM: '8:1' };
  expect((await clatdIn(journal, 'check', '--health-interval', '5')).err).toBe(
    '<4>clatd: warning: --health-interval has no effect without --health-check\n',
  );
  const { code, err } = await clatdIn(journal, 'run', '--workers', 'many');
  expect(code).toBe(2);
  expect(err).toMatch(/^(<3>clatd: .*\n)+$/);
});
test('mistakes of the file and of the command line are told together', async () => {
  const { code, err } = await clatd('check', '--config', '/bad.toml', '--workers', 'many', '--polo6', 'x');
  expect(code).toBe(2);
  expect(err.split('\n')).toEqual([
    expect.stringMatching(/^clatd: --polo6: is not an option; did you mean --pool6\?/),
    expect.stringMatching(/^clatd: --workers: "many"/),
    expect.stringMatching(/^clatd: \/bad\.toml:1: pool6: "x"/),
    expect.stringMatching(/^clatd: \/bad\.toml:2: tun: must be a string/),
    'clatd: nothing was done; see clatd check --help',
    '',
  ]);
});
