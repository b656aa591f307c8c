/**
 * The daemon and what foretells it (`discover`, `plan`, `doctor`) judge routers and DNS alike: the same words and answers go
 * to both, and both say which prefix counts (ADDR-1, ADDR-2, DISC-1, DISC-5, DISC-6).
 */
import { expect, it, vi } from 'vitest';
import { formatPrefix6 } from '../../src/address/format.ts';
import { prefixOf6 } from '../../src/address/ip.ts';
import { Discovery, prefixThatCounts } from '../../src/host/discovery.ts';
import type { DiscoveryLink } from '../../src/host/discovery-links.ts';
import type { DnsAnswer } from '../../src/host/dns-message.ts';
import type { ServerAnswer } from '../../src/host/dns-verdict.ts';
import type { RouterWord } from '../../src/host/pref64.ts';
import { conclude, hearAll, NOW } from '../../src/host/survey.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { wayWords } from '../../src/host/uplink.ts';
import { host } from './made-up.ts';

const LINK: DiscoveryLink = {
  ...{ name: 'eth0', index: 3, candidate: true, mtu: 1500 },
  ...{ routers: new Set<string>(), networks: '' },
};

/** "PREFIX LIFETIME, …": a router's word. */
const word = (text: string, i: number): RouterWord => ({
  ...{ router: [0xfe80_0000 | 0, 0, 0, i + 1], ifindex: 3, rdnss: [], mtu: null },
  pref64: text.split(', ').map((option) => {
    const [prefix = '', lifetime] = option.split(' ');
    const [address = '', length] = prefix.split('/');
    return { prefix: prefixOf6(parseKernel6(address), Number(length)), lifetime: Number(lifetime) };
  }),
});

/** AAAA records separated by spaces, "none" or "silent": a server's answer. */
const answer = (text: string): DnsAnswer => {
  if (text === 'none') return { is: 'negative', why: 'there is no AAAA record' };
  if (text === 'silent') return { is: 'failed', why: 'no answer within 3 s', silent: true };
  return { is: 'answer', addresses: text.split(' ').map(parseKernel6), ttl: 300 };
};

async function daemon(words: RouterWord[], answers: ServerAnswer[]): Promise<string> {
  vi.useFakeTimers();
  const discovery = new Discovery(
    { static: null, fallback: null, servers: answers.map(({ server }) => server) },
    {
      log: { debug: () => {}, info: () => {}, warn: () => {} },
      now: () => Date.now(),
      listener: { listen: () => 0, unlisten: () => {}, solicit: () => {} },
      onChange: () => {},
      ask: async () => answers,
    },
  );
  discovery.setLinks([LINK]);
  await vi.advanceTimersByTimeAsync(0);
  for (const one of words) discovery.hear(one);
  const found = discovery.prefixOn(3);
  discovery.stop();
  vi.useRealTimers();
  return found === null ? 'none' : `${found.source} ${formatPrefix6(found.prefix)}`;
}

function foretold(words: RouterWord[], answers: ServerAnswer[]): string {
  const { book, found } = conclude([LINK], words, null, hearAll([LINK], words), [
    { link: LINK, from: 'given', answers },
  ]);
  const known = prefixThatCounts({ static: null, fallback: null }, book, 3, NOW, true);
  const [first] = found.prefixes;
  const printed = first === undefined ? 'none' : `${first.source} ${first.prefix}`;
  expect(known === null ? 'none' : `${known.source} ${formatPrefix6(known.prefix)}`).toBe(printed);
  return printed;
}

const A = '2001:db8:a::/96';
const B = '2001:db8:b::/96';
const GOOD = '2001:db8:b::192.0.0.170';

it.each<[string, string[], string[], string]>([
  ['a router', [`${A} 600`], [], `ra ${A}`],
  ['a router before DNS', [`${A} 600`], [GOOD], `ra ${A}`],
  ['the first of two', [`${A} 600, ${B} 600`], [], `ra ${A}`],
  ['the first of two routers', [`${A} 600`, `${B} 600`], [], `ra ${A}`],
  ['withdrawn', [`${A} 0`], [], 'none'],
  ['withdrawn in the same word', [`${A} 600, ${A} 0`], [], 'none'],
  ['withdrawn in the same word, DNS', [`${A} 600, ${A} 0`], [GOOD], `dns ${B}`],
  ['said again in the same word', [`${A} 0, ${A} 600`], [], `ra ${A}`],
  ['the unspecified address', ['::/96 600'], [], 'none'],
  ['IPv4-mapped', ['::ffff:0:0/96 600'], [], 'none'],
  ['multicast', ['ff02::/96 600'], [], 'none'],
  ['link-local', ['fe80::/96 600'], [], 'none'],
  ['the well-known prefix', ['64:ff9b::/96 600'], [], 'ra 64:ff9b::/96'],
  ['not quite the well-known prefix', ['64:ff9b::/64 600'], [], 'none'],
  ['local use', ['64:ff9b:1:2::/96 600'], [], 'ra 64:ff9b:1:2::/96'],
  ['octet 8 of a /96', ['2001:db8:0:0:100::/96 600'], [], 'ra 2001:db8:0:0:100::/96'],
  ['one of no use before a good one', [`ff02::/96 600, ${A} 600`], [], `ra ${A}`],
  ['DNS', [], [GOOD], `dns ${B}`],
  ['DNS: octet 8 of a /96', [], ['2001:db8:0:0:100:0:192.0.0.170'], 'dns 2001:db8:0:0:100::/96'],
  ['DNS: multicast', [], ['ff02::192.0.0.170'], 'none'],
  ['DNS: the unspecified address', [], ['::192.0.0.170'], 'none'],
  ['DNS: a wildcard hides no good server', [], ['2001:db8::1', GOOD], `dns ${B}`],
  ['DNS: nor does one of no use', [], ['ff02::192.0.0.170', GOOD], `dns ${B}`],
  ['DNS: nor one that has none, nor one that is silent', [], ['none', 'silent', GOOD], `dns ${B}`],
  ['DNS: all have none', [], ['none', '2001:db8::1'], 'none'],
])('%s', async (_what, said, answered, counts) => {
  const words = said.map(word);
  const answers = answered.map((text, i) => ({
    server: { address: `2001:db8::${i}`, port: 53 },
    answer: answer(text),
  }));
  expect(foretold(words, answers)).toBe(counts);
  expect(await daemon(words, answers)).toBe(counts);
});

it('the uplink is the best interface whose network has a NAT64, as with the daemon (CLAT-10)', () => {
  const links = ['eth0', 'eth1', 'eth2'].map((name, i): DiscoveryLink => ({ ...LINK, name, index: 2 + i }));
  const told = (words: RouterWord[]) => conclude(links, words, null, hearAll(links, words), []).found;
  expect(told([word(`${A} 600`, 0)])).toMatchObject({ uplink: 'eth1', prefixes: [{ prefix: A }] });
  expect(told([])).toMatchObject({ uplink: 'eth0', prefixes: [] });
});

it.each<[string, string[], string | null, string]>([
  ['eth0', ['default via fe80::1 dev eth0 ra 1024'], null, 'IPv6 default route with the lowest metric'],
  ['eth0', ['2000::/3 via fe80::1 dev eth0 ra 1024'], null, 'IPv6 route to 2000::/3'],
  ['eth0', ['default via fe80::1 dev eth0 ra 1024'], 'eth0', '--plat-dev'],
  [
    'eth1',
    ['default via fe80::1 dev eth0 ra 100', 'default via fe80::2 dev eth1 ra 200'],
    null,
    'an IPv6 default route, and a NAT64',
  ],
])('%s by %j, --plat-dev %s: %s', (dev, routes6, platDev, expected) => {
  const pool6 = prefixOf6(parseKernel6('2001:db8:64::'), 96);
  expect(wayWords(host({ routes6 }), { tun: 'clat', platDev }, dev, pool6)).toBe(expected);
});
