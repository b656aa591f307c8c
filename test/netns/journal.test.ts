/** The journal on a real disk and a real host: full, torn, of others, fought for. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { isRoot, type Machine, makeMachine, PERSISTENT_TUN } from '../host/namespace.ts';
import { until } from './wait.ts';

if (!isRoot) console.warn('test/netns/journal.test.ts: skipped, needs root to make network namespaces');

const machines: Machine[] = [];
function machine(setup = PERSISTENT_TUN): Machine {
  const made = makeMachine(setup);
  machines.push(made);
  return made;
}
afterEach(() => {
  for (const made of machines.splice(0)) made.remove();
});

const journalOf = (vm: Machine) => JSON.parse(readFileSync(`${vm.dir}/clat.json`, 'utf8'));

describe.skipIf(!isRoot)('starts', () => {
  test('two at once after a kill: one goes on, with all its changes in the journal', async () => {
    const vm = machine();
    const before = vm.snapshot();
    vm.drive({ tun: 'clat', do: 'apply' });
    const changes = journalOf(vm).done.length;
    expect(changes).toBeGreaterThan(6);
    for (let round = 0; round < 40; round++) {
      const both = [0, 1].map(() => vm.start({ tun: 'clat', do: 'hold' }));
      try {
        await until('both to come out', () => both.every((one) => /holding|error/.test(one.stdout)));
        const winners = both.filter((one) => one.stdout.includes('holding'));
        const losers = both.filter((one) => !one.stdout.includes('holding'));
        expect(winners, `round ${round}`).toHaveLength(1);
        // Which process it is, the winner may not have written down yet.
        expect(losers[0]!.stdout).toContain('AlreadyRunningError');
        expect(journalOf(vm).pid, `round ${round}`).toBe(winners[0]!.pid);
        expect(journalOf(vm).done.length, `round ${round}`).toBe(changes);
      } finally {
        for (const one of both) await one.stop('SIGKILL');
      }
    }
    vm.drive({ tun: 'clat', do: 'recover' });
    expect(vm.snapshot()).toEqual(before);
  }, 120_000);

  test('a journal without its lock, of an earlier clatd, is respected while its process lives', () => {
    const vm = machine();
    const holder = vm.start({ tun: 'clat', do: 'hold' });
    return until('it to hold', () => holder.stdout.includes('holding'))
      .then(() => {
        rmSync(`${vm.dir}/clat.lock`);
        const second = vm.drive({ tun: 'clat', do: 'recover' });
        expect(second.error).toContain(
          `AlreadyRunningError: clatd is already running for clat (process ${holder.pid})`,
        );
      })
      .finally(() => holder.stop('SIGKILL'));
  });
});

describe.skipIf(!isRoot)('a disk that is full', () => {
  test('a part of a journal never takes the place of the whole', () => {
    const vm = machine();
    const before = vm.snapshot();
    const copy = `${vm.dir}.copy`;
    try {
      // 2,000 routes do not fit: the kernel writes what does.
      const answer = vm.drive(
        { tun: 'clat', do: 'apply', scattered: 2000 },
        ...['unshare', '--mount', 'sh', '-c'],
        `mount -t tmpfs -o size=32k none ${vm.dir} && "$@"; cp ${vm.dir}/clat.json ${copy}; ls ${vm.dir} >> ${copy}`,
        'sh',
      );
      expect(answer.error).toMatch(/JournalError: .*clat\.json: ENOSPC .*is full/);
      const [text, ...files] = readFileSync(copy, 'utf8').trim().split('\n');
      expect(JSON.parse(text!).done).toEqual([]);
      expect(files).toEqual(['clat.json', 'clat.lock']);
      expect(vm.snapshot()).toEqual(before);
    } finally {
      rmSync(copy, { force: true });
    }
  });
});

describe.skipIf(!isRoot)('an uplink that was renamed', () => {
  test('gets its sysctls back under its new name', () => {
    const vm = machine();
    vm.run(
      'for key in forwarding accept_ra; do echo 0 > /proc/sys/net/ipv6/conf/up0/$key; done; echo 1 > /proc/sys/net/ipv6/conf/up0/accept_ra',
    );
    const settings = (name: string) =>
      vm
        .run(
          `cd /proc/sys/net; grep -r . ipv6/conf/${name} ipv6/neigh/${name} | grep -v stable_secret | sort`,
        )
        .replaceAll(name, 'NAME');
    const before = settings('up0');
    vm.drive({ tun: 'clat', do: 'apply' });
    expect(settings('up0')).not.toBe(before);
    vm.run('ip link set up0 down; ip link set up0 name wan0; ip link set wan0 up');
    expect(settings('wan0')).not.toBe(before);
    expect(vm.drive({ tun: 'clat', do: 'recover' }).error).toBeUndefined();
    expect(settings('wan0')).toBe(before);
  });
});

describe.skipIf(!isRoot)('a journal that somebody else wrote', () => {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const content = (...steps: object[]) =>
    JSON.stringify({
      version: 1,
      tun: 'clat',
      pid: 1,
      startTime: '1',
      boot,
      done: steps.map((step) => ({ step, before: { values: {} } })),
    });
  const sysctl = { kind: 'sysctl', value: '1', drags: [] };

  test('blocks no start, does no harm, and is put aside; what of it is a change of clatd is undone', () => {
    const vm = machine();
    vm.run(
      'ip tuntap add dev victim mode tap; ip address add 198.51.100.1/32 dev victim; ip address add 198.51.100.2/32 dev victim',
    );
    const victim = `${vm.dir}/victim`;
    writeFileSync(victim, '1\n');
    const up = '../'.repeat(12);
    const bad = [
      { kind: 'address', dev: 'victim\nlink del victim', family: 4, address: '198.51.100.9', length: 32 },
      { ...sysctl, key: `net/${up}${victim.slice(1)}` },
      { kind: 'nft', family: 'ip', table: 'x; flush ruleset', rules: '' },
      { kind: 'reboot' },
    ];
    const done = [
      ...bad.map((step) => ({
        step,
        before: { values: { [`net/${up}${victim.slice(1)}`]: 'overwritten' } },
      })),
      {
        step: { kind: 'address', dev: 'victim', family: 4, address: '198.51.100.2', length: 32 },
        before: {},
      },
    ];
    writeFileSync(`${vm.dir}/clat.json`, JSON.stringify({ ...JSON.parse(content()), done }));
    const answer = vm.drive({ tun: 'clat', do: 'apply' });
    expect(answer.error).toBeUndefined();
    expect(answer.log.join('\n')).toMatch(
      /4 of its changes are none that clatd makes.*put aside as .*clat\.json\.bad/s,
    );
    expect(readFileSync(victim, 'utf8')).toBe('1\n');
    const addresses = vm.run('ip address show dev victim');
    expect(addresses).toContain('198.51.100.1');
    expect(addresses).not.toContain('198.51.100.2');
    expect(existsSync(`${vm.dir}/clat.json.bad`)).toBe(true);
  });

  test.each([
    ['no JSON', '{"version":1,'],
    ['no object', 'null'],
    ['changes that are no list', content().replace('[]', '7')],
    ['a step without a kind', content({})],
    ['a sysctl without a key', content(sysctl)],
  ])('%s: the start goes on', (_, text) => {
    const vm = machine();
    writeFileSync(`${vm.dir}/clat.json`, text);
    const answer = vm.drive({ tun: 'clat', do: 'apply' });
    expect(answer.error).toBeUndefined();
    expect(readFileSync(`${vm.dir}/clat.json.bad`, 'utf8')).toBe(text);
  });

  test('a FIFO in its place is not waited for', () => {
    const vm = machine();
    vm.run(`mkfifo ${vm.dir}/clat.json`);
    expect(vm.drive({ tun: 'clat', do: 'apply' }).error).toBeUndefined();
    expect(journalOf(vm).done.length).toBeGreaterThan(6);
  });
});
