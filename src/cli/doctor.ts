/**
 * `clatd doctor`: checks the whole way from this host to the IPv4 internet, and says for each step whether it is fine or
 * what to do. What it prints is what a report of a bug should contain. Changes nothing.
 */
import { formatIp4 } from '../address/format.ts';
import { isAutomatic, type RunConfig } from '../config/config.ts';
import { count } from '../config/count.ts';
import { withLan } from '../config/lan.ts';
import type { Check } from '../host/doctor/check.ts';
import { readDaemon } from '../host/doctor/daemon.ts';
import { type Examined, examine, type Sources } from '../host/doctor/examine.ts';
import { readOthers } from '../host/doctor/others.ts';
import { ping } from '../host/doctor/ping.ts';
import { type Program, readSystem } from '../host/doctor/system.ts';
import { DEFAULT_TARGET, parseTarget, type Target } from '../host/doctor/target.ts';
import { tryTcp, tryTls } from '../host/doctor/tcp.ts';
import { wayTo } from '../host/doctor/through.ts';
import { readTun } from '../host/doctor/tun.ts';
import { readRouter } from '../host/doctor/uplink.ts';
import { readFirewall } from '../host/firewall.ts';
import { lanPrefixes } from '../host/nat44.ts';
import { findSilent } from '../host/native-check.ts';
import { patientProbe } from '../host/native-probe.ts';
import { nativeLinks } from '../host/native4.ts';
import { stateDirectoryFor } from '../host/running.ts';
import { readHost } from '../host/state.ts';
import { survey } from '../host/survey.ts';
import { readUnanswered } from '../host/unanswered.ts';
import { refusal } from './doctor-refusal.ts';

export interface DoctorIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly version: string;
  readonly runtime?: string;
}

export interface DoctorOptions {
  /** --target as it was typed; undefined: the default. */
  readonly target: string | undefined;
  readonly json: boolean;
}

/** Exit code 0: no problem; 1: some; 2: --target is none. */
export async function doctor(
  config: RunConfig,
  { target: text, json }: DoctorOptions,
  io: DoctorIo,
  sources: Sources = ofThisHost(config),
): Promise<number> {
  const parsed = text === undefined ? { ok: true as const, value: DEFAULT_TARGET } : parseTarget(text);
  if (!parsed.ok) {
    io.stderr.write(`clatd: --target: ${parsed.message}\n`);
    return 2;
  }
  const target = parsed.value;
  const { tun, configure, firewall, clat, translation, lan, nat44 } = config;
  const examined = await examine(
    {
      ...{ tun, configure, firewall, target },
      behind: [...lanPrefixes(lan), ...nat44],
      platDev: clat.platDev,
      pool6: translation.pool6,
      fallback: clat.fallback,
      forced: clat.enable === 'force' || !isAutomatic(config),
    },
    sources,
  );
  io.stdout.write(json ? asJson(examined, target, io) : asText(examined, target, io));
  return examined.checks.some(({ state }) => state === 'problem') ? 1 : 0;
}

function ofThisHost({ tun, translation, lan, clat }: RunConfig): Sources {
  const { dns64Servers: servers, platDev, nativeCheck } = clat;
  return {
    ...{ ping, tcp: tryTcp, tls: tryTls },
    system: () => readSystem(),
    tun: readTun,
    host: () => readHost(),
    firewall: () => readFirewall(),
    said: async (state) => (await survey({ servers, tun, platDev }, state)).found,
    daemon: readDaemon,
    others: (name, ours) => readOthers(name, ours),
    silent: async (state) =>
      nativeCheck === null
        ? new Set()
        : findSilent(
            nativeCheck,
            nativeLinks(state, tun),
            patientProbe(() => {}),
          ),
    router: readRouter,
    unanswered: () => readUnanswered(stateDirectoryFor(tun)),
    way: wayTo,
    refusal: (prefix, { address }) => refusal(withLan(translation, lan), prefix, address),
  };
}

const targetText = (target: Target | null): string | null =>
  target === null ? null : `${formatIp4(target.address)}:${target.port}`;

function asJson({ system, checks }: Examined, target: Target | null, io: DoctorIo): string {
  const { kernel, machine, distribution, container, programs } = system;
  const version = (program: Program): string | null => (program.is === 'there' ? program.version : null);
  const versions = {
    clatd: io.version,
    runtime: io.runtime ?? null,
    kernel,
    machine,
    distribution,
    container,
    iproute2: version(programs.ip),
    nftables: version(programs.nft),
    iputils: version(programs.ping),
  };
  return `${JSON.stringify({ versions, target: targetText(target), checks }, null, 2)}\n`;
}

const STATE_WIDTH = 9;

function asText({ system, checks }: Examined, target: Target | null, io: DoctorIo): string {
  const { kernel, machine, distribution, container } = system;
  const inside = container === null ? [] : [`in a container (${container})`];
  const named = [`clatd ${io.version}`, io.runtime, `Linux ${kernel} ${machine}`, distribution, ...inside];
  const lines = [named.filter((one) => one !== undefined).join(', ')];
  const to = targetText(target);
  lines.push(to === null ? 'no target is tried' : `target: ${to} (--target names another one, or none)`, '');
  const width = Math.max(...checks.map(({ title }) => title.length)) + 2;
  for (const check of checks) lines.push(...linesOf(check, width));
  const problems = checks.filter(({ state }) => state === 'problem').length;
  lines.push(
    '',
    problems === 0 ? 'No problem was found.' : problems === 1 ? '1 problem.' : `${count(problems)} problems.`,
  );
  return `${lines.join('\n')}\n`;
}

function linesOf({ state, title, found, remedy }: Check, width: number): string[] {
  const lines = [`${state.padEnd(STATE_WIDTH)}${title.padEnd(width)}${found}`];
  if (remedy !== null) lines.push(`${''.padEnd(STATE_WIDTH + width)}-> ${remedy}`);
  return lines;
}
