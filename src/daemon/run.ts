/**
 * `clatd run`: from a configuration to packets flowing, and back.
 *
 *     journal (undo what a killed predecessor left) -> open the TUN -> plan and apply host changes -> tables -> packets
 *     SIGHUP: load again -> plan and tables anew        SIGTERM, SIGINT: undo host changes -> close the TUN
 *
 * Without mappings of the administrator's, what to configure is for clat.ts to find out, again and again.
 */
import { type Inside, sameInside } from '../address/inside.ts';
import { sharedBytes } from '../address/shared.ts';
import { changes, inWords } from '../config/changes.ts';
import { compile } from '../config/compile.ts';
import { isAutomatic, type RunConfig, type TranslationConfig } from '../config/config.ts';
import { mappings } from '../config/count.ts';
import { withLan } from '../config/lan.ts';
import type { Loaded, RawOptions } from '../config/load.ts';
import { chooseMss, type MssChoice } from '../config/mss.ts';
import { Extra } from '../dataplane/counters.ts';
import { SharedGarbage } from '../dataplane/v8.ts';
import { applyPlan, type Host, HostConflictError, isContested, linuxHost, rollback } from '../host/apply.ts';
import { readInside } from '../host/inside.ts';
import type { Journal } from '../host/journal.ts';
import { readMtu, watchMtu } from '../host/mtu.ts';
import { isQuietlyUndone, watchQuiet } from '../host/quiet.ts';
import { openJournal } from '../host/recovery.ts';
import { remark } from '../host/remark.ts';
import { type ClatSurroundings, prepareHost, readForPlan } from '../host/run-plan.ts';
import type { HostState } from '../host/state.ts';
import { Offload } from '../io/device.ts';
import { native } from '../io/native.ts';
import { REASONS } from '../translate/reasons.ts';
import type { Tables } from '../translate/tables.ts';
import { bootClock, stableBytes } from './boot.ts';
import type { Clat, Up } from './clat.ts';
import { DataPlane } from './dataplane.ts';
import { deferred } from './deferred.ts';
import type { Logger } from './log.ts';
import type { Notifier } from './notify.ts';
import { type Outcome, Reloads } from './reloads.ts';
import { statusByHand } from './status.ts';
import type { Upkeep } from './upkeep.ts';

/** The host, of which some is read already. */
function withKnown(host: Host, state: HostState): Host {
  const { firewall } = state;
  return {
    ...host,
    read: async () => state,
    firewall: firewall === undefined ? host.firewall : async () => firewall,
  };
}

export interface DaemonDeps {
  readonly log: Logger;
  readonly notify: Notifier;
  /** The options of the start, as they were given. */
  readonly given: RawOptions;
  /** What outlives this process and this boot is kept there. */
  readonly stateDirectory: string;
  /** Reads options and files again (SIGHUP). */
  readonly reload: () => Loaded<RunConfig>;
}

/** RFC 8200 §5 (GEN-1). */
const MIN_MTU6 = 1280;
/** By then the translator has met its first traffic and is compiled. */
const TRIM_AFTER_MS = 2_000;

export class Daemon {
  #config: RunConfig;
  /** The options in force, as they were given. */
  #given: RawOptions;
  readonly #deps: DaemonDeps;
  readonly #host: Host = linuxHost();
  readonly #plane: DataPlane;
  readonly #lost = deferred<string>();
  #journal: Journal | null = null;
  #mtu = 0;
  #mss: MssChoice | null = null;
  /** RunPlan.forwarder as of the last plan. */
  #forwarder: string | null = null;
  /** What the data plane works by, without --lan; null: nothing yet, or there is no CLAT. */
  #inForce: TranslationConfig | null = null;
  /** What is on this side of the translator, as far as the host is ours to configure; and the tables in force. */
  #inside: Inside | null = null;
  #tables: Tables | null = null;
  #clat: Clat | null = null;
  /** Of a mapping by hand; null: clatd finds it by itself, or leaves the host to the administrator. */
  #upkeep: Upkeep | null = null;
  #stopWatching: () => void = () => {};
  /** Host changes one after the other: a reload must not meet a stop half way. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #reloads = new Reloads(
    (work) => this.#serial(work),
    (retryIn) => this.#reload(retryIn),
  );
  #stopping = false;
  readonly #garbage = new SharedGarbage();
  /** Bytes of shared memory allocated when it was last looked. */
  #shared = 0;

  constructor(config: RunConfig, deps: DaemonDeps) {
    this.#config = config;
    this.#given = deps.given;
    this.#deps = deps;
    const { log } = deps;
    this.#plane = new DataPlane({
      tun: config.tun,
      workers: config.workers,
      offload: config.offload,
      coalesce: config.coalesce,
      ioUring: config.ioUring,
      onLowered: (level) => {
        const name = Object.keys(Offload).find((key) => Offload[key as keyof typeof Offload] === level);
        log.warn(
          `this kernel accepts offloads and then refuses packets that use them: offload is ${name} from here on`,
        );
      },
      onLog: (reason, packet) => log.warn({ packet, reason: REASONS[reason]!.name }, REASONS[reason]!.text),
      onFailed: (why, failures) =>
        log.error(`${why}; another thread goes on with its queue (failures since the start: ${failures})`),
      onLost: (why) => this.#lost.resolve(why),
    });
  }

  /** Resolves with a sentence once the data plane ends by itself. */
  get lost(): Promise<string> {
    return this.#lost.promise;
  }

  /** Throws with a sentence for the administrator; then everything is as it was before. */
  async start(): Promise<void> {
    const { log, notify } = this.#deps;
    const config = this.#config;
    if (config.configure) this.#journal = await openJournal(config.tun, this.#host, log);
    try {
      // The host is read while the first thread starts: what the thread makes, the device, is known by itself.
      const reading = this.#journal === null || isAutomatic(config) ? null : readForPlan(config, this.#host);
      reading?.catch(() => {}); // whoever awaits it sees the refusal
      const device = await this.#plane.open();
      if (isAutomatic(config)) await this.#follow(config);
      else await this.#configure(config, null, await reading);
      await this.#watch();
      const threads = `${this.#plane.threads} ${this.#plane.threads === 1 ? 'thread' : 'threads'}`;
      const made = device.created ? 'created' : 'attached';
      if (this.#clat === null) {
        const status = statusByHand(device.name, config);
        log.info(`${status} (${made}, MTU ${this.#mtu}, ${threads})`);
        notify.ready(status);
      } else {
        log.info(`following the network with ${device.name} (${made}, ${threads})`);
        notify.ready();
      }
      // The first thread serves already; one that cannot join is a pity, not a failure.
      this.#plane
        .complete()
        .catch((error: Error) => log.warn(`fewer threads than planned: ${error.message}`));
      // Starting and compiling take memory that running does not.
      setTimeout(() => native().trimMemory(), TRIM_AFTER_MS).unref();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** What was set up is kept true from here on. */
  async #watch(): Promise<void> {
    const { log, notify } = this.#deps;
    const { tun } = this.#config;
    const ends = [watchMtu(tun, (mtu) => this.#mtuChanged(mtu))];
    this.#stopWatching = () => {
      for (const end of ends) end();
    };
    const journal = this.#journal;
    if (journal === null) return;
    if (this.#clat === null) {
      const { Upkeep } = await import('./upkeep.ts');
      const look = () => this.#lookByHand();
      this.#upkeep = new Upkeep({
        log,
        status: (text) => notify.status(text),
        well: `translating on ${tun}`,
        look,
      });
      this.#upkeep.start();
    }
    const isDue = async () =>
      isContested(journal) || (await isQuietlyUndone(journal.done, this.#host.sysctls));
    ends.push(watchQuiet(isDue, () => (this.#clat ?? this.#upkeep)?.look()));
  }

  /** @returns ms that the host took to read */
  async #lookByHand(): Promise<number> {
    let reading = 0;
    await this.#serial(async () => {
      if (this.#journal === null) return;
      const began = performance.now();
      const state = await readForPlan(this.#config, this.#host);
      reading = performance.now() - began;
      await this.#configure(this.#config, null, state);
    });
    return reading;
  }

  /** SIGHUP. A broken file or a conflict changes nothing and is named. */
  reload(): Promise<void> {
    return this.#reloads.ask();
  }

  async #reload(retryIn: number): Promise<Outcome> {
    const { log, notify } = this.#deps;
    notify.reloading();
    try {
      return await this.#loadAgain(retryIn);
    } catch (error) {
      const { message } = error as Error;
      log.error(`not reloaded: ${message}`);
      notify.ready(this.#status(`not reloaded: ${message}`));
      return 'done';
    }
  }

  async #loadAgain(retryIn: number): Promise<Outcome> {
    const { log, notify } = this.#deps;
    const loaded = this.#deps.reload();
    if (!loaded.ok) {
      for (const { where, message } of loaded.mistakes) log.error(`${where}: ${message}`);
      log.error('nothing was changed: the configuration in force stays');
      notify.ready(this.#status('the last reload found mistakes in the configuration, see the log'));
      return 'done';
    }
    for (const warning of loaded.warnings) log.warn(warning);
    const { translation, lan, nat44, firewall, eamFile, clat } = loaded.config;
    const config = { ...this.#config, translation, lan, nat44, firewall, eamFile, clat };
    const changed = inWords(changes(this.#config, this.#given, loaded.config, loaded.given));
    if (changed.restart !== null) log.warn(changed.restart);
    if (isAutomatic(config) !== (this.#clat !== null)) {
      log.error(
        isAutomatic(config)
          ? 'not reloaded: without mappings (--eam, --eam-file) clatd runs in the automatic mode, which takes a restart'
          : 'not reloaded: mappings (--eam, --eam-file) turn the automatic mode off, which takes a restart',
      );
      notify.ready(this.#status('the last reload needs a restart, see the log'));
      return 'done';
    }
    if (this.#clat !== null) {
      this.#config = config;
      this.#clat.reload(config);
      this.#given = loaded.given;
      log.info(`reloaded; ${changed.now}`);
      notify.ready();
      return 'done';
    }
    const why = await this.#reconfigure(config);
    if (why === null) {
      this.#upkeep?.lookAnyway();
      this.#given = loaded.given;
      log.info(`reloaded: ${mappings(config.translation.eam.size)}; ${changed.now}`);
      notify.ready(this.#status());
      return 'done';
    }
    if (this.#stopping) return 'done';
    const again = `trying again in ${retryIn / 1000} s`;
    log.error(`not reloaded: ${why}; what was in force stays so, ${again}`);
    notify.ready(this.#status(`not reloaded: ${why}; ${again}`));
    return 'failed';
  }

  /** For the service manager, which cannot tell by itself; null: the automatic mode speaks for itself. */
  #status(but?: string): string | undefined {
    if (this.#clat !== null) return undefined;
    const how = statusByHand(this.#plane.device.name, this.#config);
    return but === undefined ? how : `${how}; ${but}`;
  }

  /** @returns why not; then all is as it was before */
  async #reconfigure(config: RunConfig): Promise<string | null> {
    const before = {
      config: this.#config,
      translation: this.#inForce,
      mtu: this.#mtu,
      inside: this.#inside,
    };
    this.#config = config;
    try {
      await this.#configure(config);
      return null;
    } catch (error) {
      this.#config = before.config;
      if (before.translation !== null) this.#translate(before.translation, before.mtu, before.inside);
      return (error as Error).message;
    }
  }

  /** Undoes every change and ends the threads. A reload that runs is given up where it can be. */
  async stop(): Promise<'undone' | 'not all undone' | 'nothing to undo'> {
    this.#stopping = true;
    let outcome: Awaited<ReturnType<Daemon['stop']>> = 'nothing to undo';
    this.#reloads.end();
    this.#deps.notify.stopping();
    await this.#clat?.stop();
    await this.#upkeep?.stop();
    await this.#serial(async () => {
      this.#stopWatching();
      if (this.#journal !== null) {
        const all = await rollback(this.#journal, this.#host, this.#deps.log);
        outcome = all ? 'undone' : 'not all undone';
      }
      this.#journal = null;
      await this.#plane.stop();
    });
    return outcome;
  }

  /** Automatic mode: sets up what the network allows at the moment, and goes on doing so. */
  async #follow(config: RunConfig): Promise<void> {
    const { log, notify } = this.#deps;
    // Read only where it is used: a mapping given is translated by a tenth of a second sooner.
    const { Clat } = await import('./clat.ts');
    this.#clat = new Clat(config, {
      log,
      host: this.#host,
      apply: (up) => this.#serial(() => (up === null ? this.#standBack() : this.#serve(up))),
      bytes46: () => this.#plane.total(Extra.bytes46),
      pairs: () => this.#plane.pairs(),
      stateDirectory: this.#deps.stateDirectory,
      status: (text) => notify.status(text),
      stable: stableBytes(),
      now: bootClock,
    });
    await this.#clat.start();
  }

  #serve({ translation, clat, state }: Up): Promise<void> {
    return this.#configure({ ...this.#config, translation }, clat, state);
  }

  async #standBack(): Promise<void> {
    this.#inForce = null;
    if (this.#journal !== null) await applyPlan([], this.#journal, this.#host, this.#deps.log);
  }

  /** Hands the tables over, then brings the host about: no packet meets a route before its mapping. */
  async #configure(
    config: RunConfig,
    clat: ClatSurroundings | null = null,
    known: HostState | null = null,
  ): Promise<void> {
    const { log } = this.#deps;
    const { tun, lan, nat44, firewall } = config;
    const { translation } = config;
    const journal = this.#journal;
    if (journal === null) {
      const mtu = await readMtu(tun);
      if (mtu < MIN_MTU6) {
        throw new Error(
          `the MTU of ${tun} is ${mtu}, IPv6 needs ${MIN_MTU6}: ip link set ${tun} mtu ${MIN_MTU6}`,
        );
      }
      this.#translate(translation, mtu, null);
      return;
    }
    const { created } = this.#plane.device;
    const input = {
      tun,
      created,
      ...withLan(translation, lan),
      lan,
      nat44,
      firewall,
      platDev: config.clat.platDev,
      metric: config.clat.metric,
      ...(clat === null ? {} : { clat }),
    };
    const host = known === null ? this.#host : withKnown(this.#host, known);
    const plan = await prepareHost(input, host, journal.done);
    if (plan.conflicts.length > 0) throw new HostConflictError(plan.conflicts);
    if (clat === null && this.#stopping) throw new Error('clatd is ending');
    for (const warning of plan.warnings) remark(log, 'warn', warning);
    this.#forwarder = plan.forwarder;
    // A new address must be answered for by neighbour proxy before packets carry it: a router that asks in vain asks
    // again only a second later. At the start, and for mappings by hand, no packet is to meet a route before its mapping.
    const first = this.#inForce === null;
    const inside = readInside(input, plan.state, plan.entries);
    const hostFirst = clat !== null && !first;
    if (!hostFirst) this.#translate(translation, plan.tunMtu, inside);
    try {
      await applyPlan(plan.entries, journal, this.#host, log, undefined, plan.state);
    } catch (error) {
      if (first) this.#inForce = null;
      throw error;
    }
    if (hostFirst) this.#translate(translation, plan.tunMtu, inside);
  }

  #translate(translation: TranslationConfig, mtu: number, inside: Inside | null = this.#inside): void {
    const { lan, nat44 } = this.#config;
    const behind = { lan: lan.size > 0, nat44: nat44.length > 0, forwarder: this.#forwarder };
    const mss = chooseMss(translation.mssClamp, behind);
    // The network is looked at often and seldom changes.
    const same = translation === this.#inForce && mtu === this.#mtu && mss.clamp === this.#mss?.clamp;
    if (same && sameInside(inside, this.#inside)) return;
    this.#sayMss(mss);
    this.#mtu = mtu;
    this.#inForce = translation;
    this.#inside = inside;
    const all = withLan({ ...translation, mssClamp: mss.clamp }, lan);
    // An address or a network more on the host changes nothing of the mappings, which may be a million.
    this.#tables = same && this.#tables !== null ? { ...this.#tables, inside } : compile(all, mtu, inside);
    this.#plane.setTables(this.#tables, all.icmpErrors);
  }

  /** Where nobody said what it is to be, and whenever it changes. */
  #sayMss(mss: MssChoice): void {
    const was = this.#mss;
    this.#mss = mss;
    if (mss.clamp === (was?.clamp ?? 'off') || mss.why === '--mss-clamp') return;
    this.#deps.log.info(
      `TCP MSS is ${mss.clamp === 'off' ? 'left alone again' : 'lowered to what the MTUs allow'}: ${mss.why}`,
    );
  }

  #mtuChanged(mtu: number): void {
    const translation = this.#inForce;
    if (mtu === this.#mtu || translation === null) return;
    const { log } = this.#deps;
    const { tun } = this.#config;
    if (mtu < MIN_MTU6) {
      log.error(
        `the MTU of ${tun} is ${mtu} now, IPv6 needs ${MIN_MTU6}: still translating for ${this.#mtu}`,
      );
      return;
    }
    log.info(`the MTU of ${tun} is ${mtu} now`);
    this.#translate(translation, mtu);
  }

  #serial(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work).finally(() => {
      // Nothing of the work refers any more to what it replaced.
      const bytes = sharedBytes();
      this.#garbage.add(bytes - this.#shared);
      this.#shared = bytes;
    });
    this.#queue = result.catch(() => {});
    return result;
  }
}
