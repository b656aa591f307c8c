/**
 * What was done and is not so any more (CLAT-16): somebody set it back, or the kernel took it away. Pure functions of a
 * step and of the host's state.
 */
import { check, isLost, type Step, type SysctlStep } from './plan.ts';
import { findLink, type HostState } from './state.ts';
import type { Sysctls } from './sysctl.ts';

/** True where a step that was done is there no more, or not as it was done; what vanished as a whole is told elsewhere. */
export function isUndone(step: Step, state: HostState): boolean {
  switch (step.kind) {
    case 'link':
      return findLink(state, step.dev) !== undefined && check(step, state).is === 'needed';
    case 'sysctl':
      return isChanged(step, state.sysctls);
    case 'accept':
    case 'nft':
      return isLost(step, state);
    case 'routes':
      return changedRoutes(step, state).length > 0;
    case 'address':
    case 'proxy':
    case 'rule':
      return false;
  }
}

/** A value other than ours, which does not do as well. */
export function isChanged({ key, value }: SysctlStep, sysctls: Sysctls): boolean {
  const now = sysctls.read(key);
  if (now === null || now === value) return false;
  // Whoever turned router advertisements off handles them otherwise; and no filter is looser than a loose one.
  return !(now === '0' && (key.endsWith('/accept_ra') || key.endsWith('/rp_filter')));
}

/** Routes of a step that are there with another MTU or next hop. */
export function changedRoutes(step: Step, state: HostState): string[] {
  if (step.kind !== 'routes') return [];
  const wanted = new Set(step.to);
  const { table } = step;
  const routes = table === undefined ? state.routes : state.tables.filter((one) => one.table === `${table}`);
  return routes
    .filter(
      ({ family, dst, devs, metric, mtu, gateway }) =>
        family === step.family &&
        metric === step.metric &&
        devs.includes(step.dev) &&
        wanted.has(dst) &&
        (mtu !== step.mtu || gateway !== step.gateway),
    )
    .map(({ dst }) => dst);
}
