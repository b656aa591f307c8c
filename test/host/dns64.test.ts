/** Prefixes from DNS (DISC-4 to DISC-6): from addresses, from messages, from servers on the loopback. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server as TcpServer } from 'node:net';
import dns from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { formatPrefix6 } from '../../src/address/format.ts';
import { parseServer } from '../../src/config/server.ts';
import { askServer, askServers, prefixesFromAaaa, readAnswer } from '../../src/host/dns64.ts';
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
    ['octet 8 not 0', '2001:db8:0:0:100:0:192.0.0.170'],
    ['the prefix of another purpose (ADDR-2)', '::192.0.0.170'],
    ['multicast', 'ff02::192.0.0.170'],
  ])('%s: left out and named', (_what, address) => {
    expect(prefixes(address)).toEqual({ found: [], notes: 1 });
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
const ONE = { data: '64:ff9b::c000:aa', ttl: 300 };

describe('answers (DISC-6)', () => {
  it.each([
    [0, 30],
    [29, 30],
    [300, 300],
    [100_000, 86_400],
  ])('TTL %i counts as %i', (ttl, clamped) => {
    expect(readAnswer(response(7, [{ ...ONE, ttl }]), 7)).toMatchObject({ is: 'answer', ttl: clamped });
  });

  it('the least TTL counts', () => {
    expect(readAnswer(response(7, [ONE, { ...ONE, ttl: 60 }]), 7)).toMatchObject({ ttl: 60 });
  });

  it.each([
    ['no AAAA', [], 0, 'negative'],
    ['NXDOMAIN', [], 3, 'negative'],
    ['SERVFAIL', [], 2, 'failed'],
    ['REFUSED', [], 5, 'failed'],
  ] as const)('%s', (_what, addresses, rcode, is) => {
    expect(readAnswer(response(7, [...addresses], rcode), 7)).toMatchObject({ is });
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

  it('a closed port fails at once', async () => {
    const { server } = await serve(() => null);
    open.pop()!.close();
    expect(await askServer(server)).toEqual({ is: 'failed', why: 'ECONNREFUSED' });
  });

  it('of several servers the first AAAA win, then the first negative answer', async () => {
    const refused = await serve((id) => response(id, [], 5));
    const negative = await serve((id) => response(id, [], 3));
    const good = await serve((id) => response(id, [ONE]));
    expect((await askServers([refused.server, negative.server, good.server]))?.server).toBe(good.server);
    expect((await askServers([refused.server, negative.server]))?.server).toBe(negative.server);
    expect((await askServers([refused.server]))?.answer.is).toBe('failed');
    expect(await askServers([])).toBeNull();
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
