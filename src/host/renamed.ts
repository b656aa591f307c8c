/**
 * Interfaces that were renamed since a step was done (systemd-udevd does it, and administrators do): a step names them,
 * the kernel knows them by index. Pure.
 */
import type { Before, Done, Step } from './plan.ts';

export interface NamedLink {
  readonly index: number;
  readonly name: string;
}

/** The interfaces that a step names, with their indices, for the journal; nothing where none of them is known. */
export function devicesOf(step: Step, links: readonly NamedLink[]): Pick<Before, 'devs'> {
  const names = new Set(namesIn(step));
  const devs = links.filter(({ name }) => names.has(name)).map(({ name, index }) => [name, index]);
  return devs.length === 0 ? {} : { devs: Object.fromEntries(devs) };
}

function namesIn(step: Step): string[] {
  if (step.kind === 'sysctl') return [step.key, ...step.drags].flatMap((key) => interfaceIn(key) ?? []);
  return 'dev' in step ? [step.dev] : [];
}

/** net/ipv6/conf/eth0/forwarding and the like. */
const PER_INTERFACE = /^(net\/ipv[46]\/(?:conf|neigh)\/)([^/]+)(\/.*)$/;

const interfaceIn = (key: string): string | undefined => PER_INTERFACE.exec(key)?.[2];

/** The steps with the names that their interfaces have now. One whose interface is gone, or kept its name, is the same. */
export function withPresentNames(done: readonly Done[], links: readonly NamedLink[]): Done[] {
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return done.map((one) => {
    const renames = new Map<string, string>();
    for (const [was, index] of Object.entries(one.before.devs ?? {})) {
      const now = names.get(index);
      if (now !== undefined && now !== was) renames.set(was, now);
    }
    return renames.size === 0 ? one : renamed(one, renames);
  });
}

function renamed({ step, before }: Done, renames: ReadonlyMap<string, string>): Done {
  const name = (was: string): string => renames.get(was) ?? was;
  const key = (was: string): string =>
    was.replace(PER_INTERFACE, (_, head: string, dev: string, tail: string) => `${head}${name(dev)}${tail}`);
  const { values, devs } = before;
  return {
    step: renamedStep(step, name, key),
    before: {
      ...before,
      ...(values === undefined ? {} : { values: mapKeys(values, key) }),
      ...(devs === undefined ? {} : { devs: mapKeys(devs, name) }),
    },
  };
}

function renamedStep(step: Step, name: (was: string) => string, key: (was: string) => string): Step {
  if (step.kind === 'sysctl') return { ...step, key: key(step.key), drags: step.drags.map(key) };
  return 'dev' in step ? { ...step, dev: name(step.dev) } : step;
}

const mapKeys = <T>(
  record: Readonly<Record<string, T>>,
  change: (key: string) => string,
): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [change(key), value]));

/** Another interface has the name by now: what was set on the first one went with it. */
export function wasReplaced({ step, before }: Done, links: readonly NamedLink[]): boolean {
  const dev = step.kind === 'sysctl' ? interfaceIn(step.key) : 'dev' in step ? step.dev : undefined;
  const index = dev === undefined ? undefined : before.devs?.[dev];
  const now = links.find(({ name }) => name === dev);
  return index !== undefined && now !== undefined && now.index !== index;
}
