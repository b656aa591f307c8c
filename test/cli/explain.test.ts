/** `clatd explain`: reasons in words, and one packet's fate. */
import { describe, expect, it } from 'vitest';
import { explainPacket, explainReasons } from '../../src/cli/explain.ts';
import { packetLine } from '../../src/cli/packet-line.ts';
import type { RawOptions } from '../../src/config/load.ts';
import { REPLAY_REASONS } from '../../src/replay/reasons.ts';
import { REASONS } from '../../src/translate/reasons.ts';
import { configure } from '../support/must.ts';
import { hex } from '../support/packets.ts';
import { EXAMPLES } from './support/examples.ts';
import { capturedIo } from './support/replayed.ts';

const example = (name: string) => EXAMPLES.find((one) => one.name === name)!;

function reasons(...names: string[]): { code: number; stdout: string; stderr: string } {
  const { io, ...said } = capturedIoOf();
  return { code: explainReasons(names, io), stdout: said.stdout(), stderr: said.stderr() };
}

function packet(text: string, options: RawOptions = {}): { code: number; stdout: string; stderr: string } {
  const { io, ...said } = capturedIoOf();
  return { code: explainPacket(text, configure(options), io), stdout: said.stdout(), stderr: said.stderr() };
}

function capturedIoOf() {
  const said = capturedIo();
  return { io: said.io, stdout: () => said.stdout, stderr: () => said.stderr };
}

describe('explain REASON', () => {
  it('says verdict, reply, rule and sentence, whatever the case', () => {
    const { code, stdout, stderr } = reasons('ttlexpired46');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^TtlExpired46\n {2}TTL reached 0 here\.\n/);
    expect(stdout).toContain('verdict    dropped');
    expect(stdout).toContain('ICMPv4 type 11 code 0');
    expect(stdout).toContain('T46-HDR-6; RFC 7915 §4.1');
  });

  it('several at once', () => {
    expect(reasons('NotIp', 'TooBig64').stdout).toMatch(/^NotIp\n(.+\n)+\nTooBig64\n/);
  });

  it('without a name: every row, a line each', () => {
    const { stdout } = reasons();
    expect(stdout.trim().split('\n')).toHaveLength(REASONS.length + REPLAY_REASONS.length);
    const lines = stdout.trim().split('\n');
    REASONS.forEach(({ name, text }, i) => {
      expect(lines[i]).toMatch(new RegExp(`^${name} `));
      expect(lines[i]).toContain(text);
    });
  });

  it.each([40, 79, 80, 100, 200])('wraps to a terminal of %i columns', (columns) => {
    const { io, ...said } = capturedIoOf();
    explainReasons([], { ...io, columns });
    const lines = said.stdout().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.max(columns, 49));
    const words = said.stdout().split(/\s+/);
    for (const { text } of REASONS) expect(words).toEqual(expect.arrayContaining(text.split(' ')));
  });

  it('--json: the rows as they are', () => {
    const { io, ...said } = capturedIoOf();
    expect(explainReasons(['ttlexpired46'], io, true)).toBe(0);
    const row = REASONS.find(({ name }) => name === 'TtlExpired46');
    expect(JSON.parse(said.stdout())).toEqual([row]);
    const all = capturedIoOf();
    explainReasons([], all.io, true);
    expect(JSON.parse(all.stdout())).toEqual([...REASONS, ...REPLAY_REASONS]);
  });

  it('what only a replay finds', () => {
    expect(reasons('cutbycapture').stdout).toContain('verdict    cut by the capture');
  });

  it.each(REASONS.map(({ name }) => name))('every row has its words: %s', (name) => {
    expect(reasons(name)).toMatchObject({ code: 0, stdout: expect.stringContaining(name) });
  });

  it.each([
    ['TtlExpried46', 'did you mean TtlExpired46?'],
    [
      'toobig',
      'did you mean TooBig46, FragmentTooBig46, LaterFragmentTooBig46, TooBig64, LaterFragmentTooBig64?',
    ],
    ['transalted64', 'did you mean Translated64?'],
  ])('%s: exit code 2 and a suggestion', (name, hint) => {
    expect(reasons(name)).toEqual({
      code: 2,
      stdout: '',
      stderr: `clatd: "${name}" is not a reason; ${hint} (clatd explain lists all)\n`,
    });
  });

  it('nothing like it: no suggestion', () => {
    expect(reasons('qqqqqqqq')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'clatd: "qqqqqqqq" is not a reason (clatd explain lists all)\n',
    });
  });
});

describe('explain --packet', () => {
  it('prints the packet, the mapping, the reason and the outputs', () => {
    const { packet: input, output } = example('A1');
    expect(packet(hex(input))).toEqual({
      code: 0,
      stderr: '',
      stdout: `in    198.51.100.2 > 192.0.2.1, UDP 40000 > 53, TTL 64, DF, 33 bytes
      source       198.51.100.2 = 2001:db8:64::c633:6402 by pool6 2001:db8:64::/96
      destination  192.0.2.1 = 2001:db8:1::1 by the EAM 192.0.2.1/32=2001:db8:1::1/128
translated: Translated46. Translated to IPv6. [T46-HDR-1; RFC 7915 §4]
out   2001:db8:64::c633:6402 > 2001:db8:1::1, UDP 40000 > 53, hop limit 63, 53 bytes
      ${hex(output)}
`,
    });
  });

  it.each(EXAMPLES.map((one) => [one.name, one] as const))('%s: verdict and reason', (_, one) => {
    const { stdout } = packet(hex(one.packet));
    expect(stdout).toContain(`\n${one.verdict}: ${one.reason}. `);
    expect(stdout.match(/^out /gm)).toHaveLength(1);
  });

  it('takes what tcpdump -x prints, colons, spaces and 0x', () => {
    const plain = hex(example('A1').packet);
    const expected = packet(plain).stdout;
    const rows = plain.match(/.{1,32}/g)!;
    const dump = rows.map(
      (row, i) => `\t0x${(16 * i).toString(16).padStart(4, '0')}:  ${row.match(/.{1,4}/g)!.join(' ')}`,
    );
    for (const form of [
      dump.join('\n'),
      `0x${plain}`,
      plain.toUpperCase(),
      plain.match(/../g)!.join(':'),
      ` ${plain.match(/../g)!.join(' ')}\n`,
    ]) {
      expect(packet(form)).toEqual({ code: 0, stdout: expected, stderr: '' });
    }
  });

  it.each(['4', '455', 'xyz', '', '0x', '45 0g'])('%j is refused: exit code 2', (text) => {
    expect(packet(text)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--packet: '),
    });
  });

  it.each([
    ['our own address', 'A1', { 'ipv4-addr': '198.51.100.2' }, '198.51.100.2 is our own address (ipv4-addr)'],
    [
      'our own IPv6 address',
      'A6',
      { 'ipv6-addr': '2001:db8:1::1' },
      '2001:db8:1::1 is our own address (ipv6-addr)',
    ],
    ['the denylist', 'A1', { denylist4: ['198.51.100.0/24'] }, '198.51.100.2: excluded by the denylist'],
    ['the denylist, 64', 'A6', { denylist4: ['198.51.100.0/24'] }, 'c633:6402: excluded by the denylist'],
    ['another pool6', 'A6', { pool6: '2001:db8:65::/96' }, 'no EAM maps it, nor does pool6 2001:db8:65::/96'],
    [
      'the well-known prefix',
      'A1',
      { pool6: '64:ff9b::/96' },
      '198.51.100.2: not global, and pool6 is the well-known',
    ],
    [
      'the second EAM, 64',
      'A6',
      { eam: ['192.0.2.7=2001:db8:1::7', '192.0.2.1=2001:db8:1::1'] },
      '2001:db8:1::1 = 192.0.2.1 by the EAM 192.0.2.1/32=2001:db8:1::1/128',
    ],
    [
      'an EAM of a network',
      'A1',
      { eam: ['198.51.100.0/24=2001:db8:bbbb::/64', '192.0.2.1=2001:db8:1::1'] },
      '198.51.100.2 = 2001:db8:bbbb:0:200:: by the EAM 198.51.100.0/24=2001:db8:bbbb::/64',
    ],
  ] as [string, string, RawOptions, string][])('names the rule: %s', (_, name, options, line) => {
    expect(packet(hex(example(name).packet), options).stdout).toContain(line);
  });

  it('--json: the same as an object', () => {
    const { packet: input, output } = example('A1');
    const { io, ...said } = capturedIoOf();
    expect(explainPacket(hex(input), configure(), io, true)).toBe(0);
    expect(JSON.parse(said.stdout())).toMatchObject({
      verdict: 'translated',
      reason: 'Translated46',
      mapping: [expect.stringContaining('198.51.100.2 = '), expect.stringContaining('192.0.2.1 = ')],
      outputs: [{ hex: hex(output) }],
    });
  });

  it('says what is no packet', () => {
    expect(packet('45').stdout).toContain(
      'in    1 byte(s), not a whole IPv4 header\ndropped: ShortHeader46. ',
    );
    expect(packet('00112233').stdout).toContain('in    4 byte(s), neither IPv4 nor IPv6\nignored: NotIp. ');
  });
});

describe('a packet in a line', () => {
  it.each([
    ['A3', '198.51.100.2 > 192.0.2.1, TCP 50000 > 443, TTL 64, 48 bytes'],
    ['A4', '2001:db8:1::1 > 2001:db8:64::c633:6402, TCP 443 > 50000, hop limit 2, 68 bytes'],
    ['A5', '198.51.100.2 > 192.0.2.1, ICMP type 8 code 0, TTL 64, DF, 36 bytes'],
    ['A8', '198.51.100.2 > 192.0.2.1, UDP 5 > 6, TTL 64, fragment at 0, more follow, 36 bytes'],
    ['A9', '2001:db8:64::c633:6402 > 2001:db8:1::1, UDP, hop limit 9, fragment at 16, the last, 56 bytes'],
    ['A11', '2001:db8:ffff::1 > 2001:db8:64::c633:6402, ICMPv6 type 3 code 0, hop limit 62, 100 bytes'],
    ['A13', '2001:db8:1::1 > 2001:db8:64::c633:6402, UDP 1 > 2, hop limit 64, 72 bytes'],
  ])('%s', (name, line) => {
    expect(packetLine(Uint8Array.from(example(name).packet))).toBe(line);
  });

  it('any beginning of a packet', () => {
    for (const { packet: whole } of EXAMPLES) {
      for (let length = 0; length <= whole.length; length++) {
        expect(packetLine(Uint8Array.from(whole.slice(0, length)))).toContain(`${length} byte`);
      }
    }
  });
});
