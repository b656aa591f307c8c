/**
 * Whether TUN devices can be had, with which offloads. Where clatd's own device is there already that is answer enough.
 * Else, with the privilege for it, one is made under a name of its own and is gone again within a millisecond: nothing
 * less tells what the kernel would say.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { Offload } from '../../io/device.ts';
import { IFF_NO_PI, IFF_VNET_HDR, native } from '../../io/native.ts';
import { explain } from '../../io/tun.ts';
import { ipJson } from '../iproute.ts';
import { ownerOfThisProcess } from '../journal.ts';
import { type Check, note, ok, problem, skipped } from './check.ts';

export interface TunFacts {
  /** What is there under clatd's device name; null: nothing. */
  readonly device: Device | null;
  readonly trial: Trial;
}

export interface Device {
  readonly name: string;
  /** As `ip -details` names it ("tun", "dummy"). */
  readonly kind: string;
  readonly up: boolean;
  /** Some program serves it. */
  readonly served: boolean;
  readonly mtu: number;
  /** It outlives the program that serves it. */
  readonly persistent: boolean;
}

export type Trial =
  | { readonly is: 'made'; readonly offload: Offload }
  /** Nothing was made; the driver can be opened. */
  | { readonly is: 'opened' }
  | { readonly is: 'refused'; readonly why: string }
  /** Opening needs root, or a device node for all. */
  | { readonly is: 'not-permitted' }
  /** The native addon cannot be loaded. */
  | { readonly is: 'no-addon'; readonly why: string };

const NODE = '/dev/net/tun';

/** @param mayCreate there is the privilege to create a device */
export async function readTun(name: string, mayCreate: boolean): Promise<TunFacts> {
  const device = await readDevice(name);
  return { device, trial: device === null && mayCreate ? make() : open() };
}

interface JsonLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly persist?: boolean } };
}

/** null where there is no such interface, or no `ip`. */
async function readDevice(name: string): Promise<Device | null> {
  const links = await ipJson<JsonLink>(['-details', 'link', 'show']).catch(() => []);
  const link = links.find(({ ifname }) => ifname === name);
  if (link === undefined) return null;
  return {
    name,
    kind: link.linkinfo?.info_kind ?? 'unknown',
    up: link.flags.includes('UP'),
    served: link.flags.includes('LOWER_UP'),
    mtu: link.mtu,
    persistent: link.linkinfo?.info_data?.persist === true,
  };
}

function open(): Trial {
  try {
    closeSync(openSync(NODE, constants.O_RDWR));
    return { is: 'opened' };
  } catch (error) {
    const { code, errno = 0 } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return { is: 'not-permitted' };
    return { is: 'refused', why: explain('', { step: 'open', error: errno }).message };
  }
}

function make(): Trial {
  const { pid } = ownerOfThisProcess();
  const name = `doctor${pid}`;
  try {
    const io = native();
    const opened = io.tunOpen(name, IFF_VNET_HDR | IFF_NO_PI, Offload.uso, 0, -1);
    if ('error' in opened) return { is: 'refused', why: explain(name, opened).message };
    io.closeQueue(opened.queue);
    return { is: 'made', offload: opened.offload as Offload };
  } catch (error) {
    return { is: 'no-addon', why: (error as Error).message };
  }
}

export function judgeTun({ device, trial }: TunFacts): Check[] {
  return [tun(device, trial), offload(device, trial)];
}

function tun(device: Device | null, trial: Trial): Check {
  if (device !== null && device.kind !== 'tun') {
    return problem(
      'tun',
      `${device.name} is an interface of another kind (${device.kind})`,
      'choose another name with --tun, or remove that interface',
    );
  }
  switch (trial.is) {
    case 'no-addon':
      return problem('tun', trial.why, 'run `npm ci` in the folder of clatd');
    case 'refused':
      return refused(trial.why);
    case 'made':
      return ok('tun', 'one could be created (and was removed at once)');
    default:
  }
  if (device !== null) {
    const state = `${device.up ? 'up' : 'down'}, MTU ${device.mtu}${device.persistent ? ', persistent' : ''}`;
    return ok('tun', `${device.name} is there (${state}, ${device.served ? '' : 'not '}in use by a program)`);
  }
  return trial.is === 'opened'
    ? ok('tun', `${NODE} can be opened; whether a device can be created shows only as root`)
    : skipped('tun', `${NODE} is there and opens only as root`);
}

/** explain() says what to do behind the reason, where it knows. */
function refused(why: string): Check {
  const [reason = '', remedy] = why.replace(/\.$/, '').split(/: (?=run )/, 2);
  return problem('tun', reason, remedy ?? 'ask whoever set up this kernel or container for TUN devices');
}

function offload(device: Device | null, trial: Trial): Check {
  if (trial.is !== 'made') {
    return skipped(
      'offload',
      device === null
        ? 'shows only on a device that could be created'
        : 'shows only before clatd runs; its log says more',
    );
  }
  switch (trial.offload) {
    case Offload.uso:
      return ok('offload', 'checksums, TCP and UDP segmentation are left to the kernel');
    case Offload.tso:
      return note('offload', 'checksums and TCP segmentation; no UDP segmentation (USO came with Linux 6.2)');
    default:
      return note(
        'offload',
        `${trial.offload === Offload.csum ? 'checksums only' : 'none'}: bulk will be slow`,
      );
  }
}
