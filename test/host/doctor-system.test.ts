/** clatd doctor: privilege, programs, kernel, TUN. */
import { describe, expect, it, test } from 'vitest';
import type { CheckId } from '../../src/host/doctor/check.ts';
import { distributionIn, judgeSystem, type SystemFacts } from '../../src/host/doctor/system.ts';
import { type Device, judgeTun, type Trial } from '../../src/host/doctor/tun.ts';
import { Offload } from '../../src/io/device.ts';
import { explain } from '../../src/io/tun.ts';

const there = (version: string) => ({ is: 'there', version }) as const;

const FINE: SystemFacts = {
  kernel: '6.18.0',
  machine: 'x64',
  distribution: 'Debian GNU/Linux 12 (bookworm)',
  container: null,
  uid: 0,
  netAdmin: true,
  netRaw: true,
  sysctls: 'writable',
  forceForwarding: true,
  programs: { ip: there('6.1.0'), nft: there('1.0.6'), ping: there('20221126') },
};

const judged = (change: Partial<SystemFacts>, id: CheckId) =>
  judgeSystem({ ...FINE, ...change }).find((check) => check.id === id)!;

test('a system with everything', () => {
  expect(judgeSystem(FINE).map(({ id, state }) => `${id} ${state}`)).toEqual([
    'privilege ok',
    'tools ok',
    'kernel ok',
    'sysctl ok',
  ]);
});

describe('privilege', () => {
  it.each([
    ['root in a container', { netAdmin: false, container: 'docker' }, 'problem', /docker: --cap-add/],
    ['no raw sockets', { netRaw: false }, 'note', /CAP_NET_RAW/],
    ['anyone', { uid: 1000, netAdmin: false, netRaw: false }, 'note', /as root/],
    ['a user with capabilities', { uid: 1000 }, 'ok', null],
  ] as const)('%s', (_, change, state, remedy) => {
    const check = judged(change, 'privilege');
    expect(check.state).toBe(state);
    if (remedy === null) expect(check.remedy).toBeNull();
    else expect(check.remedy).toMatch(remedy);
  });
});

describe('settings and kernel', () => {
  it.each([
    [{ sysctls: 'read-only' }, 'sysctl', 'problem', /ProtectKernelTunables/],
    [{ sysctls: 'read-only', container: 'lxc' }, 'sysctl', 'problem', /writable for the container/],
    [{ sysctls: 'not-permitted' }, 'sysctl', 'problem', /root of the network namespace/],
    [{ sysctls: 'not-permitted', uid: 1000 }, 'sysctl', 'skipped', null],
    [{ sysctls: 'absent' }, 'sysctl', 'skipped', null],
    [{ sysctls: 'absent' }, 'kernel', 'problem', /ipv6\.disable/],
    [{ forceForwarding: false }, 'kernel', 'ok', null],
  ] as const)('%j: %s is %s', (change, id, state, remedy) => {
    const check = judged(change, id);
    expect(check.state).toBe(state);
    if (remedy !== null) expect(check.remedy).toMatch(remedy);
  });
});

describe('programs', () => {
  const missing = { is: 'missing' } as const;
  it.each([
    [{ ip: missing }, 'problem', 'no ip, nft 1.0.6, ping 20221126', /iproute2/],
    [
      { ip: { is: 'other', said: 'BusyBox' } as const },
      'problem',
      /ip of another kind \(BusyBox\)/,
      /iproute2/,
    ],
    [{ nft: missing }, 'note', /no nft/, /nftables/],
    [{ ping: missing }, 'note', /no ping/, /iputils-ping/],
  ] as const)('%j', (change, state, found, remedy) => {
    const check = judged({ programs: { ...FINE.programs, ...change } }, 'tools');
    expect(check.state).toBe(state);
    expect(check.found).toMatch(found);
    expect(check.remedy).toMatch(remedy);
  });
});

test('the name in os-release', () => {
  expect(distributionIn('ID=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe(
    'Debian GNU/Linux 12 (bookworm)',
  );
  expect(distributionIn("PRETTY_NAME='Void'\n")).toBe('Void');
  expect(distributionIn('PRETTY_NAME=Plain\n')).toBe('Plain');
  expect(distributionIn('')).toBe('unknown distribution');
});

describe('TUN', () => {
  const device: Device = { name: 'clat', kind: 'tun', up: true, served: true, mtu: 1500, persistent: false };
  const tried = (trial: Trial, of: Device | null = null) =>
    judgeTun({ device: of, trial }).map(({ state, found, remedy }) => ({ state, found, remedy }));
  const refused = (step: 'open' | 'create', errno: number): Trial => {
    return { is: 'refused', why: explain('doctor1', { step, error: -errno }).message };
  };

  it('made', () => {
    expect(tried({ is: 'made', offload: Offload.uso })).toMatchObject([{ state: 'ok' }, { state: 'ok' }]);
    expect(tried({ is: 'made', offload: Offload.tso })[1]).toMatchObject({
      state: 'note',
      found: expect.stringMatching(/USO/),
    });
    expect(tried({ is: 'made', offload: Offload.off })[1]).toMatchObject({
      state: 'note',
      found: expect.stringMatching(/^none/),
    });
  });

  it('there already', () => {
    expect(tried({ is: 'opened' }, device)[0]).toMatchObject({
      state: 'ok',
      found: 'clat is there (up, MTU 1500, in use by a program)',
    });
    const idle = { ...device, served: false, up: false, persistent: true };
    expect(tried({ is: 'not-permitted' }, idle)[0]!.found).toBe(
      'clat is there (down, MTU 1500, persistent, not in use by a program)',
    );
  });

  it('an interface of another kind under that name', () => {
    expect(tried({ is: 'opened' }, { ...device, kind: 'dummy' })[0]).toMatchObject({
      state: 'problem',
      found: 'clat is an interface of another kind (dummy)',
    });
  });

  it('no driver', () => {
    expect(tried(refused('open', 2))[0]).toMatchObject({
      state: 'problem',
      found: 'There is no TUN driver at /dev/net/tun',
      remedy: expect.stringMatching(/^run `modprobe tun`/),
    });
  });

  it('not permitted in spite of the capability, and for reasons of its own', () => {
    expect(tried(refused('create', 1))[0]).toMatchObject({
      state: 'problem',
      remedy: expect.stringMatching(/^run/),
    });
    expect(tried(refused('create', 22))[0]).toMatchObject({
      state: 'problem',
      found: expect.stringMatching(/EINVAL/),
      remedy: expect.stringMatching(/kernel or container/),
    });
  });

  it('without privilege', () => {
    expect(tried({ is: 'opened' })).toMatchObject([{ state: 'ok' }, { state: 'skipped' }]);
    expect(tried({ is: 'not-permitted' })).toMatchObject([{ state: 'skipped' }, { state: 'skipped' }]);
  });

  it('without the addon', () => {
    expect(tried({ is: 'no-addon', why: 'the native addon is missing' })[0]).toMatchObject({
      state: 'problem',
    });
  });
});
