/** `clatd run`: the daemon in the foreground, until a signal or the loss of its device. */
import type { RunConfig } from '../config/config.ts';
import type { Loaded, RawOptions } from '../config/load.ts';
import { deferred } from '../daemon/deferred.ts';
import { createLog, sayAllAgain } from '../daemon/log.ts';
import { createNotifier } from '../daemon/notify.ts';
import { Daemon } from '../daemon/run.ts';
import { lackingPrivilege, ownIdentity } from '../host/privilege.ts';
import { stateDirectory } from '../host/unanswered.ts';

export interface RunIo {
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The monotonic clock in µs. */
  monotonicUs(): bigint;
  /** Registers a handler for a signal. */
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', handler: () => void): void;
  /** The options, as they were given. */
  readonly given: RawOptions;
  /** Reads options and files again. */
  reload(): Loaded<RunConfig>;
}

/**
 * Runs until told to stop. Exit code 0: stopped by a signal; 1: could not start, or the device went away.
 */
export async function run(config: RunConfig, io: RunIo): Promise<number> {
  const log = createLog(io.stderr, {
    level: config.logLevel,
    journal: io.env['JOURNAL_STREAM'] !== undefined,
  });
  // Said at once: the first change that is refused would name a file or a device, not what is lacking.
  const lacking = config.configure ? lackingPrivilege(ownIdentity()) : null;
  if (lacking !== null) {
    log.error(lacking);
    return 1;
  }
  const notify = createNotifier(io.env['NOTIFY_SOCKET'], io.monotonicUs);
  const daemon = new Daemon(config, {
    ...{ log, notify, stateDirectory: stateDirectory(io.env['STATE_DIRECTORY']) },
    given: io.given,
    reload: () => io.reload(),
  });
  const stopped = deferred<0>();
  let starting: Promise<void> | null = null;
  // A signal while starting waits for the start to settle, so that everything begun is undone.
  io.onSignal('SIGTERM', () => stopped.resolve(0));
  io.onSignal('SIGINT', () => stopped.resolve(0));
  io.onSignal('SIGHUP', () => {
    sayAllAgain(log);
    starting?.then(() => daemon.reload()).catch((error: Error) => log.error(error.message));
  });
  try {
    starting = daemon.start();
    await starting;
  } catch (error) {
    log.error((error as Error).message);
    return 1;
  }
  const why = await Promise.race([stopped.promise, daemon.lost]);
  const undone = await daemon.stop();
  sayAllAgain(log);
  if (undone === 'undone') log.info('stopped: every change of the host was undone');
  else if (undone === 'nothing to undo') log.info('stopped');
  if (why === 0) return 0;
  log.error(why);
  return 1;
}
