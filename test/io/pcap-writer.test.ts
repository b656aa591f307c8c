/** The captures we write: byte for byte, and read by the programs people use. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { FileSink, SinkError } from '../../src/io/pcap/sink.ts';
import { PcapWriter } from '../../src/io/pcap/writer.ts';
import { pcap } from './support/captures.ts';
import { scratch } from './support/read.ts';

const SLOW = 60_000;
const files = scratch();
afterAll(() => files.remove());

/** A1 of the specification's appendix, translated. */
const PACKET = Buffer.from(
  '6b800000000d113f20010db80064000000000000c633640220010db80001000000000000000000019c400035000d997e68656c6c6f',
  'hex',
);

/** Writes to a file of this name and gives its bytes. */
function write(name: string, nanoseconds: boolean, fill: (writer: PcapWriter) => void): number[] {
  const writer = new PcapWriter(files.path(name), nanoseconds);
  fill(writer);
  writer.close();
  return [...readFileSync(files.path(name))];
}

/** The format's text as numbers: the link type is RAW, the snap length tcpdump's. */
function expected(nanoseconds: boolean, records: Parameters<typeof pcap>[0]['records']): number[] {
  const bytes = pcap({ nanoseconds, records: records ?? [] });
  bytes.splice(16, 4, 0, 0, 4, 0);
  return bytes;
}

describe('pcap writer', () => {
  it.each([false, true])('bytes, nanoseconds: %s', (nanoseconds) => {
    const bytes = write('bytes', nanoseconds, (writer) => {
      writer.write(PACKET, 1_700_000_000, 123_456_789);
      writer.write(new Uint8Array(0), 0, 0);
      writer.write(PACKET.subarray(0, 41), 0xffff_ffff, 999_999_999);
    });
    const fraction = (value: number) => (nanoseconds ? value : Math.floor(value / 1000));
    expect(bytes).toEqual(
      expected(nanoseconds, [
        { bytes: [...PACKET], seconds: 1_700_000_000, fraction: fraction(123_456_789) },
        { bytes: [] },
        { bytes: [...PACKET.subarray(0, 41)], seconds: 0xffff_ffff, fraction: fraction(999_999_999) },
      ]),
    );
  });

  it('no packet: a whole, empty capture', () => {
    expect(write('empty', false, () => undefined)).toEqual(expected(false, []));
  });

  it('more than its buffer, with the largest packets', () => {
    const large = new Uint8Array(65_575).fill(0x5a);
    const bytes = write('large', false, (writer) => {
      for (let i = 0; i < 20; i++) writer.write(large, i, 0);
    });
    const records = Array.from({ length: 20 }, (_, i) => ({ bytes: [...large], seconds: i }));
    expect(Buffer.compare(Buffer.from(bytes), Buffer.from(expected(false, records)))).toBe(0);
  });

  it('times before 1970 and after 2106 wrap, as the field does', () => {
    const bytes = write('wrap', false, (writer) => {
      writer.write(new Uint8Array(0), -1, 0);
      writer.write(new Uint8Array(0), 2 ** 32 + 7, 0);
    });
    expect(bytes).toEqual(
      expected(false, [
        { bytes: [], seconds: 0xffff_ffff },
        { bytes: [], seconds: 7 },
      ]),
    );
  });

  const readers: [string, string[]][] = [
    ['tshark', ['-T', 'fields', '-e', 'frame.time_epoch', '-e', 'ipv6.dst', '-e', 'udp.dstport', '-r']],
    ['tcpdump', ['--nano', '-tt', '-n', '-r']],
  ];
  for (const [program, options] of readers) {
    const missing = spawnSync(program, ['--version']).error !== undefined;
    it.skipIf(missing)(
      `${program} reads it${missing ? ' (skipped: it is not installed)' : ''}`,
      () => {
        for (const nanoseconds of [false, true]) {
          write('known', nanoseconds, (writer) => writer.write(PACKET, 1_700_000_000, 123_456_789));
          const { status, stdout } = spawnSync(program, [...options, files.path('known')], {
            encoding: 'utf8',
          });
          expect(status).toBe(0);
          expect(stdout).toContain(nanoseconds ? '1700000000.123456789' : '1700000000.123456');
          expect(stdout).toContain('2001:db8:1::1');
          expect(stdout).toMatch(/\b53\b/);
        }
      },
      SLOW,
    );
  }
});

describe('sink', () => {
  it('says which file cannot be written, and why', () => {
    expect(() => new FileSink(files.path('no/such/folder'))).toThrow(
      new SinkError(`cannot write ${files.path('no/such/folder')}: no such file or directory`),
    );
  });

  it.skipIf(!existsSync('/dev/full'))('a full disk is told once; then it is closed', () => {
    const sink = new FileSink('/dev/full');
    sink.ascii('x');
    expect(() => sink.close()).toThrow(new SinkError('cannot write /dev/full: no space left on device'));
    expect(() => sink.close()).not.toThrow();
  });

  it('empties a file that was there', () => {
    const path = files.put('before', new Array(1000).fill(1));
    const sink = new FileSink(path);
    sink.ascii('{"index":0}\n');
    sink.close();
    expect(readFileSync(path, 'latin1')).toBe('{"index":0}\n');
  });
});
