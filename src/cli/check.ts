/** `clatd check`: would `clatd run` take these options and files? Touches nothing. */
import { formatPrefix6 } from '../address/format.ts';
import type { RunConfig } from '../config/config.ts';
import { count } from '../config/count.ts';
import { lacking } from '../config/lacking.ts';

interface CheckIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Mistakes and warnings have been told by then. @returns exit code 0; 2: run would refuse to start, and why */
export function check(config: RunConfig, io: CheckIo): number {
  const missing = lacking(config);
  for (const { where, message } of missing) io.stderr.write(`clatd: ${where}: ${message}\n`);
  if (missing.length > 0) return 2;
  const { pool6, eam } = config.translation;
  const prefix = pool6 === null ? 'not given' : formatPrefix6(pool6);
  const mappings =
    eam.size === 1 ? '1 explicit address mapping' : `${count(eam.size)} explicit address mappings`;
  io.stdout.write(`no mistakes: pool6 ${prefix}, ${mappings}\n`);
  return 0;
}
