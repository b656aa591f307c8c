/** The translators an end-to-end test or a benchmark can put into the VM: clatd, and Debian's TAYGA to compare with. */
import { join } from 'node:path';
import type { Process } from './process.ts';
import { projectRoot } from './sandbox.ts';
import { map, type Topology } from './topology.ts';
import { until } from './wait.ts';

export interface Translator {
  readonly name: string;
  /** Starts it in the VM and resolves when IPv4 works there. */
  start(topology: Topology): Promise<RunningTranslator>;
}

export interface RunningTranslator {
  readonly process: Process;
  /** Ends it and undoes what it did to the VM. */
  stop(): Promise<void>;
}

/** The command line of clatd for the usual mapping. The environment's CLATD names another build's main.js. */
export function clatdArguments(topology: Topology, ...more: string[]): string[] {
  return [
    process.env.CLATD ?? join(projectRoot(), 'dist/main.js'),
    'run',
    ...['--pool6', topology.pool6, '--eam', `${map.clat4}=${topology.clat6}`],
    ...more,
  ];
}

export function clatd(...options: string[]): Translator {
  return {
    name: 'clatd',
    async start(topology) {
      const child = topology.vm.start(process.execPath, clatdArguments(topology, ...options));
      await answersPing(topology, child);
      return {
        process: child,
        async stop() {
          await child.stop();
        },
      };
    },
  };
}

/** TAYGA as a CLAT, with the host configured as clatd would do it. */
export function tayga(program = 'tayga'): Translator {
  return {
    name: 'tayga',
    async start(topology) {
      const { vm, sandbox, pool6, clat6 } = topology;
      const configuration = sandbox.file(
        'tayga-clat.conf',
        `tun-device clat\nipv4-addr 192.0.0.1\nprefix ${pool6}\nmap ${map.clat4} ${clat6}\n`,
      );
      vm.exec(program, ['--config', configuration, '--mktun']);
      vm.sysctl(
        'net.ipv6.conf.eth0.accept_ra=2',
        'net.ipv6.conf.all.forwarding=1',
        'net.ipv6.conf.eth0.proxy_ndp=1',
        'net.ipv6.neigh.eth0.proxy_delay=0',
      );
      vm.ipBatch(`
        link set clat up
        address add ${map.clat4}/29 dev clat
        route add 0.0.0.0/0 dev clat mtu 1480
        route add ${clat6}/128 dev clat
        neighbour add proxy ${clat6} dev eth0
      `);
      const child = vm.start(program, ['--config', configuration, '--nodetach']);
      await answersPing(topology, child);
      return {
        process: child,
        async stop() {
          await child.stop();
          vm.ip('link delete clat');
          vm.ip(`neighbour delete proxy ${clat6} dev eth0`);
          vm.sysctl(
            'net.ipv6.neigh.eth0.proxy_delay=80',
            'net.ipv6.conf.eth0.proxy_ndp=0',
            'net.ipv6.conf.all.forwarding=0',
            'net.ipv6.conf.eth0.accept_ra=1',
          );
        },
      };
    },
  };
}

/** Resolves when the server answers a ping from the VM; fails at once when the translator has ended. */
export async function answersPing(topology: Topology, translator?: Process): Promise<void> {
  let ended = false;
  await until(
    `an answer from ${map.web} through \`${translator?.command}\``,
    async () => {
      if (translator !== undefined && !translator.running) {
        ended = true;
        return true;
      }
      return (await topology.vm.run('ping', ['-c1', '-W0.3', map.web])).code === 0;
    },
    { interval: 50 },
  );
  if (ended) throw new Error(`\`${translator?.command}\` ended:\n${translator?.output}`);
}
