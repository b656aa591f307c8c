/**
 * The options that `plan`, `discover` and `doctor` begin with: those of the clatd that runs here, else those of the service.
 * Without them they would judge another set-up than the one in use.
 */
import { existsSync } from 'node:fs';
import { SERVICE_CONFIG } from '../config/config-files.ts';
import { parseEnvironment, splitUnquoted } from '../config/environment-file.ts';
import { findRunning, runningDevices } from '../host/running.ts';
import { MOST_SMALL_FILE, readRegularFile } from '../io/regular-file.ts';

export interface Inherited {
  /** As on the command line of `clatd run`, without `run`. */
  readonly argv: readonly string[];
  /** Paths in it and in its files are relative to this. */
  readonly cwd: string;
  /** Whose they are, in one line. */
  readonly said: string;
  /** The process they are of; absent: it does not run. */
  readonly pid?: number;
}

const SERVICE_ENVIRONMENT = '/etc/default/clatd';

/** @param tun --tun, where it is given. @returns null: there is neither */
export function inheritedOptions(tun: string | null): Inherited | null {
  const running = findRunning(tun);
  if (running !== null) {
    const { pid, cwd } = running;
    const argv = running.argv[0] === 'run' ? running.argv.slice(1) : running.argv;
    const whose = `clatd runs here already (process ${pid})`;
    const shown = argv.length === 0 ? 'it has none' : argv.map(shellWord).join(' ');
    return { argv, pid, cwd: cwd ?? '/', said: `${whose}; its options count here too: ${shown}` };
  }
  if (tun !== null) return null;
  return besideOthers(runningDevices(), serviceOptions(SERVICE_CONFIG, SERVICE_ENVIRONMENT));
}

/** @param devices of every clatd that runs, none of which is meant more than another */
export function besideOthers(devices: readonly string[], service: Inherited | null): Inherited | null {
  if (devices.length < 2) return service;
  const several = `several clatd run here (on ${devices.join(', ')}; --tun names one)`;
  if (service === null) return { argv: [], cwd: '/', said: `${several}; the options of none count here` };
  return { ...service, said: `${several}; ${service.said.replace(/^[^;]*; /, '')}` };
}

/** What the unit would start clatd with. */
export function serviceOptions(config: string, environment: string): Inherited | null {
  const words = splitUnquoted(parseEnvironment(read(environment)).get('CLATD_OPTS') ?? '');
  const file = existsSync(config);
  if (words.length === 0 && !file) return null;
  const whose = [...(file ? [config] : []), ...(words.length > 0 ? [`CLATD_OPTS of ${environment}`] : [])];
  return {
    argv: [...(file ? ['--config', config] : []), ...words],
    cwd: '/',
    said: `clatd does not run; the options of its service count here too: ${whose.join(', ')}`,
  };
}

function read(path: string): string {
  try {
    return readRegularFile(path, MOST_SMALL_FILE).toString();
  } catch {
    return '';
  }
}

const shellWord = (word: string): string =>
  /^[\w./:=%,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
