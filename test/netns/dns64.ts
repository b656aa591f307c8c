/** DNS64 servers: Debian's unbound with its dns64 module, and one whose answers a test decides. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from './process.ts';
import { type Namespace, part, type Sandbox } from './sandbox.ts';
import { until } from './wait.ts';

let servers = 0;

export interface UnboundOptions {
  address: string;
  /** The dns64 module's prefix, of any of the six lengths. */
  prefix: string;
  /** A records by name; ipv4only.arpa has its own. */
  names?: Record<string, string[]>;
}

/** Starts unbound, cut off from the world, with zones of its own; resolves when it answers. */
export async function startUnbound(
  sandbox: Sandbox,
  namespace: Namespace,
  { address, prefix, names = {} }: UnboundOptions,
): Promise<Process> {
  const folder = join(sandbox.folder, `unbound-${++servers}`);
  mkdirSync(folder);
  const records = { 'ipv4only.arpa': ['192.0.0.170', '192.0.0.171'], ...names };
  // The dns64 module works on what the iterator finds, so the names live in a zone the iterator asks, not in local-data.
  const zone = [
    '. 3600 IN SOA ns. admin. 1 3600 900 86400 3600',
    '. 3600 IN NS ns.',
    ...Object.entries(records).flatMap(([name, all]) => all.map((one) => `${name}. 3600 IN A ${one}`)),
  ];
  writeFileSync(join(folder, 'zone'), `${zone.join('\n')}\n`);
  const file = join(folder, 'unbound.conf');
  writeFileSync(
    file,
    `server:
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: "${folder}/pid"
  use-syslog: no
  interface: ${address}
  access-control: ::/0 allow
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  module-config: "dns64 iterator"
  dns64-prefix: ${prefix}
  local-zone: "ipv4only.arpa." transparent
auth-zone:
  name: "."
  zonefile: "${folder}/zone"
  for-downstream: no
  for-upstream: yes
remote-control:
  control-enable: no
`,
  );
  const child = namespace.start('unbound', ['-d', '-c', file]);
  await answersDns(namespace, address, child);
  return child;
}

/** What the scripted server answers; see parts/dns64.js. */
export interface Answers {
  prefixes?: string[];
  names?: Record<string, string[]>;
  raw?: Record<string, string[]>;
  ttl?: number;
  rcode?: 'SERVFAIL' | 'NXDOMAIN' | 'REFUSED' | 'FORMERR';
  silent?: boolean;
}

export class ScriptedDns64 {
  readonly process: Process;
  readonly #file: string;

  constructor(sandbox: Sandbox, namespace: Namespace, address: string, answers: Answers) {
    this.#file = sandbox.file(`dns64-${++servers}.json`, JSON.stringify(answers));
    this.process = namespace.start(process.execPath, [part('dns64.js'), address, this.#file]);
  }

  async ready(): Promise<this> {
    await this.process.says(/^ready$/m);
    return this;
  }

  /** The questions asked so far, as `NAME TYPE`. */
  get questions(): string[] {
    return this.process.stdout.split('\n').filter((line) => line.includes(' '));
  }

  /** Answers this from now on. */
  async change(answers: Answers): Promise<void> {
    const reads = () => this.process.stdout.split(/^read$/m).length;
    const before = reads();
    writeFileSync(this.#file, JSON.stringify(answers));
    this.process.signal('SIGHUP');
    await until('the resolver to read its answers', () => reads() > before);
  }
}

async function answersDns(namespace: Namespace, address: string, child: Process): Promise<void> {
  let ended = false;
  await until(`an answer from the resolver ${address}`, async () => {
    ended = !child.running;
    const asked = namespace.run('dig', [
      ...[`@${address}`, '+time=1', '+tries=1', '+short', 'ipv4only.arpa', 'AAAA'],
    ]);
    return ended || (await asked).stdout.includes(':');
  });
  if (ended) throw new Error(`${child.command} ended:\n${child.output}`);
}
