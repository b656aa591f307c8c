/** Duplicate address detection (RFC 4862 §5.4, RFC 7527, CLAT-4) on a link that a test speaks for: no socket, no real time. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { claimAddress } from '../../src/host/duplicate.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import type { Native } from '../../src/io/native.ts';
import { type Bytes, hex, icmp6, ip6, v6 } from '../support/packets.ts';

const ADDRESS = '2001:db8:1:1::12:c1a7';
const GROUP = 'ff02::1:ff12:c1a7';
const OTHER = '2001:db8:1:1::12:c1a8';
const NEIGHBOUR = 'fe80::99';
const IF = 7;
const EAR = 10;
const MOUTH = 11;
const EPERM = -1;
const EAGAIN = -11;

interface Heard {
  source: string;
  message: Bytes;
  hopLimit: number;
}

/** What the addon was asked for, and what it has to say. */
interface Wire {
  ear: number;
  mouth: number;
  open: Set<number>;
  types: number[];
  sent: { packet: Bytes; to: string; ifindex: number }[];
  queue: Heard[];
  /** Wakes the reader; null: nobody watches. */
  wake: (() => void) | null;
}

let wire: Wire;

vi.mock('../../src/io/native.ts', () => ({ native: (): Partial<Native> => addon }));

const opened = (fd: number, ifindex: number): number => {
  expect(ifindex).toBe(IF);
  if (fd >= 0) wire.open.add(fd);
  return fd;
};

const addon: Partial<Native> = {
  icmp6Open: (ifindex, types) => {
    wire.types = [...types];
    return opened(wire.ear, ifindex);
  },
  ipv6Open: (ifindex) => opened(wire.mouth, ifindex),
  closeFd: (fd) => {
    expect(wire.open.delete(fd), `descriptor ${fd} is closed once`).toBe(true);
    return 0;
  },
  sendTo: (fd, packet, to, ifindex) => {
    expect(fd).toBe(MOUTH);
    wire.sent.push({ packet: [...packet], to: hex(to), ifindex });
    return packet.length;
  },
  recvMsg: (fd, buffer) => {
    expect(wire.open.has(fd), 'reads what is open').toBe(true);
    const one = wire.queue.shift();
    if (one === undefined) return EAGAIN;
    buffer.set(one.message);
    const { hopLimit } = one;
    const source = Uint8Array.from(ip6(one.source));
    return { length: one.message.length, truncated: 0, hopLimit, ifindex: IF, source };
  },
  watch: (fd, callback) => {
    expect(fd).toBe(EAR);
    wire.wake = () => callback(0);
    return 1;
  },
  unwatch: () => {
    wire.wake = null;
    return 0;
  },
};

beforeEach(() => {
  vi.useFakeTimers();
  wire = { ear: EAR, mouth: MOUTH, open: new Set(), types: [], sent: [], queue: [], wake: null };
});
afterEach(() => {
  vi.useRealTimers();
});

/** Neighbour solicitation and advertisement, RFC 4861 §4.3 and §4.4. */
const solicitation = (target: string, options: Bytes = []): Bytes =>
  icmp6(135, 0, [0, 0, 0, 0], [...ip6(target), ...options], '::', GROUP);
const advertisement = (target: string): Bytes =>
  icmp6(136, 0, [0x20, 0, 0, 0], ip6(target), NEIGHBOUR, 'ff02::1');
/** RFC 7527 §4.2 */
const nonce = (bytes: Bytes): Bytes => [14, 1, ...bytes];
const OTHER_NONCE = nonce([1, 2, 3, 4, 5, 6]);

function heard(...all: { source?: string; message: Bytes; hopLimit?: number }[]): void {
  for (const one of all) wire.queue.push({ source: '::', hopLimit: 255, ...one });
  wire.wake?.();
}

function claim() {
  const said: string[] = [];
  const end = claimAddress(parseKernel6(ADDRESS), IF, {
    onFree: () => void said.push('free'),
    onTaken: () => void said.push('taken'),
  });
  return { said, end };
}

/** As long as a neighbour has for an answer. */
const wait = () => vi.advanceTimersByTime(1000);

describe('asking', () => {
  test('is one solicitation from nobody to the group of the address, with a nonce', () => {
    claim();
    wait();
    expect(wire.sent).toHaveLength(1);
    const { packet, to, ifindex } = wire.sent[0]!;
    expect([to, ifindex]).toEqual([hex(ip6(GROUP)), IF]);
    const ours = packet.slice(-6);
    const payload = solicitation(ADDRESS, nonce(ours));
    expect(hex(packet)).toBe(hex(v6({ src: '::', dst: GROUP, next: 58, hop: 255, payload })));
  });

  test('has another nonce each time', () => {
    for (let i = 0; i < 3; i++) claim().end!();
    expect(new Set(wire.sent.map(({ packet }) => hex(packet.slice(-6)))).size).toBe(3);
  });

  test('listens to solicitations and advertisements', () => {
    claim();
    expect(wire.types.sort()).toEqual([135, 136]);
  });

  test('nobody answers within 1 s: free, and not before', () => {
    const { said } = claim();
    vi.advanceTimersByTime(999);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(said).toEqual(['free']);
  });

  test.each([
    ['ear', { ear: EPERM }],
    ['mouth', { mouth: EPERM }],
    ['socket at all', { ear: EPERM, mouth: EPERM }],
  ])('without an %s it cannot be done: nothing is left open, nothing is said', (_, refused) => {
    Object.assign(wire, refused);
    const { said, end } = claim();
    expect(end).toBeNull();
    wait();
    expect([...wire.open, ...wire.sent, ...said]).toEqual([]);
  });
});

describe('the address is taken', () => {
  test('where its owner says so: at once, and it is never free afterwards', () => {
    const { said } = claim();
    heard({ source: NEIGHBOUR, message: advertisement(ADDRESS) });
    expect(said).toEqual(['taken']);
    wait();
    expect(said).toEqual(['taken']);
  });

  test('where another host asks for it at the same time', () => {
    const { said } = claim();
    heard({ message: solicitation(ADDRESS) });
    expect(said).toEqual(['taken']);
  });

  test('also where that one has a nonce too, behind another option', () => {
    const { said } = claim();
    heard({ message: solicitation(ADDRESS, [253, 1, 0, 0, 0, 0, 0, 0, ...OTHER_NONCE]) });
    expect(said).toEqual(['taken']);
  });

  test('also where our nonce is only a part of something else', () => {
    const { said } = claim();
    const ours = wire.sent[0]!.packet.slice(-6);
    heard({ message: solicitation(ADDRESS, [253, 2, 0, 0, 0, 0, 0, 0, ...nonce(ours)]) });
    expect(said).toEqual(['taken']);
  });

  test('also later, where a neighbour advertises it', () => {
    const { said } = claim();
    wait();
    heard({ source: NEIGHBOUR, message: advertisement(ADDRESS) });
    expect(said).toEqual(['free', 'taken']);
  });

  test('told once, whatever else was said; the sockets are closed', () => {
    const { said, end } = claim();
    const again = { source: NEIGHBOUR, message: advertisement(ADDRESS) };
    heard(again, again);
    expect(said).toEqual(['taken']);
    expect(wire.open.size).toBe(0);
    expect(wire.wake).toBeNull();
    end!();
  });

  test('where that is said among other things', () => {
    const { said } = claim();
    heard(
      { source: NEIGHBOUR, message: advertisement(OTHER) },
      { source: NEIGHBOUR, message: advertisement(ADDRESS) },
    );
    expect(said).toEqual(['taken']);
  });
});

describe('the address is not taken by', () => {
  const spoken: [string, () => { source?: string; message: Bytes; hopLimit?: number }][] = [
    ['an advertisement of another one', () => ({ source: NEIGHBOUR, message: advertisement(OTHER) })],
    ['a question about another one', () => ({ message: solicitation(OTHER) })],
    ['somebody who wants to talk to it', () => ({ source: NEIGHBOUR, message: solicitation(ADDRESS) })],
    [
      'an advertisement from beyond a router',
      () => ({ source: NEIGHBOUR, message: advertisement(ADDRESS), hopLimit: 254 }),
    ],
    ['a question from beyond a router', () => ({ message: solicitation(ADDRESS), hopLimit: 254 })],
    [
      'an advertisement cut short',
      () => ({ source: NEIGHBOUR, message: advertisement(ADDRESS).slice(0, 23) }),
    ],
    // RFC 4861 §7.1: to be discarded.
    ['a question with a code', () => ({ message: [135, 1, ...solicitation(ADDRESS).slice(2)] })],
    [
      'a question with an option of length 0',
      () => ({ message: solicitation(ADDRESS, [14, 0, 1, 2, 3, 4, 5, 6]) }),
    ],
    [
      'a question with an option cut off',
      () => ({ message: solicitation(ADDRESS, [253, 2, 0, 0, 0, 0, 0, 0]) }),
    ],
    [
      'a question from nobody that tells its link-layer address',
      () => ({ message: solicitation(ADDRESS, [1, 1, 2, 0, 0, 0, 0, 1]) }),
    ],
    ['an ICMPv6 message of another type', () => ({ message: [134, ...advertisement(ADDRESS).slice(1)] })],
    ['its own question, heard again', () => ({ message: wire.sent[0]!.packet.slice(40) })],
    [
      'its own question, heard again with another option before the nonce',
      () => ({
        message: solicitation(ADDRESS, [
          ...[253, 2, ...new Array<number>(14).fill(0)],
          ...nonce(wire.sent[0]!.packet.slice(-6)),
        ]),
      }),
    ],
  ];
  test.each(spoken)('%s', (_, what) => {
    const { said } = claim();
    heard(what());
    expect(wire.queue, 'everything is read').toEqual([]);
    wait();
    expect(said).toEqual(['free']);
  });

  test('a question once it is ours: the asker is refused', () => {
    const { said } = claim();
    wait();
    heard({ message: solicitation(ADDRESS, OTHER_NONCE) });
    expect(said).toEqual(['free']);
  });
});

test('an option of no length does not hold up the reading', () => {
  claim();
  heard({ message: solicitation(ADDRESS, [253, 0, 0, 0, 0, 0, 0, 0]) });
  expect(wire.queue).toEqual([]);
});

describe('giving it up', () => {
  test('closes both sockets, and nothing is said afterwards', () => {
    const { said, end } = claim();
    end!();
    expect(wire.open.size).toBe(0);
    expect(wire.wake).toBeNull();
    wait();
    expect(said).toEqual([]);
  });

  test('twice is as good as once', () => {
    const { said, end } = claim();
    wait();
    expect(wire.open.size).toBe(2);
    end!();
    end!();
    expect(wire.open.size).toBe(0);
    expect(said).toEqual(['free']);
  });
});
