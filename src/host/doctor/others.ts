/** Other translators on this host: what they hold that clatd needs, and what is only good to know. */
import { readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { inPrefix4 } from '../../address/ip.ts';
import { CLAT4_NETWORK } from '../clat4.ts';
import type { HostState } from '../state.ts';
import { parseKernel4 } from '../text.ts';
import { type Check, note, ok, problem } from './check.ts';
import { type ReadText, readText } from './read.ts';

/** A process that translates, or serves a TUN device. */
export interface Translator {
  readonly pid: number;
  readonly name: string;
  /** In this network namespace; null: could not be seen. */
  readonly here: boolean | null;
  /** TUN devices it serves, as far as could be seen. */
  readonly devices: readonly string[];
}

export interface OthersFacts {
  readonly tun: string;
  /** Processes of clatd itself: this one, and those with a journal in this network namespace. */
  readonly ours: readonly number[];
  readonly translators: readonly Translator[];
  /** Names of the Jool modules loaded. */
  readonly modules: readonly string[];
}

const TRANSLATORS = ['tayga', 'tundra', 'tundra-nat64', 'jool', 'joold', 'clatd.pl'];
const INTERPRETERS = /^(perl|python)[\d.]*$/;
const DEVICES = /^(clat|nat64|siit|jool|tayga|tundra)/i;
const TUN_NODE = '/dev/net/tun';

/** What /proc tells; without root only part of it. */
export function readOthers(
  tun: string,
  ours: readonly number[],
  read: ReadText = readText,
  list: (path: string) => string[] = listDirectory,
  link: (path: string) => string | null = readLink,
): OthersFacts {
  const namespace = link('/proc/self/ns/net');
  const translators: Translator[] = [];
  for (const entry of list('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const name = nameOf(read(`/proc/${entry}/comm`) ?? '', read(`/proc/${entry}/cmdline`) ?? '');
    const devices = list(`/proc/${entry}/fd`).flatMap((fd) =>
      link(`/proc/${entry}/fd/${fd}`) === TUN_NODE ? (served(read(`/proc/${entry}/fdinfo/${fd}`)) ?? []) : [],
    );
    if (!TRANSLATORS.includes(name) && !devices.includes(tun)) continue;
    const theirs = link(`/proc/${entry}/ns/net`);
    const here = theirs === null ? null : theirs === namespace;
    translators.push({ pid: Number(entry), name, here, devices: [...new Set(devices)] });
  }
  const modules = (read('/proc/modules') ?? '').split('\n').flatMap((line) => {
    const name = line.split(' ')[0]!;
    return /^jool/.test(name) ? [name] : [];
  });
  return { tun, ours, translators, modules };
}

/** The program's name; of a script its own. An older clatd is in Perl; this one is run by Node, as no other translator is. */
function nameOf(comm: string, commandLine: string): string {
  const [program = '', script = ''] = commandLine.split('\0');
  if (!INTERPRETERS.test(basename(program))) return comm.trim();
  return basename(script) === 'clatd' ? 'clatd.pl' : basename(script);
}

/** `iff:` of a descriptor's information (Linux 3.14). */
const served = (information: string | null): string | null =>
  /^iff:\s*(\S+)/m.exec(information ?? '')?.[1] ?? null;

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Who serves clatd's device, and is not known to be clatd; null: nobody. Node is what clatd runs on. */
export const strangerOn = ({ tun, ours, translators }: OthersFacts): Translator | null =>
  translators.find(
    ({ pid, name, here, devices }) =>
      here !== false && devices.includes(tun) && !ours.includes(pid) && !isNode(name),
  ) ?? null;

/** A clatd without a journal (--no-configure) on clatd's device; null: none. */
export const unrecordedOn = ({ tun, ours, translators }: OthersFacts): Translator | null =>
  translators.find(
    ({ pid, name, here, devices }) =>
      here !== false && devices.includes(tun) && !ours.includes(pid) && isNode(name),
  ) ?? null;

const isNode = (name: string): boolean => /^(node|MainThread|clatd)$/.test(name);

export function judgeOthers(facts: OthersFacts, state: HostState | null): Check {
  const { tun, ours, translators, modules } = facts;
  const stranger = strangerOn(facts);
  if (stranger !== null) {
    return problem(
      'others',
      `${tun} is in use by ${stranger.name} (process ${stranger.pid})`,
      `stop ${stranger.name}, or choose another device with --tun`,
    );
  }
  const near = translators.filter(({ pid, name, here }) => {
    return here !== false && !ours.includes(pid) && !isNode(name);
  });
  const running = near.map(({ pid, name, here, devices }) => {
    const where = here === null ? ', maybe in another network namespace' : '';
    const on = devices.length === 0 ? '' : ` on ${devices.join(', ')}`;
    return `${name} runs${on} (process ${pid}${where})`;
  });
  const inTheWay = state === null ? [] : claims(state, tun);
  if (inTheWay.length > 0) {
    return problem(
      'others',
      [...inTheWay, ...running].join('; '),
      'stop the other translator; two cannot share these',
    );
  }
  const clues = [...running];
  for (const { name } of state?.links ?? []) {
    if (name !== tun && DEVICES.test(name) && !near.some(({ devices }) => devices.includes(name)))
      clues.push(`there is an interface ${name}`);
  }
  if (modules.length > 0) clues.push(`the kernel has ${modules.join(', ')} loaded`);
  if (clues.length === 0) return ok('others', 'none');
  return note('others', `${clues.join('; ')}; nothing of theirs is in clatd's way`);
}

/** What clatd would want and another translator has. */
function claims({ addresses, routes }: HostState, tun: string): string[] {
  const found: string[] = [];
  for (const { family, dev, address, length } of addresses) {
    if (family === 4 && dev !== tun && inPrefix4(parseKernel4(address), CLAT4_NETWORK))
      found.push(`${dev} has ${address}/${length}, of 192.0.0.0/29`);
  }
  for (const { family, dst, devs } of routes) {
    const other = family === 4 && dst === 'default' && devs.find((dev) => dev !== tun && DEVICES.test(dev));
    if (other) found.push(`the IPv4 default route leads to ${other}`);
  }
  return found;
}
