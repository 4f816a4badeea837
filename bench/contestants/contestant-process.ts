import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endsWithin } from '../../src/shared/time.ts';
import type { AnswerMessage, Commands, ContestantName } from './commands.ts';
import type { ContestantSettings } from './contestant.ts';

const HOST = fileURLToPath(new URL('./host.ts', import.meta.url));
const CLOSE_MS = 10_000;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A contestant in a process of its own, so that each has a core's event loop and its CPU time can be told apart. */
export class ContestantProcess {
  readonly name: ContestantName;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  private constructor(name: ContestantName, timeoutMs: number) {
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#child = fork(HOST, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced', // JSON has no Infinity
    });
    this.#child.on('message', (message) => this.#settle(message as AnswerMessage));
    this.#child.on('exit', (code, signal) => this.#fail(`ended with ${signal ?? code}`));
    this.#child.on('error', (error) => this.#fail(String(error)));
  }

  /** @param timeoutMs how long any of its commands may take before it is killed */
  static async open(name: ContestantName, settings: ContestantSettings, timeoutMs: number): Promise<ContestantProcess> {
    const opened = new ContestantProcess(name, timeoutMs);
    await opened.call('open', name, settings).catch(async (error: unknown) => {
      await opened.kill();
      throw error;
    });
    return opened;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async call<Name extends keyof Commands>(
    command: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    const id = ++this.#calls;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const limit = setTimeout(() => this.#fail(`${command} took longer than ${this.#timeoutMs} ms`), this.#timeoutMs);
    this.#child.send({ id, command, args }, (error) => error && this.#fail(String(error)));
    return (await answered.finally(() => clearTimeout(limit))) as Awaited<ReturnType<Commands[Name]>>;
  }

  /** Closes the contestant and ends its process; kills it when that takes too long. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    await endsWithin(
      this.call('close').catch((error: unknown) => console.error(String(error))),
      CLOSE_MS,
    );
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
