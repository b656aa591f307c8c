/** What clatd is meant to reach. Only told, never enforced: a busy machine is no mistake. */
import { type Results, ratio, summary } from './summary.ts';

interface Target {
  readonly what: string;
  readonly keys: readonly string[];
  readonly against: 'tayga' | 'plain' | 'itself';
  readonly atLeast?: number;
  readonly atMost?: number;
}

const TARGETS: readonly Target[] = [
  { what: 'TCP one stream', keys: ['tcp-1-up', 'tcp-1-down'], against: 'tayga', atLeast: 8 },
  { what: 'TCP one stream', keys: ['tcp-1-up', 'tcp-1-down'], against: 'plain', atLeast: 0.8 },
  { what: 'TCP four streams', keys: ['tcp-4-up', 'tcp-4-down'], against: 'tayga', atLeast: 8 },
  { what: 'TCP four streams', keys: ['tcp-4-up', 'tcp-4-down'], against: 'plain', atLeast: 0.7 },
  { what: 'UDP 64 B, one flow', keys: ['udp-64-1-up', 'udp-64-1-down'], against: 'tayga', atLeast: 2 },
  {
    what: 'UDP 64 B, 1,000 flows',
    keys: ['udp-64-1000-up', 'udp-64-1000-down'],
    against: 'tayga',
    atLeast: 1.1,
  },
  {
    what: 'CPU seconds per GB (TCP)',
    keys: ['tcp-1-up-cpu', 'tcp-1-down-cpu'],
    against: 'tayga',
    atMost: 0.15,
  },
  {
    what: 'latency idle, p50 and p99',
    keys: ['latency-idle-p50', 'latency-idle-p99'],
    against: 'tayga',
    atMost: 1.2,
  },
  {
    what: 'EAM table of 20,000',
    keys: ['table-up', 'table-down', 'table-both'],
    against: 'tayga',
    atLeast: 5,
  },
  { what: 'RSS with one worker, MB', keys: ['rss'], against: 'itself', atMost: 70 },
  { what: 'start to first packet, ms', keys: ['start'], against: 'itself', atMost: 300 },
];

/** One line a target and figure, for the contestant `name`. */
export function targetLines(results: Results, name: string): string[] {
  const first = (kind: string) => results.contestants.find((contestant) => contestant.kind === kind)?.name;
  return TARGETS.flatMap(({ what, keys, against, atLeast, atMost }) => {
    const reference = against === 'itself' ? '' : first(against);
    return keys.map((key) => {
      const reached =
        against === 'itself'
          ? summary(results, name, key)
          : reference === undefined
            ? null
            : ratio(results, name, reference, key);
      const wanted = atLeast !== undefined ? `at least ${atLeast}` : `at most ${atMost}`;
      const versus = against === 'itself' ? '' : ` against ${reference ?? against}`;
      const direction = keys.length > 1 ? ` (${key.replace(/^.*?-(?=up|down|both|p)/, '')})` : '';
      const head = `${what}${direction}${versus}`.padEnd(58);
      if (reached === null) return `  ?     ${head} not measured`;
      const met = atLeast !== undefined ? reached.median >= atLeast : reached.median <= atMost!;
      return `  ${met ? 'met   ' : 'MISSED'} ${head} ${reached.median.toPrecision(3)} (${wanted})`;
    });
  });
}
