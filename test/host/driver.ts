/**
 * A little clatd for the tests of src/host: started inside a network namespace, it makes, applies and undoes a plan.
 *
 *     driver.mjs JSON
 *
 * where JSON is a DriverOrder. Prints one JSON line at the end.
 */
import { EamList } from '../../src/address/eam.ts';
import { applyPlan, type Host, linuxHost, rollback } from '../../src/host/apply.ts';
import { openJournal } from '../../src/host/recovery.ts';
import { prepareHost, type RunPlanInput } from '../../src/host/run-plan.ts';
import { readHost } from '../../src/host/state.ts';
import type { Sysctls } from '../../src/host/sysctl.ts';
import { parseKernel4, parseKernel6 } from '../../src/host/text.ts';

export interface DriverOrder {
  journal: string;
  tun: string;
  created?: boolean;
  /** "192.0.0.2/32=2001:db8::1/128": lengths are always written. */
  eam?: string[];
  /** So many more EAMs, no two of which make one prefix. */
  scattered?: number;
  /** Prefixes of hosts behind that share our address: "10.0.0.0/24". */
  nat44?: string[];
  /** Let packets through other people's chains. */
  firewall?: 'accept';
  /** false: no pool6. */
  pool6?: boolean;
  ipv6Mtu?: number;
  /** old: as if the kernel had no force_forwarding (before 6.17). */
  kernel?: 'old';
  /**
   * prepare: only plan. apply: and leave it so. hold: and live until killed. cycle: and undo it. recover: only open the
   * journal, and let go of it.
   */
  do: 'prepare' | 'apply' | 'hold' | 'cycle' | 'recover' | 'again';
  /** Kill this process with SIGKILL after journaling step n, before doing it … */
  killBefore?: number;
}

export interface DriverAnswer {
  uplink?: string | null;
  tunMtu?: number;
  steps?: string[];
  found?: string[];
  conflicts?: string[];
  warnings?: string[];
  log: string[];
  error?: string;
  /** Milliseconds undoing took. */
  undoMs?: number;
}

const order = JSON.parse(process.argv[2]!) as DriverOrder;
const answer: DriverAnswer = { log: [] };
const say = (text: string) => void answer.log.push(text);
const log = { debug: say, info: say, warn: say };

function input(): RunPlanInput {
  const eam = new EamList();
  for (const entry of order.eam ?? ['192.0.0.2/32=2001:db8:1:1::c1a7/128']) {
    const [v4, length4, v6, length6] = entry.split(/[/=]/) as [string, string, string, string];
    eam.add(parseKernel4(v4), Number(length4), parseKernel6(v6), Number(length6));
  }
  for (let i = 0; i < (order.scattered ?? 0); i++) {
    eam.add(parseKernel4('203.0.0.0') + i, 32, [0x2001_0db8, 7 << 16, 0, 2 * i], 128);
  }
  return {
    tun: order.tun,
    created: order.created ?? false,
    eam,
    pool6: order.pool6 === false ? null : { address: parseKernel6('2001:db8:64::'), length: 96 },
    ipv4Addr: parseKernel4('192.0.0.1'),
    ipv6Addr: null,
    ipv6Mtu: order.ipv6Mtu ?? null,
    nat44: (order.nat44 ?? []).map((text) => {
      const [address = '', length] = text.split('/');
      return { address: parseKernel4(address), length: Number(length) };
    }),
    firewall: order.firewall ?? 'off',
  };
}

function withoutForceForwarding(host: Host): Host {
  const sysctls: Sysctls = {
    ...host.sysctls,
    read: (key) => (key.endsWith('/force_forwarding') ? null : host.sysctls.read(key)),
  };
  return { ...host, sysctls, read: () => readHost(sysctls) };
}

async function main(): Promise<void> {
  const host = order.kernel === 'old' ? withoutForceForwarding(linuxHost()) : linuxHost();
  if (order.do === 'recover') {
    await rollback(await openJournal(order.tun, host, log, order.journal), host, log);
    return;
  }
  const journal = order.do === 'prepare' ? null : await openJournal(order.tun, host, log, order.journal);
  const plan = await prepareHost(input(), host);
  answer.uplink = plan.uplink;
  answer.tunMtu = plan.tunMtu;
  answer.steps = plan.entries.map(({ step }) => JSON.stringify(step));
  answer.found = plan.findings.map((finding) => finding.is);
  answer.conflicts = [...plan.conflicts];
  answer.warnings = [...plan.warnings];
  if (journal === null) return;
  await applyPlan(plan.entries, journal, host, log, (index) => {
    if (index === order.killBefore) process.kill(process.pid, 'SIGKILL');
  });
  if (order.do === 'apply') return;
  if (order.do === 'hold') {
    process.stdout.write('holding\n');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  if (order.do === 'again') {
    const before = JSON.stringify(journal.done);
    const second = await prepareHost(input(), host, journal.done);
    answer.log.length = 0;
    await applyPlan(second.entries, journal, host, log);
    if (JSON.stringify(journal.done) !== before) answer.error = 'the second time changed the journal';
    answer.found = second.findings.map((finding) => finding.is);
    return;
  }
  const start = performance.now();
  await rollback(journal, host, log);
  answer.undoMs = performance.now() - start;
}

await main().catch((error: Error) => {
  answer.error = `${error.name}: ${error.message}`;
});
process.stdout.write(`${JSON.stringify(answer)}\n`);
