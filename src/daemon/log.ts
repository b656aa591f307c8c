/**
 * The log: pino, written as lines people read. Under systemd each line carries its priority (`<4>…`, sd-daemon(3)); on a
 * terminal or in a file, the level's name. pino keeps it off the packets' path: only the control side logs.
 */
import { type Logger, pino } from 'pino';
import { forgetRemarks } from '../host/remark.ts';
import { LineLimit } from './line-limit.ts';

export type { Logger };
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** syslog priorities by pino level. */
const PRIORITIES: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };
const NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warning',
  50: 'error',
  60: 'fatal',
};

export interface LogOptions {
  readonly level: LogLevel;
  /** True where stderr goes to the journal (JOURNAL_STREAM is set). */
  readonly journal: boolean;
}

/** Fields that are the line's own, not the message's. */
const OWN = new Set(['level', 'time', 'msg']);

/** A logger whose lines go to `out`; no more of a kind than line-limit.ts allows, except for whoever wants all (debug). */
export function createLog(out: { write(text: string): unknown }, { level, journal }: LogOptions): Logger {
  const limit = new LineLimit();
  const destination = {
    write(line: string): void {
      const record = JSON.parse(line) as Record<string, unknown> & { level: number; msg?: string };
      const fields = Object.entries(record)
        .filter(([key]) => !OWN.has(key))
        .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join('');
      const text = `${record.msg ?? ''}${fields}`;
      const before = journal
        ? `<${PRIORITIES[record.level] ?? 6}>`
        : `clatd: ${record.level === 30 ? '' : `${NAMES[record.level]}: `}`;
      const write = (note: string): unknown => out.write(`${before}${text}${note}\n`);
      if (level === 'debug') write('');
      else limit.line(text, write);
    },
  };
  const log = pino({ level, base: null, timestamp: false }, destination);
  limits.set(log, limit);
  return log;
}

const limits = new WeakMap<Logger, LineLimit>();

/** The administrator looks (SIGHUP), or it is the end: what was left out is told, and everything may be said again. */
export function sayAllAgain(log: Logger): void {
  limits.get(log)?.startAnew();
  forgetRemarks(log);
}
