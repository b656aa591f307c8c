/** `clatd check`: would `clatd run` take these options and files? Touches nothing. */
import { formatPrefix6 } from '../address/format.ts';
import { isAutomatic, type RunConfig } from '../config/config.ts';
import { mappings } from '../config/count.ts';

interface CheckIo {
  readonly stdout: { write(text: string): unknown };
}

/** Mistakes and warnings have been told by then. @returns exit code 0 */
export function check(config: RunConfig, io: CheckIo): number {
  const { pool6, eam } = config.translation;
  if (isAutomatic(config)) {
    const source = pool6 === null ? 'found by itself' : `${formatPrefix6(pool6)} (given)`;
    io.stdout.write(`no mistakes: automatic mode, pool6 ${source}, addresses chosen to fit the network\n`);
    return 0;
  }
  const prefix = pool6 === null ? 'not given' : formatPrefix6(pool6);
  io.stdout.write(`no mistakes: pool6 ${prefix}, ${mappings(eam.size)}\n`);
  return 0;
}
