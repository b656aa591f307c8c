/** The translator against the specification as a program; the long run is `npm run fuzz -- --model N`. */
import { expect, test } from 'vitest';
import { MODEL_CONFIGS } from './configs.ts';
import { firstDifference } from './model-core.ts';

test.each(MODEL_CONFIGS.map((options, i) => [i, options] as const))(
  'configuration %i: 1,000 packets become what the specification says',
  (i, options) => {
    expect(firstDifference(options, 1000, 4711 + i)).toBeNull();
  },
  30_000,
);
