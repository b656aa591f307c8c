/** `clatd replay`: files that are damaged, missing, the same twice, or cannot be written. */
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/dataplane/offline.ts';
import { blocks, pcap } from '../io/support/captures.ts';
import { hex } from '../support/packets.ts';
import { EXAMPLES } from './support/examples.ts';
import { files, readPcap, replayed, run } from './support/replayed.ts';

const SLOW = 60_000;
afterAll(() => files.remove());

const [A1, A2, A3] = EXAMPLES as [(typeof EXAMPLES)[0], (typeof EXAMPLES)[0], (typeof EXAMPLES)[0]];
const FEW = [A1, A2, A3];
const A1_OUTCOME: Outcome = {
  verdict: A1.verdict,
  reason: A1.reason,
  outputs: [Uint8Array.from(A1.output)],
};
const RECORDS = FEW.map(({ packet }) => ({ bytes: packet }));
const b = blocks('little');
const NG = [...b.section(), ...b.interface(101), ...FEW.flatMap(({ packet }) => b.enhanced(packet))];

/** The capture as the newest file of this name. */
let count = 0;
const fresh = (bytes: readonly number[] = pcap({ records: RECORDS })) =>
  files.put(`capture${count++}`, bytes);

describe('damaged captures', () => {
  it.each([
    ['pcap', pcap({ records: RECORDS })],
    ['pcapng', NG],
  ])(
    '%s cut after any number of bytes: outputs and report are whole, and hold what came before',
    async (_, whole) => {
      for (let length = 0; length < whole.length; length += length < 200 ? 1 : 5) {
        const { code, stderr, stdout, report, outputs } = await replayed(whole.slice(0, length));
        expect(outputs.map(({ bytes }) => hex(bytes))).toEqual(
          FEW.slice(0, report.length).map(({ output }) => hex(output)),
        );
        expect(report.map(({ index }) => index)).toEqual(report.map((__, i) => i));
        if (code === 0) expect(stderr).toBe('');
        else {
          expect(code).toBe(1);
          expect(stderr).toMatch(/^clatd: \S*in: .+\n$/);
          if (stderr.includes('packet')) {
            expect(stderr).toMatch(
              new RegExp(`: at byte \\d+, packet ${report.length + 1}: .*; what came before it is kept\n$`),
            );
            expect(stdout).toContain(`${report.length}  in all`);
          }
        }
      }
    },
    SLOW,
  );

  it('damage in the middle', async () => {
    const { code, stderr, report, outputs } = await replayed(
      pcap({ records: [RECORDS[0]!, { bytes: A2.packet, captured: 0x7fff_ffff }, RECORDS[2]!] }),
    );
    expect(code).toBe(1);
    expect(stderr).toContain(
      `: at byte ${24 + 16 + A1.packet.length}, packet 2: a length of 2147483647 bytes: the capture is damaged here; what came before it is kept\n`,
    );
    expect([report.length, outputs.length]).toEqual([1, 1]);
  });

  it(
    'any bytes behind any head, in files of any kind: an exit code of 0 or 1, and files that are whole',
    async () => {
      const heads = [
        pcap({}),
        pcap({ linkType: 1, order: 'big' }),
        NG,
        [...b.section(), ...b.interface(113)],
      ];
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 200 }), async (head, rest) => {
          const { code, stderr, report } = await replayed([...head, ...rest]);
          expect(code === 0 ? stderr : stderr.slice(0, 6)).toBe(code === 0 ? '' : 'clatd:');
          expect([0, 1]).toContain(code);
          expect(report.every(({ index }, i) => index === i)).toBe(true);
        }),
        { numRuns: 300, seed: 12 },
      );
    },
    SLOW,
  );
});

describe('inputs that are none', () => {
  it.each([
    ['an empty file', [], 'the file is empty'],
    ['three bytes', [0xd4, 0xc3, 0xb2], 'not a capture (only 3 bytes)'],
    ['text', [...Buffer.from('hello, world')], 'not a capture (neither pcap nor pcapng)'],
    ['gzip', [0x1f, 0x8b, 8, 0, 0, 0], 'looks like gzip; unpack it: zcat '],
    ['a link type we cannot read', pcap({ linkType: 105 }), 'link type 105 (802.11) is not supported'],
  ])('%s: exit code 1, and no output is touched', async (_, bytes, message) => {
    const output = files.put('precious', [1, 2, 3]);
    const { code, stdout, stderr } = await run({ input: fresh(bytes), output });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('kept');
    expect([...readFileSync(output)]).toEqual([1, 2, 3]);
  });

  it('a file that is not there', async () => {
    const input = files.path('nowhere');
    expect(await run({ input })).toEqual({
      code: 1,
      stdout: '',
      stderr: `clatd: cannot read ${input}: no such file or directory\n`,
    });
  });

  it('a folder', async () => {
    const input = files.path('folder');
    mkdirSync(input, { recursive: true });
    expect(await run({ input })).toEqual({
      code: 1,
      stdout: '',
      stderr: `clatd: cannot read ${input}: it is a directory\n`,
    });
  });
});

describe('outputs', () => {
  it('none is needed', async () => {
    const { code, stdout } = await run({ input: fresh() });
    expect(code).toBe(0);
    expect(stdout).toContain('3  in all; 3 came out');
  });

  it.each(['output', 'report'] as const)('--%s may not be the input, by whatever name', async (option) => {
    const input = fresh();
    const before = readFileSync(input);
    const hard = files.path(`hard-${option}`);
    const soft = files.path(`soft-${option}`);
    linkSync(input, hard);
    symlinkSync(input, soft);
    for (const path of [input, hard, soft, input.replace(/\/([^/]+)$/, '/./$1')]) {
      expect(await run({ input, [option]: path })).toEqual({
        code: 2,
        stdout: '',
        stderr: `clatd: --${option} ${path} is the input; choose another file\n`,
      });
    }
    expect(Buffer.compare(readFileSync(input), before)).toBe(0);
  });

  it('may not both be the same, whether it exists or not', async () => {
    const input = fresh();
    const path = files.path('both');
    const other = path.replace(/\/([^/]+)$/, '/./$1');
    for (const report of [path, other]) {
      expect(await run({ input, output: path, report })).toMatchObject({
        code: 2,
        stderr: `clatd: --output and --report are both ${path}; choose two files\n`,
      });
    }
    expect(existsSync(path)).toBe(false);
    files.put('both', []);
    expect((await run({ input, output: path, report: other })).code).toBe(2);
    expect(await run({ input, output: '-', report: '-' })).toMatchObject({
      code: 2,
      stderr: 'clatd: --output and --report cannot both be standard output\n',
    });
  });

  it('devices may be given twice', async () => {
    expect((await run({ input: fresh(), output: '/dev/null', report: '/dev/null' })).code).toBe(0);
  });

  it.each(['output', 'report'])(
    '--%s that cannot be opened: said before anything is done',
    async (option) => {
      const path = files.path('no/folder');
      expect(await run({ input: fresh(), [option]: path })).toEqual({
        code: 1,
        stdout: '',
        stderr: `clatd: cannot write ${path}: no such file or directory\n`,
      });
    },
  );

  it.skipIf(!existsSync('/dev/full'))(
    'a disk that fills up: said, and the other output is kept',
    async () => {
      const output = files.path('kept.pcap');
      const { code, stdout, stderr } = await run({ input: fresh(), output, report: '/dev/full' });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: 'clatd: cannot write /dev/full: no space left on device\n',
      });
      expect(stdout).toContain('3  in all');
      expect(readPcap(readFileSync(output)).packets).toHaveLength(3);
    },
  );

  it.skipIf(!existsSync('/dev/full'))('a disk that fills up in the middle stops the work, once', async () => {
    const many = pcap({ records: Array.from({ length: 6000 }, () => RECORDS[0]!) });
    const report = files.path('kept.jsonl');
    const { code, stdout, stderr } = await run({ input: fresh(many), output: '/dev/full', report });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'clatd: cannot write /dev/full: no space left on device\n',
    });
    const lines = readFileSync(report, 'utf8').trim().split('\n');
    const done = Number(/(\d+) {2}in all/.exec(stdout)?.[1]);
    expect(lines).toHaveLength(done);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ index: done - 1 });
  });

  it('a mistake in the program itself is not blamed on a file, and costs nothing that was done', async () => {
    const output = files.path('before-the-bug.pcap');
    let packets = 0;
    const broken = {
      translate: () => {
        if (packets++ === 2) throw new TypeError('a bug');
        return A1_OUTCOME;
      },
    };
    await expect(run({ input: fresh(), output }, broken)).rejects.toThrow('a bug');
    expect(readPcap(readFileSync(output)).packets).toHaveLength(2);
  });
});
