/**
 * `clatd run`: from a configuration to packets flowing, and back.
 *
 *     journal (undo what a killed predecessor left) -> open the TUN -> plan and apply host changes -> tables -> packets
 *     SIGHUP: load again -> plan and tables anew        SIGTERM, SIGINT: undo host changes -> close the TUN
 */
import { compile } from '../config/compile.ts';
import type { RunConfig } from '../config/config.ts';
import { withLan } from '../config/lan.ts';
import type { Loaded } from '../config/load.ts';
import { applyPlan, type Host, HostConflictError, linuxHost, openJournal, rollback } from '../host/apply.ts';
import type { Journal } from '../host/journal.ts';
import { readMtu, watchMtu } from '../host/mtu.ts';
import { prepareHost } from '../host/run-plan.ts';
import { Offload } from '../io/device.ts';
import { native } from '../io/native.ts';
import { REASONS } from '../translate/reasons.ts';
import { DataPlane } from './dataplane.ts';
import { deferred } from './deferred.ts';
import type { Logger } from './log.ts';
import type { Notifier } from './notify.ts';

export interface DaemonDeps {
  readonly log: Logger;
  readonly notify: Notifier;
  /** Reads options and files again (SIGHUP). */
  readonly reload: () => Loaded<RunConfig>;
}

/** RFC 8200 §5 (GEN-1). */
const MIN_MTU6 = 1280;
/** By then the translator has met its first traffic and is compiled. */
const TRIM_AFTER_MS = 10_000;

export class Daemon {
  #config: RunConfig;
  readonly #deps: DaemonDeps;
  readonly #host: Host = linuxHost();
  readonly #plane: DataPlane;
  readonly #lost = deferred<string>();
  #journal: Journal | null = null;
  #mtu = 0;
  #stopWatching: () => void = () => {};
  /** Host changes one after the other: a reload must not meet a stop half way. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(config: RunConfig, deps: DaemonDeps) {
    this.#config = config;
    this.#deps = deps;
    const { log } = deps;
    this.#plane = new DataPlane({
      tun: config.tun,
      workers: config.workers,
      offload: config.offload,
      coalesce: config.coalesce,
      onLowered: (level) => {
        const name = Object.keys(Offload).find((key) => Offload[key as keyof typeof Offload] === level);
        log.warn(
          `this kernel accepts offloads and then refuses packets that use them: offload is ${name} from here on`,
        );
      },
      onLog: (reason, packet) => log.warn({ packet, reason: REASONS[reason]!.name }, REASONS[reason]!.text),
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
      const device = await this.#plane.open();
      await this.#configure(config);
      // The first thread serves already; one that cannot join is a pity, not a failure.
      this.#plane
        .complete()
        .catch((error: Error) => log.warn(`fewer threads than planned: ${error.message}`));
      this.#stopWatching = watchMtu(config.tun, (mtu) => this.#mtuChanged(mtu));
      log.info(
        `translating on ${device.name} (${device.created ? 'created' : 'attached'}, MTU ${this.#mtu}, ` +
          `${this.#plane.threads} ${this.#plane.threads === 1 ? 'thread' : 'threads'})`,
      );
      notify.ready(`translating on ${device.name}`);
      // Starting and compiling take memory that running does not.
      setTimeout(() => native().trimMemory(), TRIM_AFTER_MS).unref();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** SIGHUP. A broken file or a conflict changes nothing and is named. */
  reload(): Promise<void> {
    return this.#serial(async () => {
      const { log, notify } = this.#deps;
      notify.reloading();
      const loaded = this.#deps.reload();
      if (!loaded.ok) {
        for (const { where, message } of loaded.mistakes) log.error(`${where}: ${message}`);
        log.error('nothing was changed: the configuration in force stays');
      } else {
        for (const warning of loaded.warnings) log.warn(warning);
        const { translation, lan, nat44, firewall } = loaded.config;
        const config = { ...this.#config, translation, lan, nat44, firewall };
        try {
          await this.#configure(config);
          this.#config = config;
          log.info(`reloaded: ${config.translation.eam.size} explicit address mappings`);
        } catch (error) {
          log.error(`not reloaded: ${(error as Error).message}`);
          // Applying rolls back what it began: bring back what was in force.
          await this.#configure(this.#config);
        }
      }
      notify.ready();
    });
  }

  /** Undoes every change and ends the threads. */
  stop(): Promise<void> {
    return this.#serial(async () => {
      this.#deps.notify.stopping();
      this.#stopWatching();
      if (this.#journal !== null) await rollback(this.#journal, this.#host, this.#deps.log);
      this.#journal = null;
      await this.#plane.stop();
    });
  }

  /** Hands the tables over, then brings the host about: no packet meets a route before its mapping. */
  async #configure(config: RunConfig): Promise<void> {
    const { log } = this.#deps;
    const { tun, lan, nat44, firewall } = config;
    const translation = withLan(config.translation, lan);
    const journal = this.#journal;
    if (journal === null) {
      this.#mtu = await readMtu(tun);
      if (this.#mtu < MIN_MTU6) {
        throw new Error(
          `the MTU of ${tun} is ${this.#mtu}, IPv6 needs ${MIN_MTU6}: ip link set ${tun} mtu ${MIN_MTU6}`,
        );
      }
      this.#plane.setTables(compile(translation, this.#mtu), translation.icmpErrors);
      return;
    }
    const { created } = this.#plane.device;
    const input = { tun, created, ...translation, lan, nat44, firewall };
    const plan = await prepareHost(input, this.#host, journal.done);
    if (plan.conflicts.length > 0) throw new HostConflictError(plan.conflicts);
    for (const warning of plan.warnings) log.warn(warning);
    this.#mtu = plan.tunMtu;
    this.#plane.setTables(compile(translation, this.#mtu), translation.icmpErrors);
    await applyPlan(plan.entries, journal, this.#host, log, undefined, plan.state);
  }

  #mtuChanged(mtu: number): void {
    if (mtu === this.#mtu) return;
    const { tun, lan } = this.#config;
    const translation = withLan(this.#config.translation, lan);
    const { log } = this.#deps;
    if (mtu < MIN_MTU6) {
      log.error(
        `the MTU of ${tun} is ${mtu} now, IPv6 needs ${MIN_MTU6}: still translating for ${this.#mtu}`,
      );
      return;
    }
    this.#mtu = mtu;
    log.info(`the MTU of ${tun} is ${mtu} now`);
    this.#plane.setTables(compile(translation, mtu), translation.icmpErrors);
  }

  #serial(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }
}
