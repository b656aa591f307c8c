import { expect, it } from 'vitest';
import { RestartLimit } from '../../src/daemon/restart-limit.ts';

it.each([
  ['five within a minute, and not the sixth', [0, 1, 2, 3, 4, 5], 'yyyyyn'],
  ['the sixth when the first is a minute ago', [0, 1, 2, 3, 4, 60_000], 'yyyyyy'],
  ['not a millisecond earlier', [0, 1, 2, 3, 4, 59_999], 'yyyyyn'],
  ['as many as come, slowly', [0, 15, 30, 45, 60, 75, 90].map((s) => s * 1000), 'yyyyyyy'],
  ['a refusal does not count', [0, 0, 0, 0, 0, 59_999, 60_000, 60_000], 'yyyyynyy'],
])('%s', (_, failures, allowed) => {
  const limit = new RestartLimit(5, 60_000);
  expect(failures.map((at) => (limit.allows(at) ? 'y' : 'n')).join('')).toBe(allowed);
});
