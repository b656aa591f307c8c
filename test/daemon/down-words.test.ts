/** Waiting reads as waiting. */
import { expect, test } from 'vitest';
import { downWords } from '../../src/daemon/down-words.ts';

test.each([
  ['no IPv6 default route yet', 'waiting for an IPv6 default route'],
  ['no IPv6 default route through wwan0 yet', 'waiting for an IPv6 default route through wwan0'],
  ['no NAT64 prefix on eth0 yet', 'waiting for a NAT64 prefix on eth0'],
  ['eth0 has no global IPv6 address yet', 'waiting for a global IPv6 address on eth0'],
  ['asking the neighbours on eth0 for 2001:db8::5', 'asking the neighbours on eth0 for 2001:db8::5'],
  [
    'native IPv4 through eth0 (--enable force …)',
    'standing back: native IPv4 through eth0 (--enable force …)',
  ],
  ['192.0.0.2 is taken', 'waiting: 192.0.0.2 is taken'],
])('%s', (why, words) => {
  expect(downWords(why, false)).toBe(words);
  expect(downWords(why, true)).toBe(`no CLAT any more: ${why.replace(' yet', '')}`);
});
