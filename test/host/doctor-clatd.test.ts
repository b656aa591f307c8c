/** clatd doctor: other translators, clatd itself, and the prefix by each source. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/host/doctor/check.ts';
import { type DaemonFacts, judgeDaemon, pidsOf } from '../../src/host/doctor/daemon.ts';
import {
  judgeOthers,
  type OthersFacts,
  readOthers,
  strangerOn,
  type Translator,
  unrecordedOn,
} from '../../src/host/doctor/others.ts';
import { judgePrefix, type PrefixFacts, prefixInUse, type Said } from '../../src/host/doctor/prefix.ts';
import { tryTcp, tryTls } from '../../src/host/doctor/tcp.ts';
import type { Device } from '../../src/host/doctor/tun.ts';
import { host, type MadeUp } from './made-up.ts';

const text = ({ state, found, remedy }: Check): string =>
  `${state}: ${found}${remedy === null ? '' : ` -> ${remedy}`}`;

describe('other translators', () => {
  const tayga: Translator = { pid: 7, name: 'tayga', here: true, devices: ['nat64'] };
  const judge = (change: Partial<OthersFacts>, madeUp: MadeUp = {}): string =>
    text(judgeOthers({ tun: 'clat', ours: [1], translators: [], modules: [], ...change }, host(madeUp)));

  it('none', () => {
    expect(judge({})).toBe('ok: none');
    expect(judge({ translators: [{ ...tayga, here: false }] })).toBe('ok: none');
    const ours: Translator = { pid: 1, name: 'node', here: true, devices: ['clat'] };
    expect(judge({ translators: [ours] }, { links: ['clat'] })).toBe('ok: none');
  });

  it('on our device', () => {
    expect(judge({ translators: [{ ...tayga, devices: ['clat'] }] })).toBe(
      'problem: clat is in use by tayga (process 7) -> stop tayga, or choose another device with --tun',
    );
  });

  it('with what we want', () => {
    const addresses = ['eth0 2001:db8:1:1::5/64', 'nat64 192.0.0.2/29'];
    expect(judge({ translators: [tayga] }, { links: ['nat64'], addresses })).toBe(
      'problem: nat64 has 192.0.0.2/29, of 192.0.0.0/29; tayga runs on nat64 (process 7) -> stop the other translator; two cannot share these',
    );
    const routes4 = ['default dev siit0 static 1'];
    expect(judge({}, { links: ['siit0'], routes4 })).toMatch(
      /^problem: the IPv4 default route leads to siit0/,
    );
    expect(judge({}, { links: ['clat'], addresses: ['clat 192.0.0.2/29'] })).toBe('ok: none');
  });

  it('that leave us alone', () => {
    expect(judge({ translators: [tayga] }, { links: ['nat64'] })).toBe(
      "note: tayga runs on nat64 (process 7); nothing of theirs is in clatd's way",
    );
    expect(judge({ translators: [{ ...tayga, here: null, devices: [] }] })).toMatch(
      /maybe in another network namespace/,
    );
    expect(judge({ modules: ['jool_siit', 'jool_common'] })).toMatch(
      /^note: the kernel has jool_siit, jool_common loaded/,
    );
    expect(judge({}, { links: ['nat64'] })).toMatch(/^note: there is an interface nat64/);
  });

  /** A /proc with these files ("path": text) and links ("path": target). */
  const proc = (files: Record<string, string>, links: Record<string, string>): OthersFacts => {
    const all = [...Object.keys(files), ...Object.keys(links)];
    const list = (path: string): string[] => [
      ...new Set(
        all.flatMap((one) => (one.startsWith(`${path}/`) ? [one.slice(path.length + 1).split('/')[0]!] : [])),
      ),
    ];
    return readOthers(
      'clat',
      [1],
      (path) => files[path] ?? null,
      list,
      (path) => links[path] ?? null,
    );
  };

  it('found in /proc', () => {
    const facts = proc(
      {
        '/proc/1/comm': 'node\n',
        '/proc/1/cmdline': 'node\0/usr/lib/clatd/main.js\0',
        '/proc/1/fdinfo/20': 'pos:\t0\nflags:\t02\niff:\tclat\n',
        '/proc/7/comm': 'tayga\n',
        '/proc/7/cmdline': 'tayga\0--nodetach\0',
        '/proc/7/fdinfo/3': 'pos:\t0\niff:\tnat64\n',
        '/proc/8/comm': 'clatd\n',
        '/proc/8/cmdline': '/usr/bin/perl\0/usr/sbin/clatd\0',
        '/proc/9/comm': 'tundra-nat64\n',
        '/proc/9/cmdline': '',
        '/proc/10/comm': 'vim\n',
        '/proc/10/cmdline': 'vim\0tayga\0',
        '/proc/modules': 'jool_siit 1 0\nnf_tables 2 1\n',
      },
      {
        '/proc/self/ns/net': 'net:[1]',
        '/proc/1/ns/net': 'net:[1]',
        '/proc/1/fd/20': '/dev/net/tun',
        '/proc/7/ns/net': 'net:[2]',
        '/proc/7/fd/3': '/dev/net/tun',
        '/proc/7/fd/4': '/dev/null',
      },
    );
    expect(facts.translators).toEqual([
      { pid: 1, name: 'node', here: true, devices: ['clat'] },
      { pid: 7, name: 'tayga', here: false, devices: ['nat64'] },
      { pid: 8, name: 'clatd.pl', here: null, devices: [] },
      { pid: 9, name: 'tundra-nat64', here: null, devices: [] },
    ]);
    expect(facts.modules).toEqual(['jool_siit']);
  });

  it('a clatd without a journal is no stranger', () => {
    const own: Translator = { pid: 5, name: 'node', here: true, devices: ['clat'] };
    const facts: OthersFacts = { tun: 'clat', ours: [], translators: [own], modules: [] };
    expect(strangerOn(facts)).toBeNull();
    expect(unrecordedOn(facts)).toBe(own);
    expect(unrecordedOn({ ...facts, ours: [5] })).toBeNull();
  });
});

describe('clatd itself', () => {
  const device = { name: 'clat' } as Device;
  const facts = (journal: DaemonFacts['journal'], others: DaemonFacts['others'] = []): DaemonFacts => {
    return { tun: 'clat', journal, others };
  };
  it('runs', () => {
    const running = facts({ is: 'running', pid: 4 }, [{ tun: 'two', pid: 5 }]);
    expect(pidsOf(running)).toEqual([4, 5]);
    expect(text(judgeDaemon(running, device, null))).toBe(
      'ok: process 4 on clat; another one on two (process 5)',
    );
    expect(text(judgeDaemon(running, null, null))).toMatch(/^problem: .*there is no clat -> see its log/);
  });
  it('does not', () => {
    expect(text(judgeDaemon(facts({ is: 'none' }), null, null))).toMatch(/^note: no -> systemctl enable/);
    const useless = facts({ is: 'useless', because: 'it is damaged', bad: true });
    expect(text(judgeDaemon(useless, null, null))).toMatch(
      /^note: no \(there is a journal of no use: it is damaged\)/,
    );
    expect(pidsOf(useless)).toEqual([]);
  });
  it('was killed', () => {
    const step = { kind: 'link', dev: 'clat', mtu: null } as const;
    const one = facts({ is: 'stale', pid: 4, done: [{ step, before: {} }], left: [], bad: null });
    expect(text(judgeDaemon(one, null, null))).toMatch(
      /^problem: no: process 4 was killed and left a change of the host/,
    );
  });
  it('ended and could not undo everything', () => {
    const step = { kind: 'link', dev: 'clat', mtu: null } as const;
    const left = [{ done: { step, before: {} }, tries: 1 }];
    const one = facts({ is: 'stale', pid: 4, done: [], left, bad: null });
    expect(text(judgeDaemon(one, null, null))).toMatch(
      /^problem: no: process 4 could not undo a change of the host -> start clatd/,
    );
  });
  it('was killed before it changed anything', () => {
    const waiting = facts({ is: 'stale', pid: 4, done: [], left: [], bad: null });
    expect(text(judgeDaemon(waiting, null, null))).toMatch(
      /^note: no \(process 4 was killed, and left nothing behind\) -> systemctl enable/,
    );
    const unrecorded: Translator = { pid: 6, name: 'node', here: true, devices: ['clat'] };
    expect(text(judgeDaemon(waiting, device, unrecorded))).toMatch(/^ok: process 6 on clat/);
  });
  it('keeps no journal', () => {
    const unrecorded: Translator = { pid: 6, name: 'node', here: true, devices: ['clat'] };
    expect(text(judgeDaemon(facts({ is: 'none' }), device, unrecorded))).toMatch(
      /^ok: process 6 on clat.*--no-configure/,
    );
  });
  it('cannot be seen', () => {
    expect(text(judgeDaemon(facts({ is: 'unseen', because: 'EACCES' }), null, null))).toBe('skipped: EACCES');
  });
});

describe('the prefix', () => {
  const router = (
    ...prefixes: { prefix: string; lifetime: number; refused?: string }[]
  ): Said['routers'][number] => {
    return {
      ...{ interface: 'eth0', router: 'fe80::1' },
      prefixes: prefixes.map((one) => ({ refused: null, ...one })),
    };
  };
  const server = (change: Partial<Said['dns'][number]> = {}): Said['dns'][number] => {
    const prefixes = ['2001:db8:64::/96'];
    return {
      server: '2001:db8::53',
      from: 'learned on eth0',
      prefixes,
      notes: [],
      answered: true,
      why: null,
      ...change,
    };
  };
  const facts = (said: Partial<Said>, change: Partial<PrefixFacts> = {}): PrefixFacts => {
    const nothing: Said = { routers: [], notHeard: null, dns: [], prefixes: [] };
    return { uplink: 'eth0', static: null, fallback: null, said: { ...nothing, ...said }, ...change };
  };
  const judge = (made: PrefixFacts, id: Check['id']): string =>
    text(judgePrefix(made).find((one) => one.id === id)!);
  const PREFIX = { address: [0x20010db8, 0x64_0000, 0, 0], length: 96 } as const;
  const OTHER = { address: [0x20010db8, 0x65_0000, 0, 0], length: 96 } as const;

  it('from routers', () => {
    const valid = router({ prefix: '2001:db8:64::/96', lifetime: 600 });
    expect(judge(facts({ routers: [valid] }), 'prefix-ra')).toBe(
      'ok: 2001:db8:64::/96 by fe80::1 on eth0, lifetime 600 s',
    );
    const withdrawn = router({ prefix: '2001:db8:64::/96', lifetime: 0 });
    expect(judge(facts({ routers: [withdrawn] }), 'prefix-ra')).toBe(
      'note: 2001:db8:64::/96 withdrawn by fe80::1 on eth0',
    );
    const refused = router({
      prefix: 'ff02::/96',
      lifetime: 600,
      refused: 'a multicast prefix cannot be used',
    });
    expect(judge(facts({ routers: [refused] }), 'prefix-ra')).toBe(
      'note: ff02::/96 by fe80::1 on eth0 is not used: a multicast prefix cannot be used',
    );
    expect(judge(facts({ routers: [router()] }), 'prefix-ra')).toMatch(
      /^note: none: fe80::1 on eth0 advertises no PREF64/,
    );
    expect(judge(facts({}), 'prefix-ra')).toBe('note: no router answered a solicitation');
    expect(judge(facts({ notHeard: 'needs CAP_NET_RAW' }), 'prefix-ra')).toMatch(/^skipped: .*CAP_NET_RAW/);
    // Who was not asked may know one.
    expect(judge(facts({ notHeard: 'needs CAP_NET_RAW' }), 'prefix')).toBe(
      'note: not found by DNS, and routers could not be asked: needs CAP_NET_RAW',
    );
  });

  it('from DNS', () => {
    expect(judge(facts({ dns: [server()] }), 'prefix-dns')).toBe('ok: 2001:db8:64::/96 by 2001:db8::53');
    const none = server({
      prefixes: [],
      why: 'there is no AAAA record',
      notes: ['left out: x embeds nothing'],
    });
    expect(judge(facts({ dns: [none] }), 'prefix-dns')).toBe(
      'note: ipv4only.arpa shows no DNS64: none by 2001:db8::53: there is no AAAA record; left out: x embeds nothing',
    );
    expect(judge(facts({}), 'prefix-dns')).toBe('skipped: no server answered');
  });

  it('DNS servers', () => {
    const silent = server({ server: '::1', prefixes: [], answered: false, why: 'no answer within 3 s' });
    expect(judge(facts({ dns: [server()] }), 'dns')).toBe('ok: 2001:db8::53 (learned on eth0) answers');
    expect(judge(facts({ dns: [server(), silent] }), 'dns')).toMatch(
      /^note: 2001:db8::53 .* answer; not so ::1/,
    );
    expect(judge(facts({ dns: [silent] }), 'dns')).toMatch(
      /^problem: no answer from any: ::1 .*no answer within 3 s/,
    );
    expect(judge(facts({}), 'dns')).toMatch(/^problem: none known on eth0/);
    expect(judge(facts({}, { uplink: null }), 'dns')).toMatch(/^skipped/);
  });

  it('in use', () => {
    const prefixes = [
      { prefix: '2001:db8:64::/96', source: 'ra' },
      { prefix: '2001:db8:65::/96', source: 'dns' },
    ] as const;
    const both = facts({ prefixes });
    expect(judge(both, 'prefix')).toBe('ok: 2001:db8:64::/96 (a router said so); others: 2001:db8:65::/96');
    expect(prefixInUse(both)).toEqual(PREFIX);
    const given = { ...both, static: OTHER };
    expect(judge(given, 'prefix')).toBe('ok: 2001:db8:65::/96 (--pool6)');
    expect(prefixInUse(given)).toBe(OTHER);
    const contrary = { ...facts({ prefixes: prefixes.slice(0, 1) }), static: OTHER };
    expect(judge(contrary, 'prefix')).toMatch(
      /^note: 2001:db8:65::\/96 \(--pool6\), while the network names 2001:db8:64/,
    );
    const fallback = facts({}, { fallback: OTHER });
    expect(judge(fallback, 'prefix')).toMatch(/^note: 2001:db8:65::\/96 \(--prefix-fallback\)/);
    expect(prefixInUse(fallback)).toBe(OTHER);
    expect(judge(facts({}), 'prefix')).toMatch(/^problem: none: neither routers nor DNS/);
    expect(prefixInUse(facts({}))).toBeNull();
    expect(judge(facts({}, { uplink: null }), 'prefix')).toBe('skipped: there is no uplink');
  });
});

describe('a server on the loopback', () => {
  it('is connected to, refuses, speaks no TLS', async () => {
    const server = createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('no TLS here\n'),
    );
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    expect(await tryTcp('127.0.0.1', port)).toMatchObject({ is: 'connected' });
    expect(await tryTls('127.0.0.1', port, 'long')).toMatchObject({ is: 'unknown' });
    await new Promise((resolve) => server.close(resolve));
    expect(await tryTcp('127.0.0.1', port)).toEqual({ is: 'refused' });
    expect(await tryTls('127.0.0.1', port, 'short')).toMatchObject({ is: 'unknown', why: 'ECONNREFUSED' });
  });
});
