/** The system clatd runs on: privilege, programs, kernel, and whether settings can be changed. */
import { accessSync, constants } from 'node:fs';
import { arch, release } from 'node:os';
import { runTool, ToolMissingError } from '../iproute.ts';
import { type Identity, identityIn } from '../privilege.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';
import { type ReadText, readText } from './read.ts';

export type Program =
  | { readonly is: 'there'; readonly version: string }
  | { readonly is: 'missing' }
  /** Of this name, and not the one clatd knows how to use. */
  | { readonly is: 'other'; readonly said: string };

export interface SystemFacts extends Identity {
  readonly kernel: string;
  readonly machine: string;
  readonly distribution: string;
  /** Its kind (docker, lxc, …); null: no container that can be told. */
  readonly container: string | null;
  /** Whether sysctls under net/ipv6 can be written. */
  readonly sysctls: 'writable' | 'read-only' | 'not-permitted' | 'absent';
  /** Since Linux 6.17 an interface can forward by itself. */
  readonly forceForwarding: boolean;
  readonly programs: Readonly<Record<'ip' | 'nft' | 'ping', Program>>;
}

const FORWARDING = '/proc/sys/net/ipv6/conf/all/forwarding';

export async function readSystem(read: ReadText = readText): Promise<SystemFacts> {
  const [ip, nft, ping] = await Promise.all([
    programVersion('ip', ['-V'], /iproute2-([^\s,]+)/),
    programVersion('nft', ['--version'], /nftables v?(\S+)/),
    programVersion('ping', ['-V'], /iputils[- ](\S+)/),
  ]);
  return {
    kernel: release(),
    machine: arch(),
    distribution: distributionIn(read('/etc/os-release') ?? read('/usr/lib/os-release') ?? ''),
    container: containerOf(read),
    ...identityIn(read('/proc/self/status') ?? ''),
    sysctls: sysctlAccess(),
    forceForwarding: read('/proc/sys/net/ipv6/conf/all/force_forwarding') !== null,
    programs: { ip, nft, ping },
  };
}

async function programVersion(name: string, args: readonly string[], pattern: RegExp): Promise<Program> {
  try {
    const said = await runTool(name, args);
    const version = pattern.exec(said)?.[1];
    return version === undefined ? { is: 'other', said: firstLine(said) } : { is: 'there', version };
  } catch (error) {
    if (error instanceof ToolMissingError) return { is: 'missing' };
    return { is: 'other', said: firstLine((error as Error).message) };
  }
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** PRETTY_NAME of os-release(5). */
export function distributionIn(text: string): string {
  return /^PRETTY_NAME=(["']?)(.*)\1\s*$/m.exec(text)?.[2] ?? 'unknown distribution';
}

function containerOf(read: ReadText): string | null {
  const named = read('/run/systemd/container')?.trim();
  if (named !== undefined && named !== '') return named;
  if (read('/.dockerenv') !== null) return 'docker';
  return read('/run/.containerenv') === null ? null : 'podman';
}

function sysctlAccess(): SystemFacts['sysctls'] {
  try {
    accessSync(FORWARDING, constants.W_OK);
    return 'writable';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'absent' : code === 'EROFS' ? 'read-only' : 'not-permitted';
  }
}

export function judgeSystem(facts: SystemFacts): Check[] {
  return [privilege(facts), programs(facts), kernel(facts), sysctl(facts)];
}

function privilege({ uid, netAdmin, netRaw, container }: SystemFacts): Check {
  const who = uid === 0 ? 'root' : `user ${uid}`;
  if (netAdmin && netRaw) return ok('privilege', `${who}, with CAP_NET_ADMIN and CAP_NET_RAW`);
  if (netAdmin) {
    return note(
      'privilege',
      `${who}, with CAP_NET_ADMIN and without CAP_NET_RAW: routers are heard only through the kernel, and duplicate addresses are not found`,
      'give it CAP_NET_RAW too',
    );
  }
  if (uid === 0) {
    return problem(
      'privilege',
      `root, but without CAP_NET_ADMIN${container === null ? '' : ` (in a container: ${container})`}`,
      'give CAP_NET_ADMIN and CAP_NET_RAW (docker: --cap-add NET_ADMIN --cap-add NET_RAW --device /dev/net/tun)',
    );
  }
  return note(
    'privilege',
    `${who}, without CAP_NET_ADMIN: what needs it is left out below; \`clatd run\` needs it`,
    'run `clatd doctor` as root to see everything',
  );
}

function programs({ programs: { ip, nft, ping } }: SystemFacts): Check {
  const named = Object.entries({ ip, nft, ping }).map(([name, program]) => {
    if (program.is === 'there') return `${name} ${program.version}`;
    return program.is === 'missing' ? `no ${name}` : `${name} of another kind (${program.said})`;
  });
  const found = named.join(', ');
  if (ip.is !== 'there') {
    return problem('tools', found, 'install iproute2 (Debian: apt-get install iproute2): clatd needs its ip');
  }
  if (nft.is !== 'there') {
    return note(
      'tools',
      found,
      'install nftables where a firewall drops what is forwarded, or with --nat44 or a shared IPv6 address (Debian: apt-get install nftables)',
    );
  }
  if (ping.is !== 'there') {
    return note(
      'tools',
      found,
      'install iputils-ping for the checks that ping (Debian: apt-get install iputils-ping)',
    );
  }
  return ok('tools', found);
}

function kernel({ kernel: version, sysctls, forceForwarding }: SystemFacts): Check {
  if (sysctls === 'absent') {
    return problem('kernel', `Linux ${version} without IPv6`, 'start it without ipv6.disable=1');
  }
  return ok(
    'kernel',
    forceForwarding
      ? `Linux ${version}, which lets single interfaces forward (force_forwarding)`
      : `Linux ${version}, which forwards on all interfaces or none (force_forwarding came with 6.17)`,
  );
}

function sysctl({ sysctls, uid, container }: SystemFacts): Check {
  if (sysctls === 'writable') return ok('sysctl', 'those of the network can be changed');
  if (sysctls === 'absent') return skipped('sysctl', 'there are none of IPv6');
  if (sysctls === 'read-only') {
    return problem(
      'sysctl',
      `/proc/sys is read-only${container === null ? '' : ` (in a container: ${container})`}`,
      container === null
        ? 'in a systemd unit ProtectKernelTunables must be off; else use --no-configure and set the host up yourself'
        : 'make /proc/sys/net writable for the container, or use --no-configure and set it up from outside (`clatd plan` says what)',
    );
  }
  return uid === 0
    ? problem('sysctl', 'root may not change those of the network', 'run it as root of the network namespace')
    : skipped('sysctl', 'whether they can be changed shows only as root');
}
