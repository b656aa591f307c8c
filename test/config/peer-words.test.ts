/** Every word of Jool's, TAYGA's and the Perl clatd's is an option here or is answered with what to write instead. */
import { describe, expect, test } from 'vitest';
import { splitWords } from '../../src/cli/words.ts';
import { findOption, OPTIONS } from '../../src/config/options.ts';
import { peerCommand, peerWord } from '../../src/config/peer-words.ts';
import { readConfigFile } from '../../src/config/toml.ts';

const JOOL = `pool6 eamt denylist4 blacklist4 amend-udp-checksum-zero zeroize-traffic-class override-tos tos reset-tos
  mtu-plateaus lowest-ipv6-mtu eam-hairpin-mode randomize-rfc6791-addresses rfc6791v6-prefix rfc6791v4-prefix logging-debug
  manually-enabled handle-rst-during-fin-rcv pool4 bib session instance force`;
const TAYGA = `tun-device ipv4-addr ipv6-addr prefix dynamic-pool map map-file data-dir strict-frag-hdr wkpf-strict log
  offlink-mtu udp-cksum-mode workers tun-up tun-ip tun-route nodetach pidfile user group chroot`;
const PERL = `clat-dev clat-v4-addr clat-v6-addr dns64-servers plat-prefix plat-dev plat-fallback-prefix v4-conncheck-enable
  v4-conncheck-delay v4-defaultroute-enable v4-defaultroute-replace v4-defaultroute-mtu v4-defaultroute-metric
  v4-defaultroute-advmss proxynd-enable forwarding-enable ip6tables-enable quiet verbose debug script-up script-down ctmark
  route-table tayga-conffile tayga-v4-addr tayga-v6-addr cmd-ip cmd-systemd-resolve cmd-networkctl cmd-nft cmd-tayga cmd-ufw`;
const words = (text: string) => text.trim().split(/\s+/);
const ALL = [...new Set([...words(JOOL), ...words(TAYGA), ...words(PERL)])];

describe.each(ALL)('%s', (word) => {
  test('on the command line', () => {
    const { mistakes } = splitWords([`--${word}`, 'x'], OPTIONS);
    if (findOption(word) !== undefined) expect(mistakes).toEqual([]);
    else
      expect(mistakes).toEqual([{ where: `--${word}`, message: `is not an option here; ${peerWord(word)}` }]);
  });

  test('in a configuration file', () => {
    const file = readConfigFile('/c.toml', { read: () => new TextEncoder().encode(`${word} = "x"\n`) });
    if (findOption(word) !== undefined) expect(file.mistakes).toEqual([]);
    else {
      expect(file.mistakes).toEqual([
        { where: `/c.toml:1: ${word}`, message: `is not an option here; ${peerWord(word)}` },
      ]);
    }
  });
});

test('what is named as a remedy exists', () => {
  const named = [...ALL.map(peerWord), ...['eamt', 'global', 'instance', 'translate'].map(peerCommand)]
    .flatMap((text) => [...(text ?? '').matchAll(/--([a-z0-9-]+)/g)])
    .map(([, name]) => name!)
    .filter((name) => name !== 'config');
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) {
    const option = findOption(name) ?? findOption(name.replace(/^no-/, ''));
    expect(option, name).toBeDefined();
  }
});

test.each(
  words(
    'instance eamt global denylist4 pool6 file stats pool4 bib session translate mktun rmtun validate-config',
  ),
)('the command %s is answered', (name) => expect(peerCommand(name)).not.toBeNull());

test('other words are nobody’s', () => {
  for (const name of ['', 'cmd-', 'no-', 'constructor', '__proto__', 'nonsense'])
    expect(peerWord(name)).toBeNull();
});
