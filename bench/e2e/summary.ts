/** Samples to medians, spreads and ratios. */
import type { Figure, Sample } from './measures.ts';

/** One run's result, as written to JSON. */
export interface Results {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly kernel: string;
  /** Load average of a minute, before and after; not in older files. */
  readonly load?: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly contestants: readonly { name: string; kind: string; command: string }[];
  readonly figures: readonly Figure[];
  /** By contestant's name: a sample a round, in rounds' order. */
  readonly samples: Record<string, Sample[]>;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spread(values: readonly number[]): Spread | null {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

/** The values of a figure, one a round; NaN where a round has none. */
function values({ samples }: Results, name: string, key: string): number[] {
  return (samples[name] ?? []).map((sample) => sample[key] ?? Number.NaN);
}

export function summary(results: Results, name: string, key: string): Spread | null {
  return spread(values(results, name, key));
}

/** Of the same round, pair by pair. */
export function ratio(results: Results, name: string, reference: string, key: string): Spread | null {
  const own = values(results, name, key);
  const other = values(results, reference, key);
  return spread(own.map((value, i) => value / (other[i] ?? Number.NaN)));
}
