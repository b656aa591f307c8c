/** A process of a test: its output is kept, its end can be awaited, and it is ended by its own pid only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { until, type WaitOptions } from './wait.ts';

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Finished extends ExitStatus {
  stdout: string;
  stderr: string;
}

export interface StartOptions {
  /** Added to the environment. */
  env?: Record<string, string>;
  /** Written to standard input, which is then closed. Without it standard input is /dev/null. */
  input?: string | Uint8Array;
  cwd?: string;
}

export class Process {
  stdout = '';
  stderr = '';
  readonly command: string;
  readonly exited: Promise<ExitStatus>;
  #child: ChildProcess;
  #status: ExitStatus | null = null;

  constructor(command: string, args: readonly string[], options: StartOptions = {}) {
    this.command = [command, ...args].join(' ');
    this.#child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve) => {
      const end = (status: ExitStatus) => {
        this.#status = status;
        resolve(status);
      };
      this.#child.once('error', (error) => {
        this.stderr += error.message;
        end({ code: 127, signal: null });
      });
      this.#child.once('close', (code, signal) => end({ code, signal }));
    });
    if (options.input !== undefined) {
      // The process may end before it has read everything; its exit status tells that story better than EPIPE.
      this.#child.stdin!.on('error', () => {});
      this.#child.stdin!.end(options.input);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#status === null;
  }

  get output(): string {
    return this.stdout + this.stderr;
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.#child.kill(name);
  }

  /** Resolves when `pattern` has appeared in the output; fails at once when the process ends before. */
  async says(pattern: RegExp, options?: WaitOptions): Promise<RegExpMatchArray> {
    let ended = false;
    const match = await until(
      `${pattern} from \`${this.command}\``,
      () => {
        const found = this.output.match(pattern);
        if (found === null && !this.running) {
          ended = true;
          return true;
        }
        return found;
      },
      options,
    );
    if (ended || match === true)
      throw new Error(`\`${this.command}\` ended without ${pattern}:\n${this.output}`);
    return match;
  }

  /** Asks the process to end, insists after `patience` ms, and resolves with how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patience = 15_000): Promise<ExitStatus> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), patience);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  /** Resolves with everything when the process has ended; ends it after `timeout` ms. */
  async finished(timeout = 60_000): Promise<Finished> {
    const timer = setTimeout(() => {
      this.stderr += `\n(ended after ${timeout} ms)`;
      this.signal('SIGKILL');
    }, timeout);
    const status = await this.exited;
    clearTimeout(timer);
    return { ...status, stdout: this.stdout, stderr: this.stderr };
  }
}
