/** Whether anything comes back to a CLAT's address (CLAT-7, CLAT-15): no network, no real time. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { formatIp6 } from '../../src/address/format.ts';
import type { Ip4, Prefix6 } from '../../src/address/ip.ts';
import { AnswerWatch, type Watched } from '../../src/daemon/answer-watch.ts';
import { ELSEWHERE, Elsewhere } from '../../src/daemon/elsewhere.ts';
import { SILENCE, Silence } from '../../src/daemon/silence.ts';
import { exchangeOf } from '../../src/daemon/traffic-pairs.ts';
import { parseKernel4, parseKernel6 } from '../../src/host/text.ts';

const CLAT4 = parseKernel4('192.0.0.2');
const CLAT6 = parseKernel6('2001:db8:1:1::c1a7');
const OWN = parseKernel6('2001:db8:1:1::5');
const pool6: Prefix6 = { address: parseKernel6('64:ff9b::'), length: 96 };
const WATCHED: Watched = { clat4: CLAT4, clat6: CLAT6, pool6, ifindex: 2, own: OWN };
const SECOND = 1000;
const HOUR = 3_600_000;

/** A host that writes to `destinations`, on a network that answers as the test says. */
function setUp(options: { target?: string } = {}) {
  const answered = new Set<string>();
  const asked: string[] = [];
  const unanswered: string[] = [];
  const the = {
    destinations: ['198.51.100.1'],
    /** Something comes back to the address by itself. */
    received: false,
    sending: true,
    explained: false,
    orders: 0,
    /** Answers to the host's own address that are left. */
    answersLeft: Number.POSITIVE_INFINITY,
  };
  let bytes = 0;
  let pinged = false;
  const watch = new AnswerWatch({
    bytes46: () => (the.sending ? ++bytes : bytes),
    exchange: async () => {
      the.orders++;
      const received = the.received || pinged;
      pinged = false;
      return { sent: the.sending ? the.destinations.map(parseKernel4) : [], received };
    },
    ping: async (from, to, ifindex) => {
      expect(ifindex).toBe(2);
      const pair = `${formatIp6(from)} > ${formatIp6(to)}`;
      asked.push(pair);
      await new Promise((resolve) => setTimeout(resolve, SECOND));
      if (from === CLAT6) {
        // The answer is for the translator: the data plane hears it.
        pinged ||= answered.has(pair);
        return false;
      }
      return answered.has(pair) && the.answersLeft-- > 0;
    },
    now: () => Date.now(),
    explained: async () => the.explained,
    onUnanswered: ({ clat6 }) => void unanswered.push(formatIp6(clat6)),
    target: options.target === undefined ? null : parseKernel4(options.target),
  });
  const from = (source: string, to = '64:ff9b::c633:6401'): void => void answered.add(`${source} > ${to}`);
  return {
    watch,
    the,
    answered,
    asked,
    unanswered,
    from,
    run: (s: number) => vi.advanceTimersByTimeAsync(s),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('CLAT-15', () => {
  test('only the host’s own address is answered: found out within 20 seconds, by three requests', async () => {
    const { watch, from, unanswered, asked, run } = setUp();
    from('2001:db8:1:1::5');
    watch.watch(WATCHED);
    await run(20 * SECOND);
    expect(unanswered).toEqual(['2001:db8:1:1::c1a7']);
    expect(asked).toHaveLength(6);
    watch.watch(null);
  });

  test('both are answered, traffic goes one way: asked ever less often', async () => {
    const { watch, from, unanswered, asked, run } = setUp();
    from('2001:db8:1:1::5');
    from('2001:db8:1:1::c1a7');
    watch.watch(WATCHED);
    await run(24 * HOUR);
    expect(unanswered).toEqual([]);
    // One request each is enough; 1, 2, 4, … minutes between, an hour at most.
    expect(asked.length).toBeLessThan(2 * 40);
    watch.watch(null);
  });

  test('neither is answered: nothing is done, other destinations are asked', async () => {
    const { watch, the, unanswered, asked, run } = setUp();
    the.destinations = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
    watch.watch(WATCHED);
    await run(HOUR);
    expect(unanswered).toEqual([]);
    expect(new Set(asked.map((pair) => pair.split(' > ')[1])).size).toBe(3);
    watch.watch(null);
  });

  test('a destination that answers no echo requests is no proof, the next one is', async () => {
    const { watch, the, from, unanswered, run } = setUp();
    the.destinations = ['198.51.100.9', '198.51.100.1'];
    from('2001:db8:1:1::5');
    watch.watch(WATCHED);
    await run(25 * SECOND);
    expect(unanswered).toHaveLength(1);
    watch.watch(null);
  });

  test('--health-check names one more to ask', async () => {
    const { watch, from, unanswered, run } = setUp({ target: '203.0.113.1' });
    from('2001:db8:1:1::5', '64:ff9b::cb00:7101');
    watch.watch(WATCHED);
    await run(20 * SECOND);
    expect(unanswered).toHaveLength(1);
    watch.watch(null);
  });

  test('one answer in three to the host may be chance', async () => {
    const { watch, the, from, asked, unanswered, run } = setUp();
    from('2001:db8:1:1::5');
    the.answersLeft = 1;
    watch.watch(WATCHED);
    await run(20 * SECOND);
    expect(asked).toHaveLength(6);
    expect(unanswered).toEqual([]);
    watch.watch(null);
  });

  test('what comes back settles it without asking', async () => {
    const { watch, the, from, asked, unanswered, run } = setUp();
    from('2001:db8:1:1::5');
    the.received = true;
    watch.watch(WATCHED);
    await run(HOUR);
    expect(asked).toEqual([]);
    expect(unanswered).toEqual([]);
    // Once proven it is looked at once a minute, and found out all the same when it ends.
    the.received = false;
    await run(85 * SECOND);
    expect(unanswered[0]).toBe('2001:db8:1:1::c1a7');
    watch.watch(null);
  });

  test('an idle host asks nobody, neither the network nor the data plane', async () => {
    const { watch, the, asked, run } = setUp();
    the.sending = false;
    watch.watch(WATCHED);
    await run(HOUR);
    expect(asked).toEqual([]);
    expect(the.orders).toBe(0);
    watch.watch(null);
  });

  test('without an address of the host’s to compare with, nothing is asked', async () => {
    const { watch, asked, run } = setUp();
    watch.watch({ ...WATCHED, own: null });
    await run(HOUR);
    expect(asked).toEqual([]);
    watch.watch(null);
  });

  test('another address begins anew; the same one goes on; none is none', async () => {
    const { watch, from, asked, unanswered, run } = setUp();
    from('2001:db8:1:1::5');
    watch.watch(WATCHED);
    await run(8 * SECOND);
    watch.watch({ ...WATCHED });
    await run(5 * SECOND);
    expect(asked.length).toBeGreaterThan(0);
    watch.watch({ ...WATCHED, clat6: parseKernel6('2001:db8:1:1::c1a8') });
    const before = asked.length;
    await run(8 * SECOND);
    expect(asked).toHaveLength(before);
    watch.watch(null);
    await run(HOUR);
    expect(asked).toHaveLength(before);
    expect(unanswered).toEqual([]);
  });

  test('silence with another explanation is not looked into', async () => {
    const { watch, the, from, asked, run } = setUp();
    from('2001:db8:1:1::5');
    the.explained = true;
    watch.watch(WATCHED);
    await run(60 * SECOND);
    expect(asked).toEqual([]);
    the.explained = false;
    await run(20 * SECOND);
    expect(asked.length).toBeGreaterThan(0);
    watch.watch(null);
  });
});

describe('silence', () => {
  const events = (...all: [at: number, what: 'sent' | 'received' | 'nothing'][]): Silence => {
    const silence = new Silence();
    for (const [at, what] of all) silence.hear(at, what !== 'nothing', what === 'received');
    return silence;
  };
  test.each<[string, Parameters<typeof events>, boolean]>([
    [
      'nothing sent',
      [
        [0, 'nothing'],
        [SILENCE, 'nothing'],
      ],
      false,
    ],
    [
      'sent once, long ago',
      [
        [0, 'sent'],
        [SILENCE, 'nothing'],
      ],
      false,
    ],
    [
      'sent for just less',
      [
        [0, 'sent'],
        [SILENCE - 1, 'sent'],
      ],
      false,
    ],
    [
      'sent for as long',
      [
        [0, 'sent'],
        [SILENCE, 'sent'],
      ],
      true,
    ],
    [
      'sent twice, with a long pause',
      [
        [0, 'sent'],
        [100 * SILENCE, 'sent'],
      ],
      true,
    ],
    [
      'answered meanwhile',
      [
        [0, 'sent'],
        [5000, 'received'],
        [SILENCE, 'sent'],
      ],
      false,
    ],
  ])('%s', (_, what, lasting) => {
    expect(events(...what).lasting).toBe(lasting);
  });
});

describe('CLAT-7: the kernel writes from another network', () => {
  const network = (text: string): Prefix6 => ({ address: parseKernel6(text), length: 64 });
  const A = network('2001:db8:a::');
  const B = network('2001:db8:b::');
  test.each<[string, [number, Prefix6 | null][], number, boolean]>([
    ['never', [[0, null]], ELSEWHERE, false],
    ['for just less', [[0, A]], ELSEWHERE - 1, false],
    [
      'for as long',
      [
        [0, A],
        [30_000, A],
      ],
      ELSEWHERE,
      true,
    ],
    [
      'and back',
      [
        [0, A],
        [30_000, null],
      ],
      ELSEWHERE,
      false,
    ],
    [
      'then from a third',
      [
        [0, A],
        [30_000, B],
      ],
      ELSEWHERE,
      false,
    ],
    [
      'from the third for as long',
      [
        [0, A],
        [30_000, B],
      ],
      30_000 + ELSEWHERE,
      true,
    ],
  ])('%s', (_, heard, now, lasting) => {
    const elsewhere = new Elsewhere();
    for (const [at, one] of heard) elsewhere.hear(at, one);
    expect(elsewhere.lasting(now)).toBe(lasting);
  });
});

test('an exchange is of one address, over all threads', () => {
  const pairs = (sent: [Ip4, Ip4][], received: [Ip4, Ip4][]) => ({
    sent: Int32Array.from(sent.flat()),
    received: Int32Array.from(received.flat()),
  });
  const [lan, a, b] = ['192.168.1.5', '198.51.100.1', '198.51.100.2'].map(parseKernel4) as [Ip4, Ip4, Ip4];
  const threads = [
    pairs(
      [
        [CLAT4, a],
        [lan, b],
      ],
      [[b, lan]],
    ),
    pairs(
      [
        [CLAT4, b],
        [CLAT4, a],
      ],
      [],
    ),
  ];
  expect(exchangeOf(CLAT4, threads)).toEqual({ sent: [a, b], received: false });
  expect(exchangeOf(lan, threads)).toEqual({ sent: [b], received: true });
});
