/**
 * One benchmark at a time on a machine. A run leaves a file named after its pid and its start time, so that the files of
 * the dead are told from those of the living, even where the pid was used again: a killed run blocks nobody.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = 'clatd-bench-e2e';
const NAME = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)$`);

/** Takes the machine until this process ends. Why it cannot, in words, or null where it could. */
export function takeMachine(folder = '/run'): string | null {
  const own = `${PREFIX}-${process.pid}-${startTime(process.pid)}`;
  // Before looking: of two that start at the same moment none overlooks the other (both may be refused).
  writeFileSync(join(folder, own), '');
  const other = runningIn(folder).find((name) => name !== own);
  if (other === undefined) {
    process.once('exit', () => rmSync(join(folder, own), { force: true }));
    return null;
  }
  rmSync(join(folder, own));
  const pid = NAME.exec(other)![1];
  return `another run is measuring (pid ${pid}), and two at once falsify each other; wait for it, or end it: kill ${pid}`;
}

/** The files of runs that are alive. Removes the others. */
function runningIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => {
    const match = NAME.exec(name);
    if (match === null) return false;
    const alive = startTime(Number(match[1])) === Number(match[2]);
    if (!alive) rmSync(join(folder, name), { force: true });
    return alive;
  });
}

/** When a process started, in ticks since boot (proc(5), field 22 of stat); NaN where there is none, or only its zombie. */
function startTime(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses and may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? Number.NaN : Number(fields[19]);
  } catch {
    return Number.NaN;
  }
}
