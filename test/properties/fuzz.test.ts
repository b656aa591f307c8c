/** The short fuzz run; the long one is `npm run fuzz`. */
import { expect, test } from 'vitest';
import { configure } from '../support/must.ts';
import { CONFIGS } from './configs.ts';
import { fuzz } from './fuzz-core.ts';

test.each(CONFIGS.flatMap((options, i) => [0, 10].map((vnet) => [i, vnet, options] as const)))(
  'configuration %i, %i bytes of virtio_net header: 12,000 packets',
  (i, vnet, options) => {
    const { reasons } = fuzz(configure(options), 12_000, 1000 + i, vnet as 0 | 10);
    // A run that met only a few outcomes would prove little.
    expect(reasons.size).toBeGreaterThan(25);
  },
);
