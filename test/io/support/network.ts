/** Runs the tests of a file inside a network namespace of their own: the thread of the test itself moves there. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import { native } from '../../../src/io/native.ts';
import { cannotSandbox, Sandbox } from '../../netns/sandbox.ts';

/** Why these tests cannot run here, or null. */
export const blocked = cannotSandbox();
if (blocked !== null) console.warn(`skipped: ${blocked}`);

export interface Network {
  /** `ip …` here; arguments in one string. */
  ip(args: string, input?: string): string;
  /** `ip -json …` here. */
  // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON has no schema; tests read a few fields of it.
  ipJson(args: string): any[];
  /** Runs something in the other namespace, which the veth `far` leads to. */
  elsewhere<T>(action: () => T): T;
}

/** Two namespaces connected by a veth pair: `near` here, `far` there. */
export function inNetwork(): Network {
  if (blocked !== null) return { ip: () => '', ipJson: () => [], elsewhere: (action) => action() };
  let sandbox: Sandbox;
  let here = '';
  let there = '';
  let home = -1;
  beforeAll(() => {
    sandbox = new Sandbox();
    const [a, b] = [sandbox.namespace('io'), sandbox.namespace('far')];
    sandbox.link({ namespace: a, name: 'near' }, { namespace: b, name: 'far' });
    here = `/run/netns/${a.name}`;
    there = `/run/netns/${b.name}`;
    home = openSync('/proc/thread-self/ns/net', 'r');
    enter(here);
  });
  afterAll(async () => {
    enter(`/proc/self/fd/${home}`);
    closeSync(home);
    await sandbox.close();
  });
  const ip = (args: string, input = '') =>
    execFileSync('ip', args.split(' '), { encoding: 'utf8', stdio: 'pipe', input });
  return {
    ip,
    ipJson: (args) => JSON.parse(ip(`-json ${args}`)),
    elsewhere(action) {
      enter(there);
      try {
        return action();
      } finally {
        enter(here);
      }
    },
  };
}

function enter(path: string): void {
  const result = native().enterNetwork(path);
  if (result !== 0) throw new Error(`cannot enter ${path}: ${result}`);
}
