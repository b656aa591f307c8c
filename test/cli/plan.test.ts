import { expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { plan } from '../../src/cli/plan.ts';
import type { RunConfig } from '../../src/config/config.ts';
import type { Host } from '../../src/host/apply.ts';
import { ToolMissingError } from '../../src/host/iproute.ts';
import { host as madeUp } from '../host/made-up.ts';

function config(): RunConfig {
  const eam = new EamList();
  eam.add(0xc000_0002 | 0, 32, [0x2001_0db8, 0x0001_0001, 0, 0xc1a7], 128);
  const translation = {
    eam,
    pool6: { address: [0x64_ff9b, 0, 0, 0], length: 96 },
    ipv4Addr: 0xc000_0001 | 0,
    ipv6Addr: null,
    ipv6Mtu: null,
    mssClamp: null,
  };
  const clat = { platDev: null };
  const rest = { lan: new EamList(), nat44: [], firewall: 'off', clat };
  return {
    translation,
    tun: 'clat',
    workers: 1,
    configure: true,
    eamFile: null,
    ...rest,
  } as unknown as RunConfig;
}

const hostOf = (read: Host['read']): Host => ({ read }) as Host;

function io() {
  const said = { out: '', err: '' };
  return {
    said,
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
  };
}

test('prints each change with its reason', async () => {
  const to = io();
  expect(
    await plan(
      config(),
      to,
      {},
      hostOf(async () => madeUp({})),
    ),
  ).toBe(0);
  expect(to.said.out).toMatch(/nothing has been changed/);
  expect(to.said.out).toMatch(/uplink: eth0\n/);
  expect(to.said.out).toMatch(/TCP MSS: left alone \(no hosts behind this one\)\n/);
  expect(to.said.out).toMatch(/ip address add 192\.0\.0\.2\/29 dev clat\n {4}The IPv4 address of this host/);
  expect(to.said.out).toMatch(/accept_ra=2\n.*\n {4}It is 1 now, and will be again when clatd stops\./);
});

test('with --no-configure promises to undo nothing', async () => {
  const to = io();
  const left = { ...config(), configure: false };
  expect(
    await plan(
      left,
      to,
      {},
      hostOf(async () => madeUp({})),
    ),
  ).toBe(0);
  expect(to.said.out).toMatch(/accept_ra=2\n.*\n {4}It is 1 now\.\n/);
  expect(to.said.out).not.toContain('when clatd stops');
});

test('names conflicts, exit code 1', async () => {
  const to = io();
  const state = madeUp({ addresses: ['eth0 2001:db8:1:1::c1a7/64'] });
  expect(
    await plan(
      config(),
      to,
      {},
      hostOf(async () => state),
    ),
  ).toBe(1);
  expect(to.said.out).toMatch(/CONFLICT: 2001:db8:1:1::c1a7 is an address of eth0 itself/);
});

test('--json', async () => {
  const to = io();
  await plan(
    config(),
    to,
    { json: true },
    hostOf(async () => madeUp({})),
  );
  const made = JSON.parse(to.said.out);
  expect(made).toMatchObject({ tun: 'clat', attached: false, uplink: 'eth0', tunMtu: 1500, conflicts: [] });
  expect(made.entries[0]).toMatchObject({ found: { is: 'needed' }, step: { kind: 'sysctl' } });
});

test('without iproute2', async () => {
  const to = io();
  const missing = hostOf(() => Promise.reject(new ToolMissingError('ip', 'iproute2')));
  expect(await plan(config(), to, {}, missing)).toBe(1);
  expect(to.said.err).toMatch(/install iproute2/);
});
