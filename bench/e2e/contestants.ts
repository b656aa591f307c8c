/** What is compared: builds of clatd, builds of TAYGA, and plain IPv6 on the same veth as the limit. */
import { basename, join } from 'node:path';
import type { Process } from '../../test/netns/process.ts';
import { projectRoot } from '../../test/netns/sandbox.ts';
import { addresses, type Bed, mappings } from './bed.ts';

export interface Contestant {
  /** As the table shows it. */
  readonly name: string;
  readonly kind: 'clatd' | 'tayga' | 'plain' | 'limit';
  /** What is run, for the record. */
  readonly command: string;
  /** clatd's program file. */
  readonly main?: string;
  /** Starts the translator in the bed's host; packets may not flow yet. null: there is nothing to start. */
  start(bed: Bed): Running | null;
}

export interface Running {
  readonly process: Process;
  /** When it was started, on the monotonic clock. */
  readonly spawnedNs: bigint;
}

/** The bundled program, or another build's that CLATD names. */
export const ownMain = (): string => process.env.CLATD ?? join(projectRoot(), 'dist/main.js');

export function clatd(name: string, options: readonly string[] = [], main = ownMain()): Contestant {
  return {
    name,
    kind: 'clatd',
    command: ['clatd', 'run', ...options].join(' '),
    main,
    start(bed) {
      const args = [main, 'run', '--pool6', addresses.pool6, ...options];
      if (bed.mapping === 'usual') {
        if (options.includes('--no-configure')) makeDevice(bed, ['vnet_hdr', 'multi_queue']);
        args.push('--eam', `${addresses.clat4}=${addresses.clat6}`);
      } else {
        // Each EAM is one of the host's own addresses; the routes are the benchmark's.
        makeDevice(bed, [...(options.includes('off') ? [] : ['vnet_hdr']), 'multi_queue']);
        const lines = [...mappings(bed.mapping)].map(([v4, v6]) => `${v4} ${v6}\n`);
        args.push('--no-configure', '--eam-file', bed.sandbox.file('eam.txt', lines.join('')));
      }
      return launch(bed, process.execPath, args);
    },
  };
}

export function tayga(name: string, program = 'tayga'): Contestant {
  return {
    name,
    kind: 'tayga',
    command: basename(program),
    start(bed) {
      const maps = [...mappings(bed.mapping)].map(([v4, v6]) => `map ${v4} ${v6}\n`);
      const configuration = bed.sandbox.file(
        'tayga.conf',
        `tun-device clat\nipv4-addr 192.0.0.1\nprefix ${addresses.pool6}\n${maps.join('')}`,
      );
      bed.host.exec(program, ['--config', configuration, '--mktun']);
      configure(bed);
      return launch(bed, program, ['--config', configuration, '--nodetach']);
    },
  };
}

export const plain: Contestant = {
  name: 'plain IPv6',
  kind: 'plain',
  command: 'none',
  start: () => null,
};

/** limit.c: what the way through a TUN device allows at best. One mapping only. */
export function limit(program: string): Contestant {
  return {
    name: 'TUN limit in C',
    kind: 'limit',
    command: 'bench/e2e/limit.c',
    start(bed) {
      makeDevice(bed, ['vnet_hdr']);
      const { clat4, clat6, pool6 } = addresses;
      return launch(bed, program, ['clat', clat4, clat6, pool6.replace(/\/.*/, '')]);
    },
  };
}

function launch(bed: Bed, program: string, args: readonly string[]): Running {
  const spawnedNs = process.hrtime.bigint();
  return { process: bed.host.start(program, args), spawnedNs };
}

function makeDevice(bed: Bed, flags: readonly string[]): void {
  bed.host.ip(['tuntap add dev clat mode tun', ...flags].join(' '));
  configure(bed);
}

/** What `clatd run` does for one EAM, by hand. */
function configure({ host, mapping }: Bed): void {
  host.sysctl('net.ipv6.conf.all.forwarding=1');
  host.ipBatch(`
    link set clat up
    address add ${addresses.clat4}/29 dev clat
    route add 0.0.0.0/0 dev clat mtu 1480
    route add ${addresses.clat6}/128 dev clat
    ${mapping !== 'usual' ? `route add ${addresses.table6}/64 dev clat` : ''}
  `);
}
