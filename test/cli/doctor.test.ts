import { describe, expect, it, test } from 'vitest';
import { doctor } from '../../src/cli/doctor.ts';
import type { RunConfig } from '../../src/config/config.ts';
import { loadRun } from '../../src/config/load.ts';
import { CHECKS, type Check } from '../../src/host/doctor/check.ts';
import type { Sources } from '../../src/host/doctor/examine.ts';
import { ToolMissingError } from '../../src/host/iproute.ts';
import type { HostState } from '../../src/host/state.ts';
import { host } from '../host/made-up.ts';

const files = { read: (): never => expect.unreachable() };

function config(raw: Record<string, string> = {}): RunConfig {
  const loaded = loadRun(raw, files, (name) => name);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  return loaded.config;
}

/** A host and a network where all is well, and what was asked of them. */
function fine(change: Partial<Sources> = {}): { sources: Sources; asked: string[] } {
  const asked: string[] = [];
  const there = { is: 'there', version: '1' } as const;
  const sources: Sources = {
    system: async () => ({
      ...{ kernel: '6.18.0', machine: 'x64', distribution: 'Debian', container: null },
      ...{ uid: 0, netAdmin: true, netRaw: true, sysctls: 'writable', forceForwarding: true },
      programs: { ip: there, nft: there, ping: there },
    }),
    tun: async (_, mayCreate) => {
      asked.push(`tun ${mayCreate ? 'create' : 'open'}`);
      return { device: null, trial: { is: 'made', offload: 3 } };
    },
    host: async () => host({}),
    firewall: async () => ({ tables: [], present: new Set(), legacy: [], unseen: [] }),
    said: async () => ({
      routers: [],
      notHeard: null,
      dns: [
        {
          server: '::53',
          from: 'given',
          prefixes: ['2001:db8:64::/96'],
          notes: [],
          answered: true,
          why: null,
        },
      ],
      prefixes: [{ prefix: '2001:db8:64::/96', source: 'dns' }],
    }),
    daemon: (tun) => ({ tun, journal: { is: 'none' }, others: [] }),
    others: (tun, ours) => ({ tun, ours, translators: [], modules: [] }),
    router: async () => null,
    unanswered: () => [],
    way: async () => null,
    ping: async ({ address, bytes }) => {
      asked.push(`ping ${address} ${bytes ?? ''}`.trim());
      return { is: 'reply', ms: 1 };
    },
    tcp: async (address, port) => {
      asked.push(`tcp ${address} ${port}`);
      return { is: 'connected', ms: 1 };
    },
    tls: async () => ({ is: 'whole', bytes: 3000 }),
    ...change,
  };
  return { sources, asked };
}

async function run(
  { sources }: { sources: Sources },
  { target, json = false, raw = {} }: { target?: string; json?: boolean; raw?: Record<string, string> } = {},
) {
  const said = { out: '', err: '' };
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
    version: '1.2.3',
    runtime: 'Node 20.20.2',
  };
  const code = await doctor(config(raw), { target, json }, io, sources);
  return { code, ...said };
}

test('says what it found, with the versions on top', async () => {
  const { code, out } = await run(fine());
  expect(code).toBe(0);
  expect(out.split('\n').slice(0, 2)).toEqual([
    'clatd 1.2.3, Node 20.20.2, Linux 6.18.0 x64, Debian',
    'target: 1.1.1.1:443 (--target names another one, or none)',
  ]);
  expect(out).toMatch(/^ok +NAT64 prefix +2001:db8:64::\/96 \(from DNS\)$/m);
  expect(out).toMatch(/^note +clatd running +no\n +-> systemctl enable/m);
  expect(out.endsWith('\n\nNo problem was found.\n')).toBe(true);
});

test('of two uplinks the one whose network has the NAT64 counts, as for the daemon', async () => {
  const routes6 = ['default via fe80::1 dev eth0 ra 100', 'default via fe80::2 dev eth1 ra 200'];
  const addresses = ['eth0 2001:db8:1:1::5/64', 'eth1 2001:db8:2:1::5/64'];
  const made = fine({ host: async () => host({ routes6, addresses }) });
  const { said } = made.sources;
  const there = { said: async (state: HostState) => ({ ...(await said(state)), uplink: 'eth1' }) };
  const { out } = await run(fine({ ...made.sources, ...there }));
  expect(out).toMatch(/^ok +uplink +eth1 \(an IPv6 default route, and a NAT64\), MTU 1500; others: eth0$/m);
  expect(out).toMatch(/^ok +IPv6 default route +via fe80::2 dev eth1/m);
  expect(out).toMatch(/2001:db8:2:1::5\/64/);
});

test('as JSON: every check once, in order', async () => {
  const { out } = await run(fine(), { json: true, target: '198.51.100.7:80' });
  const report = JSON.parse(out) as { versions: object; target: string; checks: Check[] };
  expect(report.versions).toEqual({
    ...{ clatd: '1.2.3', runtime: 'Node 20.20.2', kernel: '6.18.0', machine: 'x64', distribution: 'Debian' },
    ...{ container: null, iproute2: '1', nftables: '1', iputils: '1' },
  });
  expect(report.target).toBe('198.51.100.7:80');
  expect(report.checks.map(({ id }) => id)).toEqual(Object.keys(CHECKS));
  for (const check of report.checks) {
    expect(check.title).toBe(CHECKS[check.id]);
    expect(Object.keys(check)).toEqual(['id', 'title', 'state', 'found', 'remedy']);
    if (check.state === 'problem') expect(check.remedy).not.toBeNull();
  }
});

test('tries the target behind the prefix, and nobody else', async () => {
  const made = fine();
  await run(made, { target: '198.51.100.7:80' });
  expect(made.asked).toEqual([
    'tun create',
    'tcp 2001:db8:64::c633:6407 80',
    'ping 2001:db8:64::c633:6407',
    'ping 2001:db8:64::c633:6407 1500',
  ]);
});

test('tries nobody where none is wanted', async () => {
  const made = fine();
  const { code, out } = await run(made, { target: 'none' });
  expect(code).toBe(0);
  expect(made.asked).toEqual(['tun create']);
  expect(out).toMatch(/^no target is tried$/m);
});

test('a target that is none', async () => {
  const { code, out, err } = await run(fine(), { target: 'example.org' });
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toMatch(/^clatd: --target: "example\.org": must be an IPv4 address/);
});

describe('problems', () => {
  it('make the exit code 1, and are counted', async () => {
    const silent = fine({ ping: async () => ({ is: 'silent' }), tcp: async () => ({ is: 'silent' }) });
    const { code, out } = await run(silent);
    expect(code).toBe(1);
    expect(out).toMatch(/^problem +NAT64 by TCP .*\n +-> the prefix may be wrong/m);
    expect(out.endsWith('\n2 problems.\n')).toBe(true);
  });

  it('one of them', async () => {
    const { out } = await run(fine({ tls: async () => ({ is: 'stuck' }) }));
    expect(out.endsWith('\n1 problem.\n')).toBe(true);
  });
});

test('without iproute2 the rest is looked at all the same', async () => {
  const missing = () => Promise.reject(new ToolMissingError('ip', 'iproute2'));
  const { out } = await run(fine({ host: missing }), { json: true });
  const { checks } = JSON.parse(out) as { checks: Check[] };
  expect(checks.map(({ id }) => id)).toEqual(Object.keys(CHECKS));
  expect(checks.find(({ id }) => id === 'tun')?.state).toBe('ok');
  expect(checks.find(({ id }) => id === 'uplink')).toMatchObject({
    state: 'skipped',
    found: expect.stringMatching(/install iproute2/),
  });
});

test('options of run count: prefix, device, firewall', async () => {
  const made = fine();
  const { out } = await run(made, {
    raw: { pool6: '2001:db8:99::/96', tun: 'other' },
    target: '198.51.100.7',
  });
  expect(out).toMatch(/note +NAT64 prefix +2001:db8:99::\/96 \(--pool6\), while the network names/);
  expect(made.asked).toContain('tcp 2001:db8:99::c633:6407 443');
  expect(out).toMatch(/turns it on for other and eth0/);
});

test.each([
  ['--lan', { lan: '192.168.5.0/24=2001:db8:5::/96' }],
  ['--nat44', { nat44: '192.168.5.0/24' }],
])('%s: firewalls between its hosts and the translator count', async (_option, raw) => {
  const forward = { name: 'FORWARD', policy: 'drop', rules: [] } as const;
  const tables = [
    { family: 'ip', name: 'filter', locked: false, chains: new Map([['FORWARD', forward]]) },
  ] as const;
  const made = fine({
    host: async () => host({ routes4: ['192.168.5.0/24 dev eth1 kernel'] }),
    firewall: async () => ({ tables, present: new Set(['ip filter']), legacy: [], unseen: [] }),
  });
  expect((await run(made)).out).toMatch(/^ok +firewall /m);
  expect((await run(made, { raw })).out).toMatch(/^note +firewall .* between clat and eth1;/m);
});

test('a running clatd is tried through, where IPv4 leads into it', async () => {
  const device = { name: 'clat', kind: 'tun', up: true, served: true, mtu: 1500, persistent: false };
  const running: Partial<Sources> = {
    tun: async () => ({ device, trial: { is: 'opened' } }),
    daemon: (tun) => ({ tun, journal: { is: 'running', pid: 4 }, others: [] }),
  };
  const through = fine({ ...running, way: async () => 'clat' });
  const { out } = await run(through, { target: '198.51.100.7' });
  expect(through.asked).toContain('tcp 198.51.100.7 443');
  expect(through.asked).toContain('ping 198.51.100.7 1480');
  expect(out).toMatch(/^ok +IPv4 by TCP/m);
  const beside = await run(fine({ ...running, way: async () => 'eth0' }));
  expect(beside.out).toMatch(/^skipped +IPv4 by TCP +IPv4 to the target leaves by eth0$/m);
  const nowhere = await run(fine(running));
  expect(nowhere.out).toMatch(/^skipped +IPv4 by TCP +there is no IPv4 route to the target$/m);
});
