import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endsWithin } from '../../src/shared/time.ts';
import type { AnswerMessage } from './serve.ts';

const CLOSE_MS = 20_000;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Every process that is measured can be closed. */
interface Closable {
  close(): Promise<void>;
}

/** A process whose commands are called over IPC: its work has an event loop and a CPU time of its own. */
export class RemoteProcess<Served extends Closable> {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  /**
   * @param program a file that calls `serve`
   * @param timeoutMs how long any of its commands may take
   */
  constructor(name: string, program: URL, timeoutMs: number) {
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#child = fork(fileURLToPath(program), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced', // JSON has no Infinity
    });
    this.#child.on('message', (message) => this.#settle(message as AnswerMessage));
    this.#child.on('exit', (code, signal) => this.#fail(`ended with ${signal ?? code}`));
    this.#child.on('error', (error) => this.#fail(String(error)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async call<Name extends keyof Served & string>(
    command: Name,
    ...args: Served[Name] extends (...args: infer Args) => unknown ? Args : never
  ): Promise<Served[Name] extends (...args: never[]) => Promise<infer Value> ? Value : never> {
    const id = ++this.#calls;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const limit = setTimeout(() => this.#fail(`took longer than ${this.#timeoutMs} ms to ${command}`), this.#timeoutMs);
    this.#child.send({ id, command, args }, (error) => error && this.#fail(String(error)));
    return (await answered.finally(() => clearTimeout(limit))) as never; // `serve` answers with what the command returns
  }

  /** Lets it close what it has open and ends it; kills it when that takes too long. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const closed = this.call('close', ...([] as never)).catch((error: unknown) => console.error(String(error)));
    await endsWithin(closed, CLOSE_MS);
    await this.kill();
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #settle(answer: AnswerMessage): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(`${this.name}: ${answer.error}`));
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.name} ${reason}`));
    this.#waiting.clear();
  }
}
