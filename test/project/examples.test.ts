/** Every command in README.md and docs/ is one that works: options exist, values are right, captures are translated. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../src/cli/args.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { splitUnquoted } from '../../src/config/environment-file.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { readRegularFile } from '../../src/io/regular-file.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((one) => one.endsWith('.md'))
    .map((one) => `docs/${one}`),
];

/** What is not run here, and where it is. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/^\.\/demo$/, 'it is the demonstration itself'],
  [/^test\/run$/, 'it runs this'],
  [/^git clone /, 'installs; npm ci is what made this folder'],
  [/^sudo systemd\/install\.sh$/, 'test/systemd/unit.test.ts, with DESTDIR'],
  [/^(sudo )?systemctl /, 'needs systemd as the init'],
  [/^(ping|curl) /, 'needs the internet; test/netns/clat.test.ts has the like'],
  [/^tcpdump /, 'test/netns/demo.ts has the like'],
  [/^echo '.*' \| sudo tee -a \/etc\/clatd\/clatd\.toml$/, 'its text is checked below'],
];

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'clatd-examples-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Lines of blocks, indented or fenced as a shell's, that are typed. */
function commandsIn(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/(?<=\n\n)(?: {4}\S[^\n]*\n)+/g)]
    .flatMap(([block]) => block.trimEnd().split('\n'))
    .map((line) => line.slice(4).replace(/\s+#.*$/, ''))
    .filter((line) => /^(sudo |\.\/|[a-z]+\b(\/| ))/.test(line) && !/ = |^iifname |→/.test(line));
}

async function run(argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await main(argv, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    ...{ env: {}, version: '0', columns: 100, monotonicUs: () => 0n, onSignal: () => {} },
    files: {
      read: (path, most) =>
        readRegularFile(path === '/etc/clatd/clatd.toml' ? join(root, 'systemd/clatd.toml') : path, most),
    },
  });
  return { code, out, err };
}

/** A ping and its answer by the addresses of the examples, as `tcpdump -i clat` has them. */
function capture(): string {
  const path = join(dir, 'capture.pcap');
  const packet = Buffer.from('4500001c0001400040010000c0000002c633640a0800f7ff00000000', 'hex');
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, 10);
  const head = Buffer.alloc(40);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(101, 20);
  head.writeUInt32LE(packet.length, 32);
  head.writeUInt32LE(packet.length, 36);
  writeFileSync(path, Buffer.concat([head, packet]));
  return path;
}

async function works(line: string): Promise<void> {
  const words = splitUnquoted(line.replace(/^sudo /, ''));
  const argv = words[0] === 'node' ? words.slice(2) : words.slice(1);
  const command = COMMANDS.find(({ name }) => name.split(' ').every((word, i) => argv[i] === word));
  switch (command?.name) {
    case undefined:
    case 'run':
      expect(await run(['check', ...argv.slice(command === undefined ? 0 : 1)])).toMatchObject({
        code: 0,
        err: '',
      });
      return;
    case 'plan':
    case 'discover':
    case 'doctor': {
      // These look at the host: a word too many at the end lets them do all but that.
      const { code, err } = await run([
        ...argv.map((word) => (word === 'OPTIONS' ? '--json' : word)),
        'TOO-MANY',
      ]);
      expect(code).toBe(2);
      expect(err.split('\n').filter((one) => one !== '')).toHaveLength(2);
      return;
    }
    case 'replay': {
      const files = argv.map((word) => (/\.pcap$/.test(word) && word !== 'out.pcap' ? capture() : word));
      const into = files.map((word) => (/^(out\.pcap|report\.jsonl)$/.test(word) ? join(dir, word) : word));
      const { code, out, err } = await run(into);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/Translated46/);
      expect(out).not.toMatch(/dropped|replied/);
      return;
    }
    default:
      expect(await run(argv)).toMatchObject({ code: 0, err: '' });
  }
}

describe.each(documents)('%s', (document) => {
  const lines = commandsIn(document);
  test.each(lines.length === 0 ? ['(no commands)'] : lines)('%s', async (line) => {
    if (line === '(no commands)') return;
    if (/^(sudo )?(clatd|node bin\/clatd\.js)\b/.test(line)) return works(line);
    expect(
      ELSEWHERE.some(([pattern]) => pattern.test(line)),
      `${line}: run it, or say where it is`,
    ).toBe(true);
  });
  test('names options that exist', () => {
    const known = new Set([
      ...OPTIONS.flatMap(({ name, aliases = [], kind }) => [
        name,
        ...aliases,
        ...(kind === 'flag' ? [`no-${name}`] : []),
      ]),
      ...COMMANDS.flatMap(({ own }) => own.map(({ name }) => name)),
      ...['help', 'version', 'name', 'NAME'],
      // Of systemctl, docker, firewall-cmd and install.sh.
      ...['now', 'device', 'permanent', 'zone', 'add-interface', 'uninstall'],
    ]);
    const text = readFileSync(join(root, document), 'utf8');
    for (const [, name] of text.matchAll(/(?<![\w-])--([a-zA-Z][\w-]*)/g))
      expect(known, `--${name}`).toContain(name);
  });
});

test('a README has commands to try', () => expect(commandsIn('README.md').length).toBeGreaterThan(12));
test.each(COMMANDS.flatMap(({ examples }) => examples.map((line) => line.replace(/ > .*$/, ''))))(
  'help: %s',
  async (line) => {
    if (line.includes('/etc/clatd/eam.txt')) return;
    await works(line);
  },
);

describe('configuration files as printed', () => {
  const check = async (toml: string): Promise<void> => {
    const path = join(dir, 'printed.toml');
    writeFileSync(path, toml);
    expect(await run(['check', '--config', path]), toml).toMatchObject({ code: 0, err: '' });
  };
  test('README.md', async () => {
    const text = readFileSync(join(root, 'README.md'), 'utf8');
    await check(/echo '(.*?)' \| sudo tee -a/.exec(text)![1]!);
    const block = [...text.matchAll(/(?<=\n\n)(?: {4}[\w-]+ = [^\n]*\n)+/g)].map(([one]) =>
      one.replaceAll(/^ {4}/gm, ''),
    );
    expect(block).toHaveLength(1);
    await check(block[0]!);
  });
  test('docs/options.md', async () => {
    const text = readFileSync(join(root, 'docs/options.md'), 'utf8');
    for (const [, block] of text.matchAll(/```toml\n(.*?)```/gs)) await check(block!);
  });
  test('systemd/clatd.toml: every line in a comment that is an option', async () => {
    const text = readFileSync(join(root, 'systemd/clatd.toml'), 'utf8');
    await check(text);
    const lines = [...text.matchAll(/^#([a-z0-9-]+ = .*)$/gm)].map(([, line]) => line!);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) if (!line.startsWith('eam')) await check(line);
  });
});
