/** Captures written by Wireshark's own editcap are read as ours are. */
import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { pcap } from './support/captures.ts';
import { readAll, scratch } from './support/read.ts';

const SLOW = 60_000;
const files = scratch();
afterAll(() => files.remove());

const missing = spawnSync('editcap', ['--version']).error !== undefined;
const records = Array.from({ length: 40 }, (_, i) => ({
  bytes: Array.from({ length: i * 3 }, (__, k) => (i + k) & 255),
  seconds: 1_700_000_000 + i,
  fraction: 123_456_000 + i * 1000,
}));

describe.skipIf(missing)(`captures by editcap${missing ? ' (skipped: it is not installed)' : ''}`, () => {
  it.each([
    ['pcap', []],
    ['nsecpcap', []],
    ['pcapng', []],
    ['pcapng', ['--capture-comment', 'a comment', '-a', '3:on packet three']],
  ] as [string, string[]][])(
    '-F %s %j',
    (format, options) => {
      const input = files.put('in', pcap({ nanoseconds: true, records }));
      const output = files.path('out');
      const { status, stderr } = spawnSync('editcap', ['-F', format, ...options, input, output], {
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(readAll(output)).toMatchObject({
        error: null,
        packets: records.map(({ bytes, seconds, fraction }) => ({
          bytes,
          linkType: 101,
          seconds,
          nanoseconds: fraction,
        })),
      });
    },
    SLOW,
  );
});
