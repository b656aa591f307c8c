/** Prefixes from DNS (DISC-4 to DISC-6): from addresses, from messages, from servers on the loopback. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server as TcpServer } from 'node:net';
import dns from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatPrefix6 } from '../../src/address/format.ts';
import { parseServer } from '../../src/config/server.ts';
import { type DnsAnswer, readAnswer } from '../../src/host/dns-message.ts';
import { prefixesFromAaaa } from '../../src/host/dns-prefixes.ts';
import type { ServerAnswer } from '../../src/host/dns-verdict.ts';
import { askServer, askServers } from '../../src/host/dns64.ts';
import { resolversOf, serversInLinkState, serversInResolvConf } from '../../src/host/resolvers.ts';
import { parseKernel6 } from '../../src/host/text.ts';

const prefixes = (...addresses: string[]) => {
  const { prefixes: found, notes } = prefixesFromAaaa(addresses.map(parseKernel6));
  return { found: found.map(formatPrefix6), notes: notes.length };
};

describe('prefixes in AAAA records (DISC-5)', () => {
  it.each([
    ['2001:db8::/32', '2001:db8:c000:aa::'],
    ['2001:db8:100::/40', '2001:db8:1c0:0:aa::'],
    ['2001:db8:122::/48', '2001:db8:122:c000:0:aa00::'],
    ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:aa::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:c0:0:aa00:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::192.0.0.170'],
    ['64:ff9b::/96', '64:ff9b::192.0.0.171'],
    ['64:ff9b:1::/96', '64:ff9b:1::192.0.0.171'],
  ])('%s', (prefix, address) => {
    expect(prefixes(address)).toEqual({ found: [prefix], notes: 0 });
  });

  it('three /96, two addresses each: three prefixes in received order', () => {
    const bases = ['2600:2d00:2:1:0:1:', '2600:2d00:2:2::', '2600:2d00:2:3::'];
    const all = bases.flatMap((base) => [`${base}192.0.0.170`, `${base}192.0.0.171`]);
    expect(prefixes(...all)).toEqual({
      found: ['2600:2d00:2:1:0:1::/96', '2600:2d00:2:2::/96', '2600:2d00:2:3::/96'],
      notes: 0,
    });
  });

  it('ambiguous: the other well-known address decides', () => {
    // As /32 and as /96: 192.0.0.170 stands in both places.
    const both = '2001:db8:c000:aa::192.0.0.170';
    expect(prefixes(both)).toEqual({ found: [], notes: 1 });
    expect(prefixes(both, '2001:db8:c000:aa::192.0.0.171')).toEqual({
      found: ['2001:db8:c000:aa::/96'],
      notes: 0,
    });
    // With a third address both readings of the first two have their other: they stay ambiguous.
    expect(prefixes(both, '2001:db8:c000:aa::192.0.0.171', '2001:db8:c000:ab::')).toEqual({
      found: ['2001:db8::/32'],
      notes: 2,
    });
  });

  it.each([
    ['no well-known address', '2001:db8::1'],
    ['octet 8 not 0 in a form shorter than /96', '2001:db8:122:344:1c0:0:aa00:0'],
    ['the prefix of another purpose (ADDR-2)', '::192.0.0.170'],
    ['multicast', 'ff02::192.0.0.170'],
  ])('%s: left out and named', (_what, address) => {
    expect(prefixes(address)).toEqual({ found: [], notes: 1 });
  });
});

it('octet 8 of a /96 is the network’s business: used, and named (ADDR-1)', () => {
  expect(prefixes('2001:db8:0:0:100:0:192.0.0.170')).toEqual({
    found: ['2001:db8:0:0:100::/96'],
    notes: 1,
  });
});

it('thousands of records: so many prefixes as a router may have, a short note, no time', () => {
  const many = Array.from(
    { length: 2000 },
    (_, i) => `2001:db8:${(i + 1).toString(16)}::192.0.0.${170 + (i % 2)}`,
  );
  expect(prefixes(...many)).toEqual({
    found: many.slice(0, 16).map((text) => text.replace(/::192.*/, '::/96')),
    notes: 5,
  });
});

const NAME = 'ipv4only.arpa';
function response(
  id: number,
  addresses: { data: string; ttl: number }[],
  flags = 0,
  name = NAME,
): Uint8Array {
  return dns.encode({
    type: 'response',
    id,
    flags,
    questions: [{ type: 'AAAA', name }],
    answers: addresses.map((one) => ({ type: 'AAAA' as const, name, ...one })),
  });
}
const answerIn = (message: Uint8Array): DnsAnswer | undefined => readAnswer(message, 7)?.answer;
const ONE = { data: '64:ff9b::c000:aa', ttl: 300 };

describe('answers (DISC-6)', () => {
  it.each([
    [0, 30],
    [29, 30],
    [300, 300],
    [100_000, 86_400],
  ])('TTL %i counts as %i', (ttl, clamped) => {
    expect(answerIn(response(7, [{ ...ONE, ttl }]))).toMatchObject({ is: 'answer', ttl: clamped });
  });

  it('the least TTL counts', () => {
    expect(answerIn(response(7, [ONE, { ...ONE, ttl: 60 }]))).toMatchObject({ ttl: 60 });
  });

  it.each([
    ['no AAAA', [], 0, 'negative'],
    ['NXDOMAIN', [], 3, 'negative'],
    ['SERVFAIL', [], 2, 'failed'],
    ['REFUSED', [], 5, 'failed'],
  ] as const)('%s', (_what, addresses, rcode, is) => {
    expect(answerIn(response(7, [...addresses], rcode))).toMatchObject({ is });
  });

  it('of another question, of another id, or garbage: none of ours', () => {
    expect(readAnswer(response(8, [ONE]), 7)).toBeNull();
    expect(readAnswer(response(7, [ONE], 0, 'example.org'), 7)).toBeNull();
    expect(readAnswer(Uint8Array.of(1, 2, 3), 7)).toBeNull();
  });
});

describe('asking', () => {
  const open: (Socket | TcpServer)[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });

  /** A server on the loopback; `udp` makes the answer to a question. */
  async function serve(udp: (id: number) => Uint8Array | null, tcp?: (id: number) => Uint8Array) {
    const socket = createSocket('udp6');
    open.push(socket);
    let asked = 0;
    socket.on('message', (message, from) => {
      asked++;
      const answer = udp(message.readUInt16BE(0));
      if (answer !== null) socket.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
    const { port } = socket.address();
    if (tcp !== undefined) {
      const server = createServer((connection) => {
        connection.on('data', (chunk) => {
          const answer = tcp(chunk.readUInt16BE(2));
          // In two parts, as TCP may.
          connection.write(Buffer.from([answer.length >> 8, answer.length & 255]));
          connection.write(answer);
        });
        connection.on('error', () => {});
      });
      open.push(server);
      await new Promise<void>((resolve) => server.listen(port, '::1', resolve));
    }
    return { server: { address: '::1', port }, asked: () => asked };
  }

  it('by UDP', async () => {
    const { server } = await serve((id) => response(id, [ONE]));
    expect(await askServer(server)).toMatchObject({ is: 'answer', ttl: 300 });
  });

  it('by TCP where the answer was cut', async () => {
    const { server } = await serve(
      (id) => response(id, [], 0x0200),
      (id) => response(id, [ONE, ONE]),
    );
    const answer = await askServer(server);
    expect(answer.is === 'answer' && answer.addresses.length).toBe(2);
  });

  it('three times while nothing comes, answers to other ids included', async () => {
    const { server, asked } = await serve((id) => response(id ^ 1, [ONE]));
    expect(await askServer(server, { timeoutMs: 50 })).toMatchObject({ is: 'failed' });
    expect(asked()).toBe(3);
  });

  it('with identifiers from no generator that tells the next by the last (DISC-6)', async () => {
    const guessable = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    try {
      const ids = new Set<number>();
      const noted = (id: number): number => {
        ids.add(id);
        return id;
      };
      const { server } = await serve(
        (id) => response(noted(id), [], 0x0200),
        (id) => response(noted(id), [ONE]),
      );
      // All the same by chance: once in 2^80.
      for (let i = 0; i < 3; i++) await askServer(server);
      expect(ids.size).toBeGreaterThan(1);
    } finally {
      guessable.mockRestore();
    }
  });

  it('a closed port fails at once', async () => {
    const { server } = await serve(() => null);
    open.pop()!.close();
    expect(await askServer(server)).toEqual({ is: 'failed', why: 'ECONNREFUSED' });
  });

  it('the datagram’s part of an answer where TCP is refused', async () => {
    const { server } = await serve((id) => response(id, [ONE], 0x0200));
    expect(await askServer(server)).toMatchObject({ is: 'answer', ttl: 300 });
    const empty = await serve((id) => response(id, [], 0x0200));
    expect(await askServer(empty.server)).toMatchObject({ is: 'failed', why: 'ECONNREFUSED' });
  });

  it('answers from another port than was asked do not count', async () => {
    const other = createSocket('udp6');
    open.push(other);
    const socket = createSocket('udp6');
    open.push(socket);
    const asked: number[] = [];
    socket.on('message', (message, from) => {
      asked.push(from.port);
      // The forged answer first, in time.
      other.send(response(message.readUInt16BE(0), [ONE]), from.port, from.address, () => {
        socket.send(response(message.readUInt16BE(0), [], 3), from.port, from.address);
      });
    });
    await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
    expect(await askServer({ address: '::1', port: socket.address().port })).toMatchObject({
      is: 'negative',
    });
  });

  it('ids and ports are others each time', async () => {
    const ids: number[] = [];
    const { server } = await serve((id) => {
      ids.push(id);
      return response(id, [], 3);
    });
    for (let i = 0; i < 20; i++) await askServer(server);
    expect(new Set(ids).size).toBeGreaterThan(15);
  });

  it('of several servers the first of use, in the order of the list; those of no use before it are told', async () => {
    const refused = await serve((id) => response(id, [], 5));
    const negative = await serve((id) => response(id, [], 3));
    const wildcard = await serve((id) => response(id, [{ data: '2001:db8::1', ttl: 300 }]));
    const good = await serve((id) => response(id, [ONE]));
    const ask = async (...all: { server: ServerAnswer['server'] }[]) =>
      (await askServers(all.map(({ server }) => server))).map(({ server, answer }) => [
        server.port,
        answer.is,
      ]);
    expect(await ask(refused, negative, wildcard, good, refused)).toEqual([
      [refused.server.port, 'failed'],
      [negative.server.port, 'negative'],
      [wildcard.server.port, 'answer'],
      [good.server.port, 'answer'],
    ]);
    expect(await ask(refused, negative)).toEqual([
      [refused.server.port, 'failed'],
      [negative.server.port, 'negative'],
    ]);
    expect(await ask()).toEqual([]);
  });

  describe('with servers that take their time', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    const A = { address: 'a', port: 53 };
    const B = { address: 'b', port: 53 };
    const good: DnsAnswer = { is: 'answer', addresses: [parseKernel6('64:ff9b::192.0.0.170')], ttl: 300 };
    /** When each answers after being asked, ms. */
    const asking = (delays: Record<string, number>) =>
      askServers([A, B], (server) => {
        return new Promise((resolve) => {
          setTimeout(() => resolve(good), delays[server.address]);
        });
      });
    const names = async (result: Promise<ServerAnswer[]>) =>
      (await result).map(({ server, answer }) => `${server.address} ${answer.is}`);

    it('the first of the list is waited for as long as one try takes', async () => {
      const result = names(asking({ a: 2500, b: 100 }));
      await vi.advanceTimersByTimeAsync(3000);
      expect(await result).toEqual(['a answer']);
    });

    it('then the next one wins, and the first was silent', async () => {
      const result = names(asking({ a: 60_000, b: 100 }));
      await vi.advanceTimersByTimeAsync(3001);
      expect(await result).toEqual(['a failed', 'b answer']);
      expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
    });

    it('ends at once when nobody wants to know any more', async () => {
      const end = new AbortController();
      const result = askServers([A, B], () => new Promise(() => {}), end.signal);
      end.abort();
      expect(await result).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    });
  });
});

describe('resolvers', () => {
  it.each([
    ['2001:db8::53', '2001:db8::53', 53],
    ['[2001:db8::53]:5353', '2001:db8::53', 5353],
    ['fe80::53%eth0', 'fe80::53%eth0', 53],
    ['[fe80::53%eth0]:54', 'fe80::53%eth0', 54],
    ['192.0.2.53', '192.0.2.53', 53],
    ['192.0.2.53:54', '192.0.2.53', 54],
  ])('%s', (text, address, port) => {
    expect(parseServer(text)).toEqual({ ok: true, value: { address, port } });
  });

  it.each(['dns.example', 'fe80::53', '[2001:db8::53]:0', '192.0.2.53:x', '2001:db8::53/64', ''])(
    '%s is refused',
    (text) => {
      expect(parseServer(text).ok).toBe(false);
    },
  );

  it('resolv.conf without the stubs of systemd-resolved', () => {
    const text = '# x\nnameserver 127.0.0.53\nnameserver 2001:db8::53\n nameserver fe80::1%eth0\nsearch x\n';
    expect(serversInResolvConf(text).map(({ address }) => address)).toEqual(['2001:db8::53', 'fe80::1%eth0']);
  });

  it('what systemd knows of a link', () => {
    const text = 'ADMIN_STATE=configured\nDNS=2001:db8::53 fe80::53 192.0.2.53#dns.example\n';
    expect(serversInLinkState(text, 'eth0').map(({ address }) => address)).toEqual([
      '2001:db8::53',
      'fe80::53%eth0',
      '192.0.2.53',
    ]);
  });

  it('those learned on the interface first, the host’s as last resort', () => {
    const files: Record<string, string> = { '/etc/resolv.conf': 'nameserver 2001:db8::1\n' };
    const read = (path: string) => files[path] ?? null;
    expect(resolversOf('eth0', 2, [], read)).toMatchObject({ servers: [{ address: '2001:db8::1' }] });
    const advertised = [parseKernel6('fe80::53')];
    expect(resolversOf('eth0', 2, advertised, read)).toMatchObject({
      servers: [{ address: 'fe80::53%eth0' }],
    });
    files['/etc/resolv.conf'] = 'nameserver 127.0.0.53\n';
    expect(resolversOf('eth0', 2, [], read).servers).toEqual([]);
  });
});
