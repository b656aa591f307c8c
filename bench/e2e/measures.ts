/** What is measured: each measure gives one sample of its figures for one contestant. */
import { addresses, type Mapping, makeBed, TABLE_SIZE } from './bed.ts';
import { type Contestant, clatd } from './contestants.ts';
import { type Flooded, flood, iperf, type Latency, result } from './load.ts';
import { ECHO_PORT, IPERF_PORT, Session } from './session.ts';

export interface Figure {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
}

/** By figure key. */
export type Sample = Record<string, number>;

export interface MeasureContext {
  readonly udp: string;
  /** Of one transfer or flood. */
  readonly seconds: number;
  /** The contestant's running session in the network that the measure asks for. */
  session(mapping: Mapping): Promise<Session>;
}

export interface Measure {
  readonly name: string;
  /** What --only calls it. */
  readonly group: string;
  readonly figures: readonly Figure[];
  /** Enough rounds for figures that do not vary. */
  readonly mostRounds?: number;
  /** Of a translator that has run for a while: warmed up before the first round. */
  readonly steady?: true;
  applies(contestant: Contestant): boolean;
  run(contestant: Contestant, context: MeasureContext): Promise<Sample>;
}

const anybody = () => true;
const isTranslator = ({ kind }: Contestant) => kind === 'clatd' || kind === 'tayga';

function tcp(streams: number, direction: 'up' | 'down'): Measure {
  const id = `tcp-${streams}-${direction}`;
  const what = `TCP, ${streams === 1 ? 'one stream' : `${streams} streams`}, ${direction}`;
  return {
    name: what,
    group: 'tcp',
    steady: true,
    figures: [
      { key: id, label: what, unit: 'Gb/s', better: 'more' },
      { key: `${id}-cpu`, label: '  translator CPU', unit: 's/GB', better: 'less' },
      { key: `${id}-system`, label: '  whole machine CPU', unit: 's/GB', better: 'less' },
    ],
    applies: anybody,
    async run(_, { session, seconds }) {
      const s = await session('usual');
      const cost = await s.costOf(() =>
        iperf(s.bed.host, s.far, IPERF_PORT, { seconds, streams, direction }),
      );
      const { gbps, bytes } = cost.result;
      return {
        [id]: gbps,
        [`${id}-cpu`]: (cost.daemon / bytes) * 1e9,
        [`${id}-system`]: (cost.system / bytes) * 1e9,
      };
    },
  };
}

const MANY = 1000;

function udpFigures(id: string, what: string): Figure[] {
  return [
    { key: id, label: what, unit: 'kpps', better: 'more' },
    { key: `${id}-cpu`, label: '  translator CPU', unit: 's/Mpkt', better: 'less' },
    { key: `${id}-system`, label: '  whole machine CPU', unit: 's/Mpkt', better: 'less' },
  ];
}

async function udpSample(id: string, session: Session, work: () => Promise<Flooded>): Promise<Sample> {
  const { result, daemon, system } = await session.costOf(work);
  return {
    [id]: result.perSecond / 1000,
    [`${id}-cpu`]: (daemon / result.delivered) * 1e6,
    [`${id}-system`]: (system / result.delivered) * 1e6,
  };
}

function udp(bytes: number, flows: number, direction: 'up' | 'down'): Measure {
  const id = `udp-${bytes}-${flows}-${direction}`;
  const flowsText = flows === 1 ? 'one flow' : `${flows.toLocaleString('en')} flows`;
  const what = `UDP ${bytes.toLocaleString('en')} B, ${flowsText}, ${direction}`;
  return {
    name: what,
    group: 'udp',
    steady: true,
    figures: udpFigures(id, what),
    applies: anybody,
    async run(_, { session, udp, seconds }) {
      const s = await session('usual');
      const { host, far } = s.bed;
      const size = { bytes, seconds: Math.min(seconds, 2) };
      if (direction === 'up') {
        const dest = flows === 1 ? s.far : s.many;
        return udpSample(id, s, () => flood(udp, { from: host, to: far, dest, dests: flows, ...size }));
      }
      const sources = { source: flows === 1 ? addresses.far6 : addresses.many6, sources: flows };
      return udpSample(id, s, () => flood(udp, { from: far, to: host, dest: s.host, ...sources, ...size }));
    },
  };
}

/** up, down: one address of each packet is in the table. both: source and destination are. */
function table(which: 'up' | 'down' | 'both'): Measure {
  const id = `table-${which}`;
  const what = `EAM table of ${TABLE_SIZE.toLocaleString('en')}, random, 64 B, ${which === 'both' ? 'both addresses' : which}`;
  const { table4, table6, farTable4, far6 } = addresses;
  return {
    name: what,
    group: 'table',
    steady: true,
    figures: udpFigures(id, what),
    applies: isTranslator,
    async run(_, { session, udp, seconds }) {
      const s = await session(which === 'both' ? 'two-sided' : 'table');
      const { host, far } = s.bed;
      const size = { bytes: 64, seconds: Math.min(seconds, 2) };
      const ends = {
        up: { from: host, to: far, dest: s.far, source: table4, sources: TABLE_SIZE },
        down: { from: far, to: host, dest: table6, dests: TABLE_SIZE, source: far6, sources: 1 },
        both: {
          ...{ from: host, to: far, dest: farTable4, dests: TABLE_SIZE / 2 },
          ...{ source: table4, sources: TABLE_SIZE / 2 },
        },
      };
      return udpSample(id, s, () => flood(udp, { ...ends[which], ...size }));
    },
  };
}

/** What else goes on while questions are asked. */
const LOADS = {
  idle: 'idle',
  paced: 'beside 20,000 datagrams/s',
  bulk: 'beside a TCP transfer',
} as const;
const PACED_RATE = 20_000;

function latency(load: keyof typeof LOADS): Measure {
  const id = `latency-${load}`;
  const figure = (point: string, label: string): Figure => ({
    key: `${id}-${point}`,
    label: `latency ${LOADS[load]}, ${label}`,
    unit: 'µs',
    better: 'less',
  });
  return {
    name: `latency ${LOADS[load]}`,
    group: 'latency',
    steady: true,
    figures: [figure('p50', 'p50'), figure('p99', 'p99'), figure('p999', 'p99.9')],
    applies: anybody,
    async run(_, { session, udp, seconds }) {
      const s = await session('usual');
      const { host, far } = s.bed;
      const background =
        load === 'paced'
          ? flood(udp, {
              ...{ from: host, to: far, dest: s.many, dests: MANY },
              ...{ bytes: 1400, seconds: seconds + 0.2, rate: PACED_RATE },
            })
          : load === 'bulk'
            ? iperf(host, s.far, IPERF_PORT, {
                seconds: Math.ceil(seconds + 0.2),
                streams: 1,
                direction: 'up',
              })
            : null;
      const asked = await result<Latency>(
        host.start(udp, ['ping', s.far, `${ECHO_PORT}`, '64', `${seconds}`]),
      );
      await background;
      return { [`${id}-p50`]: asked.p50, [`${id}-p99`]: asked.p99, [`${id}-p999`]: asked.p999 };
    },
  };
}

const start: Measure = {
  name: 'start to first translated packet',
  group: 'start',
  figures: [
    { key: 'start', label: 'start to first answer', unit: 'ms', better: 'less' },
    { key: 'cold', label: 'lost of 20,000/s in the second after', unit: '%', better: 'less' },
  ],
  applies: isTranslator,
  async run(contestant, { udp }) {
    const bed = await makeBed('usual');
    try {
      const { host, far } = bed;
      const echo = far.start(udp, ['echo', addresses.far6, `${ECHO_PORT}`]);
      const first = host.start(udp, ['first', addresses.far4, `${ECHO_PORT}`, '10']);
      await Promise.all([echo.says(/ready/), first.says(/asking/)]);
      const { spawnedNs } = contestant.start(bed)!;
      const { answeredNs } = await result<{ answeredNs: number }>(first);
      const { sent, delivered } = await flood(udp, {
        ...{ from: host, to: far, dest: addresses.many4, dests: MANY },
        ...{ bytes: 64, seconds: 1, rate: PACED_RATE },
      });
      return { start: (answeredNs - Number(spawnedNs)) / 1e6, cold: (1 - delivered / sent) * 100 };
    } finally {
      await bed.sandbox.close();
    }
  },
};

const MORE_WORKERS = 3;

/** After a second of both kinds of traffic; clatd with one worker and with several. */
const memory: Measure = {
  name: 'memory',
  group: 'memory',
  mostRounds: 2,
  figures: [
    { key: 'rss', label: 'RSS after load, one worker', unit: 'MB', better: 'less' },
    { key: 'rss-worker', label: '  each further worker', unit: 'MB', better: 'less' },
  ],
  applies: isTranslator,
  async run(contestant, { udp }) {
    const used = async (who: Contestant) => {
      const session = await Session.open(who, 'usual', udp);
      try {
        const { bed, far, many } = session;
        await iperf(bed.host, far, IPERF_PORT, { seconds: 1, streams: 4, direction: 'up' });
        await flood(udp, { from: bed.host, to: bed.far, dest: many, dests: MANY, bytes: 64, seconds: 1 });
        return session.residentMB();
      } finally {
        await session.close();
      }
    };
    if (contestant.kind !== 'clatd') return { rss: await used(contestant) };
    const withWorkers = (n: number) => used(clatd('', ['--workers', `${n}`], contestant.main));
    const rss = await withWorkers(1);
    return { rss, 'rss-worker': ((await withWorkers(MORE_WORKERS)) - rss) / (MORE_WORKERS - 1) };
  },
};

export const MEASURES: readonly Measure[] = [
  tcp(1, 'up'),
  tcp(1, 'down'),
  tcp(4, 'up'),
  tcp(4, 'down'),
  udp(64, 1, 'up'),
  udp(64, 1, 'down'),
  udp(64, MANY, 'up'),
  udp(64, MANY, 'down'),
  udp(1400, 1, 'up'),
  udp(1400, MANY, 'up'),
  latency('idle'),
  latency('paced'),
  latency('bulk'),
  table('up'),
  table('down'),
  table('both'),
  start,
  memory,
];
