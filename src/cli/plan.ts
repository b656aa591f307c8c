/** `clatd plan`: what `clatd run` with the same options would do to this host, and why. Changes nothing. */
import { isAutomatic, type RunConfig } from '../config/config.ts';
import { withLan } from '../config/lan.ts';
import { chooseMss, type MssChoice } from '../config/mss.ts';
import { type Host, linuxHost } from '../host/apply.ts';
import { commands } from '../host/plan.ts';
import { buildRunPlan, type RunPlan, readForPlan } from '../host/run-plan.ts';
import { findLink } from '../host/state.ts';
import { findClat } from './plan-clat.ts';

/** Where a command prints. */
export interface PlanIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export interface PlanOptions {
  readonly json?: boolean;
}

/** Commands shown of one entry; an EAM file may need thousands. */
const SHOWN = 5;

/** Prints the plan. Exit code 0: it could be applied; 1: something is in the way or lacking, or the
 * host cannot be read. */
export async function plan(
  config: RunConfig,
  io: PlanIo,
  options: PlanOptions = {},
  host: Host = linuxHost(),
): Promise<number> {
  let made: RunPlan;
  let attached: boolean;
  let found: readonly string[] = [];
  try {
    const { tun, lan, nat44, firewall } = config;
    const state = await readForPlan(config, host);
    attached = findLink(state, tun) !== undefined;
    const clat = isAutomatic(config) ? await findClat(config, state) : null;
    if (clat !== null && 'lacking' in clat) {
      const text = `clatd run would change nothing on this host at the moment, and wait: ${clat.lacking}.`;
      io.stdout.write(options.json === true ? `${JSON.stringify({ waiting: clat.lacking })}\n` : `${text}\n`);
      return 1;
    }
    const translation = withLan(clat?.translation ?? config.translation, lan);
    const { platDev, metric } = config.clat;
    const input = { tun, created: !attached, ...translation, lan, nat44, firewall, platDev, metric };
    made = buildRunPlan(clat === null ? input : { ...input, clat: clat.clat }, state);
    found = clat?.lines ?? [];
  } catch (error) {
    io.stderr.write(`clatd: ${(error as Error).message}\n`);
    return 1;
  }
  io.stdout.write(
    options.json === true ? asJson(config, made, attached, found) : asText(config, made, attached, found),
  );
  return made.conflicts.length === 0 ? 0 : 1;
}

function asJson(config: RunConfig, made: RunPlan, attached: boolean, found: readonly string[]): string {
  const { tun, uplink, tunMtu, conflicts, warnings } = made;
  const mssClamp = mssOf(config, made);
  const entries = made.entries.map((entry, i) => ({
    ...entry,
    found: made.findings[i],
    commands: commands(entry.step),
  }));
  return `${JSON.stringify({ configure: config.configure, tun, attached, uplink, found, tunMtu, mssClamp, entries, conflicts, warnings }, null, 2)}\n`;
}

const mssOf = ({ translation, lan, nat44 }: RunConfig, { forwarder }: RunPlan): MssChoice =>
  chooseMss(translation.mssClamp, { lan: lan.size > 0, nat44: nat44.length > 0, forwarder });

function asText(config: RunConfig, made: RunPlan, attached: boolean, found: readonly string[]): string {
  const lines: string[] = [];
  if (config.configure) lines.push('clatd run would do this on this host (nothing has been changed):');
  else lines.push('With --no-configure clatd run changes nothing on this host; this is left to you:');
  lines.push('', `uplink: ${made.uplink ?? 'none yet'}`, ...found);
  lines.push(
    attached
      ? `device: ${made.tun}, there already`
      : `device: ${made.tun}, created by clatd and gone with it`,
  );
  const { clamp, why } = mssOf(config, made);
  lines.push(
    `TCP MSS: ${clamp === 'off' ? 'left alone' : clamp === 'auto' ? 'lowered to what the MTUs allow' : `lowered to ${clamp}`} (${why})`,
    '',
  );
  for (const [i, { why, step }] of made.entries.entries()) {
    const found = made.findings[i]!;
    const all = commands(step);
    const shown = all.slice(0, SHOWN);
    if (all.length > SHOWN) shown.push(`… and ${all.length - SHOWN} more`);
    const number = `${i + 1}.`.padStart(3);
    lines.push(`${number} ${shown.join('\n    ')}`, `    ${why}`);
    if (found.is === 'so') lines.push('    It is so already, and stays so.');
    if (found.is === 'conflict') lines.push(`    CONFLICT: ${found.with}.`);
    const before =
      found.is === 'needed' && step.kind === 'sysctl' ? found.before.values?.[step.key] : undefined;
    if (before !== undefined)
      lines.push(`    It is ${before} now${config.configure ? ', and will be again when clatd stops' : ''}.`);
  }
  for (const warning of made.warnings) lines.push('', `Note: ${warning}.`);
  for (const conflict of made.conflicts) lines.push('', `CONFLICT: ${conflict}.`);
  if (config.configure && made.conflicts.length > 0) {
    const then = isAutomatic(config) ? 'do none of this, and try again' : 'refuse to start';
    lines.push('', `clatd run would ${then}.`);
  }
  return `${lines.join('\n')}\n`;
}
