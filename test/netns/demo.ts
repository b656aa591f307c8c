/**
 * The demo (see ./demo at the top): an IPv4-only program on an IPv6-only host, the same packets before and after
 * translation, and a host left as it was.
 */
import { styleText } from 'node:util';
import { hostState } from './host-state.ts';
import type { Process } from './process.ts';
import { part } from './sandbox.ts';
import { buildTopology, cannotBuild, map, type Topology } from './topology.ts';
import { answersPing, clatdArguments } from './translators.ts';
import { until } from './wait.ts';

const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const paint = (style: Parameters<typeof styleText>[0], text: string) =>
  colour ? styleText(style, text) : text;
const print = (text = '') => process.stdout.write(`${text}\n`);
const heading = (text: string) => print(`\n${paint('bold', text)}`);
const typed = (text: string) => print(`  ${paint('dim', 'vm$')} ${text}`);
const shown = (text: string) => {
  for (const line of text.trimEnd().split('\n')) print(`      ${line}`);
};

const MAP = `
   vm ──────────── net ─────────── plat ─────────── isp ──────────── web
   IPv6 only       IPv6 router     NAT64            IPv4 router      IPv4 only
   ${map.vm}                                          ${map.web}
`;

/** Runs a command in the VM, showing what is typed and what it answers. */
async function inVm({ vm }: Topology, program: string, args: string[]): Promise<void> {
  typed([program, ...args].join(' '));
  const { stdout, stderr } = await vm.run(program, args, 15_000);
  shown(stdout + stderr);
}

interface Seen {
  outward: boolean;
  from: string;
  to: string;
  /** What translation leaves as it is: TCP flags, sequence and acknowledgement numbers, data length. */
  tcp: string;
}

const FLAGS: Record<string, string> = { S: 'SYN', F: 'FIN', P: 'PSH', R: 'RST', '.': 'ACK' };

/** Reads tcpdump's lines: `IP 192.0.0.2.4000 > 198.51.100.10.80: Flags [S], seq 1, win 2, options […], length 0` */
function packets(text: string): Seen[] {
  const seen: Seen[] = [];
  const name = (address: string, port: string) =>
    `${address.includes(':') ? `[${address}]` : address}:${port}`;
  for (const line of text.split('\n')) {
    const match = line.match(/^IP6? (\S+)\.(\d+) > (\S+)\.(\d+): Flags \[([^\]]*)\](.*) length (\d+)/);
    if (match === null) continue;
    const [, source = '', port = '', destination = '', toPort = '', flags = '', rest = '', length] = match;
    const numbers = [...rest.matchAll(/(?:seq|ack) [0-9:]+/g)].map(String).join(', ');
    seen.push({
      outward: toPort === '80',
      from: name(source, port),
      to: name(destination, toPort),
      tcp: `${[...flags].map((flag) => FLAGS[flag] ?? flag).join(' ')}, ${numbers}, ${length} bytes of data`,
    });
  }
  return seen;
}

/** One exchange with captures on both sides of the translator, printed packet by packet. */
async function beforeAndAfter({ vm }: Topology): Promise<void> {
  const capture = (device: string, filter: string) =>
    vm.start('tcpdump', ['-n', '-t', '-l', '-i', device, `${filter} and tcp port 80`]);
  const inside = capture('clat', 'ip');
  const outside = capture('eth0', 'ip6');
  await Promise.all([inside.says(/listening on/), outside.says(/listening on/)]);
  await vm.run('curl', ['-s', `http://${map.web}/`]);
  // Both directions are closed: two packets with FIN on each side.
  const complete = (capture: Process) =>
    packets(capture.stdout).filter(({ tcp }) => tcp.startsWith('FIN')).length >= 2 &&
    packets(capture.stdout).at(-1)!.tcp.startsWith('ACK');
  await until('the captures', () => complete(inside) && complete(outside), { timeout: 5000 });
  await Promise.all([inside.stop(), outside.stop()]);

  const after = packets(outside.stdout);
  for (const before of packets(inside.stdout)) {
    const twin = after.find(({ outward, tcp }) => outward === before.outward && tcp === before.tcp);
    if (twin === undefined) continue;
    after.splice(after.indexOf(twin), 1);
    const four = `IPv4 on clat  ${before.from} > ${before.to}`;
    const six = `IPv6 on eth0  ${twin.from} > ${twin.to}`;
    const [first, second] = before.outward ? [four, six] : [six, four];
    print(`   ${paint('cyan', before.outward ? '→' : '←')} ${paint('dim', before.tcp)}`);
    print(`      ${first}\n      ${second}`);
  }
}

/** One ping with its bytes on both sides; the IP headers apart from what they carry. */
async function byteByByte({ vm }: Topology): Promise<void> {
  const capture = (device: string, filter: string) =>
    vm.start('tcpdump', ['-n', '-t', '-x', '-l', '-c1', '-i', device, filter]);
  const inside = capture('clat', 'icmp[icmptype] == icmp-echo');
  const outside = capture('eth0', 'icmp6[icmp6type] == icmp6-echo');
  await Promise.all([inside.says(/listening on/), outside.says(/listening on/)]);
  await vm.run('ping', ['-c1', '-W1', '-s', '8', map.web]);
  const show = (what: string, { stdout }: { stdout: string }, headerBytes: number) => {
    const hex = [...stdout.matchAll(/^\s+0x[0-9a-f]{4}:\s+(.*)$/gm)].map(([, part]) => part).join(' ');
    const bytes = hex.replaceAll(' ', '');
    print(`   ${what}`);
    for (let at = 0; at < bytes.length; ) {
      const end = at < headerBytes * 2 ? Math.min(at + 40, headerBytes * 2) : at + 40;
      const line = bytes.slice(at, end).replace(/.{8}(?!$)/g, '$& ');
      print(`      ${at < headerBytes * 2 ? paint('cyan', line) : line}`);
      at = end;
    }
  };
  show('IPv4 on clat: header, then an ICMP echo request (type 08)', await inside.finished(5000), 20);
  show('IPv6 on eth0: header, then an ICMPv6 echo request (type 80)', await outside.finished(5000), 40);
}

async function demo(topology: Topology): Promise<void> {
  const { vm } = topology;
  const before = hostState(vm);
  heading(`1  A host without IPv4 (network namespaces ${vm.name} and four more)`);
  print(MAP);
  await inVm(topology, 'ip', ['-brief', 'address', 'show', 'eth0']);
  await inVm(topology, 'curl', ['-sS', '--max-time', '5', `http://${map.web}/`]);

  const args = clatdArguments(topology).slice(1);
  heading('2  clatd starts');
  typed(`clatd ${args.join(' ')}`);
  const clatd = vm.start(process.execPath, clatdArguments(topology));
  await answersPing(topology, clatd);
  shown(clatd.output);
  await inVm(topology, 'ip', ['-4', 'route']);

  heading('3  An IPv4-only exchange');
  await inVm(topology, 'curl', ['-sS', '--max-time', '5', `http://${map.web}/`]);
  await inVm(topology, 'ping', ['-n', '-q', '-c3', '-i0.2', map.web]);

  heading('4  The packets of such an exchange, before and after translation');
  await beforeAndAfter(topology);

  heading('5  One ping, byte by byte');
  await byteByByte(topology);

  heading('6  Who answers at which distance? (IPv6 routers have no IPv4 address: they speak as 192.0.0.8)');
  const hops = await vm.run('python3', [
    part('ttl-probe.py'),
    map.web,
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
  ]);
  const names = [
    ...['clatd', 'vm itself', 'net', 'plat, as an IPv6 router', 'plat, the NAT64'],
    ...['plat, as an IPv4 router', 'isp', 'web'],
  ];
  shown(
    hops.stdout
      .trimEnd()
      .split('\n')
      .map((line, hop) => `${line.split(' ').slice(0, 2).join('  ').padEnd(20)}${names[hop]}`)
      .join('\n'),
  );

  heading('7  clatd ends');
  const { code } = await clatd.stop('SIGTERM');
  const after = hostState(vm);
  const differing = Object.keys(before).filter((key) => before[key] !== after[key]);
  if (code !== 0 || differing.length > 0) {
    throw new Error(`clatd ended with ${code}; not as before: ${differing.join(', ') || 'nothing'}`);
  }
  print('   Addresses, routes, neighbour proxies, firewall and sysctls of vm are what they were.\n');
}

const reason = cannotBuild(['curl', 'ping', 'tcpdump', 'python3']);
if (reason !== null) {
  process.stderr.write(`The demo cannot run: it ${reason}\n`);
  process.exit(1);
}
let topology: Topology | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    process.stderr.write('\nInterrupted: cleaning up.\n');
    // Leaving by exit() lets the sandbox remove everything at once.
    process.exit(130);
  });
}
try {
  topology = await buildTopology();
  await demo(topology);
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await topology?.close();
}
