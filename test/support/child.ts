import { type ChildProcess, spawn } from 'node:child_process';
import { waitFor } from './wait-for.ts';

export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  cwd: string;
  /** The whole environment: nothing of the test's own gets in. */
  env: Record<string, string>;
  /** What standard input holds; default nothing. */
  stdin?: string;
  /** Keeps standard input open for `type`. */
  isTyping?: boolean;
  /** Gives signals to everything that it starts, too: `npm run` does not pass them on. */
  isGroup?: boolean;
}

/** A process that a test started: what it wrote, and how it ended. */
export class Child {
  /** Resolves when it has ended and everything that it wrote has been read; rejects when it could not be started. */
  readonly ended: Promise<End>;
  readonly isGroup: boolean;
  readonly #process: ChildProcess;
  readonly #written = { stdout: '', stderr: '', both: '' };
  #isReadToItsEnd = false;

  constructor(program: string, args: readonly string[], options: ChildOptions) {
    const { cwd, env, isGroup = false } = options;
    this.isGroup = isGroup;
    this.#process = spawn(program, args, { cwd, env, stdio: 'pipe', detached: isGroup });
    for (const name of ['stdout', 'stderr'] as const) {
      this.#process[name]?.setEncoding('utf8').on('data', (text: string) => {
        this.#written[name] += text;
        this.#written.both += text;
      });
    }
    this.#process.stdin?.on('error', () => {}); // it may end without reading
    if (options.isTyping) this.#process.stdin?.write(options.stdin ?? '');
    else this.#process.stdin?.end(options.stdin ?? '');
    this.ended = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('close', (code, signal) => {
        this.#isReadToItsEnd = true;
        resolve({ code, signal });
      });
    });
    this.ended.catch(() => {}); // whoever awaits it hears of it
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the process was not started');
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Everything so far, standard output and error together. */
  get output(): string {
    return this.#written.both;
  }

  get stdout(): string {
    return this.#written.stdout;
  }

  get stderr(): string {
    return this.#written.stderr;
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.#process.stdin?.write(text);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isGroup) process.kill(-this.pid, signal);
    else this.#process.kill(signal);
  }

  /** Closes the reading end of its standard output, as `| head` does. */
  stopReading(): void {
    this.#process.stdout?.destroy();
  }

  /** Sends a signal, unless it has ended, and waits for the end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<End> {
    if (!this.hasEnded) this.signal(signal);
    return this.ended;
  }

  /** Waits until the output holds something. @returns the match */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return waitFor(
      () => {
        const match = pattern.exec(this.output);
        if (!match && this.#isReadToItsEnd) return new Error('it has ended'); // no use in waiting longer
        return match;
      },
      { describe: `${pattern} in the output`, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    ).then(
      (found) => {
        if (!(found instanceof Error)) return found;
        throw new Error(`${found.message} without ${pattern} in its output:\n${this.output}`);
      },
      (error: unknown) => {
        throw new Error(`${String(error)}\noutput:\n${this.output}`);
      },
    );
  }
}
