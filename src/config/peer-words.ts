/**
 * Words of Jool, TAYGA and the Perl clatd that have no option of the same meaning here, with what to write instead; those
 * that have one are its aliases in options.ts. An option of ours goes before a word of theirs.
 */

const STATEFUL =
  "Jool's stateful NAT64 is not in this version: clatd maps addresses one to one, and is the CLAT in front of a NAT64";
const POOL =
  'hosts get no addresses from a pool here: give each a mapping (--eam), a network a prefix (--lan) or one shared address (--nat44)';
const SET_UP =
  'leave it out: clatd sets this up itself where it is needed, and undoes it (--no-configure leaves the host alone)';
const TOOLS = 'leave it out: programs are found by PATH';
const SCRIPTS = 'clatd runs no scripts; in systemd write ExecStartPost= or ExecStopPost=';
const FOREGROUND = 'leave it out: clatd runs in the foreground, systemd does the rest';
const PRIVILEGE = 'leave it out: the service unit drops what clatd does not need';
const LOG = 'clatd logs to standard error; --log-level says how much';
const HANDLED = 'leave it out: it is always so here';

const WORDS: Readonly<Record<string, string>> = {
  // Jool, SIIT
  'amend-udp-checksum-zero': 'write --udp-cksum-mode calc, or drop to refuse such packets',
  tos: 'write --override-tos N',
  'reset-tos': 'write --override-tos N',
  'reset-traffic-class': 'write --zeroize-traffic-class',
  'randomize-rfc6791-addresses': 'leave it out: addresses of --rfc6791v4-prefix are always chosen at random',
  'rfc6791-prefix': 'write --rfc6791v4-prefix PREFIX',
  'rfc6791v6-prefix': 'write --ipv6-addr ADDR: it is the source of ICMP errors that have none',
  'logging-debug': 'write --log-level debug; clatd replay and clatd explain say what becomes of a packet',
  'manually-enabled': 'start or stop the service instead',
  'manually-disabled': 'start or stop the service instead',
  'force-slow-path-fragments': HANDLED,
  instance: 'write --tun NAME: each process has a device of its own',
  netfilter: HANDLED,
  iptables: 'leave it out: clatd has a TUN device; routes say what is translated',
  force: 'leave it out: mappings that overlap are taken, with a warning',
  // Jool, NAT64
  ...Object.fromEntries(
    [
      'pool4 bib session joold max-iterations mark port-range source-icmpv6-errors-better f-args',
      'handle-rst handle-rst-during-fin-rcv address-dependent-filtering drop-by-addr drop-icmpv6-info',
      'drop-externally-initiated-tcp udp-timeout icmp-timeout tcp-est-timeout tcp-trans-timeout',
      'logging-bib logging-session maximum-simultaneous-opens trace',
      'ss-enabled ss-flush-asap ss-flush-deadline ss-capacity ss-max-payload ss-max-sessions-per-packet',
    ]
      .join(' ')
      .split(' ')
      .map((word) => [word, STATEFUL]),
  ),
  // TAYGA
  'dynamic-pool': POOL,
  'data-dir': POOL,
  'strict-frag-hdr': 'leave it out: packets get a Fragment Header only when they are fragments (RFC 7915)',
  log: LOG,
  syslog: LOG,
  stdout: LOG,
  journal: LOG,
  'tun-up': SET_UP,
  'tun-ip': SET_UP,
  'tun-route': SET_UP,
  mktun: 'leave it out: clatd makes its device; for one that stays: ip tuntap add dev NAME mode tun',
  rmtun: 'leave it out: clatd removes its device at the end; for another: ip tuntap del dev NAME mode tun',
  nodetach: FOREGROUND,
  pidfile: FOREGROUND,
  user: PRIVILEGE,
  group: PRIVILEGE,
  chroot: PRIVILEGE,
  // The Perl clatd
  'v4-conncheck-enable':
    'write --enable auto (the default: stand back while there is native IPv4) or --enable force',
  'v4-conncheck-delay': 'leave it out: native IPv4 is waited for 10 s; --enable force does not look for it',
  'v4-defaultroute-enable': SET_UP,
  'v4-defaultroute-replace':
    'write --enable force: the CLAT then works beside native IPv4, whose route goes first',
  'v4-defaultroute-mtu': 'leave it out: it follows the uplink; --ipv6-mtu BYTES sets another',
  'v4-defaultroute-advmss': 'write --mss-clamp N or auto',
  'proxynd-enable': SET_UP,
  'forwarding-enable': SET_UP,
  'ip6tables-enable': 'write --firewall accept, warn or off',
  ctmark: SET_UP,
  'route-table': SET_UP,
  'tayga-conffile': 'leave it out: clatd translates by itself',
  'tayga-v4-addr': 'write --ipv4-addr ADDR',
  'tayga-v6-addr': 'write --ipv6-addr ADDR',
  'script-up': SCRIPTS,
  'script-down': SCRIPTS,
  quiet: 'write --log-level warn',
  debug: 'write --log-level debug',
  verbose: 'write --log-level debug',
  // One letter, of either
  c: 'write --config FILE (TOML)',
  d: 'write --log-level debug',
  g: PRIVILEGE,
  n: FOREGROUND,
  p: FOREGROUND,
  q: 'write --log-level warn',
  r: PRIVILEGE,
  u: PRIVILEGE,
};

/** What to write instead of a peer's word; null: it is none. @param name without dashes before it */
export function peerWord(name: string): string | null {
  const bare = name.replace(/^no-/, '');
  if (/^cmd-[a-z0-9-]+$/.test(bare)) return TOOLS;
  return Object.hasOwn(WORDS, bare) ? WORDS[bare]! : null;
}

/** The peers' commands. */
const COMMANDS: Readonly<Record<string, string>> = {
  instance: 'each process is one: clatd run --tun NAME',
  eamt: 'mappings are options: --eam, --eam-file (SIGHUP reads the file again)',
  global: 'settings are options, on the command line or in --config FILE (SIGHUP reads it again)',
  denylist4: 'it is an option: --denylist4 PREFIX',
  blacklist4: 'it is an option: --denylist4 PREFIX',
  pool6: 'it is an option: --pool6 PREFIX',
  file: 'write --config FILE',
  stats: 'clatd replay and clatd explain say what becomes of packets',
  pool4: STATEFUL,
  bib: STATEFUL,
  session: STATEFUL,
  joold: STATEFUL,
  translate: 'write clatd run',
  'validate-config': 'write clatd check',
  validate: 'write clatd check',
  mktun: WORDS['mktun']!,
  rmtun: WORDS['rmtun']!,
};

export const peerCommand = (name: string): string | null =>
  Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null;
