/** How much of what routers say is kept, and whose (DISC-2, DISC-3), with made-up routers and time. */
import { describe, expect, it } from 'vitest';
import { formatIp6, formatPrefix6 } from '../../src/address/format.ts';
import type { Ip6 } from '../../src/address/ip.ts';
import type { RouterWord } from '../../src/host/pref64.ts';
import { MOST_PREFIXES, MOST_RESOLVERS, MOST_ROUTERS, RouterBook } from '../../src/host/router-book.ts';
import { parseKernel6 } from '../../src/host/text.ts';

const IF = 3;
const second = 1000;
const address = (i: number): Ip6 => [0xfe80_0000 | 0, 0, i >> 16, i & 0xffff];
/** /96, the i-th of 2001:db8::/32. */
const pref64 = (i: number, lifetime = 600) => ({
  prefix: { address: [0x20010db8, i, 0, 0] as const, length: 96 },
  lifetime,
});
const resolver = (i: number): Ip6 => [0x20010db8, 0, 0, i];

interface World {
  book: RouterBook;
  defaults: Set<number>;
  used: number | null;
  remarks: Set<string>;
  hear(router: number, word: Partial<RouterWord>, now?: number): ReturnType<RouterBook['hear']>;
  /** By router, in received order. */
  known(now?: number): string[];
}

function world(): World {
  const texts = (all: Iterable<number>) => new Set([...all].map((i) => formatIp6(address(i))));
  const w: World = {
    book: new RouterBook(),
    defaults: new Set(),
    used: null,
    remarks: new Set(),
    hear: (router, word, now = 0) => {
      const heard = w.book.hear(
        { router: address(router), ifindex: IF, pref64: [], rdnss: [], mtu: null, ...word },
        now,
        (text) => texts(w.defaults).has(text),
        (text) => w.used !== null && text === formatIp6(address(w.used)),
      );
      for (const text of heard.remarks) w.remarks.add(text);
      return heard;
    },
    known: (now = 0) =>
      w.book.prefixes(IF, now).map(({ from, prefix }) => `${from} ${formatPrefix6(prefix)}`),
  };
  return w;
}

/** Routers 1 to 8 with a prefix each. */
function full(): World {
  const w = world();
  for (let i = 1; i <= MOST_ROUTERS; i++) w.hear(i, { pref64: [pref64(i)] });
  return w;
}

const speaks = (w: World, router: number, now = 0): boolean =>
  w.known(now).some((text) => text.startsWith(`${formatIp6(address(router))} `));

describe('routers', () => {
  it('eight of them; those known first stay', () => {
    const w = full();
    for (let i = 9; i < 100_000; i++) w.hear(i, { pref64: [pref64(i)] });
    expect(w.known()).toHaveLength(MOST_ROUTERS);
    expect(w.book.leftOut(IF)).toBe(100_000 - 9);
    expect([...w.remarks]).toEqual(['more than 8 routers speak: what is more is left out']);
  });

  it('the kernel’s default router takes the place of the one known last that is neither such nor in use', () => {
    const w = full();
    w.used = 8;
    w.defaults = new Set([7, 9]);
    w.hear(9, { pref64: [pref64(9)] });
    expect([6, 7, 8, 9].map((i) => speaks(w, i))).toEqual([false, true, true, true]);
  });

  it('nobody displaces default routers, nor the one in use', () => {
    const w = full();
    w.defaults = new Set([1, 2, 3, 4, 5, 6, 7, 9]);
    w.used = 8;
    w.hear(9, { pref64: [pref64(9)] });
    expect(speaks(w, 9)).toBe(false);
    expect(w.known()).toHaveLength(MOST_ROUTERS);
  });

  it('one that has nothing valid and was silent for hours makes room', () => {
    const w = full();
    const later = 9001 * second;
    w.hear(2, { pref64: [pref64(2, 600)] }, later - 60 * second);
    w.hear(9, { pref64: [pref64(9)] }, later);
    expect([2, 9].map((i) => speaks(w, i, later))).toEqual([true, true]);
  });

  it('one that says nothing of use needs no place', () => {
    const w = world();
    for (let i = 1; i <= 100; i++) w.hear(i, {});
    w.hear(101, { pref64: [pref64(1)] });
    expect(speaks(w, 101)).toBe(true);
  });

  it('links are apart', () => {
    const w = full();
    const word = { router: address(9), ifindex: 4, pref64: [pref64(9)], rdnss: [], mtu: null };
    w.book.hear(
      word,
      0,
      () => false,
      () => false,
    );
    expect(w.book.prefixes(4, 0)).toHaveLength(1);
    w.book.forget(4);
    expect([w.book.prefixes(4, 0).length, w.known().length]).toEqual([0, MOST_ROUTERS]);
  });
});

describe('prefixes of a router', () => {
  it('sixteen; those known first stay, and are refreshed', () => {
    const w = world();
    w.hear(1, { pref64: Array.from({ length: 100 }, (_, i) => pref64(i)) });
    expect(w.known()).toHaveLength(MOST_PREFIXES);
    w.hear(1, { pref64: [pref64(0, 1200), pref64(50, 1200)] }, 500 * second);
    expect(w.known(1000 * second)).toEqual([`fe80::1 2001:db8::/96`]);
    expect(w.book.leftOut(IF)).toBe(100 - MOST_PREFIXES + 1);
  });

  it('one that ended or was withdrawn makes room', () => {
    const w = world();
    w.hear(1, { pref64: Array.from({ length: MOST_PREFIXES }, (_, i) => pref64(i, i === 0 ? 8 : 600)) });
    w.hear(1, { pref64: [pref64(1, 0), pref64(50)] });
    w.hear(1, { pref64: [pref64(51)] }, 9 * second);
    expect(w.known(9 * second)).toHaveLength(MOST_PREFIXES);
    expect(w.known(9 * second).slice(-2)).toEqual([
      'fe80::1 2001:db8:0:32::/96',
      'fe80::1 2001:db8:0:33::/96',
    ]);
  });

  it('withdrawn in the same word: not kept; said again behind that: kept', () => {
    const w = world();
    expect(w.hear(1, { pref64: [pref64(1), pref64(1, 0)] }).changed).toBe(true);
    expect(w.known()).toEqual([]);
    w.hear(1, { pref64: [pref64(1, 0), pref64(1)] });
    expect(w.known()).toHaveLength(1);
  });

  it('a hundred that cannot be used make a few remarks', () => {
    const w = world();
    const prefix = (i: number) => ({
      prefix: { address: [0xff020000 | 0, i, 0, 0] as const, length: 96 },
      lifetime: 600,
    });
    expect(w.hear(1, { pref64: Array.from({ length: 90 }, (_, i) => prefix(i)) }).remarks).toHaveLength(4);
    expect(w.known()).toEqual([]);
  });
});

describe('resolvers of a router', () => {
  it('eight; a new one is told, a lifetime is not', () => {
    const w = world();
    const addresses = Array.from({ length: 20 }, (_, i) => resolver(i));
    expect(w.hear(1, { rdnss: [{ addresses, lifetime: 600 }] }).resolvers).toBe(true);
    expect(w.book.resolvers(IF, 0)).toHaveLength(MOST_RESOLVERS);
    expect(w.hear(1, { rdnss: [{ addresses, lifetime: 900 }] }, second).resolvers).toBe(false);
    expect(w.hear(1, { rdnss: [{ addresses: [resolver(0)], lifetime: 0 }] }, second).resolvers).toBe(true);
    expect(w.book.resolvers(IF, second)).toHaveLength(MOST_RESOLVERS - 1);
    expect(w.book.resolvers(IF, 901 * second)).toEqual([]);
  });
});

it('resolvers that a router cannot mean are passed over', () => {
  const w = world();
  const texts = ['::1', '::', 'ff02::fb', '::ffff:127.0.0.1', 'fe80::53', '2001:db8::53', 'fd00::53'];
  w.hear(1, { rdnss: [{ addresses: texts.map(parseKernel6), lifetime: 600 }] });
  expect(w.book.resolvers(IF, 0).map(formatIp6)).toEqual(['fe80::53', '2001:db8::53', 'fd00::53']);
});

it('the link was away: prefixes are doubted, resolvers and MTU forgotten', () => {
  const w = world();
  w.hear(1, { pref64: [pref64(1)], rdnss: [{ addresses: [resolver(1)], lifetime: 600 }], mtu: 1400 });
  w.book.doubt(IF, 10 * second);
  expect(w.book.prefixes(IF, 0)).toMatchObject([{ doubted: true, until: 10 * second }]);
  expect([w.book.resolvers(IF, 0), w.book.mtu(IF, 1500)]).toEqual([[], null]);
  expect(w.hear(1, { pref64: [pref64(1)] }, second).changed).toBe(true);
  expect(w.book.prefixes(IF, second)).toMatchObject([{ doubted: false, until: 601 * second }]);
});
