/**
 * Reading and changing links, addresses, routes and neighbours through iproute2.
 *
 * Why a program and not netlink of our own: `ip -json` is a stable, documented form of what the kernel says, `ip` knows
 * the quirks of every kernel since 2.6, a call costs 2.5 ms (Debian 12, two cores, 2026), a batch of 4096 routes
 * 230 ms, and none of it is on a packet's path. An administrator can type every command we run. No shell is involved.
 */
import { execFile } from 'node:child_process';

/** The program is not installed. */
export class ToolMissingError extends Error {
  override readonly name = 'ToolMissingError';
  readonly tool: string;
  constructor(tool: string, debianPackage: string) {
    super(
      `the program \`${tool}\` was not found: install ${debianPackage} (Debian: apt-get install ${debianPackage})`,
    );
    this.tool = tool;
  }
}

/** The program ran and refused. `stderr` is what it said. */
export class ToolFailedError extends Error {
  override readonly name = 'ToolFailedError';
  readonly command: string;
  readonly stderr: string;
  constructor(command: string, stderr: string) {
    super(`\`${command}\` failed: ${stderr.trim() || 'no reason given'}${hint(stderr)}`);
    this.command = command;
    this.stderr = stderr;
  }
}

/** What an administrator can do about the commonest refusal. */
function hint(stderr: string): string {
  return /Operation not permitted/.test(stderr) ? ' (run as root, or with CAP_NET_ADMIN)' : '';
}

const DEBIAN_PACKAGE: Record<string, string> = { ip: 'iproute2', nft: 'nftables' };
/** systemd units and sudo may have a PATH without sbin, where Debian keeps both programs. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A full routing table as JSON is about 150 bytes a route; a million routes still fit. */
const MAX_OUTPUT = 512 * 1024 * 1024;

/**
 * Runs a program without a shell and resolves to its standard output.
 * Throws ToolMissingError or ToolFailedError.
 */
export function runTool(tool: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH, LC_ALL: 'C' };
    const child = execFile(tool, [...args], { env, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (error.code === 'ENOENT') return reject(new ToolMissingError(tool, DEBIAN_PACKAGE[tool] ?? tool));
      reject(new ToolFailedError([tool, ...args].join(' '), stderr || error.message));
    });
    // A tool that refuses early closes its input: the exit status says why, EPIPE would only hide it.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

/** Runs `ip -json ARGS` and parses the answer; an empty answer is an empty list. */
export async function ipJson<T>(args: readonly string[]): Promise<T[]> {
  const text = await runTool('ip', ['-json', ...args]);
  return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
}

/**
 * Runs several `ip -json` commands in one process: each is a fork of this whole program, 6 ms of it on a slow machine.
 * Every command prints one array on a line of its own.
 */
export async function ipJsonBatch(
  own: readonly ('-4' | '-6' | '-details')[],
  lines: readonly string[],
): Promise<unknown[][]> {
  const options = [...own, '-json', '-batch', '-'];
  const text = await runTool('ip', options, `${lines.join('\n')}\n`);
  const answers = text.split('\n').filter((line) => line.trim() !== '');
  if (answers.length !== lines.length) {
    throw new ToolFailedError(
      `ip ${options.join(' ')}`,
      `${lines.length} commands, ${answers.length} answers`,
    );
  }
  return answers.map((answer) => JSON.parse(answer) as unknown[]);
}

/**
 * Runs `ip` commands (without the word "ip") in one process, in order, and stops at the first refusal, which is
 * thrown as a ToolFailedError naming that command. The lines before it have been done.
 * The family follows from the addresses in a line; of a line that begins with -6 it is IPv6 (rules have none else).
 */
export async function ipBatch(lines: readonly string[]): Promise<void> {
  for (const run of runsOf(lines)) await batch(run);
}

interface Run {
  readonly options: readonly string[];
  readonly lines: string[];
}

/** Options are those of a whole batch: neighbouring lines with the same ones go together. */
function runsOf(lines: readonly string[]): Run[] {
  const runs: Run[] = [];
  for (const line of lines) {
    const options = line.startsWith('-6 ') ? ['-6'] : [];
    const last = runs.at(-1);
    if (last !== undefined && last.options.length === options.length) last.lines.push(line);
    else runs.push({ options, lines: [line] });
  }
  return runs;
}

const inputOf = ({ lines }: Run): string => `${lines.map((line) => line.replace(/^-6 /, '')).join('\n')}\n`;

async function batch(run: Run): Promise<void> {
  const { options, lines } = run;
  try {
    await runTool('ip', [...options, '-batch', '-'], inputOf(run));
  } catch (error) {
    if (!(error instanceof ToolFailedError)) throw error;
    const at = /Command failed -:(\d+)/.exec(error.stderr);
    if (at === null) throw error;
    throw new ToolFailedError(
      `ip ${lines[Number(at[1]) - 1]}`,
      error.stderr.replace(/^Command failed.*$/m, ''),
    );
  }
}

/**
 * As ipBatch, but goes on after a refusal: for undoing, where something may be gone already.
 * Resolves to the refusals, each with its command.
 */
export async function ipBatchForce(lines: readonly string[]): Promise<ToolFailedError[]> {
  const refusals: ToolFailedError[] = [];
  for (const run of runsOf(lines)) refusals.push(...(await batchForce(run)));
  return refusals;
}

async function batchForce(run: Run): Promise<ToolFailedError[]> {
  const { options, lines } = run;
  try {
    await runTool('ip', [...options, '-force', '-batch', '-'], inputOf(run));
    return [];
  } catch (error) {
    if (!(error instanceof ToolFailedError)) throw error;
    const refusals: ToolFailedError[] = [];
    let said = '';
    for (const line of error.stderr.split('\n')) {
      const at = /^Command failed -:(\d+)/.exec(line);
      if (at === null) {
        said += `${line}\n`;
        continue;
      }
      refusals.push(new ToolFailedError(`ip ${lines[Number(at[1]) - 1]}`, said));
      said = '';
    }
    if (refusals.length === 0) throw error;
    return refusals;
  }
}
