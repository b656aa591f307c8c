/**
 * Makes a plan true, step by step with the journal one step ahead, and takes it back in reverse.
 *
 * Bringing a plan about is reconciling: what the journal says was done and the plan no longer wants is undone, what it
 * wants and is not there is done, the rest is not touched. So applying twice changes nothing, and a reload or a new
 * uplink is simply another plan.
 */
import { Contest } from './contest.ts';
import { type Firewall, readFirewall } from './firewall.ts';
import { ipBatch, ipBatchForce, ipJson, ToolFailedError } from './iproute.ts';
import type { Journal, Left } from './journal.ts';
import { isNoSuch, type NftObject, nftList, nftScript } from './nft.ts';
import {
  type AcceptStep,
  applyLines,
  check,
  type Done,
  describe,
  type Entry,
  insertLines,
  overtakenAt,
  type RouteStep,
  type Step,
  type SysctlStep,
  undoLines,
} from './plan.ts';
import { remark } from './remark.ts';
import { devicesOf, type NamedLink, wasReplaced, withPresentNames } from './renamed.ts';
import { findLink, type HostState, readHost } from './state.ts';
import { procSysctls, SysctlError, type Sysctls } from './sysctl.ts';
import { changedRoutes, isUndone } from './undone.ts';

/** Where the steps are reported; a pino logger fits. */
export interface HostLog {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
}

/** The ways to the host. */
export interface Host {
  readonly sysctls: Sysctls;
  read(): Promise<HostState>;
  /** All interfaces, no more of the host. */
  links(): Promise<readonly NamedLink[]>;
  /** As ipBatch. */
  ip(lines: readonly string[]): Promise<void>;
  /** As ipBatchForce. */
  ipForce(lines: readonly string[]): Promise<ToolFailedError[]>;
  /** Runs an nft script; throws as runTool. */
  nft(script: string): Promise<void>;
  /** As readFirewall. */
  firewall(): Promise<Firewall>;
  /** As nftList. */
  nftList(what: string): Promise<readonly NftObject[]>;
}

/** The host this process runs on (its network namespace). */
export function linuxHost(): Host {
  const sysctls = procSysctls();
  return {
    sysctls,
    read: () => readHost(sysctls),
    links: async () => {
      const all = await ipJson<{ ifindex: number; ifname: string }>(['link', 'show']);
      return all.map(({ ifindex, ifname }) => ({ index: ifindex, name: ifname }));
    },
    ip: ipBatch,
    ipForce: ipBatchForce,
    firewall: readFirewall,
    nft: nftScript,
    nftList,
  };
}

/** Something of someone else is in the way; nothing of it was touched. */
export class HostConflictError extends Error {
  override readonly name = 'HostConflictError';
  readonly conflicts: readonly string[];
  constructor(conflicts: readonly string[]) {
    super(
      `the host cannot be configured: ${conflicts.join('; ')} (clatd plan shows all; --no-configure leaves it to you)`,
    );
    this.conflicts = conflicts;
  }
}

/** RFC 8200 §5: below it the kernel takes IPv6 away from an interface. */
const MIN_MTU6 = 1280;

/** What is undone again and again, by the journal of the process that does it again. */
const contests = new WeakMap<Journal, Contest>();

function contestOf(journal: Journal): Contest {
  const known = contests.get(journal);
  if (known !== undefined) return known;
  const made = new Contest();
  contests.set(journal, made);
  return made;
}

/** Something is left as somebody set it, and to be tried once more some time: by another look at the host. */
export const isContested = (journal: Journal): boolean => contestOf(journal).open;

/**
 * Makes the plan's entries true. After a failure all is as it was before the call: what it did is undone, what it undid
 * is done again, and the journal says so.
 * Throws HostConflictError, ToolMissingError, ToolFailedError, SysctlError or JournalError.
 * `beforeStep` is called after a step was journaled and before it is done. `known`: the host as it was just read.
 */
export async function applyPlan(
  entries: readonly Entry[],
  journal: Journal,
  host: Host,
  log: HostLog,
  beforeStep: (index: number) => void = () => {},
  known: HostState | null = null,
): Promise<void> {
  let base = journal.done;
  const contest = contestOf(journal);
  contest.keep(() => new Set(entries.flatMap(({ step }) => keysOf(step))));
  try {
    const { firewall } = known ?? {};
    const again = async () => ({
      ...(await host.read()),
      ...(firewall === undefined ? {} : { firewall }),
    });
    let state = known ?? (await host.read());
    // First of all: with its link down or too narrow an interface has no routes, and no IPv6.
    const links = await raiseLinks(entries, journal, state, contest, host, log);
    if (links.raised) state = await again();
    const gone = forgetVanished(journal, state);
    base = journal.done;
    if (await dropUnwanted(entries, journal, host, log, (step) => isSuperseded(step, entries))) {
      state = await again();
    }
    // Each start of `ip` costs as much as all that it does: what comes together is done together.
    const batch: { done: Done; why: string }[] = [];
    const flush = async (): Promise<void> => {
      await host.ip(batch.flatMap(({ done }) => applyLines(done.step, done.before)));
      for (const { done, why } of batch.splice(0)) log.info(`${describe(done.step)}: done. ${why}`);
    };
    for (const [index, { step, why, optional = false }] of entries.entries()) {
      if ([...links.left].some((dev) => concerns(step, dev))) continue;
      if (!isOfIp(step)) await flush();
      const amended = journal.done.find((one) => isAmended(one.step, step));
      if (amended !== undefined) {
        journal.write(journal.done.map((one) => (one === amended ? { ...one, step } : one)));
        beforeStep(index);
        await flush();
        await host.ip(amendLines(step));
        log.info(`${describe(step)}: changed. ${why}`);
        continue;
      }
      const lacking = notYetDone(step, journal.done);
      if (lacking === null) {
        await doAgain({ step, why, optional }, state, contest, host, log);
        continue;
      }
      const missing = withoutLost(lacking, gone, contest, log);
      if (missing === null) continue;
      const finding = check(missing, state);
      if (finding.is === 'conflict') throw new HostConflictError([`${describe(missing)}: ${finding.with}`]);
      if (finding.is === 'so') {
        log.debug(`${describe(missing)}: is so already`);
        continue;
      }
      const done: Done = {
        step: missing,
        before: { ...finding.before, ...devicesOf(missing, state.links) },
      };
      journal.write([...journal.done, done]);
      beforeStep(index);
      const because = keysOf(missing).some((key) => gone.has(key)) ? 'It was gone.' : why;
      if (isOfIp(missing) && !optional) batch.push({ done, why: because });
      else {
        await flush();
        if (await tryApply(done, optional, host, log)) log.info(`${describe(missing)}: done. ${because}`);
        else if (optional) journal.write(journal.done.filter((one) => one !== done));
      }
    }
    await flush();
    await dropUnwanted(entries, journal, host, log);
  } catch (error) {
    await takeBack(base, journal, host, log);
    throw error;
  }
}

/** Back to `base`, the changes that were in force before. */
async function takeBack(base: readonly Done[], journal: Journal, host: Host, log: HostLog): Promise<void> {
  const { added, dropped, amended } = difference(base, journal.done);
  const left = [...journal.left, ...asLeft(await undo(added, host, log))];
  // One step ahead of what is done again.
  const refusal = journal.note(base, left);
  if (refusal !== null) log.debug(refusal.message);
  for (const { step } of amended) await host.ip(amendLines(step)).catch(notBack(step, log));
  if (dropped.length === 0) return;
  const state = await host.read().catch(() => null);
  for (const done of dropped) {
    if (state !== null && check(done.step, state).is === 'so') continue;
    await apply(done, host).catch(notBack(done.step, log));
  }
}

const notBack =
  (step: Step, log: HostLog) =>
  (error: Error): void =>
    log.warn(`${describe(step)} was undone and could not be done again: ${error.message}`);

/**
 * Does again what somebody undid of the links, since all else depends on them. `left`: those that are left as they are.
 */
async function raiseLinks(
  entries: readonly Entry[],
  journal: Journal,
  state: HostState,
  contest: Contest,
  host: Host,
  log: HostLog,
): Promise<{ raised: boolean; left: ReadonlySet<string> }> {
  let raised = false;
  const left = new Set<string>();
  for (const { step } of entries) {
    if (step.kind !== 'link') continue;
    const link = findLink(state, step.dev);
    if (notYetDone(step, journal.done) !== null) {
      // A device of our own that somebody made too narrow for IPv6: nothing could be set on it.
      if (step.mtu === null || link === undefined || link.mtu >= MIN_MTU6) continue;
      await host.ip([`link set dev ${step.dev} mtu ${step.mtu}`]);
      raised = true;
      continue;
    }
    if (!isUndone(step, state)) continue;
    if (mayAgain(step, keysOf(step), contest, log).length === 0) {
      left.add(step.dev);
      continue;
    }
    await host.ip(applyLines(step, {}));
    log.info(`${describe(step)}: was undone, done again`);
    raised = true;
  }
  return { raised, left };
}

/** Would fail while that interface is down. */
const concerns = (step: Step, dev: string): boolean =>
  step.kind === 'sysctl' ? step.key.split('/').includes(dev) : 'dev' in step && step.dev === dev;

/** What was done and stands in the journal, where it is not so any more. */
async function doAgain(
  { step, optional = false }: Entry,
  state: HostState,
  contest: Contest,
  host: Host,
  log: HostLog,
): Promise<void> {
  const overtaken = overtakenAt(step, state);
  if (overtaken !== null) {
    await putFirst(step, overtaken, contest, host, log);
    return;
  }
  // Links came first of all, and are not read anew.
  if (step.kind === 'link' || !isUndone(step, state)) {
    if (contest.any) for (const key of keysOf(step)) contest.settled(key);
    return;
  }
  const changed = changedRoutes(step, state);
  const keys = step.kind === 'routes' ? keysOf({ ...step, to: changed }) : keysOf(step);
  const allowed = mayAgain(step, keys, contest, log);
  if (allowed.length === 0) return;
  if (step.kind === 'routes') {
    const some: RouteStep = { ...step, to: changed.filter((to) => allowed.includes(keyOf(step, to))) };
    await host.ip(amendLines(some));
    log.info(`${describe(some)}: was changed, set again`);
  } else if (await tryApply({ step, before: {} }, optional, host, log)) {
    log.info(`${describe(step)}: was undone, done again`);
  }
}

/** The step, or of routes the part of it, that may be done: not what somebody takes away again and again; null: nothing. */
function withoutLost(step: Step, gone: ReadonlySet<string>, contest: Contest, log: HostLog): Step | null {
  const keys = keysOf(step);
  const lost = keys.filter((key) => gone.has(key) || contest.isLeft(key));
  if (lost.length === 0) return step;
  const refused = new Set(lost);
  for (const key of mayAgain(step, lost, contest, log)) refused.delete(key);
  if (step.kind !== 'routes') return refused.size === 0 ? step : null;
  const to = step.to.filter((one) => !refused.has(keyOf(step, one)));
  return to.length === 0 ? null : { ...step, to };
}

/** Those that may be done again; the others are named once. */
function mayAgain(step: Step, keys: readonly string[], contest: Contest, log: HostLog): string[] {
  const verdicts = keys.map((key) => contest.again(key));
  if (verdicts.includes('lost')) {
    log.warn(
      `${describe(step)}: somebody undid it three times within a minute, so it is left as it is for now, and IPv4 may not work: find out who changes it`,
    );
  }
  return keys.filter((_, i) => verdicts[i] === 'again');
}

const isOfIp = ({ kind }: Step): boolean =>
  kind === 'link' || kind === 'address' || kind === 'routes' || kind === 'rule' || kind === 'proxy';

/** Undoes everything in the journal, latest first, and ends it: what cannot be undone is kept for the next start. @returns false: some could not */
export async function rollback(journal: Journal, host: Host, log: HostLog): Promise<boolean> {
  const before = journal.left;
  const failed = await undo([...before.map(({ done }) => done), ...journal.done], host, log);
  const tries = new Map(before.map((one) => [JSON.stringify(one.done), one.tries]));
  const left = failed.map((done) => ({ done, tries: tries.get(JSON.stringify(done)) ?? 0 }));
  if (left.length > 0) {
    log.warn(
      `${left.length === 1 ? 'one change' : `${left.length} changes`} of the host could not be undone: the next start of clatd tries again; to keep it from that, delete ${journal.path}`,
    );
  }
  try {
    journal.end(left);
  } catch (error) {
    log.warn((error as Error).message);
  }
  return left.length === 0;
}

/**
 * Undoes what was done before and is not wanted any more, but what is to stay for now. @returns true where there was
 * something
 */
async function dropUnwanted(
  entries: readonly Entry[],
  journal: Journal,
  host: Host,
  log: HostLog,
  staysForNow: (step: Step) => boolean = () => false,
): Promise<boolean> {
  const wanted = new Map<string, Set<string>>();
  for (const { step } of entries) wanted.set(shape(step), new Set(step.kind === 'routes' ? step.to : []));
  const keep: Done[] = [];
  const drop: Done[] = [];
  for (const done of journal.done) {
    const routes = wanted.get(shape(done.step));
    if (routes === undefined) {
      const stays = staysForNow(done.step) || entries.some(({ step }) => isAmended(done.step, step));
      if (stays) keep.push(done);
      else drop.push(done);
    } else if (done.step.kind === 'routes') {
      keep.push(...part(done, done.step, (to) => routes.has(to)));
      drop.push(...part(done, done.step, (to) => !routes.has(to)));
    } else {
      keep.push(done);
    }
  }
  if (drop.length === 0) return false;
  // Where the journal cannot be written, nothing new can be done: better known before anything goes.
  if (entries.length > 0) journal.write(journal.done);
  const left = [...journal.left, ...asLeft(await undo(drop, host, log))];
  const refusal = journal.note(keep, left);
  if (refusal !== null) log.warn(`undone, but still in the journal: ${refusal.message}`);
  return true;
}

/** No start has tried yet. */
const asLeft = (failed: readonly Done[]): Left[] => failed.map((done) => ({ done, tries: 0 }));

/**
 * What the kernel took away by itself is not ours to undo, and is to be done again where it is wanted: with its
 * interface an uplink loses its proxy entries, its routes, its addresses. What was renamed is still ours.
 * @returns the keys of what is gone
 */
function forgetVanished(journal: Journal, state: HostState): Set<string> {
  const keep = withPresentNames(journal.done, state.links).flatMap((done) => stillThere(done, state));
  const same = keep.length === journal.done.length && keep.every((one, i) => one === journal.done[i]);
  if (same) return new Set();
  const gone = new Set(journal.done.flatMap(({ step }) => keysOf(step)));
  for (const { step } of keep) for (const key of keysOf(step)) gone.delete(key);
  journal.note(keep);
  return gone;
}

/** What the kernel takes away without being asked, with an interface that goes down or an address that goes. */
const VANISHES: Readonly<Record<Step['kind'], boolean>> = {
  ...{ proxy: true, address: true, routes: true, rule: true },
  ...{ sysctl: false, link: false, accept: false, nft: false },
};

function stillThere(done: Done, state: HostState): Done[] {
  const { step } = done;
  if (wasReplaced(done, state.links)) return [];
  if (step.kind === 'sysctl') return state.sysctls.read(step.key) === null ? [] : [done];
  if (!VANISHES[step.kind]) return [done];
  const finding = check(step, state);
  if (finding.is !== 'needed') return [done];
  if (step.kind !== 'routes') return [];
  const present = new Set(finding.before.present);
  return part(done, step, (to) => present.has(to));
}

/** Adds a policy rule anew, which the kernel then puts before all others, unless somebody does the same all the time. */
async function putFirst(
  step: Step,
  priority: number,
  contest: Contest,
  host: Host,
  log: HostLog,
): Promise<void> {
  const verdict = contest.again(shape(step));
  if (verdict === 'again') {
    // The new one stands before the old one goes: no packet meets neither.
    const [old = ''] = undoLines({ step, before: {} });
    await host.ip([...applyLines(step, {}), `${old} priority ${priority}`]);
    log.info(`${describe(step)}: put before the rules that somebody added`);
  }
  if (verdict === 'lost') {
    log.warn(
      `conflict: somebody keeps putting policy rules before ours (${describe(step)}; ip -6 rule show): IPv4 may not work until that ends`,
    );
  }
}

/** The same thing with other particulars, changed in place: a link taken down would lose all its routes. */
function isAmended(was: Step, now: Step): boolean {
  if (was.kind === 'link' && now.kind === 'link') return was.dev === now.dev && was.mtu !== now.mtu;
  if (!isSingle(was) || !isSingle(now) || shape(was) === shape(now)) return false;
  return sameRoute(was, now) && was.metric === now.metric;
}

/** A default route with another metric: the new one stands before the old one goes, so that no packet meets neither. */
const isSuperseded = (was: Step, entries: readonly Entry[]): boolean =>
  entries.some(
    ({ step }) =>
      isSingle(was) &&
      isSingle(step) &&
      was.to[0] === 'default' &&
      sameRoute(was, step) &&
      was.metric !== step.metric,
  );

const isSingle = (step: Step): step is RouteStep => step.kind === 'routes' && step.to.length === 1;

/** To the same destination by the same interface, in the same table. */
const sameRoute = (a: RouteStep, b: RouteStep): boolean =>
  a.to[0] === b.to[0] &&
  a.family === b.family &&
  a.dev === b.dev &&
  a.table === b.table &&
  a.type === undefined &&
  b.type === undefined;

const amendLines = (step: Step): string[] =>
  applyLines(step, {}).map((line) => line.replace(/^route add/, 'route replace'));

/** The routes of a step that pass, as a step of their own; none: no step. */
function part({ before }: Done, step: RouteStep, passes: (to: string) => boolean): Done[] {
  const to = step.to.filter(passes);
  return to.length === 0 ? [] : [{ step: { ...step, to }, before }];
}

/** What `now` has and `base` has not, the other way round, and the steps of `base` that `now` has with other particulars. */
function difference(
  base: readonly Done[],
  now: readonly Done[],
): { added: Done[]; dropped: Done[]; amended: Done[] } {
  const minus = (some: readonly Done[], others: readonly Done[]): Done[] =>
    some.flatMap(({ step, before }) => {
      const missing = notYetDone(step, others);
      return missing === null ? [] : [{ step: missing, before }];
    });
  const added = minus(now, base);
  const dropped = minus(base, now);
  const amends = (was: Done, is: Done): boolean => isAmended(was.step, is.step);
  return {
    added: added.filter((is) => !dropped.some((was) => amends(was, is))),
    dropped: dropped.filter((was) => !added.some((is) => amends(was, is))),
    amended: dropped.filter((was) => added.some((is) => amends(was, is))),
  };
}

/** What is the same in two steps that do the same thing: everything, save that routes are told apart one by one. */
function shape(step: Step): string {
  return JSON.stringify(step.kind === 'routes' ? { ...step, to: [] } : step);
}

/** What a contest is about: a step, and of routes each one. */
const keysOf = (step: Step): string[] =>
  step.kind === 'routes' ? step.to.map((to) => keyOf(step, to)) : [shape(step)];
const keyOf = (step: RouteStep, to: string): string => shape({ ...step, to: [] }) + to;

/** The step, or of routes the part of it, that the journal does not hold; null: it holds all. */
function notYetDone(step: Step, done: readonly Done[]): Step | null {
  const held = done.filter((one) => shape(one.step) === shape(step));
  if (held.length === 0) return step;
  if (step.kind !== 'routes') return null;
  const there = new Set(held.flatMap((one) => (one.step.kind === 'routes' ? one.step.to : [])));
  const to = step.to.filter((one) => !there.has(one));
  return to.length === 0 ? null : { ...step, to };
}

/**
 * apply, save that what only makes things nicer, and other people's firewalls, may be left as they are: then false, with a
 * warning, said once.
 */
async function tryApply(done: Done, optional: boolean, host: Host, log: HostLog): Promise<boolean> {
  const { step } = done;
  try {
    await apply(done, host);
    return true;
  } catch (error) {
    const isRefusal = error instanceof ToolFailedError || error instanceof SysctlError;
    // Someone may be changing that chain right now, or have it locked: no reason to leave the host without IPv4.
    if (!isRefusal || !(optional || step.kind === 'accept')) throw error;
    const what =
      step.kind === 'accept'
        ? 'could not be set, packets may be dropped there'
        : 'could not be had, and IPv4 does without';
    remark(log, 'warn', `${describe(step)} ${what}: ${error.message}`);
    return false;
  }
}

async function apply({ step, before }: Done, host: Host): Promise<void> {
  switch (step.kind) {
    case 'sysctl':
      host.sysctls.write(step.key, step.value);
      return;
    case 'accept':
      await host.nft(
        [...deleteLines(step, await ourHandles(step, host)), ...insertLines(step), ''].join('\n'),
      );
      return;
    case 'nft':
      await host.nft(`${dropTable(step)}${step.rules}\n`);
      return;
    default:
      await host.ip(applyLines(step, before));
  }
}

/** Never throws: what cannot be undone is logged, the rest is undone. @returns what could not */
export async function undo(done: readonly Done[], host: Host, log: HostLog): Promise<Done[]> {
  if (done.length === 0) return [];
  const named = withPresentNames(done, await presentLinks(done, host));
  // A whole exit takes one `ip` process: a stop must end within a second, however many steps there are. Sysctls
  // come after all that `ip` undoes, as they came before it, and go back in their own reverse order.
  const reversed = [...named].reverse();
  const failed = new Set<Done>();
  const fail = (one: Done, error: Error): void => {
    failed.add(one);
    log.warn(`${describe(one.step)} could not be undone: ${error.message}`);
  };
  const proxies = await presentProxies(reversed, host);
  const ofIp = [...reversed.filter(({ step }) => step.kind !== 'proxy'), ...proxies];
  const owners = new Map<string, Done>();
  for (const one of ofIp) for (const line of undoLines(one)) owners.set(`ip ${line}`, one);
  try {
    for (const refusal of await host.ipForce(ofIp.flatMap(undoLines))) {
      const one = owners.get(refusal.command);
      if (isGone(refusal)) log.debug(`gone already: ${refusal.message}`);
      else if (one === undefined) log.warn(`could not be undone: ${refusal.message}`);
      else fail(one, refusal);
    }
  } catch (error) {
    for (const one of new Set(owners.values())) fail(one, error as Error);
  }
  for (const one of reversed) {
    const { step, before } = one;
    try {
      if (step.kind === 'nft') await host.nft(dropTable(step));
      if (step.kind === 'accept') await removeRules(step, host);
      if (step.kind === 'sysctl') restoreSysctl(step, before.values ?? {}, host.sysctls, log);
    } catch (error) {
      fail(one, error as Error);
    }
  }
  return named.filter((one) => failed.has(one));
}

async function presentLinks(done: readonly Done[], host: Host): Promise<readonly NamedLink[]> {
  if (!done.some(({ before }) => before.devs !== undefined)) return [];
  return host.links().catch(() => []);
}

/**
 * The proxy entries that are still there. Where one is not, `ip -force -batch` ends in place of going on with the next
 * line (iproute2 6.1, ipneigh.c: exit(2)); for the same reason proxies come last.
 */
async function presentProxies(done: readonly Done[], host: Host): Promise<Done[]> {
  const all = done.filter(({ step }) => step.kind === 'proxy');
  if (all.length === 0) return all;
  try {
    const state = await host.read();
    return all.filter(({ step }) => check(step, state).is === 'so');
  } catch {
    return all;
  }
}

function restoreSysctl(
  step: SysctlStep,
  values: Readonly<Record<string, string>>,
  sysctls: Sysctls,
  log: HostLog,
): void {
  const now = sysctls.read(step.key);
  if (now === null) return;
  if (now !== step.value && now !== values[step.key]) {
    log.warn(`${step.key} was set to ${now} by someone else meanwhile: left so`);
    return;
  }
  // The step's own key first: writing it drags the others along.
  for (const [key, value] of Object.entries(values)) {
    const current = sysctls.read(key);
    if (current === null || current === value) continue;
    try {
      sysctls.write(key, value);
    } catch (error) {
      // An interface may vanish between the look and the write.
      if (error instanceof SysctlError && sysctls.read(key) === null) continue;
      throw error;
    }
  }
}

/** Rules of ours in someone else's chain; none where the chain is gone. */
async function ourHandles(step: AcceptStep, host: Host): Promise<number[]> {
  const { family, table, chain, comment } = step;
  try {
    const objects = await host.nftList(`chain ${family} ${table} ${chain}`);
    return objects.flatMap(({ rule }) => (rule?.comment === comment ? [rule.handle] : []));
  } catch (error) {
    if (isNoSuch(error)) return [];
    throw error;
  }
}

const deleteLines = ({ family, table, chain }: AcceptStep, handles: readonly number[]): string[] =>
  handles.map((handle) => `delete rule ${family} ${table} ${chain} handle ${handle}`);

/** Looks again where a rule went away between the look and the deletion: a firewall that is loaded anew takes all. */
async function removeRules(step: AcceptStep, host: Host, attempts = 3): Promise<void> {
  const handles = await ourHandles(step, host);
  if (handles.length === 0) return;
  try {
    await host.nft(`${deleteLines(step, handles).join('\n')}\n`);
  } catch (error) {
    if (!isNoSuch(error) || attempts === 1) throw error;
    await removeRules(step, host, attempts - 1);
  }
}

/** "add" before "delete", so that it succeeds whether the table is there or not. */
function dropTable({ family, table }: { family: string; table: string }): string {
  return `add table ${family} ${table}\ndelete table ${family} ${table}\n`;
}

/** Refusals that say the thing is not there any more, or never was: the aim is reached. */
function isGone(error: Error): boolean {
  return /Cannot find device|No such (process|device|file or directory)|Cannot assign requested address|not found|does not exist/.test(
    error.message,
  );
}
